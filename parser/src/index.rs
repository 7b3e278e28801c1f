//! Where everything in one head stands: offsets only, so that one index serves many connections.
//!
//! Nothing is cleared between heads but a few counters; entries beyond the count are stale.

use crate::framing::{Framing, Persistence};
use crate::limits::FIELD_COUNT_CAP;
use crate::target::{Authority, Target};

/// A range of octets of the head: its end in the upper half, its start in the lower.
///
/// One word, because what is written in halves and read at once makes the processor wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(u32);

impl Span {
    /// Both ends lie in a head of at most [`HEAD_BYTES_CAP`](crate::HEAD_BYTES_CAP) octets.
    #[inline(always)]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self(u32::from(narrow(end)) << 16 | u32::from(narrow(start)))
    }

    #[inline(always)]
    pub(crate) const fn start(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    #[inline(always)]
    pub(crate) const fn end(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// The octets themselves; none when the span was made for other octets.
    #[inline]
    pub(crate) fn of(self, octets: &[u8]) -> &[u8] {
        octets.get(self.start()..self.end()).unwrap_or(&[])
    }

    pub(crate) const fn offset(self) -> u64 {
        self.start() as u64
    }
}

/// An offset inside a head, which `parse_head` never lets grow beyond 16 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "parse_head cuts its view at HEAD_BYTES_CAP")]
pub(crate) const fn narrow(offset: usize) -> u16 {
    debug_assert!(offset <= crate::limits::HEAD_BYTES_CAP);
    offset as u16
}

/// One field line: where its name and its trimmed value stand. One word, too: the value in the
/// upper half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    #[inline(always)]
    pub(crate) fn new(name: Span, value: Span) -> Self {
        Self(u64::from(value.0) << 32 | u64::from(name.0))
    }

    #[inline(always)]
    pub(crate) const fn name(self) -> Span {
        Span((self.0 & 0xffff_ffff) as u32)
    }

    #[inline(always)]
    pub(crate) const fn value(self) -> Span {
        Span((self.0 >> 32) as u32)
    }
}

/// The lines of one field that decides something: the first of them, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) first: u8,
    /// Stops at 255, which is as many as are refused.
    pub(crate) count: u8,
}

/// The fields that decide something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeenFields {
    pub(crate) host: Seen,
    pub(crate) content_length: Seen,
    pub(crate) transfer_encoding: Seen,
    pub(crate) connection: Seen,
    pub(crate) expect: Seen,
}

impl SeenFields {
    const NONE: Self = {
        const UNSEEN: Seen = Seen { first: 0, count: 0 };
        Self {
            host: UNSEEN,
            content_length: UNSEEN,
            transfer_encoding: UNSEEN,
            connection: UNSEEN,
            expect: UNSEEN,
        }
    };
}

/// Names that the parser itself reads, or that end at this hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Expect,
    /// keep-alive, proxy-connection, te, trailer, upgrade (RFC 9110 §7.6.1).
    OtherHop,
}

/// The version a request is treated as (RFC 9110 §6.2: 1.2 to 1.9 as 1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1 and every later minor version.
    #[default]
    Http11,
}

/// Everything decided about a head that is not a field line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) method: Span,
    pub(crate) target: Target,
    pub(crate) version: Version,
    pub(crate) framing: Framing,
    pub(crate) persistence: Persistence,
    pub(crate) expects_continue: bool,
    /// The effective one: of the target in absolute-form, else of Host.
    pub(crate) authority: Option<Authority>,
    pub(crate) seen: SeenFields,
    /// Field lines in the head.
    pub(crate) count: u16,
    /// Field lines that end at this hop.
    pub(crate) hidden_count: u16,
}

impl Facts {
    /// Offset of the target: one space behind the method.
    pub(crate) const fn target_offset(&self) -> u64 {
        self.method.end() as u64 + 1
    }
}

/// Offsets of everything in one head: scratch memory for [`parse_head`](crate::parse_head).
///
/// It holds no octets and borrows none, so one index can serve every connection of a loop: it
/// describes the head of the last successful call, until the next call. About 2 KiB.
#[derive(Clone, Debug)]
pub struct Index {
    pub(crate) facts: Facts,
    /// One bit per field line that a function does not see. While a head is read in one pass,
    /// the lines whose names are still to be looked at.
    hidden: [u64; FIELD_COUNT_CAP / 64],
    places: [Place; FIELD_COUNT_CAP],
}

impl Index {
    /// An index of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            facts: Facts {
                method: Span(0),
                target: Target::NONE,
                version: Version::Http11,
                framing: Framing::None,
                persistence: Persistence::Close,
                expects_continue: false,
                authority: None,
                seen: SeenFields::NONE,
                count: 0,
                hidden_count: 0,
            },
            hidden: [0; FIELD_COUNT_CAP / 64],
            places: [Place(0); FIELD_COUNT_CAP],
        }
    }

    /// Forgets the field lines of the head before.
    #[inline]
    pub(crate) fn begin_fields(&mut self) {
        self.facts.seen = SeenFields::NONE;
        self.facts.count = 0;
        self.facts.hidden_count = 0;
        self.hidden = [0; FIELD_COUNT_CAP / 64];
    }

    /// Writes field line `at` down; `false` when there is no room for it.
    #[inline(always)]
    pub(crate) fn put(&mut self, at: usize, place: Place) -> bool {
        self.places.get_mut(at).map(|slot| *slot = place).is_some()
    }

    /// Marks field line `at` for [`Self::note_marked`].
    #[inline(always)]
    pub(crate) fn mark(&mut self, at: usize) {
        if let Some(word) = self.hidden.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// Looks at the names of the marked lines; what stays marked is hidden.
    #[inline]
    pub(crate) fn note_marked(&mut self, octets: &[u8]) {
        let marks = core::mem::take(&mut self.hidden);
        for (at, mark) in (0u16..).step_by(64).zip(marks) {
            let mut mark = mark;
            while mark != 0 {
                let at = at + mark.trailing_zeros() as u16;
                self.note_known(octets, self.place(at), at);
                mark &= mark - 1;
            }
        }
    }

    /// Takes one more field line down; `false` when there is no room, which the limits exclude.
    pub(crate) fn note(&mut self, octets: &[u8], place: Place) -> bool {
        let at = self.facts.count;
        if !self.put(usize::from(at), place) {
            return false;
        }
        self.facts.count = at + 1;
        self.note_known(octets, place, at);
        true
    }

    /// Remembers field line `at` if the parser itself reads it, or if it ends here.
    pub(crate) fn note_known(&mut self, octets: &[u8], place: Place, at: u16) {
        let Some(known) = Known::of(place.name().of(octets)) else { return };
        let seen = match known {
            Known::OtherHop => return self.hide(at),
            Known::Host => &mut self.facts.seen.host,
            Known::ContentLength => &mut self.facts.seen.content_length,
            Known::Expect => &mut self.facts.seen.expect,
            Known::TransferEncoding => &mut self.facts.seen.transfer_encoding,
            Known::Connection => &mut self.facts.seen.connection,
        };
        if seen.count == 0 {
            seen.first = (at & 0xff) as u8;
        }
        seen.count = seen.count.saturating_add(1);
        if matches!(known, Known::TransferEncoding | Known::Connection) {
            self.hide(at);
        }
    }

    /// Keeps field line `at` from functions.
    pub(crate) fn hide(&mut self, at: u16) {
        let Some(word) = self.hidden.get_mut(usize::from(at) / 64) else { return };
        let bit = 1 << (at % 64);
        self.facts.hidden_count += u16::from(*word & bit == 0);
        *word |= bit;
    }

    #[inline]
    pub(crate) fn is_hidden(&self, at: u16) -> bool {
        self.hidden.get(usize::from(at) / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }

    #[inline]
    pub(crate) fn place(&self, at: u16) -> Place {
        self.places.get(usize::from(at)).copied().unwrap_or_default()
    }

    /// The field lines in use.
    #[inline]
    pub(crate) fn places(&self) -> &[Place] {
        self.places.get(..usize::from(self.facts.count)).unwrap_or(&[])
    }

    /// The value of the first line of a field.
    pub(crate) fn first(&self, seen: Seen) -> Place {
        self.place(u16::from(seen.first))
    }

    /// The lines named `name` (lower case), from the first one seen on.
    pub(crate) fn lines<'i>(
        &'i self,
        octets: &'i [u8],
        seen: Seen,
        name: &'i [u8],
    ) -> impl Iterator<Item = Place> + 'i {
        self.places()
            .iter()
            .skip(usize::from(seen.first))
            .filter(move |place| place.name().of(octets).eq_ignore_ascii_case(name))
            .take(usize::from(seen.count))
            .copied()
    }

    /// Whether two indexes describe the same head; stale entries do not count.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.facts == other.facts && self.hidden == other.hidden && self.places() == other.places()
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

/// For each length, the first letters of the known names: bit `n` is the `n`th of the alphabet.
const KNOWN_LETTERS: [u32; 18] = {
    let mut letters = [0; 18];
    let mut at = 0;
    while at < KNOWN_NAMES.len() {
        let name = KNOWN_NAMES[at];
        letters[name.len()] |= 1 << (name[0] & 31);
        at += 1;
    }
    letters
};

const KNOWN_NAMES: [&[u8]; 10] = [
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"connection",
    b"expect",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"upgrade",
];

impl Known {
    /// Dismisses nearly all other names by their length and their first octet.
    #[inline(always)]
    pub(crate) fn is_likely(first: u8, length: usize) -> bool {
        KNOWN_LETTERS.get(length).is_some_and(|letters| letters >> (first & 31) & 1 != 0)
    }

    /// Recognises a name of token octets, whatever its case (RFC 9110 §5.1).
    ///
    /// Setting bit 5 of every octet turns upper case into lower case and no other token octet
    /// into a letter or a hyphen, so whole words can be compared.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        let found = match name.len() {
            2 => (name.eq_ignore_ascii_case(b"te"), Self::OtherHop),
            4 => (quad(name, 0) == quad(b"host", 0), Self::Host),
            6 => (both_quads(name, b"expect"), Self::Expect),
            7 => {
                let hop = both_quads(name, b"upgrade") || both_quads(name, b"trailer");
                (hop, Self::OtherHop)
            }
            10 if both_octads(name, b"connection") => (true, Self::Connection),
            10 => (both_octads(name, b"keep-alive"), Self::OtherHop),
            14 => (both_octads(name, b"content-length"), Self::ContentLength),
            16 => (both_octads(name, b"proxy-connection"), Self::OtherHop),
            17 => {
                let same = both_octads(name, b"transfer-encoding");
                (same && name.get(8).is_some_and(|o| o | 0x20 == b'-'), Self::TransferEncoding)
            }
            _ => return None,
        };
        found.0.then_some(found.1)
    }
}

/// Four octets from `at` on, in lower case.
#[inline(always)]
fn quad(name: &[u8], at: usize) -> u32 {
    let octets = name.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    u32::from_le_bytes(octets) | 0x2020_2020
}

/// Eight octets from `at` on, in lower case.
#[inline(always)]
fn octad(name: &[u8], at: usize) -> u64 {
    let octets = name.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    u64::from_le_bytes(octets) | 0x2020_2020_2020_2020
}

/// Compares names of the same length, 4 to 8 octets, by their two ends.
#[inline(always)]
fn both_quads(name: &[u8], known: &[u8]) -> bool {
    let last = known.len() - 4;
    quad(name, 0) == quad(known, 0) && quad(name, last) == quad(known, last)
}

/// Compares the first and the last eight octets of names of the same length.
#[inline(always)]
fn both_octads(name: &[u8], known: &[u8]) -> bool {
    let last = known.len() - 8;
    octad(name, 0) == octad(known, 0) && octad(name, last) == octad(known, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(&[u8], Known); 10] = [
        (b"host", Known::Host),
        (b"content-length", Known::ContentLength),
        (b"transfer-encoding", Known::TransferEncoding),
        (b"connection", Known::Connection),
        (b"expect", Known::Expect),
        (b"keep-alive", Known::OtherHop),
        (b"proxy-connection", Known::OtherHop),
        (b"te", Known::OtherHop),
        (b"trailer", Known::OtherHop),
        (b"upgrade", Known::OtherHop),
    ];

    #[test]
    fn known_names_are_found_in_any_case() {
        for (name, known) in NAMES {
            assert_eq!(Known::of(name), Some(known));
            let upper = name.to_ascii_uppercase();
            assert_eq!(Known::of(&upper), Some(known));
            assert!(Known::is_likely(upper[0], upper.len()));
            assert!(Known::is_likely(name[0], name.len()));
        }
    }

    #[test]
    fn a_name_that_differs_in_one_octet_is_another_name() {
        for (name, _) in NAMES {
            for at in 0..name.len() {
                for octet in (0..=u8::MAX).filter(|o| crate::class::Class::TOKEN.has(*o)) {
                    let mut other = name.to_vec();
                    other[at] = octet;
                    let same = name.eq_ignore_ascii_case(&other);
                    assert_eq!(Known::of(&other).is_some(), same, "{:?}", other);
                }
            }
        }
    }

    #[test]
    fn hiding_a_line_twice_counts_once() {
        let mut index = Index::new();
        index.hide(70);
        index.hide(70);
        assert_eq!(index.facts.hidden_count, 1);
        assert!(index.is_hidden(70) && !index.is_hidden(6));
    }
}
