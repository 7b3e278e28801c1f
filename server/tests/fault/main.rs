//! The operating system fails by seed, under the real program and real clients.
//!
//! `README.md` beside this file says what is injected, and how to run and to replay it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and a long one says how far it is"
)]

mod canaries;
mod client;
mod control;
mod dice;
mod endings;
mod lanes;
mod line;
mod reloads;
mod seeds;
mod server;
mod starts;

use std::path::{Path, PathBuf};

/// A folder of a test's own, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let name = format!("{}-{name}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fault").join(name);
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).expect("a folder");
    path
}
