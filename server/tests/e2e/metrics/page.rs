//! A strict reader of the text format (version 0.0.4), written from its description and from
//! nothing else. It refuses what scrapers let pass: samples outside their family, a family twice, a
//! series twice, buckets that do not add up.

use std::collections::{BTreeMap, BTreeSet};

/// One sample: its name, its labels, its value.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// A page that is right.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    /// Type and help by name.
    pub(crate) families: BTreeMap<String, (String, String)>,
    samples: Vec<Sample>,
}

impl Page {
    /// Reads a page; whatever is wrong with it fails the test.
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains('\r'), "lines end with a line feed");
        let mut families = BTreeMap::new();
        let mut samples: Vec<Sample> = Vec::new();
        let (mut help, mut present) = (None, String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, text) = rest.split_once(' ').expect("a name and a text");
                assert!(help.is_none(), "two helps in a row: {line}");
                help = Some((name.to_owned(), text.to_owned()));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                let (of, text) = help.take().expect("a help before the type");
                assert_eq!(of, name);
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let before = families.insert(name.to_owned(), (kind.to_owned(), text));
                assert!(before.is_none(), "{name} twice");
                name.clone_into(&mut present);
            } else {
                let sample = sample(line);
                let kind = families.get(&present).map_or("", |(kind, _)| kind);
                let suffix = sample.name.strip_prefix(&present).unwrap_or("?");
                let fits = match kind {
                    "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                    _ => suffix.is_empty(),
                };
                assert!(fits, "outside its family: {line}");
                assert!(kind == "gauge" || sample.value >= 0.0, "{line}");
                samples.push(sample);
            }
        }
        let page = Self { text: text.to_owned(), families, samples };
        page.check();
        page
    }

    fn check(&self) {
        let mut series = BTreeSet::new();
        for sample in &self.samples {
            assert!(series.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
        }
        let mut buckets: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
        for sample in &self.samples {
            let Some(name) = sample.name.strip_suffix("_bucket") else { continue };
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le").expect("a bound");
            let bound =
                if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a number") };
            buckets.entry((name, labels)).or_default().push((bound, sample.value));
        }
        for ((name, labels), all) in buckets {
            assert!(
                all.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1),
                "{name} {all:?}"
            );
            let last = all.last().expect("one");
            assert!(last.0.is_infinite(), "{name}");
            let labels: Vec<_> = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let exact = |suffix: &str| {
                let name = format!("{name}{suffix}");
                let same = |it: &&Sample| it.name == name && it.labels.len() == labels.len();
                let mut found = self.samples.iter().filter(same).filter(|it| it.has(&labels));
                let value = found.next().map(|it| it.value);
                assert!(found.next().is_none(), "{name} twice");
                value
            };
            assert_eq!(exact("_count"), Some(last.1), "{name} {labels:?}");
            assert!(exact("_sum").is_some(), "{name}");
        }
    }

    /// The sum of all samples of that name that have those labels among theirs.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let of = self.samples.iter().filter(|sample| sample.name == name && sample.has(labels));
        of.map(|sample| sample.value).sum()
    }
}

impl Sample {
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|it| it == value))
    }
}

fn is_name(text: &str) -> bool {
    let first = |char: char| char.is_ascii_alphabetic() || char == '_';
    let rest = |char: char| first(char) || char.is_ascii_digit();
    text.starts_with(first) && text.chars().all(rest)
}

/// `name{label="value",...} value`
fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, behind) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label), "{line}");
            let (value, behind) = quoted(behind);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{label} twice in {line}");
            match behind.split_at(1) {
                (",", next) => rest = next,
                ("}", next) => {
                    rest = next;
                    break;
                }
                _ => panic!("{line}"),
            }
        }
    }
    let text = rest.strip_prefix(' ').expect("a space before the value");
    let value: f64 = text.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    assert!(value.is_finite(), "{line}");
    Sample { name: name.to_owned(), labels, value }
}

/// A label's value up to its quotation mark, and what is behind that.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, char @ ('\\' | '"'))) => char,
                other => panic!("an escape {other:?} in {text}"),
            }),
            _ => value.push(char),
        }
    }
    panic!("a value without end: {text}");
}
