//! What a host offers and what a function answers before its first request, and again when the
//! answer has expired: versions as ranges, capabilities by name.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::VERSION;
use crate::error::{Part, WireError};
use crate::item::{NULL, TEXT, UNSIGNED};
use crate::key::Table;
use crate::reader::{Left, Reader};
use crate::record::{
    list_or_null, map_or_null, nullable_text, put_map, put_nullable_unsigned, put_text, put_texts,
    put_unsigned, read_map, read_record, text, text_of, unsigned,
};

/// Octets of an offer or an answer, at most. Prices the texts in it.
pub const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

const OFFER: Table = Table {
    rows: &[
        (b"functions", Part::Functions),
        (b"capabilities", Part::Capabilities),
        (b"limits", Part::Limits),
        (b"host", Part::Host),
    ],
    packed: 0,
};

const OFFERED_FUNCTIONS: Table = Table { rows: &[(b"handle", Part::HandleRange)], packed: 0 };

const RANGE: Table = Table { rows: &[(b"min", Part::Min), (b"max", Part::Max)], packed: 0 };

const ANSWER: Table = Table {
    rows: &[
        (b"functions", Part::Functions),
        (b"capabilities", Part::Capabilities),
        (b"fallback", Part::Fallback),
        (b"ttl_ms", Part::TtlMs),
    ],
    packed: 0,
};

const CHOSEN_FUNCTIONS: Table = Table { rows: &[(b"handle", Part::Handle)], packed: 0 };

/// What a host offers to a function. Written by the host, read by the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Versions of `handle` the host speaks.
    pub handle: RangeInclusive<u64>,
    /// Capabilities the host has.
    pub capabilities: Vec<String>,
    /// Names and values of the limits the function should know, for instance `response_bytes`.
    pub limits: Vec<(String, u64)>,
    /// Who the host is, for instance `fezz 0.1.0`.
    pub host: String,
}

impl Offer {
    /// An offer of the version this crate writes, and of nothing else.
    #[must_use]
    pub fn new(host: &str) -> Self {
        let version = u64::from(VERSION);
        Offer {
            handle: version..=version,
            capabilities: Vec::new(),
            limits: Vec::new(),
            host: host.to_string(),
        }
    }

    /// Writes the envelope. Equal offers are equal octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut buf = Vec::new();
        put_map(&mut buf, 4);
        put_text(&mut buf, "functions");
        put_map(&mut buf, 1);
        put_text(&mut buf, "handle");
        put_map(&mut buf, 2);
        put_text(&mut buf, "min");
        put_unsigned(&mut buf, *self.handle.start());
        put_text(&mut buf, "max");
        put_unsigned(&mut buf, *self.handle.end());
        put_text(&mut buf, "capabilities");
        put_texts(&mut buf, &self.capabilities);
        put_text(&mut buf, "limits");
        put_map(&mut buf, self.limits.len());
        for (name, value) in &self.limits {
            put_text(&mut buf, name);
            put_unsigned(&mut buf, *value);
        }
        put_text(&mut buf, "host");
        put_text(&mut buf, &self.host);
        buf
    }

    /// Reads one envelope. Functions, keys and limits of kinds nobody knows are skipped: a later
    /// host may offer more.
    ///
    /// # Errors
    /// A [`WireError`] about form, kinds, missing and doubled keys, or the size; the host is to
    /// blame.
    pub fn decode(octets: &[u8]) -> Result<Self, WireError> {
        let (mut handle, mut capabilities) = (None, Vec::new());
        let (mut limits, mut host) = (Vec::new(), None);
        let map_at =
            read_record(octets, HANDSHAKE_BYTES_MAX, &OFFER, |reader, part, depth| match part {
                Part::Functions => {
                    handle = offered(reader, depth)?;
                    Ok(())
                }
                Part::Capabilities => {
                    capabilities = texts(reader, part, depth)?;
                    Ok(())
                }
                Part::Limits => {
                    limits = read_limits(reader, depth)?;
                    Ok(())
                }
                // The table names nothing else.
                _ => {
                    host = nullable_text(reader, part)?;
                    Ok(())
                }
            })?;
        let missing = WireError::MissingKey { at: map_at, part: Part::HandleRange };
        let host = host.unwrap_or_default();
        Ok(Offer { handle: handle.ok_or(missing)?, capabilities, limits, host })
    }
}

/// What a function answers. Written by the function, read by the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The version of `handle` the function chose.
    pub handle: u64,
    /// Capabilities it cannot do without.
    pub capabilities: Vec<String>,
    /// What should answer in its place when it fails: the word for a policy of the host.
    pub fallback: Option<String>,
    /// Milliseconds until it wants to be asked again; `None`: never.
    pub ttl_ms: Option<u64>,
}

impl Default for Answer {
    /// What a function says that has no handshake.
    fn default() -> Self {
        Answer {
            handle: u64::from(VERSION),
            capabilities: Vec::new(),
            fallback: None,
            ttl_ms: None,
        }
    }
}

impl Answer {
    /// Writes the envelope. Equal answers are equal octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut buf = Vec::new();
        put_map(&mut buf, 4);
        put_text(&mut buf, "functions");
        put_map(&mut buf, 1);
        put_text(&mut buf, "handle");
        put_unsigned(&mut buf, self.handle);
        put_text(&mut buf, "capabilities");
        put_texts(&mut buf, &self.capabilities);
        put_text(&mut buf, "fallback");
        match &self.fallback {
            Some(word) => put_text(&mut buf, word),
            None => buf.push(NULL),
        }
        put_text(&mut buf, "ttl_ms");
        put_nullable_unsigned(&mut buf, self.ttl_ms);
        buf
    }

    /// Reads one envelope. What is absent or `null` is as in [`Answer::default`]; but `functions`
    /// without `handle` is no answer.
    ///
    /// # Errors
    /// A [`WireError`] about form, kinds, missing and doubled keys, or the size; the function is
    /// to blame.
    pub fn decode(octets: &[u8]) -> Result<Self, WireError> {
        let mut answer = Answer::default();
        read_record(octets, HANDSHAKE_BYTES_MAX, &ANSWER, |reader, part, depth| {
            match part {
                Part::Functions => answer.handle = chosen(reader, depth)?.unwrap_or(answer.handle),
                Part::Capabilities => answer.capabilities = texts(reader, part, depth)?,
                Part::Fallback => answer.fallback = nullable_text(reader, part)?,
                // The table names nothing else.
                _ => answer.ttl_ms = reader.nullable_unsigned(part)?,
            }
            Ok(())
        })?;
        Ok(answer)
    }
}

fn texts(reader: &mut Reader<'_>, part: Part, depth: u8) -> Result<Vec<String>, WireError> {
    list_or_null(reader, part, depth, |reader| text(reader, Part::Capability))
}

/// The version chosen for `handle`.
fn chosen(reader: &mut Reader<'_>, depth: u8) -> Result<Option<u64>, WireError> {
    let Some(map) = map_or_null(reader, Part::Functions)? else { return Ok(None) };
    let mut handle = None;
    read_map(reader, &map, &CHOSEN_FUNCTIONS, depth, |reader, part, _| {
        handle = Some(unsigned(reader, part)?);
        Ok(())
    })?;
    match handle {
        Some(version) => Ok(Some(version)),
        None => Err(WireError::MissingKey { at: map.at, part: Part::Handle }),
    }
}

/// The versions offered for `handle`.
fn offered(reader: &mut Reader<'_>, depth: u8) -> Result<Option<RangeInclusive<u64>>, WireError> {
    let Some(map) = map_or_null(reader, Part::Functions)? else { return Ok(None) };
    let mut handle = None;
    read_map(reader, &map, &OFFERED_FUNCTIONS, depth, |reader, part, depth| {
        let Some(range) = map_or_null(reader, part)? else { return Ok(()) };
        let (mut min, mut max) = (None, None);
        read_map(reader, &range, &RANGE, depth, |reader, part, _| {
            let bound = if part == Part::Min { &mut min } else { &mut max };
            *bound = Some(unsigned(reader, part)?);
            Ok(())
        })?;
        let missing = |part| WireError::MissingKey { at: range.at, part };
        let (min, max) = (min.ok_or(missing(Part::Min))?, max.ok_or(missing(Part::Max))?);
        handle = Some(min..=max);
        Ok(())
    })?;
    Ok(handle)
}

/// Limits in their order; those without a name in text or a number are of a kind nobody knows.
fn read_limits(reader: &mut Reader<'_>, depth: u8) -> Result<Vec<(String, u64)>, WireError> {
    let Some(map) = map_or_null(reader, Part::Limits)? else { return Ok(Vec::new()) };
    let (depth, mut left) = (reader.enter(&map, depth)?, Left::of(&map));
    let mut limits = Vec::new();
    while reader.more(&mut left)? {
        let key = reader.item()?;
        let name = match key.major {
            TEXT => Some(text_of(reader, &key)?),
            _ => {
                reader.skip_item(&key, depth)?;
                None
            }
        };
        let value = reader.item()?;
        match name {
            Some(name) if value.major == UNSIGNED => limits.push((name, value.argument)),
            _ => reader.skip_item(&value, depth)?,
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn answer(octets: &[u8]) -> Result<Answer, &'static str> {
        Answer::decode(octets).map_err(|error| error.name())
    }

    #[test]
    fn an_offer_is_read_as_it_was_written() {
        let offer = Offer {
            handle: 2..=5,
            capabilities: vec!["log".into(), "cancel".into()],
            limits: vec![("response_bytes".into(), 17 << 20), ("zero".into(), 0)],
            host: "fezz 0.1.0".into(),
        };
        assert_eq!(Offer::decode(&offer.encode()).unwrap(), offer);
        let plain = Offer::new("h");
        assert_eq!(plain.handle, 2..=2);
        assert_eq!(Offer::decode(&plain.encode()).unwrap(), plain);
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let full = Answer {
            handle: 3,
            capabilities: vec!["log".into()],
            fallback: Some("previous".into()),
            ttl_ms: Some(60_000),
        };
        for answer in [full, Answer::default()] {
            assert_eq!(Answer::decode(&answer.encode()).unwrap(), answer);
        }
    }

    #[test]
    fn what_an_answer_leaves_out_has_a_default() {
        for octets in [&b"\xa0"[..], b"\xa1\x66future\x81\x01", b"\xa1\x69functions\xf6"] {
            assert_eq!(answer(octets), Ok(Answer::default()));
        }
        let other = b"\xa1\x69functions\xa2\x65other\x07\x66handle\x09";
        assert_eq!(answer(other).unwrap().handle, 9);
    }

    #[test]
    fn answers_are_refused_whole() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "empty"),
            (b"\x80", "wrong_type"),
            (b"\xa0\x00", "trailing_octets"),
            (b"\xa1\x69functions\xa0", "missing_key"),
            (b"\xa1\x69functions\x02", "wrong_type"),
            (b"\xa1\x69functions\xa1\x66handle\x612", "wrong_type"),
            (b"\xa1\x69functions\xa2\x66handle\x02\x66handle\x02", "duplicate_key"),
            (b"\xa2\x66ttl_ms\x01\x66ttl_ms\x01", "duplicate_key"),
            (b"\xa1\x66ttl_ms\x20", "wrong_type"),
            (b"\xa1\x6ccapabilities\x81\x01", "wrong_type"),
            (b"\xa1\x68fallback\x00", "wrong_type"),
            (b"\xa1\x6ccapabilities\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "truncated"),
        ];
        for (octets, name) in cases {
            assert_eq!(answer(octets), Err(name), "{octets:02x?}");
        }
        assert_eq!(answer(&vec![0xa0; HANDSHAKE_BYTES_MAX + 1]), Err("head_too_large"));
    }

    #[test]
    fn an_offer_without_versions_is_none() {
        for octets in [&b"\xa0"[..], b"\xa1\x69functions\xa0"] {
            let error = Offer::decode(octets).unwrap_err();
            assert_eq!(error, WireError::MissingKey { at: 0, part: Part::HandleRange });
        }
        let half = b"\xa1\x69functions\xa1\x66handle\xa1\x63min\x02";
        assert_eq!(Offer::decode(half).unwrap_err().name(), "missing_key");
        let limits = b"\xa2\x69functions\xa1\x66handle\xa2\x63min\x02\x63max\x02\x66limits\xa3\
                       \x61a\x01\x02\x03\x61b\x80";
        assert_eq!(Offer::decode(limits).unwrap().limits, [("a".to_string(), 1)]);
    }
}
