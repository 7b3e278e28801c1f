//! docs/architecture.md has every crate and every module, and README every page.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect(name)
}

/// What the folder holds, without endings.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect(folder);
    let stem = |entry: fs::DirEntry| entry.path().file_stem().expect("a name").to_owned();
    entries.map(|it| stem(it.expect("an entry")).to_string_lossy().into_owned()).collect()
}

#[test]
fn every_module_of_the_server_is_on_the_page_and_no_other() {
    let page = text("docs/architecture.md");
    let table = page.split("## The server's modules").nth(1).expect("the modules");
    let table = table.split("\n## ").next().expect("a table");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|line| line.split(" | ").next().expect("a cell"));
    let shown: BTreeSet<String> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| !name.contains("::"))
        .map(str::to_owned)
        .collect();
    let mut there = names("server/src");
    there.retain(|name| name != "lib" && name != "main");
    assert_eq!(shown, there);
}

#[test]
fn every_crate_is_on_the_page() {
    let page = text("docs/architecture.md");
    let crates = page.split("## Crates").nth(1).expect("the crates");
    let crates = crates.split("\n## ").next().expect("a section");
    let mut count = 0;
    let members = text("Cargo.toml");
    let members = members.split("members = [").nth(1).expect("members");
    for member in members.split(']').next().expect("a list").split('"').skip(1).step_by(2) {
        let name = if member.starts_with("examples/") { "examples" } else { member };
        let name = name.rsplit('/').next().expect("a name");
        let known = |it: &str| it.split(|it: char| !it.is_alphanumeric()).any(|it| it == name);
        assert!(crates.lines().any(known), "{name} is not on the page");
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn every_page_is_in_the_table_of_the_readme() {
    let readme = text("README.md");
    let table = readme.split("## Where to read on").nth(1).expect("the table");
    for name in names("docs") {
        assert!(table.contains(&format!("| [docs/{name}.md](docs/{name}.md) |")), "{name}");
    }
}
