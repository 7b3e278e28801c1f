//! Reads an artifact without running any of it: may it be loaded, and what does it bring along?
//!
//! The examination is made for blunders (a copy cut short, the wrong machine, a forgotten symbol),
//! not as a defence: an artifact runs with the rights of the server, whatever this module says.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::digest::sha256;
use crate::load_error::{Foreign, LoadError, LoadFault};
use crate::load_options::Abi;
use crate::version::FezzIdentityV1;

pub(crate) mod elf;
#[doc(hidden)]
pub mod trial;

/// Largest artifact that is read, in octets: the file is held in memory while it is examined.
pub const ARTIFACT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What the file of an artifact says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Size of the file, in octets.
    pub bytes: u64,
    /// SHA-256 of its octets.
    pub sha256: [u8; 32],
    /// The boundary it was examined for.
    pub abi: Abi,
    /// The file's name without `lib` and extension.
    pub stem: String,
    /// Its `fezz_identity_v1`, if it exports one.
    pub identity: Option<FezzIdentityV1>,
    /// Optional entry points it exports; see `SYMBOLS_OPTIONAL`.
    pub optional_symbols: Vec<&'static str>,
    /// Libraries it needs, as the dynamic linker will look for them.
    pub needed: Vec<String>,
    /// Highest version of glibc among its requirements: major and minor.
    pub glibc_floor: Option<(u32, u32)>,
    /// It uses static thread-local storage, of which a process has little to spare.
    pub static_tls: bool,
    /// It contains a Go runtime.
    pub go_runtime: bool,
    /// Its code must be written to while loading.
    pub text_relocations: bool,
    /// It asks for an executable stack.
    pub executable_stack: bool,
    /// It looks for its libraries relative to its own place.
    pub origin_run_path: bool,
}

impl Inspection {
    fn new(path: &Path, octets: &[u8], abi: Abi) -> Self {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let stem = stem.strip_prefix("lib").filter(|rest| !rest.is_empty()).unwrap_or(&stem);
        Self {
            bytes: octets.len() as u64,
            sha256: sha256(octets),
            abi,
            stem: stem.to_owned(),
            identity: None,
            optional_symbols: Vec::new(),
            needed: Vec::new(),
            glibc_floor: None,
            static_tls: false,
            go_runtime: false,
            text_relocations: false,
            executable_stack: false,
            origin_run_path: false,
        }
    }

    /// The name in the identity, else the stem of the file's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.identity.as_ref().map_or(&self.stem, FezzIdentityV1::name)
    }

    /// What an operator should know before giving the artifact traffic.
    pub fn cautions(&self) -> impl Iterator<Item = Caution> + use<> {
        let present = [
            self.static_tls,
            self.go_runtime,
            self.text_relocations,
            self.executable_stack,
            self.origin_run_path,
            self.abi == Abi::V1,
        ];
        Caution::ALL
            .into_iter()
            .zip(present)
            .filter_map(|(caution, there)| there.then_some(caution))
    }
}

/// A property that does not prevent loading and is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caution {
    /// See [`Inspection::static_tls`].
    StaticTls,
    /// See [`Inspection::go_runtime`].
    GoRuntime,
    /// See [`Inspection::text_relocations`].
    TextRelocations,
    /// See [`Inspection::executable_stack`].
    ExecutableStack,
    /// See [`Inspection::origin_run_path`].
    OriginRunPath,
    /// See [`Inspection::abi`].
    EarlierBoundary,
}

impl Caution {
    /// Every caution.
    pub const ALL: [Self; 6] = [
        Self::StaticTls,
        Self::GoRuntime,
        Self::TextRelocations,
        Self::ExecutableStack,
        Self::OriginRunPath,
        Self::EarlierBoundary,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StaticTls => "static_tls",
            Self::GoRuntime => "go_runtime",
            Self::TextRelocations => "text_relocations",
            Self::ExecutableStack => "executable_stack",
            Self::OriginRunPath => "origin_run_path",
            Self::EarlierBoundary => "earlier_boundary",
        }
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaticTls => {
                "uses static thread-local storage: after a few such artifacts the dynamic linker \
                 has no room for another"
            }
            Self::GoRuntime => {
                "contains a Go runtime, which installs signal handlers and threads of its own: at \
                 most one such artifact per process"
            }
            Self::TextRelocations => "needs its code changed while loading: compile it with -fPIC",
            Self::ExecutableStack => {
                "asks for an executable stack, which new C libraries refuse: link it with \
                 -z noexecstack"
            }
            Self::OriginRunPath => {
                "finds libraries relative to its file, so it is loaded from a private copy of it \
                 and of them: what it opens later by itself is not found beside it"
            }
            Self::EarlierBoundary => {
                "speaks the deprecated JSON boundary and is loaded with --set NAME.abi=v1 only: \
                 rebuild it against the current SDK"
            }
        })
    }
}

/// Examines a file; none of it is executed or mapped.
///
/// # Errors
/// Whatever would keep [`crate::host::Function::load`] from loading it, as far as a file can tell.
pub fn inspect(path: &Path) -> Result<Inspection, LoadError> {
    inspect_as(path, Abi::V2)
}

/// Like [`inspect`], for the boundary the artifact is to be loaded with.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_as(path: &Path, abi: Abi) -> Result<Inspection, LoadError> {
    read(path, abi).map(|(_, inspection)| inspection)
}

/// Like [`inspect`], for the boundary the artifact speaks: the earlier one only if it cannot be the
/// present one. That does not load it; the operator still has to say so.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_either(path: &Path) -> Result<Inspection, LoadError> {
    match inspect(path) {
        Err(error) if matches!(error.fault(), LoadFault::MissingSymbols { legacy: true, .. }) => {
            inspect_as(path, Abi::V1)
        }
        inspected => inspected,
    }
}

/// The octets of the file together with what they say.
pub(crate) fn read(path: &Path, abi: Abi) -> Result<(Vec<u8>, Inspection), LoadError> {
    let refuse = |fault| LoadError::new(path, fault);
    let octets = octets(path).map_err(refuse)?;
    let mut inspection = Inspection::new(path, &octets, abi);
    examine(&octets, &mut inspection).map_err(refuse)?;
    Ok((octets, inspection))
}

/// All octets of a regular file that is not too large.
pub(crate) fn octets(path: &Path) -> Result<Vec<u8>, LoadFault> {
    let unreadable = |error: std::io::Error| LoadFault::Unreadable { kind: error.kind() };
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(LoadFault::NotAFile { folder: metadata.is_dir() });
    }
    let bytes = metadata.len();
    if bytes > ARTIFACT_BYTES_MAX {
        return Err(LoadFault::TooLarge { bytes, max: ARTIFACT_BYTES_MAX });
    }
    let mut octets = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(ARTIFACT_BYTES_MAX).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.is_empty() { Err(LoadFault::Empty) } else { Ok(octets) }
}

fn examine(octets: &[u8], inspection: &mut Inspection) -> Result<(), LoadFault> {
    if octets.starts_with(&object::elf::ELFMAG) {
        return elf::examine(octets, inspection);
    }
    match foreign(octets) {
        // The tables of Mach-O are left to the system's own linker.
        Foreign::MachO if cfg!(target_os = "macos") => Ok(()),
        found => Err(LoadFault::NotElf { found }),
    }
}

/// Names a file by its first octets.
fn foreign(octets: &[u8]) -> Foreign {
    const KNOWN: [(&[u8], Foreign); 16] = [
        (b"#!", Foreign::Script),
        (b"\xCF\xFA\xED\xFE", Foreign::MachO),
        (b"\xCE\xFA\xED\xFE", Foreign::MachO),
        (b"\xFE\xED\xFA\xCF", Foreign::MachO),
        (b"\xFE\xED\xFA\xCE", Foreign::MachO),
        (b"\xCA\xFE\xBA\xBE", Foreign::MachO),
        (b"MZ", Foreign::Windows),
        (b"!<arch>\n", Foreign::Archive),
        (b"!<thin>\n", Foreign::Archive),
        (b"\0asm", Foreign::Wasm),
        (b"BC\xC0\xDE", Foreign::Bitcode),
        (b"\x1F\x8B", Foreign::Packed),
        (b"\x28\xB5\x2F\xFD", Foreign::Packed),
        (b"\xFD7zXZ", Foreign::Packed),
        (b"BZh", Foreign::Packed),
        (b"PK\x03\x04", Foreign::Packed),
    ];
    let known = KNOWN.iter().find(|(magic, _)| octets.starts_with(magic));
    if let Some((_, found)) = known {
        return *found;
    }
    let start = &octets[..octets.len().min(512)];
    let printable = |octet: &u8| matches!(octet, b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0x80..);
    if start.iter().all(printable) {
        return Foreign::Text;
    }
    let mut first = [0; 4];
    let count = start.len().min(4);
    first[..count].copy_from_slice(&start[..count]);
    Foreign::Unknown { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stem_is_the_name_of_a_file_without_identity() {
        let name = |path: &str| Inspection::new(Path::new(path), b"x", Abi::V2).name().to_owned();
        assert_eq!(name("/srv/libhello.so"), "hello");
        assert_eq!(name("hello.so"), "hello");
        assert_eq!(name("lib.so"), "lib");
        assert_eq!(name("libx.v2.so"), "x.v2");
    }

    #[test]
    fn cautions_follow_the_facts() {
        let mut inspection = Inspection::new(Path::new("x.so"), b"x", Abi::V2);
        assert_eq!(inspection.cautions().count(), 0);
        inspection.go_runtime = true;
        inspection.origin_run_path = true;
        inspection.abi = Abi::V1;
        let names: Vec<_> = inspection.cautions().map(Caution::name).collect();
        assert_eq!(names, ["go_runtime", "origin_run_path", "earlier_boundary"]);
    }

    #[test]
    fn foreign_files_are_named() {
        assert_eq!(foreign(b"#!/bin/sh\n"), Foreign::Script);
        assert_eq!(foreign(b"\0asm\x01\0\0\0"), Foreign::Wasm);
        assert_eq!(foreign(b"version https://git-lfs"), Foreign::Text);
        assert_eq!(foreign(b"\x01"), Foreign::Unknown { first: [1, 0, 0, 0] });
    }
}
