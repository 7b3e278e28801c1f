//! What the fuzzers of artifacts and of functions' answers keep, and each of it cut and bent.
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use fezz_server::trial::{Answered, answered};

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

fn each_bent(seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    for seed in seeds {
        check(seed);
        for place in (0..seed.len()).step_by(3) {
            check(&seed[..place]);
            for mask in [0x01, 0x80, 0xff] {
                let mut bent = seed.clone();
                bent[place] ^= mask;
                check(&bent);
            }
        }
    }
}

fn reply(octets: &[u8]) -> bool {
    let Some(Answered { is_head, status, content, sent }) = answered(octets) else { return false };
    fezz_peers::responses::check(&sent, is_head, status, &content);
    true
}

#[test]
fn an_answer_is_one_response() {
    let seeds = seeds("function_reply");
    each_bent(&seeds, |octets| {
        reply(octets);
    });
    assert!(seeds.iter().filter(|seed| reply(seed)).count() >= 3, "some are taken");
}

#[test]
fn an_artifact_is_examined_to_the_end() {
    each_bent(&seeds("artifact"), fezz_abi::artifact::trial::check);
}
