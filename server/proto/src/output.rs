//! Promised octets: backlog, head, frozen tail, content; and how many of them are gone.
//!
//! Whatever has been promised never changes. The tail of a head (date and connection options) is
//! written into the outbox when the reply is staged, because by the time it leaves, facts it states
//! may have changed. Small replies to pipelined requests are moved to the backlog, so that all that
//! are ready leave in one gather write.

use alloc::vec::Vec;

use fezz_parser::{Ending, Octets, TAIL_BYTES_MAX, write_tail};

/// Octets of content that are moved aside for the tail of their head.
const CONTENT_BYTES_MOVED_MAX: usize = 1_024;
/// Octets of backlog memory that a connection keeps for its next burst.
const BACKLOG_BYTES_KEPT: usize = 4 * 1024;
/// Octets of field lines that all replies of a secured connection may have in common.
pub const SECURED_FIELDS_BYTES_MAX: usize = 96;

/// A reply as the driver hands it over: status line, field lines and framing in
/// `octets[..head_bytes]`, without date, connection options and the empty line, which the core
/// adds; content behind it.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// Head octets, then content octets. The buffer comes back through the hub's pool.
    pub octets: Vec<u8>,
    /// Where the content begins.
    pub head_bytes: u32,
    /// The status that the head states.
    pub status: u16,
}

/// Where the octets of the current reply come from.
#[derive(Debug, Default)]
pub(crate) enum Source {
    #[default]
    Nothing,
    Owned(Vec<u8>),
    Fixed(&'static [u8]),
}

impl Source {
    fn octets(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Owned(octets) => octets,
            Self::Fixed(octets) => octets,
        }
    }

    /// The same with more field lines at the end of its head.
    #[cold]
    pub(crate) fn with_fields(self, head_bytes: usize, fields: &[u8]) -> Self {
        let mut octets = match self {
            Self::Nothing => return self,
            Self::Owned(octets) => octets,
            Self::Fixed(octets) => octets.to_vec(),
        };
        debug_assert!(head_bytes <= octets.len(), "a head longer than its reply");
        let at = head_bytes.min(octets.len());
        octets.splice(at..at, fields.iter().copied());
        Self::Owned(octets)
    }
}

/// A reply that is about to be promised.
#[derive(Debug)]
pub(crate) struct Said<'t> {
    pub(crate) source: Source,
    pub(crate) head_bytes: usize,
    /// False for HEAD (RFC 9110 §9.3.2).
    pub(crate) with_content: bool,
    /// What the head ends with.
    pub(crate) tail: &'t [u8],
}

impl Said<'_> {
    /// Head without its tail, and the content that is sent.
    fn parts(&self) -> (&[u8], &[u8]) {
        let octets = self.source.octets();
        let (head, content) = octets.split_at_checked(self.head_bytes).unwrap_or((octets, &[]));
        (head, if self.with_content { content } else { &[] })
    }

    /// The number of octets that are sent.
    pub(crate) fn bytes(&self) -> u64 {
        let (head, content) = self.parts();
        (head.len() + self.tail.len() + content.len()) as u64
    }
}

/// What is to be sent, in order: backlog, head, tail, content.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    backlog: Vec<u8>,
    source: Source,
    head_bytes: u32,
    content_bytes: u32,
    /// Octets gone of everything above.
    gone: u64,
    tail: Tail,
}

#[derive(Clone, Copy, Debug)]
struct Tail {
    octets: [u8; TAIL_BYTES_ROOM],
    filled: u8,
}

const TAIL_BYTES_ROOM: usize = SECURED_FIELDS_BYTES_MAX + TAIL_BYTES_MAX;
const _: () = assert!(TAIL_BYTES_ROOM <= u8::MAX as usize);

impl Default for Tail {
    fn default() -> Self {
        Self { octets: [0; TAIL_BYTES_ROOM], filled: 0 }
    }
}

impl Octets for Tail {
    fn put(&mut self, octets: &[u8]) {
        let start = usize::from(self.filled);
        if let Some(room) = self.octets.get_mut(start..start + octets.len()) {
            room.copy_from_slice(octets);
            self.filled += u8::try_from(octets.len()).unwrap_or(0);
        } else {
            debug_assert!(false, "TAIL_BYTES_ROOM is too small");
        }
    }
}

impl Tail {
    fn filled(&self) -> &[u8] {
        self.octets.get(..usize::from(self.filled)).unwrap_or_default()
    }
}

/// The tails that heads end with at present: written when the date changes, not for each reply.
#[derive(Debug)]
pub(crate) struct Tails {
    date: [u8; 29],
    /// What those of secured connections begin with.
    secured_fields: Vec<u8>,
    /// Three of plain connections, three of secured ones.
    written: [Tail; 6],
}

/// The endings, in the order in which they are written.
const ENDINGS: [Ending; 3] = [Ending::KeepAlive, Ending::KeepAliveExplicit, Ending::Close];

impl Tails {
    pub(crate) fn new(date: [u8; 29]) -> Self {
        let mut tails = Self {
            date,
            secured_fields: Vec::new(),
            written: [Tail::default(); ENDINGS.len() * 2],
        };
        tails.write();
        tails
    }

    pub(crate) fn set_date(&mut self, date: [u8; 29]) {
        self.date = date;
        self.write();
    }

    pub(crate) fn set_secured_fields(&mut self, lines: &[u8]) {
        self.secured_fields = lines.to_vec();
        self.write();
    }

    fn write(&mut self) {
        let (plain, secured) = self.written.split_at_mut(ENDINGS.len());
        for (tails, fields) in [(plain, &[][..]), (secured, self.secured_fields.as_slice())] {
            for (tail, ending) in tails.iter_mut().zip(ENDINGS) {
                tail.filled = 0;
                tail.put(fields);
                write_tail(tail, &self.date, ending);
            }
        }
    }

    /// What a head ends with.
    #[inline]
    pub(crate) fn get(&self, secured: bool, ending: Ending) -> &[u8] {
        let place = match ending {
            Ending::KeepAlive => 0,
            Ending::KeepAliveExplicit => 1,
            Ending::Close => 2,
        };
        let place = if secured { place + ENDINGS.len() } else { place };
        self.written.get(place).map_or(&[], Tail::filled)
    }
}

impl Outbox {
    /// Octets that are promised and not sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// Whether a reply is staged (sent or not).
    pub(crate) const fn is_staged(&self) -> bool {
        !matches!(self.source, Source::Nothing)
    }

    /// The number of octets promised and not sent.
    pub(crate) fn left(&self) -> u64 {
        self.backlog.len() as u64 + self.staged_bytes() - self.gone
    }

    /// The number of octets staged.
    fn staged_bytes(&self) -> u64 {
        u64::from(self.head_bytes) + u64::from(self.tail.filled) + u64::from(self.content_bytes)
    }

    /// A reply becomes the outbox; its tail is frozen here.
    #[inline]
    pub(crate) fn stage(&mut self, reply: Said<'_>) {
        debug_assert!(!self.is_staged(), "a reply is leaving already");
        let Said { source, head_bytes, with_content, tail } = reply;
        debug_assert!(head_bytes <= source.octets().len(), "a head longer than its reply");
        let head_bytes = head_bytes.min(source.octets().len());
        let content = source.octets().len() - head_bytes;
        self.source = source;
        self.tail.filled = 0;
        if let Source::Owned(octets) = &mut self.source
            && content <= CONTENT_BYTES_MOVED_MAX
        {
            join(octets, head_bytes, tail);
            let content = if with_content { content } else { 0 };
            let all = head_bytes + tail.len() + content;
            self.head_bytes = u32::try_from(all).unwrap_or(u32::MAX);
            self.content_bytes = 0;
            return;
        }
        self.tail.put(tail);
        self.head_bytes = u32::try_from(head_bytes).unwrap_or(u32::MAX);
        self.content_bytes =
            if with_content { u32::try_from(content).unwrap_or(u32::MAX) } else { 0 };
    }

    /// Octets that stand alone before the next reply: the interim response.
    pub(crate) fn promise(&mut self, octets: &[u8]) {
        debug_assert!(!self.is_staged());
        self.backlog.extend_from_slice(octets);
    }

    /// A reply is promised behind the backlog, where it waits for company; its buffer is for the
    /// pool.
    pub(crate) fn gather(&mut self, reply: Said<'_>) -> Option<Vec<u8>> {
        debug_assert!(!self.is_staged(), "a reply is leaving already");
        let (head, content) = reply.parts();
        self.backlog.reserve(head.len() + reply.tail.len() + content.len());
        self.backlog.extend_from_slice(head);
        self.backlog.extend_from_slice(reply.tail);
        self.backlog.extend_from_slice(content);
        match reply.source {
            Source::Owned(buffer) => Some(buffer),
            Source::Nothing | Source::Fixed(_) => None,
        }
    }

    /// Whether a reply fits behind the backlog.
    pub(crate) fn can_gather(&self, reply: &Said<'_>, backlog_bytes_max: u32) -> bool {
        self.backlog.len() as u64 + reply.bytes() <= u64::from(backlog_bytes_max)
    }

    /// Nothing is staged any more; the buffer goes back to the pool.
    pub(crate) fn unstage(&mut self) -> Option<Vec<u8>> {
        self.head_bytes = 0;
        self.content_bytes = 0;
        self.tail.filled = 0;
        match core::mem::take(&mut self.source) {
            Source::Owned(buffer) => Some(buffer),
            Source::Nothing | Source::Fixed(_) => None,
        }
    }

    /// Everything promised and not sent, in order. What is owed of replies before the last one is
    /// the first slice.
    #[inline]
    pub(crate) fn unsent(&self) -> [&[u8]; 4] {
        let octets = self.source.octets();
        let split = self.head_bytes as usize;
        if self.backlog.is_empty() && self.tail.filled == 0 && self.content_bytes == 0 {
            // As most replies are: see `join`.
            let gone = usize::try_from(self.gone).unwrap_or(usize::MAX);
            return [&[], octets.get(gone..split).unwrap_or_default(), &[], &[]];
        }
        let content = split..split + self.content_bytes as usize;
        let mut slices = [
            self.backlog.as_slice(),
            octets.get(..split).unwrap_or_default(),
            self.tail.filled(),
            octets.get(content).unwrap_or_default(),
        ];
        let mut gone = usize::try_from(self.gone).unwrap_or(usize::MAX);
        for slice in &mut slices {
            let skipped = gone.min(slice.len());
            *slice = slice.get(skipped..).unwrap_or_default();
            gone -= skipped;
        }
        slices
    }

    /// `bytes` octets left; how many of them were staged and no backlog.
    #[inline]
    pub(crate) fn sent(&mut self, bytes: usize) -> u64 {
        let left = self.left();
        let ahead = (self.backlog.len() as u64).saturating_sub(self.gone);
        debug_assert!(bytes as u64 <= left, "sent more than was promised");
        self.gone += (bytes as u64).min(left);
        if self.gone >= self.backlog.len() as u64 {
            self.gone -= self.backlog.len() as u64;
            self.backlog.clear();
        }
        (bytes as u64).saturating_sub(ahead)
    }

    /// Every octet of the staged reply, and of what was before it, is gone.
    pub(crate) fn is_staged_sent(&self) -> bool {
        self.is_staged() && self.is_empty()
    }

    /// The staged reply is all sent: its buffer goes back to the pool.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        debug_assert!(self.is_staged_sent());
        self.gone = 0;
        self.backlog.clear();
        self.unstage()
    }

    /// Frees what a burst of gathered replies left behind.
    pub(crate) fn trim(&mut self) {
        if self.backlog.capacity() > BACKLOG_BYTES_KEPT {
            self.backlog = Vec::new();
        }
    }
}

/// Moves a little content aside for the tail, so that the reply is one slice and leaves by the
/// plainest of system calls.
#[inline]
fn join(octets: &mut Vec<u8>, head_bytes: usize, tail: &[u8]) {
    let content = head_bytes..octets.len();
    octets.extend_from_slice(tail);
    octets.copy_within(content, head_bytes + tail.len());
    if let Some(gap) = octets.get_mut(head_bytes..head_bytes + tail.len()) {
        gap.copy_from_slice(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: [u8; 29] = *b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn all(outbox: &Outbox) -> Vec<u8> {
        outbox.unsent().concat()
    }

    fn owned(octets: &[u8]) -> Source {
        Source::Owned(octets.to_vec())
    }

    fn hello(tails: &Tails) -> Said<'_> {
        let source = owned(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nhello");
        let tail = tails.get(false, Ending::KeepAlive);
        Said { source, head_bytes: 36, with_content: true, tail }
    }

    fn staged() -> Outbox {
        let mut outbox = Outbox::default();
        outbox.stage(hello(&Tails::new(DATE)));
        outbox
    }

    #[test]
    fn the_tail_stands_between_head_and_content() {
        let text = all(&staged());
        assert_eq!(
            text,
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\
              date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhello"
        );
    }

    #[test]
    fn what_is_gone_is_never_offered_again() {
        let whole = all(&staged());
        for first in 0..=whole.len() {
            let mut outbox = staged();
            outbox.sent(first);
            assert_eq!(all(&outbox), &whole[first..]);
            outbox.sent(whole.len() - first);
            assert!(outbox.is_staged_sent());
            assert!(outbox.finish().is_some());
            assert!(outbox.is_empty());
        }
    }

    #[test]
    fn a_gathered_reply_has_its_octets_and_its_place() {
        let (tails, whole) = (Tails::new(DATE), all(&staged()));
        let mut outbox = Outbox::default();
        outbox.promise(b"first");
        outbox.sent(2);
        assert_eq!(hello(&tails).bytes(), whole.len() as u64);
        let room = u32::try_from(b"first".len() + whole.len()).unwrap();
        assert!(outbox.can_gather(&hello(&tails), room));
        assert!(!outbox.can_gather(&hello(&tails), room - 1));
        assert!(outbox.gather(hello(&tails)).is_some());
        assert_eq!(all(&outbox), [b"rst".as_slice(), &whole].concat());
        outbox.stage(hello(&tails));
        assert_eq!(all(&outbox), [b"rst".as_slice(), &whole, &whole].concat());
    }

    #[test]
    fn what_all_replies_of_secured_connections_have_stands_before_the_date() {
        let mut tails = Tails::new([b'x'; 29]);
        tails.set_secured_fields(b"a: b\r\n");
        tails.set_date(DATE);
        for (ending, option) in [
            (Ending::KeepAlive, ""),
            (Ending::KeepAliveExplicit, "connection: keep-alive\r\n"),
            (Ending::Close, "connection: close\r\n"),
        ] {
            let plain = alloc::format!("date: {}\r\n{option}\r\n", str::from_utf8(&DATE).unwrap());
            assert_eq!(tails.get(false, ending), plain.as_bytes());
            assert_eq!(tails.get(true, ending), ["a: b\r\n", &plain].concat().as_bytes());
        }
    }

    #[test]
    fn little_content_of_a_head_request_is_left_behind_its_tail() {
        let mut outbox = Outbox::default();
        let tails = Tails::new(DATE);
        let (source, tail) = (owned(b"HEADcontent"), tails.get(false, Ending::Close));
        outbox.stage(Said { source, head_bytes: 4, with_content: false, tail });
        assert!(all(&outbox).ends_with(b"connection: close\r\n\r\n"));
        assert!(outbox.unsent()[2..].iter().all(|slice| slice.is_empty()), "one slice");
    }

    #[test]
    fn a_head_request_gets_no_content() {
        let mut outbox = Outbox::default();
        let tails = Tails::new(DATE);
        let (source, tail) = (Source::Fixed(b"HEADcontent"), tails.get(false, Ending::Close));
        outbox.stage(Said { source, head_bytes: 4, with_content: false, tail });
        let text = all(&outbox);
        assert!(text.starts_with(b"HEADdate: "));
        assert!(text.ends_with(b"connection: close\r\n\r\n"));
    }
}
