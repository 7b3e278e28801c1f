//! The rules of style as a test: sizes, first sentences, unsafe, clocks, words, layers, links, the
//! C header. Everything found is shown at once, as `file:line: what`.
#![expect(clippy::unwrap_used, reason = "a check that cannot read the repository has failed")]

mod layers;
mod source;

use sha2::{Digest as _, Sha256};
use source::{Source, root};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;

/// Where `unsafe` may stand: the boundary to functions, system calls, and what tests call.
const UNSAFE: [&str; 6] = [
    "abi/src/",
    "abi/sdk/src/",
    "abi/macros/src/",
    "server/src/sys/",
    "parser/src/scan",
    "parser/peers/src/llhttp.rs",
];
/// Where clocks are read.
const CLOCK: &str = "server/src/clock.rs";
/// Names that say nothing, and words that are not this field's.
const WORDS: [&str; 8] =
    ["helper", "helpers", "manager", "misc", "packet", "packets", "util", "utils"];
/// Marks of something unfinished.
const LEFTOVERS: [&str; 5] = ["todo!", "unimplemented!", "dbg!", "FIXME", "XXX"];
/// This file lists what it looks for.
const SELF: &str = "server/tests/tidy/";

#[test]
fn the_repository_is_tidy() {
    let sources = source::all();
    assert!(sources.len() > 50, "the walk over the repository found {} files", sources.len());
    let rust: Vec<&Source> = sources.iter().filter(|source| source.is_rust()).collect();
    let mut found = Vec::new();
    for source in &rust {
        found.extend(first_sentence(source));
        found.extend(sizes(source));
        found.extend(functions(source));
        found.extend(unsafe_code(source));
        found.extend(clocks(source));
        found.extend(words(source));
    }
    found.extend(layers::findings(&sources));
    found.extend(sources.iter().filter(|it| !it.is_rust()).flat_map(links));
    found.extend(header());
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

fn first_sentence(source: &Source) -> Option<String> {
    let opens = source.text.starts_with("//! ");
    (!opens).then(|| format!("{}:1: a file opens with its one idea, '//! ...'", source.path))
}

fn sizes(source: &Source) -> Vec<String> {
    let Source { path, text, .. } = source;
    let wide = |(_, line): &(usize, &str)| line.chars().count() > LINE_COLUMNS_MAX;
    let mut found: Vec<String> = lines(text)
        .filter(wide)
        .map(|(number, _)| format!("{path}:{number}: more than {LINE_COLUMNS_MAX} columns"))
        .collect();
    let count = text.lines().count();
    if !source.is_test() && count > FILE_LINES_MAX {
        found.push(format!("{path}:{count}: more than {FILE_LINES_MAX} lines"));
    }
    found
}

/// The length of a function is from its first line to the brace in the same column.
fn functions(source: &Source) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    let code: Vec<&str> = source.code.lines().collect();
    let mut found = Vec::new();
    for (start, line) in code.iter().enumerate() {
        let Some(indent) = function_indent(line) else { continue };
        let ends = |line: &&str| {
            let own = line.len() - line.trim_start().len() == indent;
            own && (line.trim_start().starts_with('}') || line.trim_end().ends_with([';', '}']))
        };
        let length = code[start..].iter().position(ends).map_or(0, |end| end + 1);
        if length > FUNCTION_LINES_MAX {
            found.push(format!(
                "{}:{}: a function of {length} lines, more than {FUNCTION_LINES_MAX}",
                source.path,
                start + 1
            ));
        }
    }
    found
}

fn function_indent(line: &str) -> Option<usize> {
    let code = line.trim_start();
    let (before, _) = code.split_once("fn ")?;
    let qualifiers = ["pub", "const", "async", "unsafe", "extern"];
    let plain = before
        .split_whitespace()
        .all(|word| qualifiers.contains(&word) || word.starts_with("pub(") || word.ends_with(')'));
    plain.then(|| line.len() - code.len())
}

fn unsafe_code(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let texts: Vec<&str> = source.text.lines().collect();
    for (number, line) in lines(&source.code) {
        let mut words = line.split(|it: char| !it.is_alphanumeric() && it != '_');
        if !words.any(|word| word == "unsafe") {
            continue;
        }
        let path = &source.path;
        if !source.is_test() && !UNSAFE.iter().any(|allowed| path.starts_with(allowed)) {
            found.push(format!("{path}:{number}: unsafe does not belong here"));
        }
        let block = line.contains("unsafe {") || line.contains("unsafe impl");
        let above = &texts[number.saturating_sub(11)..number];
        if block && !above.iter().any(|line| line.contains("SAFETY:")) {
            found.push(format!("{path}:{number}: unsafe without its SAFETY sentence"));
        }
    }
    found
}

fn clocks(source: &Source) -> Vec<String> {
    let exempt = source.path == CLOCK || source.is_test() || source.path.starts_with("stress/");
    let reads = |line: &str| line.contains("Instant::now") || line.contains("SystemTime::now");
    lines(&source.code)
        .filter(|(_, line)| !exempt && reads(line))
        .map(|(number, _)| format!("{}:{number}: clocks are read in {CLOCK} alone", source.path))
        .collect()
}

fn words(source: &Source) -> Vec<String> {
    let Source { path, text, .. } = source;
    if path.starts_with(SELF) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in lines(text) {
        let mut all = line.split(|it: char| !it.is_alphanumeric() && it != '_');
        if let Some(word) = all.find(|word| WORDS.contains(&word.to_lowercase().as_str())) {
            found.push(format!("{path}:{number}: '{word}' says nothing here; find the word"));
        }
        if let Some(mark) = LEFTOVERS.iter().find(|mark| line.contains(**mark)) {
            found.push(format!("{path}:{number}: '{mark}' is unfinished"));
        }
    }
    found
}

/// Links in Markdown that name a file of the repository.
fn links(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let directory = root().join(&source.path);
    let mut fenced = false;
    for (number, line) in lines(&source.text) {
        fenced ^= line.trim_start().starts_with("```");
        for target in line.split("](").skip(1).filter(|_| !fenced) {
            let target = target.split([')', '#', ' ']).next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !outside && !target.is_empty() && !directory.with_file_name(target).exists() {
                let path = &source.path;
                found.push(format!("{path}:{number}: the link leads nowhere: {target}"));
            }
        }
    }
    found
}

/// The C header is what functions in the field were compiled with: it changes on purpose only.
fn header() -> Option<String> {
    let (header, record) = ("abi/include/fezz.h", "ci/fezz.h.sha256");
    let octets = std::fs::read(root().join(header)).unwrap();
    let digits: String = Sha256::digest(octets).iter().map(|it| format!("{it:02x}")).collect();
    let recorded = std::fs::read_to_string(root().join(record)).unwrap();
    let same = recorded.trim_end() == format!("{digits}  {header}");
    (!same).then(|| {
        format!("{header}:1: changed; if on purpose: sha256sum {header} > {record}, and say why")
    })
}

#[test]
fn the_rules_find_what_they_look_for() {
    let source = |path: &str, text: &str| Source {
        path: path.to_owned(),
        text: text.to_owned(),
        code: source::blank(text),
    };
    let bad =
        source("server/src/x.rs", "use a;\nlet x = unsafe { y };\nInstant::now(); // utils\n");
    assert_eq!(first_sentence(&bad).iter().count(), 1);
    assert_eq!(unsafe_code(&bad).len(), 2);
    assert_eq!(clocks(&bad).len(), 1);
    assert_eq!(words(&bad).len(), 1);
    let long =
        format!("//! x\n    pub(crate) const fn f() {{\n{}    }}\n", "        a;\n".repeat(69));
    assert_eq!(functions(&source("server/src/x.rs", &long)).len(), 1);
    assert_eq!(functions(&source("server/tests/x.rs", &long)).len(), 0);
    assert_eq!(sizes(&source("a.rs", &"x\n".repeat(501))).len(), 1);
    assert_eq!(sizes(&source("a.rs", &"x".repeat(101))).len(), 1);
    assert_eq!(
        links(&source("README.md", "[a](LICENSE) [b](nowhere.md#x) [c](https://x)")).len(),
        1
    );
    let quoted = source("server/src/x.rs", "//! x\nlet a = \"unsafe {\"; // unsafe {\n");
    assert_eq!(unsafe_code(&quoted).len(), 0);
}
