//! The head of a CBOR item: its first octet and its argument (RFC 8949 §3), written shortest.

use alloc::vec::Vec;

pub(crate) const UNSIGNED: u8 = 0;
pub(crate) const BYTES: u8 = 2;
pub(crate) const TEXT: u8 = 3;
pub(crate) const ARRAY: u8 = 4;
pub(crate) const MAP: u8 = 5;
pub(crate) const TAG: u8 = 6;
pub(crate) const SIMPLE: u8 = 7;

/// First octet of an unsigned integer whose value fits beside it.
pub(crate) const LEAD_UNSIGNED: u8 = UNSIGNED << 5;
/// First octet of an empty byte string; others add their length or its width.
pub(crate) const LEAD_BYTES: u8 = BYTES << 5;
/// First octet of an empty text string.
pub(crate) const LEAD_TEXT: u8 = TEXT << 5;
/// First octet of an empty array.
pub(crate) const LEAD_ARRAY: u8 = ARRAY << 5;
pub(crate) const NULL: u8 = 0xf6;
pub(crate) const FALSE: u8 = 0xf4;
pub(crate) const TRUE: u8 = 0xf5;
pub(crate) const BREAK: u8 = 0xff;

/// Additional information: the argument follows in 1, 2, 4 or 8 octets.
pub(crate) const ONE: u8 = 24;
pub(crate) const TWO: u8 = 25;
pub(crate) const FOUR: u8 = 26;
pub(crate) const EIGHT: u8 = 27;
/// Additional information: the length is indefinite.
pub(crate) const INDEFINITE: u8 = 31;
/// Octets of the longest item head.
pub(crate) const HEAD_BYTES_MAX: usize = 9;

/// Octets of the shortest head with this argument.
#[inline]
pub(crate) const fn head_len(argument: u64) -> usize {
    match argument {
        0..=0x17 => 1,
        0x18..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => HEAD_BYTES_MAX,
    }
}

/// The shortest head with this argument: the octets and how many of them count.
// RFC 8949 §4.2.1
#[inline]
pub(crate) fn head(lead: u8, argument: u64) -> ([u8; HEAD_BYTES_MAX], usize) {
    let [a, b, c, d, e, f, g, h] = argument.to_be_bytes();
    match argument {
        0..=0x17 => ([lead | h, 0, 0, 0, 0, 0, 0, 0, 0], 1),
        0x18..=0xff => ([lead | ONE, h, 0, 0, 0, 0, 0, 0, 0], 2),
        0x100..=0xffff => ([lead | TWO, g, h, 0, 0, 0, 0, 0, 0], 3),
        0x1_0000..=0xffff_ffff => ([lead | FOUR, e, f, g, h, 0, 0, 0, 0], 5),
        _ => ([lead | EIGHT, a, b, c, d, e, f, g, h], HEAD_BYTES_MAX),
    }
}

/// Appends the shortest head with this argument.
#[inline]
pub(crate) fn put_head(buf: &mut Vec<u8>, lead: u8, argument: u64) {
    let [a, b, c, d, e, f, g, h] = argument.to_be_bytes();
    match argument {
        0..=0x17 => buf.push(lead | h),
        0x18..=0xff => buf.extend_from_slice(&[lead | ONE, h]),
        0x100..=0xffff => buf.extend_from_slice(&[lead | TWO, g, h]),
        0x1_0000..=0xffff_ffff => buf.extend_from_slice(&[lead | FOUR, e, f, g, h]),
        _ => buf.extend_from_slice(&[lead | EIGHT, a, b, c, d, e, f, g, h]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments on both sides of every width.
    const EDGES: [u64; 10] =
        [0, 0x17, 0x18, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX];

    #[test]
    fn heads_are_shortest_and_agree() {
        for argument in EDGES {
            let mut buf = Vec::new();
            put_head(&mut buf, LEAD_BYTES, argument);
            let (octets, len) = head(LEAD_BYTES, argument);
            assert_eq!(buf, octets[..len]);
            assert_eq!(len, head_len(argument));
            let mut oracle = Vec::new();
            minicbor::Encoder::new(&mut oracle).u64(argument).unwrap();
            oracle[0] |= LEAD_BYTES;
            assert_eq!(buf, oracle);
        }
    }
}
