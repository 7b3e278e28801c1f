//! Everything that the fuzzers of records and of PROXY headers keep, and each of it cut and bent,
//! through the transport.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use fezz_server::trial::{proxy_header, tls_records};

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut seeds = Vec::new();
    for folder in ["corpus", "regressions"] {
        let Ok(files) = fs::read_dir(fuzz.join(folder).join(target)) else { continue };
        let read = |file: fs::DirEntry| fs::read(file.path()).expect("a file can be read");
        seeds.extend(files.map(|file| read(file.expect("a directory can be read"))));
    }
    assert!(seeds.len() >= 4, "the corpus is there");
    seeds
}

#[test]
fn the_corpus_ends_in_order() {
    for seed in seeds("tls_records") {
        tls_records(&seed);
    }
}

#[test]
fn so_does_a_hello_that_is_cut_or_bent() {
    for seed in seeds("tls_records") {
        for place in (1..seed.len()).step_by(3) {
            tls_records(&seed[..place]);
            let mut bent = seed.clone();
            bent[place] ^= 0x81;
            tls_records(&bent);
        }
    }
}

#[test]
fn headers_of_proxies_are_judged_alike_however_they_are_cut_and_bent() {
    for seed in seeds("proxy_header") {
        for most in [0, 1, 6, 15, 40, 255] {
            let mut bent = seed.clone();
            bent[0] = most;
            proxy_header(&bent);
            for place in 1..seed.len().min(120) {
                proxy_header(&bent[..place]);
                bent[place] ^= 0x11;
                proxy_header(&bent);
                bent[place] ^= 0x11;
            }
        }
    }
}
