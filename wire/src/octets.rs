//! A string of an envelope: borrowed from it, in one piece or in segments, never copied.

use alloc::vec::Vec;

use crate::item::{BYTES, INDEFINITE, TEXT};
use crate::reader::Reader;

/// The octets of one byte or text string, borrowed from the envelope. A string of indefinite
/// length with more than one segment that is not empty has no single slice; every other one has.
#[derive(Clone, Copy)]
pub struct Str<'b> {
    /// The content, or the segments with their heads, without the final break.
    raw: &'b [u8],
    /// Octets of content. Segments have heads, so `raw` is longer if and only if it holds them.
    len: usize,
}

impl<'b> Str<'b> {
    /// No octets.
    pub(crate) const EMPTY: Str<'static> = Str { raw: &[], len: 0 };

    #[inline]
    pub(crate) const fn whole(octets: &'b [u8]) -> Self {
        Str { raw: octets, len: octets.len() }
    }

    pub(crate) const fn segmented(raw: &'b [u8], len: usize) -> Self {
        Str { raw, len }
    }

    #[inline]
    const fn is_segmented(&self) -> bool {
        self.raw.len() != self.len
    }

    /// Octets in the string.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the string has no octets.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The string in one piece, if the envelope holds it so. Rust, C and most other encoders
    /// write strings whole, so this is the usual case.
    #[inline]
    pub const fn as_slice(&self) -> Option<&'b [u8]> {
        if self.is_segmented() { None } else { Some(self.raw) }
    }

    /// The string's pieces in order; their lengths add up to [`len`](Self::len).
    #[inline]
    pub const fn segments(&self) -> Segments<'b> {
        Segments { raw: self.raw, segmented: self.is_segmented() }
    }

    /// Copies the string into a vector of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.len);
        for segment in self.segments() {
            octets.extend_from_slice(segment);
        }
        octets
    }

    /// All octets, across the borders of segments.
    pub(crate) fn octets(&self) -> impl Iterator<Item = u8> + 'b {
        self.segments().flatten().copied()
    }
}

impl PartialEq<[u8]> for Str<'_> {
    #[inline]
    fn eq(&self, other: &[u8]) -> bool {
        match self.as_slice() {
            Some(octets) => octets == other,
            None => self.len == other.len() && self.octets().eq(other.iter().copied()),
        }
    }
}

impl PartialEq for Str<'_> {
    fn eq(&self, other: &Str<'_>) -> bool {
        self.len == other.len && self.octets().eq(other.octets())
    }
}

impl Eq for Str<'_> {}

impl core::fmt::Debug for Str<'_> {
    /// Writes the octets as a byte string literal, whatever pieces they come in.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("b\"")?;
        for segment in self.segments() {
            write!(f, "{}", segment.escape_ascii())?;
        }
        f.write_str("\"")
    }
}

/// The pieces of a [`Str`]. Segments that hold nothing are left out.
#[derive(Debug, Clone)]
pub struct Segments<'b> {
    raw: &'b [u8],
    segmented: bool,
}

impl<'b> Iterator for Segments<'b> {
    type Item = &'b [u8];

    #[inline]
    fn next(&mut self) -> Option<&'b [u8]> {
        if self.segmented {
            return next_segment(&mut self.raw);
        }
        if self.raw.is_empty() { None } else { Some(core::mem::take(&mut self.raw)) }
    }
}

/// The next segment that is not empty. The segments were checked when the string was read.
fn next_segment<'b>(raw: &mut &'b [u8]) -> Option<&'b [u8]> {
    let mut reader = Reader::new(raw, 0);
    loop {
        let item = reader.item().ok()?;
        if !matches!(item.major, BYTES | TEXT) || item.info == INDEFINITE {
            return None;
        }
        let segment = reader.take(&item).ok()?;
        *raw = reader.rest();
        if !segment.is_empty() {
            return Some(segment);
        }
    }
}
