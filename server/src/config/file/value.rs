//! How a value is written: its kind reads it from TOML, judges it and writes it again.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;

use super::fault::{Fault, Wrong};
use crate::config::nearest;
use crate::units::{Quantity, UnitError, parse_duration, parse_rate, parse_size};

/// What is read at a key, before it is put into its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing: the key is not written, and nothing stands in for it.
    Unset,
    /// One of the words of its kind.
    Word(&'static str),
    /// A duration.
    Time(Duration),
    /// A count, octets, or octets per second.
    Number(u64),
    /// `true` or `false`.
    Flag(bool),
    /// Text, also a path.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// Names and what they are.
    Pairs(Vec<(String, String)>),
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `"10s"`.
    Time {
        /// A word that may stand for it.
        word: Option<&'static str>,
        /// Whether it may be `"0s"`.
        zero: bool,
    },
    /// `"1MiB"`, within bounds in octets.
    Size {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// `"500B/s"`.
    Rate {
        /// A word that may stand for it.
        word: Option<&'static str>,
    },
    /// `100`, within bounds.
    Count {
        /// The least.
        least: u32,
        /// The most.
        most: u32,
        /// A word that may stand for it.
        word: Option<&'static str>,
    },
    /// `true` or `false`.
    Flag,
    /// One of these.
    Word(&'static [&'static str]),
    /// Text, which its place judges; or one of these words.
    Text {
        /// What it looks like.
        like: &'static str,
        /// Words that may stand for it.
        words: &'static [&'static str],
    },
    /// A path, from the directory of the file it is written in.
    Path {
        /// What stands before it.
        prefix: &'static str,
        /// Words that may stand for it.
        words: &'static [&'static str],
    },
    /// `["a", "b"]`, which its place judges.
    List {
        /// What each looks like.
        like: &'static str,
        /// Whether one may be written without brackets.
        single: bool,
    },
    /// `{ a = "b" }`; numbers and truth values count as their text.
    Pairs {
        /// What they look like.
        like: &'static str,
        /// Whether what stands behind a name is a number.
        counts: bool,
    },
}

impl Kind {
    /// Without a word that could stand for it, never zero.
    pub(crate) const TIME: Self = Self::Time { word: None, zero: false };
    /// Of any size.
    pub(crate) const SIZE: Self = Self::Size { least: 1, most: crate::units::SIZE_BYTES_MAX };
    /// A path and nothing else.
    pub(crate) const PATH: Self = Self::Path { prefix: "", words: &[] };

    /// From 1 to `most`.
    pub(crate) const fn count(most: u32) -> Self {
        Self::Count { least: 1, most, word: None }
    }

    /// Text that looks like this.
    pub(crate) const fn text(like: &'static str) -> Self {
        Self::Text { like, words: &[] }
    }

    /// A list of what looks like this.
    pub(crate) const fn list(like: &'static str) -> Self {
        Self::List { like, single: false }
    }

    /// Reads what stands in a file of the directory `base`.
    pub(crate) fn read(&self, node: &DeValue<'_>, base: &Path) -> Result<Value, Wrong> {
        let other = || Wrong::from(Fault::Type { expected: *self, found: node.type_str() });
        if let (DeValue::String(text), Some(word)) = (node, self.word_of(node)) {
            debug_assert_eq!(text, word);
            return Ok(Value::Word(word));
        }
        match (self, node) {
            (Self::Word(words), DeValue::String(text)) => {
                Err(Fault::Word { text: text.to_string(), words, nearest: nearest_of(text, words) }
                    .into())
            }
            (Self::Time { zero, .. }, DeValue::String(text)) => match parse_duration(text) {
                Err(UnitError::Zero) if *zero => Ok(Value::Time(Duration::ZERO)),
                read => read.map(Value::Time).map_err(|why| self.unit(text, why)),
            },
            (Self::Size { least, most }, DeValue::String(text)) => match parse_size(text) {
                Ok(octets) if !(*least..=*most).contains(&octets) => {
                    Err(Fault::SizeRange { least: *least, most: *most }.into())
                }
                read => read.map(Value::Number).map_err(|why| self.unit(text, why)),
            },
            (Self::Rate { .. }, DeValue::String(text)) => {
                parse_rate(text).map(Value::Number).map_err(|why| self.unit(text, why))
            }
            (Self::Count { least, most, .. }, DeValue::Integer(digits)) => {
                let bounds = u64::from(*least)..=u64::from(*most);
                let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
                let number = number.filter(|number| bounds.contains(number));
                let range = Fault::CountRange { least: *least, most: *most };
                number.map(Value::Number).ok_or_else(|| range.into())
            }
            (Self::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
            (Self::Text { .. }, DeValue::String(text)) => Ok(Value::Text(text.to_string())),
            (Self::Path { prefix, .. }, DeValue::String(text)) => {
                path(text, prefix, base).map(Value::Text).map_err(Wrong::from)
            }
            (Self::List { single: true, .. }, DeValue::String(text)) => {
                Ok(Value::List(vec![text.to_string()]))
            }
            (Self::List { .. }, DeValue::Array(items)) => {
                let mut all = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let Some(text) = item.get_ref().as_str() else {
                        let found = item.get_ref().type_str();
                        return Err(Wrong::within(index, Fault::Type { expected: *self, found }));
                    };
                    all.push(text.to_owned());
                }
                Ok(Value::List(all))
            }
            (Self::Pairs { .. }, DeValue::Table(table)) => {
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(name, _)| name.span().start);
                let mut all = Vec::new();
                for (name, item) in entries {
                    let Some(text) = scalar(item.get_ref()) else { return Err(other()) };
                    all.push((name.get_ref().to_string(), text));
                }
                Ok(Value::Pairs(all))
            }
            _ => Err(other()),
        }
    }

    /// The words that may stand here.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        match self {
            Self::Time { word, .. } | Self::Rate { word } | Self::Count { word, .. } => {
                word.iter().copied().collect()
            }
            Self::Word(words) | Self::Text { words, .. } | Self::Path { words, .. } => {
                words.to_vec()
            }
            Self::Size { .. } | Self::Flag | Self::List { .. } | Self::Pairs { .. } => Vec::new(),
        }
    }

    fn word_of(&self, node: &DeValue<'_>) -> Option<&'static str> {
        let text = node.as_str()?;
        self.words().into_iter().find(|word| *word == text)
    }

    fn unit(&self, text: &str, why: UnitError) -> Wrong {
        Fault::Unit { text: text.to_owned(), why, word: self.words().first().copied() }.into()
    }

    /// The value as it would be written.
    pub(crate) fn show(&self, value: &Value) -> Option<String> {
        Some(match value {
            Value::Unset => return None,
            Value::Word(word) => quoted(word),
            Value::Time(time) => format!("\"{}\"", show_time(*time)),
            Value::Number(number) => match self {
                Self::Size { .. } => format!("\"{}\"", show_size(*number)),
                Self::Rate { .. } => format!("\"{}/s\"", show_size(*number)),
                _ => number.to_string(),
            },
            Value::Flag(flag) => flag.to_string(),
            Value::Text(text) => match self {
                Self::Path { prefix, .. } => quoted(&format!("{prefix}{text}")),
                _ => quoted(text),
            },
            Value::List(texts) => {
                format!("[{}]", texts.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(", "))
            }
            Value::Pairs(pairs) if pairs.is_empty() => "{}".to_owned(),
            Value::Pairs(pairs) => {
                let counts = matches!(self, Self::Pairs { counts: true, .. });
                let pair = |(name, text): &(String, String)| match counts {
                    true => format!("{} = {text}", quoted(name)),
                    false => format!("{} = {}", quoted(name), quoted(text)),
                };
                format!("{{ {} }}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        })
    }

    /// What may be written, in words.
    pub(crate) fn expects(&self) -> String {
        let mut out = match self {
            Self::Time { .. } => "a duration such as \"500ms\", \"10s\", \"5m\" or \"1h\"".into(),
            Self::Size { .. } => "a size such as \"512B\", \"16KiB\", \"1MiB\" or \"1GiB\"".into(),
            Self::Rate { .. } => "a rate such as \"500B/s\" or \"1KiB/s\"".into(),
            Self::Count { least, most: u32::MAX, .. } => {
                format!("a whole number from {least} up, without quotes")
            }
            Self::Count { least, most, .. } if least == most => format!("the number {least}"),
            Self::Count { least, most, .. } => {
                format!("a whole number from {least} to {most}, without quotes")
            }
            Self::Flag => "true or false, without quotes".into(),
            Self::Word(words) => return listed(words),
            Self::Text { like, .. } => (*like).into(),
            Self::Path { prefix: "", .. } => "the path of a file or directory".into(),
            Self::Path { prefix, .. } => format!("a path behind '{prefix}'"),
            Self::List { like, single: false } => format!("a list of texts: {like}"),
            Self::List { like, single: true } => format!("a text or a list of texts: {like}"),
            Self::Pairs { like, .. } => format!("a table such as {like}"),
        };
        for word in self.words() {
            let _infallible = write!(out, ", or \"{word}\"");
        }
        out
    }
}

/// `"a", "b" or "c"`
fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn nearest_of(text: &str, words: &'static [&'static str]) -> Option<&'static str> {
    nearest(&text.to_ascii_lowercase(), words.iter().copied())
}

fn scalar(node: &DeValue<'_>) -> Option<String> {
    match node {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(digits) => {
            let number = i64::from_str_radix(digits.as_str(), digits.radix());
            Some(number.map_or_else(|_| digits.as_str().to_owned(), |it| it.to_string()))
        }
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn path(text: &str, prefix: &'static str, base: &Path) -> Result<String, Fault> {
    let path = text.strip_prefix(prefix).ok_or(Fault::Prefix { prefix })?;
    if path.is_empty() || path.contains('\0') {
        return Err(Fault::NoPath);
    }
    let joined = base.join(path);
    Ok(joined.to_str().map_or_else(|| joined.to_string_lossy().into_owned(), str::to_owned))
}

/// In the largest unit that leaves a whole number.
pub(crate) fn show_time(time: Duration) -> String {
    let ms = time.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(factor, _)| ms > 0 && ms.is_multiple_of(*factor));
    match unit {
        Some((factor, unit)) => format!("{}{unit}", ms / factor),
        None if ms == 0 => "0s".to_owned(),
        None => format!("{ms}ms"),
    }
}

/// In the largest unit that leaves a whole number.
pub(crate) fn show_size(octets: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(factor, _)| octets > 0 && octets.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{octets}B"), |(factor, unit)| format!("{}{unit}", octets / factor))
}

/// A basic string of TOML: no octet of it can end it early or move a cursor.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            _ if letter.is_control() => {
                let _infallible = write!(out, "\\u{:04X}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// What is asked for where a bare number stands.
pub(crate) const fn quantity(kind: &Kind) -> Option<Quantity> {
    match kind {
        Kind::Time { .. } => Some(Quantity::Duration),
        Kind::Size { .. } => Some(Quantity::Size),
        Kind::Rate { .. } => Some(Quantity::Rate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_in_their_largest_unit() {
        for text in ["0s", "1ms", "1500ms", "10s", "5m", "1h", "90m"] {
            let time = parse_duration(text).unwrap_or_default();
            assert_eq!(show_time(time), text);
        }
        for text in ["1B", "1000B", "16KiB", "3MiB", "1GiB"] {
            assert_eq!(show_size(parse_size(text).unwrap()), text);
        }
        assert_eq!(quoted("a\"\\\n\u{85}é"), "\"a\\\"\\\\\\u000A\\u0085é\"");
    }
}
