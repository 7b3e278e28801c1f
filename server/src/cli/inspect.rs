//! `fezz inspect`: what an artifact is, read from its file. Nothing of it is executed.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fezz_abi::artifact::{self, Inspection};
use sha2::{Digest as _, Sha256};

use super::json::{list as array, quoted};
use super::{fail, print};
use crate::error::{EXIT_CONFIG, EXIT_OK, EXIT_SYSTEM};

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
    let inspection = match artifact::inspect(&flags.artifact) {
        Ok(inspection) => inspection,
        Err(error) => return fail(EXIT_CONFIG, error),
    };
    let hash = match sha256(&flags.artifact) {
        Ok(hash) => hash,
        Err(error) => {
            let path = flags.artifact.display();
            return fail(EXIT_CONFIG, format_args!("{path}: cannot be read: {error}"));
        }
    };
    let facts = facts(&inspection, &hash);
    let shown = match flags.format {
        Format::Text => text(&facts),
        Format::Json => json(&facts),
    };
    match print(shown.as_bytes()) {
        Ok(()) => EXIT_OK,
        Err(error) => fail(EXIT_SYSTEM, format_args!("cannot write the answer: {error}")),
    }
}

/// Octets hashed at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// SHA-256 (FIPS 180-4) of a file, as lower-case hexadecimal digits.
fn sha256(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            octets => hasher.update(&chunk[..octets]),
        }
    }
    Ok(hasher.finalize().iter().map(|octet| format!("{octet:02x}")).collect())
}

/// What a fact is made of.
enum Value {
    Text(String),
    Number(u64),
    List(Vec<String>),
    Nothing,
}

fn facts(it: &Inspection, hash: &str) -> Vec<(&'static str, Value)> {
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
        ("abi_level", number(identity.map(|it| it.abi_level))),
        ("flags", number(identity.map(|it| it.flags))),
        ("max_concurrency", number(identity.map(|it| it.max_concurrency))),
        ("optional_symbols", list(it.optional_symbols.iter().copied())),
        ("needed", list(it.needed.iter().map(String::as_str))),
        ("glibc_floor", text(glibc.as_deref())),
        ("cautions", Value::List(cautions.map(|it| format!("{}: {it}", it.name())).collect())),
        ("bytes", Value::Number(it.bytes)),
        ("sha256", Value::Text(hash.to_owned())),
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
        let line = "{\"a\":\"x\\\"\\\\\\u000a\\u001bé\",\"b\":7,\"c\":[\"1\",\"2\"],\"d\":null}\n";
        assert_eq!(json(&facts), line);
        let lines: Vec<String> = text(&facts).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "a                 x\\\"\\\\\\n\\u{1b}é");
        assert_eq!(lines[3], "d                 -");
    }

    #[test]
    fn the_hash_of_three_octets() {
        let path = std::env::temp_dir().join(format!("fezz-sha-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        let hash = sha256(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // The example of FIPS 180-2, appendix B.1.
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
