//! Writes the parser's prose corpus as seeds, a folder for each target that reads requests.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Octets of the longest seed: longer ones are about limits, and slow.
const OCTETS_MAX: usize = 4_096;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let cases = common::corpus_in(&corpus);
    let mut count = 0;
    for (number, case) in cases.iter().enumerate().filter(|it| it.1.octets.len() <= OCTETS_MAX) {
        let octets = case.octets.as_slice();
        let line_end = position(octets, b"\n").map_or(0, |at| at + 1);
        let head_end = position(octets, b"\r\n\r\n").map_or(0, |at| at + 4);
        let target = octets.split(|octet| *octet == b' ').nth(1).unwrap_or_default();
        // No cuts; three of them.
        let (whole, cut) = ([b"\0", octets].concat(), [b"\x03\x05\x09\x20", octets].concat());
        let seeds: [(&str, &[u8]); 7] = [
            ("head", octets),
            ("differential", octets),
            ("conn", &whole),
            ("cuts", &cut),
            ("target", target),
            ("framing", &octets[line_end..]),
            ("chunked", &octets[head_end..]),
        ];
        for (name, seed) in seeds.into_iter().filter(|(_, seed)| !seed.is_empty()) {
            fs::create_dir_all(folder.join(name))?;
            fs::write(folder.join(name).join(format!("case-{number}")), seed)?;
            count += 1;
        }
    }
    println!("{count} seeds of {} cases", cases.len());
    Ok(())
}

fn position(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|window| window == what)
}
