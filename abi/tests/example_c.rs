//! The example in C is built by its own Makefile, loaded and understood.
#![cfg(feature = "host")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::process::Command;

use fezz_abi::host::Function;
use fezz_wire::{ResponseView, WireLimits};

#[test]
fn it_greets() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/hello-c");
    let out = common::folder();
    let run = Command::new("make")
        .args(["-B", "-C", example])
        .arg(format!("OUT={}", out.display()))
        .output()
        .unwrap();
    assert!(run.status.success(), "make: {}", String::from_utf8_lossy(&run.stderr));
    let function = Function::load(&out.join("libhello_c.so")).unwrap();
    assert_eq!(function.name(), "hello-c");
    assert!(function.identity().unwrap().inline_ok());
    assert_eq!(function.inspection().cautions().count(), 0);
    // It looks at nothing in the request.
    function.call(b"\xA0", |answer| {
        let view = ResponseView::decode(answer.unwrap(), &WireLimits::default()).unwrap();
        assert_eq!((view.status(), view.header_count()), (200, 1));
        assert_eq!(view.body().to_vec(), b"hello from C\n");
    });
}
