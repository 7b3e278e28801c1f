//! Which octets may stand in a header: tokens for names, no controls in values. Sixteen octets are
//! judged at once; only where that does not settle it, one after the other.

use crate::octets::Str;

/// The first octet of `name` that no token may hold.
#[inline(always)]
pub(crate) fn name_fault(name: &[u8]) -> Option<u8> {
    if every(name, is_plain_name) {
        return None;
    }
    name.iter().copied().find(|&octet| !is_token_octet(octet))
}

/// The first octet of `value` that no field value may hold. A function of its own, since compilers
/// find the vector instructions only where nothing else is around.
#[inline(never)]
pub(crate) fn value_fault(value: &[u8]) -> Option<u8> {
    if every(value, is_plain_value) {
        return None;
    }
    value.iter().copied().find(|&octet| !is_value_octet(octet))
}

/// Whether the octets are UTF-8.
#[inline]
pub(crate) fn is_text(octets: &[u8]) -> bool {
    is_plain_text(octets) || core::str::from_utf8(octets).is_ok()
}

/// Whether all octets are ASCII, as almost all text here is.
#[inline(always)]
pub(crate) fn is_plain_text(octets: &[u8]) -> bool {
    every(
        octets,
        #[inline(always)]
        |lanes| is_ascii(*lanes),
    )
}

/// [`name_fault`] for a string that may come in segments.
pub(crate) fn name_fault_across(name: &Str<'_>) -> Option<u8> {
    if let Some(name) = name.as_slice() {
        return name_fault(name);
    }
    name.octets().find(|&octet| !is_token_octet(octet))
}

/// [`value_fault`] for a string that may come in segments.
pub(crate) fn value_fault_across(value: &Str<'_>) -> Option<u8> {
    if let Some(value) = value.as_slice() {
        return value_fault(value);
    }
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

/// Octets judged at once: as many as a vector register of every 64-bit machine holds. The loops
/// over arrays of this size have no branches, so that compilers turn them into a few instructions.
const LANES: usize = 16;

/// Whether all octets are letters, digits or hyphens: most names are nothing else. A function of
/// its own, since compilers find the vector instructions only where nothing else is around.
#[inline(never)]
fn is_plain_name(lanes: &[u8; LANES]) -> bool {
    lanes.iter().fold(0, |other, &octet| {
        let letter = (octet | 0x20).wrapping_sub(b'a') < 26;
        let digit = octet.wrapping_sub(b'0') < 10;
        other | u8::from(!(letter | digit | (octet == b'-')))
    }) == 0
}

/// Whether all octets are neither controls nor HTAB.
#[inline(always)]
fn is_plain_value(lanes: &[u8; LANES]) -> bool {
    lanes.iter().fold(0, |other, &octet| other | u8::from((octet < 0x20) | (octet == 0x7f))) == 0
}

/// Whether all octets are ASCII.
#[inline(always)]
pub(crate) fn is_ascii<const N: usize>(lanes: [u8; N]) -> bool {
    lanes.iter().fold(0, |other, &octet| other | u8::from(octet >= 0x80)) == 0
}

/// Whether `is_plain` holds for all octets, sixteen at a time; the last ones may be seen twice.
#[inline(always)]
fn every(octets: &[u8], is_plain: impl Fn(&[u8; LANES]) -> bool) -> bool {
    let Some(last) = octets.last_chunk::<LANES>() else {
        return octets.is_empty() || is_plain(&spread(octets));
    };
    let (chunks, _) = octets.as_chunks::<LANES>();
    for chunk in chunks {
        if !is_plain(chunk) {
            return false;
        }
    }
    is_plain(last)
}

/// Sixteen octets that are all of one to fifteen, some of them more than once.
#[inline(always)]
fn spread(octets: &[u8]) -> [u8; LANES] {
    let mut lanes = [0; LANES];
    let (low, high) = lanes.split_at_mut(8);
    if let (Some(first), Some(last)) = (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        low.copy_from_slice(first);
        high.copy_from_slice(last);
    } else {
        let word = spread_word(octets);
        low.copy_from_slice(&word);
        high.copy_from_slice(&word);
    }
    lanes
}

/// Eight octets that are all of one to seven, some of them more than once.
#[inline(always)]
fn spread_word(octets: &[u8]) -> [u8; 8] {
    if let (Some(&[a, b, c, d]), Some(&[e, f, g, h])) =
        (octets.first_chunk::<4>(), octets.last_chunk::<4>())
    {
        return [a, b, c, d, e, f, g, h];
    }
    // One to three octets: the first, the middle one and the last are all of them.
    let (first, last) = (octets.first().copied(), octets.last().copied());
    let middle = octets.get(octets.len() / 2).copied();
    let (a, b, c) = (first.unwrap_or(0), middle.unwrap_or(0), last.unwrap_or(0));
    [a, b, c, c, a, b, c, c]
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Each octet at each place of strings of every length around the words' borders.
    #[test]
    fn words_agree_with_single_octets() {
        for len in 1..=36 {
            for at in 0..len {
                for octet in 0..=255u8 {
                    for around in [b'a', b'-', b'Z', b'_'] {
                        let mut octets = vec![around; len];
                        octets[at] = octet;
                        let name = (!is_token_octet(octet)).then_some(octet);
                        assert_eq!(name_fault(&octets), name, "{octets:?}");
                        let value = (!is_value_octet(octet)).then_some(octet);
                        assert_eq!(value_fault(&octets), value, "{octets:?}");
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

    /// One segment for each octet.
    #[test]
    fn segments_are_judged_as_a_whole() {
        let raw = |octets: &[u8]| octets.iter().flat_map(|o| [0x41, *o]).collect::<vec::Vec<_>>();
        let fault = |octets: &[u8]| {
            let raw = raw(octets);
            let string = Str::segmented(&raw, octets.len());
            (name_fault_across(&string), value_fault_across(&string))
        };
        assert_eq!(fault(b"name"), (None, None));
        assert_eq!(fault(b"na me"), (Some(b' '), None));
        assert_eq!(fault(b"na\rme"), (Some(b'\r'), Some(b'\r')));
    }

    /// Neighbouring octets do not disturb the arithmetic of a word.
    #[test]
    fn pairs_of_octets_are_judged_alone() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let mut octets = [b'a'; 16];
                octets[6..8].copy_from_slice(&[a, b]);
                let name = is_token_octet(a) && is_token_octet(b);
                assert_eq!(name_fault(&octets).is_none(), name, "{a} {b}");
                let value = is_value_octet(a) && is_value_octet(b);
                assert_eq!(value_fault(&octets).is_none(), value, "{a} {b}");
            }
        }
    }
}
