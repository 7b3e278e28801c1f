//! SECURITY.md names proofs that exist, and `ci/mutants.toml` fits the page and the tree.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

/// Rows of the page; fewer were read wrongly.
const ROWS_MIN: usize = 40;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect(name)
}

/// The rows `| W1 | threat | defence | proof |`: the last column by the name of the row.
fn rows(page: &str) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    // The other table of such rows is what mutants came to.
    let boundaries = page.split("## Shown by mutation").next().unwrap_or_default();
    for line in boundaries.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [row, _, _, proof] = cells.as_slice() else { continue };
        let row = row.trim_start_matches("| ");
        let numbered = row.strip_prefix(['W', 'T', 'F', 'O', 'S']);
        if numbered.is_some_and(|number| number.parse::<u32>().is_ok()) {
            let before = rows.insert(row.to_owned(), (*proof).to_owned());
            assert!(before.is_none(), "{row} is there twice");
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether a file has a test of this name, in Rust or Python, or a case of the corpus.
fn has_test(text: &str, name: &str) -> bool {
    let declared = format!("fn {name}(");
    let mut marked = false;
    text.lines().map(str::trim).any(|line| {
        if line == format!("== {name}") || line == format!("def {name}(self):") {
            return true;
        }
        let found =
            marked && (line.starts_with(&declared) || line.contains(&format!(" {declared}")));
        marked = line == "#[test]" || marked && (line.starts_with("#[") || line.starts_with("//"));
        found
    })
}

#[test]
fn every_proof_on_the_page_is_there() {
    let page = text("SECURITY.md");
    let rows = rows(&page);
    assert!(rows.len() >= ROWS_MIN, "{} rows", rows.len());
    let boundaries: BTreeSet<char> = rows.keys().filter_map(|row| row.chars().next()).collect();
    assert_eq!(boundaries, BTreeSet::from(['W', 'T', 'F', 'O', 'S']));
    for (row, proof) in &rows {
        assert!(quoted(proof).count() > 0, "{row} is not proved");
        for word in quoted(proof) {
            let (file, test) = word.split_once('#').map_or((word, None), |(a, b)| (a, Some(b)));
            assert!(root().join(file).is_file(), "{row}: there is no {file}");
            if let Some(test) = test {
                assert!(has_test(&text(file), test), "{row}: {file} has no test {test}");
            }
        }
    }
}

#[test]
fn every_mutant_fits_the_page_and_the_tree() {
    let page = text("SECURITY.md");
    let rows = rows(&page);
    let list = text("ci/mutants.toml");
    let list = DeTable::parse(&list).expect("TOML");
    let mutants = list.get_ref().get("mutant").and_then(|it| it.get_ref().as_array());
    let mutants = mutants.expect("a list");
    let mut boundaries = BTreeSet::new();
    for mutant in mutants {
        let table = mutant.get_ref().as_table().expect("a mutant");
        let word = |key: &str| table.get(key).and_then(|it| it.get_ref().as_str()).expect(key);
        let (row, file, old, test) = (word("row"), word("file"), word("old"), word("test"));
        boundaries.extend(row.chars().next());
        assert_eq!(text(file).matches(old).count(), 1, "{row}: {file} does not have once: {old}");
        assert_ne!(old, word("new"), "{row}");
        let proof = rows.get(row).expect(row);
        let name = test.rsplit("::").next().expect("a name");
        let proves = quoted(proof).any(|it| it.split_once('#').is_some_and(|(_, it)| it == name));
        assert!(proves, "{row} is not proved by {name}");
        // What was published is about this list.
        let shown = format!("| {row} | {} | `{test}` | ", word("defence"));
        assert!(page.contains(&shown), "the page does not show: {shown}");
    }
    assert_eq!(boundaries.len(), 5, "each boundary has a mutant: {boundaries:?}");
    let shown = page.split("<!-- mutants: ").nth(1).expect("the table");
    let lines = shown.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(lines, mutants.len() + 1, "a row for each mutant, and the head");
}

#[test]
fn a_test_that_is_gone_is_noticed() {
    let source = "#[test]\nfn one() {\n}\n\nfn two() {}\n// fn three()\n== a case\n";
    assert!(has_test(source, "one") && has_test(source, "a case"));
    for gone in ["on", "two", "three", "a cas", "one_more"] {
        assert!(!has_test(source, gone), "{gone}");
    }
}
