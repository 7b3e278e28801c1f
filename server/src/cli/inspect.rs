//! `fezz inspect`: what an artifact is, read from its file. Nothing of it is executed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fezz_abi::artifact::{self, Inspection};
use fezz_abi::digest::Hex;

use super::{fail, print};
use crate::error::{EXIT_CONFIG, EXIT_OK, EXIT_SYSTEM};
use crate::json::{list as array, quoted};

const EXAMPLES: &str = "\
Examples:
  fezz inspect ./libhello.so
  fezz inspect ./libhello.so --format json

Exit codes: 0 it could be loaded, 1 it could not, 71 the answer cannot be written.";

/// What `inspect` can be told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct InspectFlags {
    /// The function's artifact
    artifact: PathBuf,
    /// How to say it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line per fact
    Text,
    /// One JSON object
    Json,
}

pub(super) fn inspect(flags: &InspectFlags) -> u8 {
    let inspection = match artifact::inspect_either(&flags.artifact) {
        Ok(inspection) => inspection,
        Err(error) => return fail(EXIT_CONFIG, error),
    };
    let facts = facts(&inspection);
    let shown = match flags.format {
        Format::Text => text(&facts),
        Format::Json => json(&facts),
    };
    match print(shown.as_bytes()) {
        Ok(()) => EXIT_OK,
        Err(error) => fail(EXIT_SYSTEM, format_args!("cannot write the answer: {error}")),
    }
}

/// What a fact is made of.
enum Value {
    Text(String),
    Number(u64),
    List(Vec<String>),
    Nothing,
}

fn facts(it: &Inspection) -> Vec<(&'static str, Value)> {
    let identity = it.identity.as_ref();
    let text = |text: Option<&str>| match text {
        Some(text) if !text.is_empty() => Value::Text(text.to_owned()),
        _ => Value::Nothing,
    };
    let number = |number: Option<u32>| number.map_or(Value::Nothing, |it| Value::Number(it.into()));
    let glibc = it.glibc_floor.map(|(major, minor)| format!("{major}.{minor}"));
    let build_id = identity.map(|it| {
        let end = it.build_id.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        it.build_id[..end].escape_ascii().to_string()
    });
    let cautions = it.cautions();
    vec![
        ("name", Value::Text(it.name().to_owned())),
        ("version", text(identity.map(|it| it.version()))),
        ("sdk", text(identity.map(|it| it.sdk()))),
        ("build_id", text(build_id.as_deref())),
        ("abi", Value::Text(it.abi.name().to_owned())),
        ("abi_level", number(identity.map(|it| it.abi_level))),
        ("flags", number(identity.map(|it| it.flags))),
        ("max_concurrency", number(identity.map(|it| it.max_concurrency))),
        ("optional_symbols", list(it.optional_symbols.iter().copied())),
        ("needed", list(it.needed.iter().map(String::as_str))),
        ("glibc_floor", text(glibc.as_deref())),
        ("cautions", Value::List(cautions.map(|it| format!("{}: {it}", it.name())).collect())),
        ("bytes", Value::Number(it.bytes)),
        ("sha256", Value::Text(Hex(&it.sha256).to_string())),
    ]
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> Value {
    Value::List(texts.map(str::to_owned).collect())
}

fn text(facts: &[(&str, Value)]) -> String {
    facts.iter().fold(String::new(), |out, (key, value)| {
        let shown = match value {
            Value::Text(text) => text.escape_debug().to_string(),
            Value::Number(number) => number.to_string(),
            Value::List(items) if !items.is_empty() => items
                .iter()
                .map(|item| item.escape_debug().to_string())
                .collect::<Vec<_>>()
                .join(", "),
            Value::List(_) | Value::Nothing => "-".to_owned(),
        };
        out + &format!("{key:<17} {shown}\n")
    })
}

fn json(facts: &[(&str, Value)]) -> String {
    let members = facts.iter().map(|(key, value)| {
        let value = match value {
            Value::Text(text) => quoted(text),
            Value::Number(number) => number.to_string(),
            Value::List(items) => array(items.iter().map(String::as_str)),
            Value::Nothing => "null".to_owned(),
        };
        format!("\"{key}\":{value}")
    });
    format!("{{{}}}\n", members.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats() {
        let facts = [
            ("a", Value::Text("x\"\\\n\u{1b}é".to_owned())),
            ("b", Value::Number(7)),
            ("c", Value::List(vec!["1".to_owned(), "2".to_owned()])),
            ("d", Value::Nothing),
        ];
        let line = "{\"a\":\"x\\\"\\\\\\n\\u001bé\",\"b\":7,\"c\":[\"1\",\"2\"],\"d\":null}\n";
        assert_eq!(json(&facts), line);
        let lines: Vec<String> = text(&facts).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "a                 x\\\"\\\\\\n\\u{1b}é");
        assert_eq!(lines[3], "d                 -");
    }
}
