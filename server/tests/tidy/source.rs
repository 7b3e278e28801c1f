//! The repository's files, and Rust text with its comments and literals blanked out. It is no
//! parser: it relies on rustfmt, which runs before it.

use std::path::{Path, PathBuf};

/// One file of the repository.
pub(crate) struct Source {
    /// From the root of the repository, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// `text` with comments and literals blanked; line for line the same. Rust files only.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file is a test or a benchmark as a whole.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs"))
    }

    /// The code without the tests at its bottom.
    pub(crate) fn own_code(&self) -> &str {
        let end = self.code.find("\n#[cfg(test)]\nmod tests");
        &self.code[..end.map_or(self.code.len(), |end| end + 1)]
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every Rust and Markdown file, sorted by path.
pub(crate) fn all() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !matches!(name.as_str(), "target" | "corpus") {
                walk(root, &path, found);
            }
        } else if name.ends_with(".rs") || name.ends_with(".md") {
            let text = std::fs::read_to_string(&path).unwrap();
            let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            let code = if name.ends_with(".rs") { blank(&text) } else { String::new() };
            found.push(Source { path: relative, text, code });
        }
    }
}

/// `text` with every octet of comments, strings and characters replaced by a space.
pub(crate) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal(rest, out.chars().next_back());
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (gone, after) = rest.split_at(length);
            out.extend(gone.chars().map(|it| if it == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    out
}

/// How many octets at the front of `rest` are one comment or literal; 0 for code.
fn literal(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    let in_word = before.is_some_and(|it| it.is_alphanumeric() || it == '_');
    let raw = rest.strip_prefix('b').or_else(|| rest.strip_prefix('c')).unwrap_or(rest);
    if let Some(hashes) = raw.strip_prefix('r').filter(|_| !in_word) {
        let marks = hashes.len() - hashes.trim_start_matches('#').len();
        if hashes[marks..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(marks));
            let from = rest.len() - hashes.len() + marks + 1;
            return rest[from..].find(&end).map_or(rest.len(), |at| from + at + end.len());
        }
    }
    if rest.starts_with('"') {
        return closed(rest, '"').unwrap_or(rest.len());
    }
    match rest.strip_prefix('\'') {
        // 'a', '\n' and '\u{1F600}' are characters, 'a alone is a lifetime.
        Some(character) if character.starts_with('\\') => closed(rest, '\'').unwrap_or(0),
        Some(character) => {
            let width = character.chars().next().map_or(0, char::len_utf8);
            if character[width..].starts_with('\'') { width + 2 } else { 0 }
        }
        None => 0,
    }
}

/// The length of a literal that begins and ends with `quote`, where `\` hides one character.
fn closed(rest: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    rest.char_indices().skip(1).find_map(|(at, it)| {
        let ends = it == quote && !hidden;
        hidden = it == '\\' && !hidden;
        ends.then_some(at + 1)
    })
}

#[test]
fn literals_and_comments_become_blank() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* b\n */ c", "a     \n    c"),
        (r#"f("a\"b", 'c')"#, "f(      ,    )"),
        ("r#\"a\"b\"# x", "         x"),
        ("b\"a\" x", "b    x"),
        ("br\"a\" x", "      x"),
        ("<'a> '\\'' x", "<'a>      x"),
        ("for\"x\"", "for   "),
    ];
    for (text, expected) in cases {
        assert_eq!(blank(text), expected, "{text}");
    }
}
