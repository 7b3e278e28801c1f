//! Everything that the fuzzer of records keeps, and each of it cut and bent, through the transport.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use fezz_server::trial::tls_records;

fn seeds() -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut seeds = Vec::new();
    for folder in ["corpus/tls_records", "regressions/tls_records"] {
        let Ok(files) = fs::read_dir(fuzz.join(folder)) else { continue };
        let read = |file: fs::DirEntry| fs::read(file.path()).expect("a file can be read");
        seeds.extend(files.map(|file| read(file.expect("a directory can be read"))));
    }
    assert!(seeds.len() >= 4, "the corpus is there");
    seeds
}

#[test]
fn the_corpus_ends_in_order() {
    for seed in seeds() {
        tls_records(&seed);
    }
}

#[test]
fn so_does_a_hello_that_is_cut_or_bent() {
    for seed in seeds() {
        for place in (1..seed.len()).step_by(3) {
            tls_records(&seed[..place]);
            let mut bent = seed.clone();
            bent[place] ^= 0x81;
            tls_records(&bent);
        }
    }
}
