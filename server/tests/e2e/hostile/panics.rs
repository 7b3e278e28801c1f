//! What only Rust has: panics, in every place where a function can have them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use fezz_server::assemble::Functions;

use super::{Ward, with_healthy};

/// The function in Rust; it is built once, or stands where the other examples stand built.
pub(super) fn artifact() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if let Some(built) = std::env::var_os("FEZZ_EXAMPLES") {
            return PathBuf::from(built);
        }
        // Not where the other examples are built: whoever builds there holds its lock.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-rust");
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "-p", "example-hostile", "--target-dir"])
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the function builds");
        target.join("debug")
    });
    built.join("libhostile_rust.so")
}

#[test]
fn a_panic_costs_its_own_request() {
    let ward = Ward::of(artifact(), |_| {});
    let mut panics = 0;
    for _ in 0..3 {
        for path in ["/panic", "/payload", "/lock"] {
            let (status, text) = ward.ask(path);
            assert_eq!(status, 500, "{path}: {text}");
            assert!(!text.contains("purpose"), "the client does not learn why: {text}");
            panics += 1;
            ward.failed(&[("panic", panics)]);
        }
        assert_eq!(ward.status("/well"), 200);
    }
    let (status, text) = ward.ask("/thread");
    assert_eq!(status, 200);
    assert!(text.ends_with("the thread panicked: true"), "{text}");
    ward.failed(&[("panic", panics)]);
    let sick = ward.sick();
    assert_eq!((sick.abandoned, sick.late, sick.rescues), (0, 0, 0), "{sick:?}");
    let refused = ward.server.handle.counted().refused;
    assert_eq!(refused.get("handler_failed"), Some(&panics), "{refused:?}");
}

#[test]
fn a_panic_before_the_first_request_is_a_refusal_to_begin() {
    for (key, stage) in [("begin", "load"), ("check", "self_check")] {
        let mut config = with_healthy(artifact());
        config.functions[0].options.config = vec![(key.to_owned(), "panic".to_owned())];
        let complaints = Functions::load(&config).expect_err("it does not begin");
        let text = complaints[0].to_string();
        assert!(text.contains(&format!("stage={stage}")), "{text}");
    }
}
