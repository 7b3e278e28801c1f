//! Names and values judged sixteen octets at a time: a yes that costs a few instructions, and no
//! answer otherwise.
//!
//! Nearly all names are letters, digits and hyphens, and nearly all values have no controls. What
//! is anything else is left to the table ([`crate::class`]), octet by octet.

/// Octets judged at once: as many as a vector register of every 64-bit machine holds.
const LANES: usize = 16;

/// Whether all octets are letters, digits or hyphens, which are token octets.
#[inline]
pub(crate) fn is_plain_name(name: &[u8]) -> bool {
    every(name, are_in_plain_names)
}

/// Whether no octet is a control, HTAB included.
#[inline]
pub(crate) fn is_plain_value(value: &[u8]) -> bool {
    every(value, are_in_plain_values)
}

// The two below are functions of their own and have no branches: compilers make vector
// instructions of that, and lose sight of them among other things.

#[inline(never)]
fn are_in_plain_names(lanes: &[u8; LANES]) -> bool {
    lanes.iter().fold(0, |other, &octet| {
        let letter = (octet | 0x20).wrapping_sub(b'a') < 26;
        let digit = octet.wrapping_sub(b'0') < 10;
        other | u8::from(!(letter | digit | (octet == b'-')))
    }) == 0
}

#[inline(never)]
fn are_in_plain_values(lanes: &[u8; LANES]) -> bool {
    lanes.iter().fold(0, |other, &octet| other | u8::from((octet < 0x20) | (octet == 0x7f))) == 0
}

/// Whether `is_plain` holds for all octets; some may be seen twice.
#[inline(always)]
fn every(octets: &[u8], is_plain: fn(&[u8; LANES]) -> bool) -> bool {
    let Some(last) = octets.last_chunk::<LANES>() else {
        return octets.is_empty() || is_plain(&spread(octets));
    };
    let (chunks, _) = octets.as_chunks::<LANES>();
    for chunk in chunks {
        if !is_plain(chunk) {
            return false;
        }
    }
    octets.len().is_multiple_of(LANES) || is_plain(last)
}

/// Sixteen octets that are all of one to fifteen, some of them more than once.
#[inline(always)]
fn spread(octets: &[u8]) -> [u8; LANES] {
    let (low, high) = match (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => {
            let word = spread_word(octets);
            (word, word)
        }
    };
    (u128::from(u64::from_ne_bytes(low)) << 64 | u128::from(u64::from_ne_bytes(high))).to_ne_bytes()
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
    use crate::class::Class;
    use std::vec;

    /// Each octet at each place of strings of every length around the lanes' borders.
    #[test]
    fn a_yes_is_what_the_table_says_and_usual_octets_get_it() {
        for len in 1..=50 {
            for at in 0..len {
                for octet in 0..=u8::MAX {
                    let mut octets = vec![b'a'; len];
                    octets[at] = octet;
                    let name = octet.is_ascii_alphanumeric() || octet == b'-';
                    assert_eq!(is_plain_name(&octets), name, "{octets:?}");
                    assert!(!name || Class::TOKEN.has(octet));
                    let value = Class::VALUE.has(octet) && octet != b'\t';
                    assert_eq!(is_plain_value(&octets), value, "{octets:?}");
                }
            }
        }
        assert!(is_plain_name(b"") && is_plain_value(b""));
    }
}
