//! Which octets may stand in a header: tokens for names, no controls in values. Eight octets are
//! judged at once; only where that does not settle it, one after the other.

use crate::octets::Str;

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// The first octet of `name` that no token may hold.
#[inline]
pub(crate) fn name_fault(name: &[u8]) -> Option<u8> {
    if every_word(name, is_plain_name) {
        return None;
    }
    name.iter().copied().find(|&octet| !is_token_octet(octet))
}

/// The first octet of `value` that no field value may hold.
#[inline]
pub(crate) fn value_fault(value: &[u8]) -> Option<u8> {
    if every_word(value, is_plain_value) {
        return None;
    }
    value.iter().copied().find(|&octet| !is_value_octet(octet))
}

/// Whether the octets are UTF-8.
#[inline]
pub(crate) fn is_text(octets: &[u8]) -> bool {
    every_word(octets, |word| word & HIGH == 0) || core::str::from_utf8(octets).is_ok()
}

/// [`name_fault`] for a string in segments.
pub(crate) fn name_fault_across(name: &Str<'_>) -> Option<u8> {
    name.octets().find(|&octet| !is_token_octet(octet))
}

/// [`value_fault`] for a string in segments.
pub(crate) fn value_fault_across(value: &Str<'_>) -> Option<u8> {
    value.octets().find(|&octet| !is_value_octet(octet))
}

// RFC 9110 §5.6.2
const fn is_token_octet(octet: u8) -> bool {
    matches!(octet, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
        | b'^' | b'_' | b'`' | b'|' | b'~')
}

// RFC 9110 §5.5: HTAB, SP, VCHAR and obs-text.
const fn is_value_octet(octet: u8) -> bool {
    octet == b'\t' || (octet >= 0x20 && octet != 0x7f)
}

/// Whether all octets are letters, digits or hyphens: most names are nothing else.
#[inline]
const fn is_plain_name(word: u64) -> bool {
    // Below 0x80 in every octet, sums do not carry into the next one.
    let lower = word | (ONES * 0x20);
    let plain = between(lower, b'a', b'z') | between(word, b'0', b'9') | between(word, b'-', b'-');
    word & HIGH == 0 && plain & HIGH == HIGH
}

/// Whether all octets are neither controls nor HTAB.
#[inline]
const fn is_plain_value(word: u64) -> bool {
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word ^ (ONES * 0x7f);
    let delete = delete.wrapping_sub(ONES) & !delete;
    (control | delete) & HIGH == 0
}

/// The high bit of every octet that lies in `low..=high`; all octets are below 0x80.
#[inline]
const fn between(word: u64, low: u8, high: u8) -> u64 {
    let from = word.wrapping_add(ONES * (0x80 - low as u64));
    let past = word.wrapping_add(ONES * (0x7f - high as u64));
    from & !past
}

/// Whether `is_plain` holds for all octets, eight at a time; the last eight may overlap.
#[inline]
fn every_word(octets: &[u8], is_plain: impl Fn(u64) -> bool) -> bool {
    let (words, rest) = octets.as_chunks::<8>();
    if !words.iter().all(|word| is_plain(u64::from_ne_bytes(*word))) {
        return false;
    }
    match (rest.is_empty(), octets.last_chunk::<8>()) {
        (true, _) => true,
        (false, Some(last)) => is_plain(u64::from_ne_bytes(*last)),
        (false, None) => is_plain(spread(octets)),
    }
}

/// A word that holds all of one to seven octets, some of them more than once.
#[inline]
fn spread(octets: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        return u64::from(u32::from_ne_bytes(*first)) << 32 | u64::from(u32::from_ne_bytes(*last));
    }
    match *octets {
        [a] => ONES * u64::from(a),
        [a, b] => u64::from_ne_bytes([a, b, a, b, a, b, a, b]),
        [a, b, c] => u64::from_ne_bytes([a, b, c, a, b, c, a, b]),
        // Not reached: no octet is the caller's case, four and more are above.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Each octet at each place of strings of every length around the words' borders.
    #[test]
    fn words_agree_with_single_octets() {
        for len in 1..=20 {
            for at in 0..len {
                for octet in 0..=255u8 {
                    for around in [b'a', b'-', b'Z', b'_'] {
                        let mut octets = vec![around; len];
                        octets[at] = octet;
                        let name = (!is_token_octet(octet)).then_some(octet);
                        assert_eq!(name_fault(&octets), name, "{octets:?}");
                        let value = (!is_value_octet(octet)).then_some(octet);
                        assert_eq!(value_fault(&octets), value, "{octets:?}");
                        assert_eq!(name_fault_across(&Str::whole(&octets)), name);
                        assert_eq!(value_fault_across(&Str::whole(&octets)), value);
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_fault_is_named() {
        assert_eq!(name_fault(b"x-long-enough-for-words: y\r"), Some(b':'));
        assert_eq!(value_fault(b"fine\tfine fine fine \0\r\n"), Some(0));
        assert_eq!(value_fault(b""), None);
        assert_eq!(value_fault("caf\u{e9} \u{2615}".as_bytes()), None);
    }

    /// Neighbouring octets do not disturb the arithmetic of a word.
    #[test]
    fn pairs_of_octets_are_judged_alone() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let octets = [b'a', a, b, b'a', b'a', b'a', b'a', b'a'];
                let name = is_token_octet(a) && is_token_octet(b);
                assert_eq!(name_fault(&octets).is_none(), name, "{a} {b}");
                let value = is_value_octet(a) && is_value_octet(b);
                assert_eq!(value_fault(&octets).is_none(), value, "{a} {b}");
            }
        }
    }
}
