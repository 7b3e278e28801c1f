//! What the figures were measured on: processor, kernel, compiler, state of the sources.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine and the build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor.
    pub processor: String,
    /// CPUs that may be used.
    pub cpus: usize,
    /// Name of the distribution.
    pub system: String,
    /// Release of the kernel.
    pub kernel: String,
    /// The compiler that the sources ask for.
    pub compiler: String,
    /// Commit of the sources; with `+` when they were changed since.
    pub commit: String,
}

impl Machine {
    /// Looks at this machine.
    #[must_use]
    pub fn look(cpus: usize) -> Self {
        let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cpus,
            system: value(&system, "PRETTY_NAME=").trim_matches('"').to_owned(),
            kernel: kernel.trim().to_owned(),
            compiler: said("rustc", &["--version"]),
            commit: commit(),
        }
    }
}

fn processor(cpuinfo: &str) -> String {
    let name = value(cpuinfo, "model name");
    name.trim_start_matches([' ', '\t', ':']).to_owned()
}

fn commit() -> String {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
    // Results themselves do not change what is measured.
    let changed = said(
        "git",
        &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!stress/RESULTS.md"],
    );
    if changed.is_empty() { commit } else { format!("{commit}+") }
}

fn value<'a>(text: &'a str, key: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("unknown").trim()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        assert_eq!(processor("vendor_id\t: X\nmodel name\t: Thing 3000\n"), "Thing 3000");
        assert_eq!(processor(""), "unknown");
        let machine = Machine::look(2);
        assert_eq!(machine.cpus, 2);
        assert!(!machine.kernel.is_empty());
    }
}
