//! Only the octets the operator named are loaded, and nothing of others runs.
#![cfg(feature = "host")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::process::Command;

use common::{TYPES, handle, library};
use fezz_abi::digest::{Hex, sha256};
use fezz_abi::host::Function;
use fezz_abi::{LoadFault, LoadOptions, Stage};

const ANSWER: &str = "uint8_t *p = malloc(1); *p = 5; return (FezzOwned){p, 1};";

#[test]
fn the_named_digest_is_loaded_and_can_be_read() {
    let path = handle("named", ANSWER);
    let digest = sha256(&std::fs::read(&path).unwrap());
    let options = LoadOptions { sha256: Some(digest), ..LoadOptions::default() };
    let function = Function::load_with(&path, &options).unwrap();
    assert_eq!(function.sha256(), &digest);
    assert_eq!(function.call(b"x", |answer| answer.unwrap()[0]), 5);
    assert_eq!(Function::load(&path).unwrap().sha256(), &digest);
    // An independent hand on the same file.
    let said = Command::new("sha256sum").arg(&path).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with(&Hex(function.sha256()).to_string()), "{said}");
}

#[test]
fn another_digest_is_refused_before_anything_runs() {
    let trap = "__attribute__((constructor)) static void trap(void) { abort(); }
        FezzOwned fezz_handle_v2(FezzSlice req) { return (FezzOwned){0, 0}; }
        void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }";
    for flags in [&[][..], &["-Wl,-rpath,$ORIGIN"]] {
        let path = library("trap", &format!("{TYPES}{trap}"), flags);
        let found = sha256(&std::fs::read(&path).unwrap());
        let mut expected = found;
        expected[31] ^= 1;
        let options = LoadOptions { sha256: Some(expected), ..LoadOptions::default() };
        let error = Function::load_with(&path, &options).unwrap_err();
        assert_eq!(error.fault(), &LoadFault::Digest { expected, found });
        assert_eq!((error.name(), error.stage()), ("digest", Stage::Load));
        let text = error.to_string();
        let hex = [Hex(&found).to_string(), Hex(&expected).to_string()];
        assert!(text.contains(&format!("found SHA-256 {}; expected SHA-256 {}", hex[0], hex[1])));
    }
}
