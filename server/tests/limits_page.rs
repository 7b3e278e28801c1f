//! The page of limits names tests that exist.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

/// Everything that Rust files below `directory` say.
fn sources(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push_str(&fs::read_to_string(path).expect("text"));
        }
    }
}

#[test]
fn every_proof_on_the_page_of_limits_is_there() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(server.join("../docs/limits.md")).expect("the page");
    let mut code = String::new();
    sources(server, &mut code);
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() > 5);
    let mut proofs = 0;
    for row in rows {
        let proved_by = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap_or_default();
        for word in proved_by.split('`').skip(1).step_by(2) {
            let path = server.join("..").join(word);
            let stands = if word.contains('/') {
                path.exists()
            } else {
                code.contains(&format!("fn {word}("))
            };
            assert!(stands, "{word} in: {row}");
            proofs += 1;
        }
    }
    assert!(proofs > 20, "{proofs} proofs");
}
