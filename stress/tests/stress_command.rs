//! `fezz-stress` as a command: what it lists, what it refuses, and with which exit code.

#![expect(clippy::unwrap_used, reason = "a test may fail that way")]

use std::path::Path;
use std::process::{Command, Output};

fn stress(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fezz-stress"));
    command.current_dir(root).args(arguments).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn all_scenarios_are_listed_with_their_numbers() {
    let output = stress(&["--list"]);
    let listed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{listed}");
    for (index, line) in listed.lines().enumerate() {
        assert!(line.trim_start().starts_with(&format!("{} ", index + 1)), "{line}");
    }
    for name in ["short", "slow_readers", "drain", "million", "amplification"] {
        assert!(listed.contains(&format!(" {name} ")), "{name}: {listed}");
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let said = text(&stress(&["--help"]).stdout);
    assert!(said.contains("Examples:") && said.contains("Exit codes: 0"), "{said}");
}

#[test]
fn what_cannot_be_run_has_an_exit_code_of_its_own() {
    let unknown = stress(&["--only", "no_such_scenario"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
    assert!(text(&unknown.stderr).contains("no scenario `no_such_scenario`"));
    assert_eq!(stress(&["--scale", "huge"]).status.code(), Some(2));
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("run.json");
    let arguments =
        ["--only", "short", "--fezz", "/nowhere/fezz", "--json", json.to_str().unwrap()];
    let missing = stress(&arguments);
    assert_eq!(missing.status.code(), Some(3), "{}", text(&missing.stdout));
    assert!(text(&missing.stdout).contains("/nowhere/fezz"), "{}", text(&missing.stdout));
    assert!(json.exists());
}
