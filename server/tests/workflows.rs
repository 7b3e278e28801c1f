//! Workflows only call scripts of `ci/`, name actions by their hash, and have few rights.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What a workflow may take from its runner; anything else could be written by a stranger.
const EXPRESSIONS: [&str; 5] =
    ["matrix.", "github.ref }}", "github.run_id }}", "inputs.seconds || ", "inputs.scale || "];
/// Rights that a job may have.
const RIGHTS: [&str; 1] = ["contents: read"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// What is wrong with a workflow, as `line: what`.
fn findings(text: &str, is_script: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |number: usize, what: &str| found.push(format!("{number}: {what}"));
    if !text.lines().any(|line| line == "permissions: {}") {
        say(1, "the workflow as a whole has rights");
    }
    for word in ["pull_request_target", "workflow_run", "secrets."] {
        if text.contains(word) {
            say(1, word);
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in (1..).zip(&lines) {
        let words = line.trim_start().trim_start_matches("- ");
        let behind = || lines.iter().skip(number);
        if let Some(action) = words.strip_prefix("uses: ") {
            let hash = action.split_once('@').and_then(|(_, rest)| rest.split_once(" # v"));
            let is_hash =
                |hash: &str| hash.len() == 40 && hash.bytes().all(|it| it.is_ascii_hexdigit());
            if !hash.is_some_and(|(hash, version)| is_hash(hash) && !version.is_empty()) {
                say(number, "an action is named by its hash, and its version behind it");
            }
            let kept = behind().take(2).any(|it| it.trim() == "persist-credentials: false");
            if action.starts_with("actions/checkout@") && !kept {
                say(number, "a checkout leaves its credentials behind");
            }
        }
        if let Some(script) = words.strip_prefix("run: ") {
            let name = script.split(' ').next().unwrap_or_default();
            let plain = !script.contains([';', '|', '&', '`', '<', '>']) && !script.contains("$(");
            let expressions = script.matches("${{").count();
            if !plain || expressions != script.matches("${{ matrix.").count() || !is_script(name) {
                say(number, "only scripts of ci/ are run");
            }
        }
        if words == "permissions:" {
            let rights = behind().take_while(|it| indent(it) > indent(line));
            if !rights.clone().all(|it| RIGHTS.contains(&it.trim())) || rights.count() == 0 {
                say(number, "a job has more rights than it needs");
            }
        }
        if words.starts_with("runs-on: ") {
            let job = || behind().take_while(|it| it.is_empty() || indent(it) >= indent(line));
            let has = |what: &str| job().any(|it| it.trim_start().starts_with(what));
            if !has("timeout-minutes: ") || !has("permissions:") {
                say(number, "a job has a time and rights of its own");
            }
        }
        for expression in line.split("${{ ").skip(1) {
            if !EXPRESSIONS.iter().any(|known| expression.starts_with(known)) {
                say(number, "an expression that is not known to be harmless");
            }
        }
    }
    found
}

#[test]
fn workflows_call_ci_alone_with_pins_and_few_rights() {
    let is_script = |name: &str| {
        let known = name.strip_prefix("ci/").is_some_and(|name| !name.contains('/'));
        let mode = fs::metadata(root().join(name)).map_or(0, |file| file.permissions().mode());
        known && mode & 0o111 == 0o111
    };
    let mut names = Vec::new();
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(".github/workflows")).expect("workflows") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("text");
        found.extend(findings(&text, is_script).iter().map(|what| format!("{name}:{what}")));
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["check.yml", "fuzz.yml", "release.yml", "sanitize.yml", "stress.yml"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_a_workflow_must_not_do_is_found() {
    let good = "permissions: {}\njobs:\n  a:\n    runs-on: x\n    timeout-minutes: 5\n    \
                permissions:\n      contents: read\n    steps:\n      - uses: actions/checkout@\
                11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2\n        with:\n          \
                persist-credentials: false\n      - run: ci/check ${{ matrix.kind }}\n";
    let is_script = |name: &str| name == "ci/check";
    assert_eq!(findings(good, is_script), Vec::<String>::new());
    for (old, new) in [
        ("permissions: {}", "permissions: read-all"),
        ("11bd71901bbe5b1630ceea73d27597364c9af683", "v4"),
        (" # v4.2.2", ""),
        ("persist-credentials: false", "fetch-depth: 0"),
        ("contents: read", "contents: write"),
        ("    timeout-minutes: 5\n", ""),
        ("ci/check ${{ matrix.kind }}", "ci/check && curl x"),
        ("ci/check ${{ matrix.kind }}", "ci/check ${{ github.head_ref }}"),
        ("ci/check ${{ matrix.kind }}", "ci/other"),
        ("ci/check ${{ matrix.kind }}", "|\n          rm -rf x"),
        ("jobs:", "on: pull_request_target\njobs:"),
    ] {
        let bad = good.replacen(old, new, 1);
        assert_ne!(bad, good);
        assert!(!findings(&bad, is_script).is_empty(), "{bad}");
    }
}
