//! The operator's settings for one function: a map of text to text.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Part, WireError};
use crate::item::{MAP, TEXT};
use crate::limits::NESTING_MAX;
use crate::reader::{Left, Reader};
use crate::record::{put_map, put_text, text, text_of};

/// Writes names and values in their order, as `fezz_init_v1` gets them.
#[must_use]
pub fn encode_settings(settings: &[(String, String)]) -> Vec<u8> {
    let mut buf = Vec::new();
    put_map(&mut buf, settings.len());
    for (name, value) in settings {
        put_text(&mut buf, name);
        put_text(&mut buf, value);
    }
    buf
}

/// Reads names and values in their order. Keys that are no text are skipped with their values.
///
/// # Errors
/// A [`WireError`] about form or kinds; the host is to blame.
pub fn decode_settings(octets: &[u8]) -> Result<Vec<(String, String)>, WireError> {
    if octets.is_empty() {
        return Err(WireError::Empty);
    }
    let mut reader = Reader::new(octets, NESTING_MAX);
    let map = reader.item()?;
    if map.major != MAP {
        return Err(map.wrong(Part::Envelope));
    }
    let (depth, mut left) = (reader.enter(&map, 0)?, Left::of(&map));
    let mut settings = Vec::new();
    while reader.more(&mut left)? {
        let key = reader.item()?;
        if key.major == TEXT {
            settings.push((text_of(&mut reader, &key)?, text(&mut reader, Part::Setting)?));
        } else {
            reader.skip_item(&key, depth)?;
            reader.skip(depth)?;
        }
    }
    match reader.rest().len() {
        0 => Ok(settings),
        len => Err(WireError::TrailingOctets { at: reader.at(), len }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn settings_are_read_as_they_were_written() {
        let settings = vec![("url".into(), "http://x/".into()), ("caf\u{e9}".into(), "".into())];
        assert_eq!(decode_settings(&encode_settings(&settings)).unwrap(), settings);
        assert_eq!(encode_settings(&[]), b"\xa0");
        assert_eq!(decode_settings(b"\xa0").unwrap(), []);
        let later = b"\xa2\x01\x81\x02\x61a\x61b";
        assert_eq!(decode_settings(later).unwrap(), [("a".into(), "b".into())]);
    }

    #[test]
    fn other_kinds_are_refused() {
        for (octets, name) in [
            (&b""[..], "empty"),
            (b"\x80", "wrong_type"),
            (b"\xa1\x61a\x01", "wrong_type"),
            (b"\xa0\xa0", "trailing_octets"),
            (b"\xa1\x61\xff\x61a", "not_utf8"),
        ] {
            assert_eq!(decode_settings(octets).unwrap_err().name(), name);
        }
    }
}
