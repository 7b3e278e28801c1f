//! Runs of ordinary octets, skipped many at a time.
//!
//! There are two engines: words and tables, which run everywhere, and AVX2, chosen when the
//! processor has it. They answer alike, octet for octet; only their speed differs.

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions; the only such module of this crate")]
pub(crate) mod avx2;

use crate::class::Class;
use crate::index::Span;

/// Finds ends of runs. Indexes asked for never fall within one head, so that an engine can keep
/// what it knows of the octets ahead.
pub(crate) trait Scan {
    /// For a field line that starts at `at`: the index of the first octet that is no token octet,
    /// and of the first one behind that which is a control octet (HTAB and DEL too; it may be
    /// the same one). The length stands for an octet that is not there.
    fn line(&mut self, octets: &[u8], at: usize) -> (usize, usize);
    /// Index of the first octet from `at` on that is not a path octet, or the length. A percent
    /// sign is none.
    fn path_end(&mut self, octets: &[u8], at: usize) -> usize;
    /// Whether there are host octets alone in `host`. A percent sign, a colon and brackets are
    /// none.
    fn is_host(&mut self, octets: &[u8], host: Span) -> bool;
}

/// The engine that runs everywhere.
pub(crate) struct Portable;

impl Scan for Portable {
    #[inline(always)]
    fn line(&mut self, octets: &[u8], at: usize) -> (usize, usize) {
        let name_end = Class::TOKEN.end(octets, at);
        (name_end, value_end(octets, name_end))
    }

    #[inline(always)]
    fn path_end(&mut self, octets: &[u8], at: usize) -> usize {
        Class::PATH.end(octets, at)
    }

    #[inline(always)]
    fn is_host(&mut self, octets: &[u8], host: Span) -> bool {
        Class::HOST.has_all(host.of(octets))
    }
}

/// Index of the first control octet from `at` on, HTAB and DEL too, or the length.
#[inline(always)]
pub(crate) fn value_end(octets: &[u8], at: usize) -> usize {
    let Some(mut rest) = octets.get(at..) else { return at };
    while let Some((block, after)) = rest.split_first_chunk::<32>()
        && has_no_stop(block)
    {
        rest = after;
    }
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let stops = stops(*word);
        if stops != 0 {
            // A borrow can only mark octets behind a real stop: the lowest mark is exact.
            return octets.len() - rest.len() + stops.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    while let [first, after @ ..] = rest
        && *first >= b' '
        && *first != 0x7f
    {
        rest = after;
    }
    octets.len() - rest.len()
}

/// Whether a block has no control octet, HTAB and DEL included. The compiler makes vector
/// instructions of this, on every processor that has some.
#[inline(always)]
pub(crate) fn has_no_stop<const N: usize>(block: &[u8; N]) -> bool {
    !block.iter().fold(false, |any, octet| any | (*octet < b' ') | (*octet == 0x7f))
}

/// A mark in the highest bit of the first control octet of a word, and perhaps of others behind
/// it; none if there is none.
#[inline(always)]
const fn stops(word: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(word);
    let delete = word ^ (ONES * 0x7f);
    (word.wrapping_sub(ONES * 0x20) & !word | delete.wrapping_sub(ONES) & !delete) & HIGHS
}
