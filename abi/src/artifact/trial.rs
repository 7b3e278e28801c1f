//! What must hold whatever octets are examined as an artifact: for tests and fuzzers, nobody else.

use std::path::Path;

use super::{Inspection, elf, examine};
use crate::load_error::LoadError;
use crate::load_options::Abi;
use crate::version::{SYMBOL_FREE, SYMBOL_HANDLE, SYMBOL_LEGACY_FETCH, SYMBOLS_OPTIONAL};

/// Octets of the longest word about an artifact.
const WORDS_BYTES_MAX: usize = 2_000;

/// Examines octets as an artifact of both boundaries, and reads the libraries they ask for.
///
/// # Panics
///
/// When the examination does, differs from itself, or accepts what no linker could use.
pub fn check(octets: &[u8]) {
    let path = Path::new("libtried.so");
    for abi in [Abi::V2, Abi::V1] {
        let mut inspection = Inspection::new(path, octets, abi);
        let examined = examine(octets, &mut inspection);
        let mut again = Inspection::new(path, octets, abi);
        assert_eq!((&examined, &inspection), (&examine(octets, &mut again), &again));
        match examined {
            Ok(()) => accepted(octets, &inspection),
            Err(fault) => {
                assert!(!fault.name().is_empty());
                let words = LoadError::new(path, fault).to_string();
                assert!((1..WORDS_BYTES_MAX).contains(&words.len()), "{} octets", words.len());
            }
        }
    }
}

/// What every accepted artifact is like, said in other words than the reader's.
fn accepted(octets: &[u8], inspection: &Inspection) {
    let has = |name: &str| {
        let name = [name.as_bytes(), b"\0"].concat();
        octets.windows(name.len()).any(|window| window == name)
    };
    assert!(octets.starts_with(b"\x7fELF") && inspection.bytes == octets.len() as u64);
    match inspection.abi {
        Abi::V2 => assert!(has(SYMBOL_HANDLE) && has(SYMBOL_FREE)),
        Abi::V1 => assert!(has(SYMBOL_LEGACY_FETCH)),
    }
    for name in &inspection.optional_symbols {
        assert!(SYMBOLS_OPTIONAL.contains(name) && has(name));
    }
    assert!(inspection.optional_symbols.len() <= SYMBOLS_OPTIONAL.len());
    assert!(!inspection.name().is_empty());
    // What is accepted can be loaded from a private copy, too: the same names, read once more.
    let links = elf::links(octets);
    let needed = links.as_ref().map(|links| links.needed.len());
    assert_eq!(needed, Ok(inspection.needed.len()));
}
