//! Who names whom inside the server, against `ci/layers.txt`.

use std::collections::BTreeMap;

use crate::source::{Source, root};

/// External crates whose use is part of the layering.
const EXTERNAL: [&str; 8] =
    ["clap", "fezz_abi", "fezz_parser", "fezz_proto", "fezz_wire", "libc", "mio", "socket2"];

/// What each module may name besides itself, by its path below `server/src`.
fn allowed() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("ci/layers.txt")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("module "));
    let entry = |line: &str| {
        let (module, names) = line.split_once(':').unwrap();
        (module.trim().to_owned(), names.split_whitespace().map(str::to_owned).collect())
    };
    lines.map(entry).collect()
}

/// The module at the top of the crate that a file belongs to.
fn module(path: &str) -> Option<&str> {
    let below = path.strip_prefix("server/src/")?;
    let name = below.split('/').next()?;
    Some(name.strip_suffix(".rs").unwrap_or(name))
}

/// All names `PREFIX::name` in a line of code.
fn named<'l>(line: &'l str, prefix: &'l str) -> impl Iterator<Item = &'l str> {
    line.match_indices(prefix).filter_map(move |(at, _)| {
        let word = |it: char| it.is_alphanumeric() || it == '_';
        if line[..at].ends_with(word) {
            return None;
        }
        let rest = &line[at + prefix.len()..];
        Some(&rest[..rest.find(|it| !word(it)).unwrap_or(rest.len())])
    })
}

pub(crate) fn findings(sources: &[Source]) -> Vec<String> {
    let allowed = allowed();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust() && !source.is_test()) {
        let Some(module) = module(&source.path) else { continue };
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(names) = allowed.get(module) else {
            found.push(format!("{}:1: module {module} is not in ci/layers.txt", source.path));
            continue;
        };
        for (number, line) in (1..).zip(source.own_code().lines()) {
            // A name in capitals is a constant or type that the crate's root gives out again.
            let inner = named(line, "crate::").filter(|it| it.starts_with(char::is_lowercase));
            let prefixes = EXTERNAL.iter().map(|name| (*name, format!("{name}::")));
            let outer = prefixes.filter(|(_, it)| named(line, it).next().is_some());
            let all = inner.chain(outer.map(|(name, _)| name));
            for name in all.filter(|it| *it != module && !names.iter().any(|ok| ok == it)) {
                let path = &source.path;
                found.push(format!("{path}:{number}: {module} must not name {name} (layers.txt)"));
            }
        }
    }
    found
}

#[test]
fn names_are_found_as_whole_words() {
    let names = |line, prefix| named(line, prefix).collect::<Vec<_>>();
    assert_eq!(names("use crate::a::b; crate::c()", "crate::"), ["a", "c"]);
    assert_eq!(names("xmio::a", "mio::"), Vec::<&str>::new());
    assert_eq!(module("server/src/cli/serve.rs"), Some("cli"));
    assert_eq!(module("server/src/turn.rs"), Some("turn"));
    assert_eq!(module("parser/src/lib.rs"), None);
}
