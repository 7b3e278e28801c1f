//! Runs of ordinary octets, skipped many at a time.
//!
//! An engine may stop early at an octet that would have been allowed; it never skips one that is
//! not. Callers look at the octet it stopped at, so an engine decides speed and nothing else.

use crate::class::Class;

/// Ways to skip runs of ordinary octets. Each takes an index and returns one not before it and
/// not beyond the length.
pub(crate) trait Engine {
    /// Skips octets of field values; stops at every control octet, HTAB too, and at DEL.
    fn value(octets: &[u8], at: usize) -> usize;
    /// Skips token octets.
    fn token(octets: &[u8], at: usize) -> usize;
    /// Skips octets of paths other than the percent sign.
    fn path(octets: &[u8], at: usize) -> usize;
}

/// The engine that runs everywhere: words of eight octets and tables.
pub(crate) struct Portable;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

impl Engine for Portable {
    #[inline(always)]
    fn value(octets: &[u8], at: usize) -> usize {
        let mut at = at;
        while let Some(block) = octets.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*block);
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let delete = word ^ (ONES * 0x7f);
            let stops = (control | delete.wrapping_sub(ONES) & !delete) & HIGHS;
            if stops != 0 {
                // A borrow can only mark octets behind a real stop: the lowest mark is exact.
                return at + stops.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        while octets.get(at).is_some_and(|octet| *octet >= b' ' && *octet != 0x7f) {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn token(octets: &[u8], at: usize) -> usize {
        Class::TOKEN.end(octets, at)
    }

    #[inline(always)]
    fn path(octets: &[u8], at: usize) -> usize {
        Class::PATH.end(octets, at)
    }
}
