//! Where everything in one head stands: offsets only, so that one index serves many connections.
//!
//! Nothing is cleared between heads but a few counters; entries beyond the count are stale.

use crate::framing::{Framing, Persistence};
use crate::limits::{FIELD_COUNT_CAP, HEAD_BYTES_CAP};
use crate::target::{Authority, Target};

/// A range of octets of the head: its end in the upper half, its start in the lower.
///
/// One word, because what is written in halves and read at once makes the processor wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(u32);

impl Span {
    /// Both ends lie in a head of at most [`HEAD_BYTES_CAP`](crate::HEAD_BYTES_CAP) octets.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "parse_head cuts its view to 16 bits")]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= HEAD_BYTES_CAP);
        Self((end as u32) << 16 | start as u32)
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
        match octets.get(self.start()..self.end()) {
            Some(octets) => octets,
            None => no_octets(),
        }
    }

    pub(crate) const fn offset(self) -> u64 {
        self.start() as u64
    }
}

/// What a span stands for among other octets than its own. A call, so that the processor is not
/// asked to choose where there is nothing to choose.
#[cold]
#[inline(never)]
const fn no_octets() -> &'static [u8] {
    &[]
}

/// An offset inside a head, which `parse_head` never lets grow beyond 16 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "parse_head cuts its view at HEAD_BYTES_CAP")]
pub(crate) const fn narrow(offset: usize) -> u16 {
    debug_assert!(offset <= HEAD_BYTES_CAP);
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

    /// A line with one space behind its colon and none before its end: the colon stands in two of
    /// the four places, which one multiplication fills.
    #[inline(always)]
    pub(crate) fn usual(line: usize, colon: usize, end: usize) -> Self {
        let place = Self(
            (end as u64) << 48
                | ((colon as u64).wrapping_mul(1 << 32 | 1 << 16)).wrapping_add(2 << 32)
                | line as u64,
        );
        debug_assert_eq!(place, Self::new(Span::new(line, colon), Span::new(colon + 2, end)));
        place
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

impl Seen {
    /// One more line, `at` in the order of lines; the first one's place fits, as all do.
    #[inline]
    fn add(&mut self, at: u16) {
        if self.count == 0 {
            self.first = (at & 0xff) as u8;
        }
        self.count = self.count.saturating_add(1);
    }
}

/// The fields that decide something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeenFields {
    pub(crate) host: Seen,
    pub(crate) content_length: Seen,
    pub(crate) transfer_encoding: Seen,
    pub(crate) connection: Seen,
    pub(crate) expect: Seen,
    /// Whether there are lines of any of these but Host.
    pub(crate) others: bool,
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
            others: false,
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
    /// The effective one: of the target in absolute-form, else of Host. Before it is decided:
    /// that of Host, if it was read already.
    pub(crate) authority: Option<Authority>,
    pub(crate) seen: SeenFields,
    /// Field lines in the head.
    pub(crate) count: u16,
    /// Field lines that end at this hop.
    pub(crate) hidden_count: u16,
}

impl Facts {
    /// Whether nothing in the head decides anything but one plain Host line, as in most heads.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.seen.host.count == 1
            && !self.seen.others
            && self.authority.is_some()
            && self.target.authority.is_none()
            && self.target.refusal.is_none()
            && self.version == Version::Http11
    }

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
    /// One bit per field line that a function does not see.
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
        self.facts.authority = None;
        self.facts.count = 0;
        self.facts.hidden_count = 0;
        self.hidden = [0; FIELD_COUNT_CAP / 64];
    }

    /// Writes field line `at` down; `false` when there is no room for it.
    #[inline(always)]
    pub(crate) fn put(&mut self, at: usize, place: Place) -> bool {
        self.places.get_mut(at).map(|slot| *slot = place).is_some()
    }

    /// Looks at the names of the lines marked in `marks`, bit `n` for line `n`, in their order.
    #[inline]
    pub(crate) fn note_marked(&mut self, octets: &[u8], marks: u64) {
        let mut marks = marks;
        while marks != 0 {
            let at = narrow(marks.trailing_zeros() as usize);
            self.note_known(octets, self.place(at), at);
            marks &= marks - 1;
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
    #[inline]
    pub(crate) fn note_known(&mut self, octets: &[u8], place: Place, at: u16) {
        let name = place.name().of(octets);
        if !is(name, b"host") {
            return self.note_other(name, at);
        }
        // The one line that every head has.
        self.facts.seen.host.add(at);
    }

    #[inline(never)]
    fn note_other(&mut self, name: &[u8], at: u16) {
        let seen = &mut self.facts.seen;
        let known = Known::of(name);
        seen.others |= !matches!(known, None | Some(Known::Host | Known::OtherHop));
        match known {
            None => {}
            Some(Known::Host) => seen.host.add(at),
            Some(Known::ContentLength) => seen.content_length.add(at),
            Some(Known::Expect) => seen.expect.add(at),
            Some(Known::TransferEncoding) => {
                seen.transfer_encoding.add(at);
                self.hide(at);
            }
            Some(Known::Connection) => {
                seen.connection.add(at);
                self.hide(at);
            }
            Some(Known::OtherHop) => self.hide(at),
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
/// An empty name is likely too, so that those who look closer find it.
const KNOWN_LETTERS: [u32; 18] = {
    let mut letters = [0; 18];
    let mut at = 0;
    while at < KNOWN_NAMES.len() {
        let name = KNOWN_NAMES[at];
        letters[name.len()] |= 1 << (name[0] & 31);
        at += 1;
    }
    letters[0] = u32::MAX;
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
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        let (same, known) = match name.len() {
            2 => (is(name, b"te"), Self::OtherHop),
            4 => (is(name, b"host"), Self::Host),
            6 => (is(name, b"expect"), Self::Expect),
            7 => (is(name, b"upgrade") || is(name, b"trailer"), Self::OtherHop),
            10 if is(name, b"connection") => (true, Self::Connection),
            10 => (is(name, b"keep-alive"), Self::OtherHop),
            14 => (is(name, b"content-length"), Self::ContentLength),
            16 => (is(name, b"proxy-connection"), Self::OtherHop),
            17 => (is(name, b"transfer-encoding"), Self::TransferEncoding),
            _ => return None,
        };
        same.then_some(known)
    }
}

/// Whether `text` is `lower`, a row of lower-case letters and hyphens, in any case. `text` holds
/// token octets only: setting bit 5 makes letters of letters and a hyphen of nothing else, so
/// that whole words are compared.
#[inline(always)]
pub(crate) fn is<const N: usize>(text: &[u8], lower: &[u8; N]) -> bool {
    let Ok(text) = <&[u8; N]>::try_from(text) else { return false };
    let mut difference = 0;
    let mut at = 0;
    while at + 8 <= N {
        difference |= octad(text, at) ^ octad(lower, at);
        at += 8;
    }
    if at < N && N >= 8 {
        difference |= octad(text, N - 8) ^ octad(lower, N - 8);
    } else {
        while at < N {
            difference |= u64::from((text[at] | 0x20) ^ lower[at]);
            at += 1;
        }
    }
    difference == 0
}

/// The eight octets from `at` on, in lower case.
#[inline(always)]
fn octad<const N: usize>(text: &[u8; N], at: usize) -> u64 {
    let octets = text.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    u64::from_le_bytes(octets) | 0x2020_2020_2020_2020
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
