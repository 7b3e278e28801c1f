//! How an option of a function is written in one word.
//!
//! ```text
//! option    NAME[@VERSION].KEY=VALUE      or  *.KEY=VALUE for every function
//! KEY       placement, max-concurrency, max-in-flight, abandon-max, quarantine, fallback, abi,
//!           sha256, timeout, tls, ttl, config.K
//! ```
//!
//! A name may have dots and so may a version: the key begins behind the first dot that has a known
//! key behind it. In keys `-` and `_` are the same, in what stands behind `config.` they are not.

use std::fmt;
use std::time::Duration;

use super::nearest::nearest;
use super::options::{Abi, Change, Fallback, FunctionOptions, Placement, TlsWish};
use crate::plugin::version::{NameError, Selector, Version};
use crate::units::{UnitError, parse_count, parse_duration};

/// The value of `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionFlag {
    /// Which functions it is about; nothing: all.
    pub scope: Option<Selector>,
    /// What it says about them.
    pub change: Change,
}

/// The keys, as they are shown.
pub const OPTION_KEYS: [&str; 12] = [
    "placement",
    "max-concurrency",
    "max-in-flight",
    "abandon-max",
    "quarantine",
    "fallback",
    "abi",
    "sha256",
    "timeout",
    "tls",
    "ttl",
    "config.",
];

/// The largest count an option takes.
const COUNT_MAX: u32 = 1 << 20;
/// The most octets of an answer that the operator writes into a flag.
const FALLBACK_BYTES_MAX: usize = 64 << 10;
/// The media type of such an answer.
const FALLBACK_TYPE: &str = "text/plain; charset=utf-8";

/// What is wrong with an option. The operator's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionFault {
    /// It is not `NAME.KEY=VALUE`.
    Shape,
    /// There is no such key.
    UnknownKey {
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// `config.` has no key behind it.
    NoConfigKey,
    /// The name or version of the function is wrong.
    Name(NameError),
    /// The number is wrong.
    Number(UnitError),
    /// The value is not one of a few words.
    Word {
        /// The words.
        expected: &'static [&'static str],
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// The fallback's status cannot be sent.
    FallbackStatus,
    /// The fallback's status has no content, but there is a body.
    FallbackContent {
        /// The status.
        status: u16,
    },
    /// The fallback's body is too long for a flag.
    FallbackLength {
        /// Its octets.
        bytes: usize,
        /// The most there may be.
        max: usize,
    },
    /// The digest is not 64 hexadecimal digits.
    Digest {
        /// Its characters.
        digits: usize,
    },
    /// The same option of the same function was set before.
    Repeated,
}

impl fmt::Display for OptionFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant = |out: &mut fmt::Formatter<'_>, nearest: Option<&str>| {
            nearest.map_or(Ok(()), |word| write!(out, "; did you mean '{word}'?"))
        };
        match self {
            Self::Shape => out.write_str("write an option as NAME.KEY=VALUE or *.KEY=VALUE"),
            Self::UnknownKey { nearest } => {
                write!(out, "there is no such key; the keys are {}", OPTION_KEYS.join(", "))?;
                out.write_str("KEY")?;
                meant(out, *nearest)
            }
            Self::NoConfigKey => out.write_str("the key behind 'config.' is missing"),
            Self::Name(why) => why.fmt(out),
            Self::Number(why) => why.fmt(out),
            Self::Word { expected, nearest } => {
                write!(out, "the value is one of {}", expected.join(", "))?;
                meant(out, *nearest)
            }
            Self::FallbackStatus => out.write_str("a fallback's status is from 200 to 599"),
            Self::FallbackContent { status } => {
                write!(out, "an answer with status {status} has no content; leave the body empty")
            }
            Self::FallbackLength { bytes, max } => {
                write!(out, "the fallback's body has {bytes} octets; at most {max} are accepted")
            }
            Self::Digest { digits } => {
                write!(out, "a SHA-256 is 64 hexadecimal digits, these are {digits} characters")
            }
            Self::Repeated => out.write_str("the same option is set before; say it once"),
        }
    }
}

impl OptionFlag {
    /// Reads `NAME[@VERSION].KEY=VALUE` or `*.KEY=VALUE`.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(text: &str) -> Result<Self, OptionFault> {
        let (place, value) = text.split_once('=').ok_or(OptionFault::Shape)?;
        let (name, key) = split(place)?;
        let scope = match name {
            "*" => None,
            name => Some(Selector::parse(name).map_err(OptionFault::Name)?),
        };
        Ok(Self { scope, change: change(&key, value)? })
    }

    /// Whether it says something about a function of this name and version.
    #[must_use]
    pub fn is_about(&self, name: &str, version: Option<&Version>) -> bool {
        let Some(scope) = &self.scope else { return true };
        scope.name == name
            && scope
                .version
                .as_ref()
                .is_none_or(|prefix| version.is_some_and(|version| version.is_named_by(prefix)))
    }

    /// Whether it says something about the same option of the same functions.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        let same = match (&self.change, &other.change) {
            (Change::Config(mine, _), Change::Config(theirs, _)) => mine == theirs,
            (mine, theirs) => std::mem::discriminant(mine) == std::mem::discriminant(theirs),
        };
        same && self.scope == other.scope
    }
}

/// `options` with all that `flags` say about a function: what is said of all functions first, then
/// of its name, then of its version, from the shortest to the longest.
#[must_use]
pub fn resolve(
    options: &FunctionOptions,
    flags: &[OptionFlag],
    name: &str,
    version: Option<&Version>,
) -> FunctionOptions {
    let mut about: Vec<&OptionFlag> =
        flags.iter().filter(|it| it.is_about(name, version)).collect();
    about.sort_by_key(|flag| match &flag.scope {
        None => (0, 0),
        Some(Selector { version: None, .. }) => (1, 0),
        Some(Selector { version: Some(version), .. }) => (2, version.to_string().len()),
    });
    let mut options = options.clone();
    about.into_iter().for_each(|flag| options.apply(&flag.change));
    options
}

/// The function's part and the key's, with `-` for `_`.
fn split(place: &str) -> Result<(&str, String), OptionFault> {
    let parts = || place.match_indices('.').map(|(at, _)| (&place[..at], shown(&place[at + 1..])));
    let known = |key: &str| {
        key.starts_with("config.") || (OPTION_KEYS.contains(&key) && !key.ends_with('.'))
    };
    if let Some(found) = parts().find(|(_, key)| known(key)) {
        return Ok(found);
    }
    if parts().next().is_none() {
        return Err(OptionFault::Shape);
    }
    let near = |key: &str| {
        let word = key.split_inclusive('.').next().unwrap_or(key);
        nearest(word, OPTION_KEYS)
    };
    Err(OptionFault::UnknownKey { nearest: parts().find_map(|(_, key)| near(&key)) })
}

/// A key as it is shown; behind `config.` it is as written.
fn shown(key: &str) -> String {
    if key.starts_with("config.") { key.to_owned() } else { key.replace('_', "-") }
}

fn change(key: &str, value: &str) -> Result<Change, OptionFault> {
    if let Some(key) = key.strip_prefix("config.") {
        let change = Change::Config(key.to_owned(), value.to_owned());
        return if key.is_empty() { Err(OptionFault::NoConfigKey) } else { Ok(change) };
    }
    Ok(match key {
        "placement" => Change::Placement(word(value, PLACEMENTS)?),
        "max-concurrency" => Change::MaxConcurrency(count(value)?),
        "max-in-flight" => Change::MaxInFlight(off(value, count)?),
        "abandon-max" => Change::AbandonMax(count(value)?),
        "quarantine" => Change::Quarantine(time(value)?),
        "fallback" => Change::Fallback(fallback(value)?),
        "tls" => Change::Tls(word(value, TLS_WISHES)?),
        "abi" => Change::Abi(word(value, ABIS)?),
        "sha256" => Change::Sha256(parse_digest(value)?),
        "timeout" => Change::Timeout(time(value)?),
        "ttl" => Change::Ttl(off(value, time)?),
        _ => return Err(OptionFault::UnknownKey { nearest: None }),
    })
}

type Words<T, const N: usize> = (&'static [&'static str; N], [T; N]);

const PLACEMENTS: Words<Placement, 3> =
    (&["worker", "inline", "auto"], [Placement::Worker, Placement::Inline, Placement::Auto]);
const TLS_WISHES: Words<TlsWish, 3> =
    (&["off", "facts", "hello"], [TlsWish::Off, TlsWish::Facts, TlsWish::Hello]);
const ABIS: Words<Abi, 2> = (&["v2", "v1"], [Abi::V2, Abi::V1]);
const FALLBACKS: &[&str] = &["fail_request", "previous", "static:STATUS:BODY"];

fn word<T: Copy, const N: usize>(text: &str, known: Words<T, N>) -> Result<T, OptionFault> {
    let (expected, values) = known;
    let found = expected.iter().zip(values).find(|(word, _)| **word == text);
    found.map(|(_, value)| value).ok_or_else(|| {
        let nearest = nearest(text, expected.iter().copied());
        OptionFault::Word { expected, nearest }
    })
}

fn count(text: &str) -> Result<u32, OptionFault> {
    parse_count(text, COUNT_MAX).map_err(OptionFault::Number)
}

fn time(text: &str) -> Result<Duration, OptionFault> {
    parse_duration(text).map_err(OptionFault::Number)
}

fn off<T>(
    text: &str,
    read: impl Fn(&str) -> Result<T, OptionFault>,
) -> Result<Option<T>, OptionFault> {
    if text == "off" { Ok(None) } else { read(text).map(Some) }
}

fn fallback(text: &str) -> Result<Fallback, OptionFault> {
    match text {
        "fail_request" | "fail-request" => return Ok(Fallback::FailRequest),
        "previous" => return Ok(Fallback::Previous),
        _ => {}
    }
    let Some((status, body)) = text.strip_prefix("static:").and_then(|it| it.split_once(':'))
    else {
        let nearest = nearest(text, FALLBACKS.iter().copied());
        return Err(OptionFault::Word { expected: FALLBACKS, nearest });
    };
    let digits = status.len() == 3 && status.bytes().all(|it| it.is_ascii_digit());
    let status = status.parse().ok().filter(|it| digits && (200..=599).contains(it));
    let status = status.ok_or(OptionFault::FallbackStatus)?;
    // RFC 9110 §15.3.5, §15.3.6, §15.4.5.
    if matches!(status, 204 | 205 | 304) && !body.is_empty() {
        return Err(OptionFault::FallbackContent { status });
    }
    if body.len() > FALLBACK_BYTES_MAX {
        return Err(OptionFault::FallbackLength { bytes: body.len(), max: FALLBACK_BYTES_MAX });
    }
    let (content_type, body) = (FALLBACK_TYPE.to_owned(), body.as_bytes().to_vec());
    Ok(Fallback::Static { status, content_type, body })
}

/// Reads a SHA-256.
///
/// # Errors
/// [`OptionFault::Digest`].
pub(crate) fn parse_digest(text: &str) -> Result<[u8; 32], OptionFault> {
    let wrong = OptionFault::Digest { digits: text.chars().count() };
    if text.len() != 64 || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(wrong);
    }
    let mut digest = [0; 32];
    for (octet, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = str::from_utf8(digits).ok().and_then(|it| u8::from_str_radix(it, 16).ok());
        *octet = pair.ok_or_else(|| wrong.clone())?;
    }
    Ok(digest)
}

#[cfg(test)]
mod tests;
