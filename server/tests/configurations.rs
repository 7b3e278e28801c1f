//! Everything that the fuzzer of configurations keeps, and each of it cut and bent.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use fezz_server::trial::config_file;

fn seeds() -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut seeds = Vec::new();
    for folder in ["corpus/config_file", "regressions/config_file"] {
        let Ok(files) = fs::read_dir(fuzz.join(folder)) else { continue };
        let read = |file: fs::DirEntry| fs::read(file.path()).expect("a file can be read");
        seeds.extend(files.map(|file| read(file.expect("a directory can be read"))));
    }
    assert!(seeds.len() >= 8, "the corpus is there");
    seeds
}

#[test]
fn configurations_are_refused_or_shown_as_they_were_taken() {
    for seed in seeds() {
        config_file(&seed);
    }
}

#[test]
fn so_are_those_that_are_cut_or_bent() {
    for seed in seeds() {
        for place in (1..seed.len()).step_by(37) {
            config_file(&seed[..place]);
            let mut bent = seed.clone();
            bent[place] ^= 0x05;
            config_file(&bent);
            // A line that is not there any more, and lines that are there twice.
            let end = seed[place..].iter().position(|octet| *octet == b'\n');
            let rest = end.map_or(&[][..], |end| &seed[place + end..]);
            config_file(&[&seed[..place], rest].concat());
            config_file(&[&seed[..], &seed[place..]].concat());
        }
    }
}
