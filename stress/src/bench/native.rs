//! C of the benchmark's own, compiled when it is needed: for what Rust cannot be, or should not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::BenchError;
use super::server::tail;

/// Where `fezz.h` is.
const INCLUDE: &str = "abi/include";
const FLAGS: [&str; 6] = ["-std=gnu11", "-O2", "-fPIC", "-fvisibility=default", "-shared", "-I"];

/// A shared library made of one file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Native {
    source: &'static str,
    library: &'static str,
}

/// A function that never comes back from `/spin`.
pub(super) const SPIN: Native = Native { source: "stress/native/spin.c", library: "libspin.so" };
/// A function that answers everything with a mebioctet.
pub(super) const BULK: Native = Native { source: "stress/native/bulk.c", library: "libbulk.so" };
/// What is preloaded to let time pass slower.
pub(super) const SLOW_TIME: Native =
    Native { source: "stress/native/slow_time.c", library: "slow_time.so" };

impl Native {
    /// Compiles it into `folder` and returns the library; sources are looked for below `root`.
    pub(super) fn compile(self, root: &Path, folder: &Path) -> Result<PathBuf, BenchError> {
        let library = folder.join(self.library);
        let mut compiler = Command::new("cc");
        compiler.args(FLAGS).arg(root.join(INCLUDE)).arg("-o").arg(&library);
        compiler.arg(root.join(self.source)).arg("-ldl").stdin(Stdio::null());
        let output = compiler
            .output()
            .map_err(|error| BenchError::Spawn { program: "cc".to_owned(), error })?;
        if output.status.success() {
            return Ok(library);
        }
        let said = tail(&String::from_utf8_lossy(&output.stderr));
        Err(BenchError::Native { source: self.source, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slowed_program_sleeps_longer_by_the_clock_outside() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = tempfile::tempdir().unwrap();
        let library = SLOW_TIME.compile(&root, folder.path()).unwrap();
        let clock = crate::clock::Clock::start();
        let slept =
            Command::new("sleep").arg("0.004").env("LD_PRELOAD", &library).status().unwrap();
        assert!(slept.success());
        assert!(clock.seconds() >= 0.004 * 256.0, "{} s", clock.seconds());
    }

    #[test]
    fn what_does_not_compile_is_named() {
        let broken = Native { source: "stress/README.md", library: "none.so" };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = tempfile::tempdir().unwrap();
        assert!(SPIN.compile(&root, folder.path()).unwrap().exists());
        let refused = broken.compile(&root, folder.path()).unwrap_err().to_string();
        assert!(refused.starts_with("stress/README.md does not compile: "), "{refused}");
    }
}
