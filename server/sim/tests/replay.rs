//! Seeds and past crashes of the fuzzers, under plain `cargo test`.
#![expect(clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use fezz_sim::targets::{TARGETS, Target, canary};

/// Lines of a target: glue, and nothing else.
const TARGET_LINES_MAX: usize = 25;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files in a folder, by name; none when there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = entries
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.is_file())
        .collect::<Vec<_>>();
    files.sort();
    files
}

fn replay(target: Target, file: &Path) -> bool {
    let octets = fs::read(file).expect("a file can be read");
    catch_unwind(|| target(&octets)).is_ok()
}

#[test]
fn every_seed_and_every_regression_holds() {
    for (name, target) in TARGETS {
        let seeds = files(&fuzz().join("corpus").join(name));
        assert!(!seeds.is_empty(), "{name} has no seed");
        let regressions = files(&fuzz().join("regressions").join(name));
        for file in seeds.iter().chain(&regressions) {
            assert!(replay(target, file), "{name}: {}", file.display());
        }
    }
}

#[test]
fn the_canary_dies() {
    let seeds = files(&fuzz().join("corpus/canary"));
    assert!(!seeds.is_empty(), "the canary has no seed");
    for file in seeds {
        assert!(!replay(canary, &file), "{} is not noticed", file.display());
    }
}

#[test]
fn every_target_is_replayed_and_is_glue() {
    // Targets that are not of this crate are replayed by tests of the crates that they are about.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = ["../tests", "../../parser/peers/tests"].map(|folder| files(&here.join(folder)));
    let read = |file: &PathBuf| fs::read_to_string(file).expect("a file can be read");
    let elsewhere = tests.iter().flatten().map(read).collect::<String>();
    let mut replayed =
        TARGETS.map(|(name, _)| name.to_owned()).into_iter().collect::<BTreeSet<_>>();
    replayed.insert("canary".to_owned());
    let mut found = BTreeSet::new();
    for file in files(&fuzz().join("fuzz_targets")) {
        let text = fs::read_to_string(&file).expect("a file can be read");
        let lines = text.lines().count();
        assert!(lines <= TARGET_LINES_MAX, "{}: {lines} lines", file.display());
        let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name is text");
        let is_replayed = replayed.contains(stem) || elsewhere.contains(stem);
        assert!(is_replayed, "no test replays what is kept of {stem}");
        found.insert(stem.to_owned());
    }
    assert!(found.is_superset(&replayed), "a target has no file in fuzz_targets");
}

/// What the nightly run tells the fuzzer about each target.
#[test]
fn every_target_has_its_settings() {
    let text = fs::read_to_string(fuzz().join("targets.txt")).expect("a file can be read");
    let mut told = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words = line.split_whitespace().collect::<Vec<_>>();
        let [name, bytes, dictionary] = words[..] else { panic!("not three words: {line}") };
        assert!(bytes.parse::<u32>().is_ok_and(|bytes| bytes > 0), "{line}");
        let dictionary = fuzz().join("dictionaries").join(format!("{dictionary}.dict"));
        assert!(line.ends_with(" -") || dictionary.is_file(), "{line}");
        told.insert(name.to_owned());
    }
    for file in files(&fuzz().join("fuzz_targets")) {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name is text");
        assert!(stem == "canary" || told.contains(stem), "targets.txt does not tell of {stem}");
    }
}

#[test]
fn every_regression_is_explained() {
    let folder = fuzz().join("regressions");
    let text = fs::read_to_string(folder.join("README.md")).expect("a file can be read");
    let targets = files(&fuzz().join("fuzz_targets"));
    for name in targets.iter().filter_map(|file| file.file_stem()?.to_str()) {
        for file in files(&folder.join(name)) {
            let short = file.file_name().and_then(|short| short.to_str()).expect("a name is text");
            let title = format!("{name}/{short}");
            if !text.contains(&title) {
                panic!("{title} has no paragraph in regressions/README.md");
            }
        }
    }
}
