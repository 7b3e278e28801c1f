//! A fixed buffer with two cursors: what has arrived of a head and what came behind it.
//!
//! The octets live in a pooled buffer that an inbox holds only while it has something in it or is
//! about to be read into; an idle connection holds none.

use alloc::vec::Vec;
use core::ops::Range;

use fezz_parser::Resume;

/// Received octets that nobody has consumed.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Empty, or a buffer of the hub's fixed inbox size.
    octets: Vec<u8>,
    start: u32,
    end: u32,
    /// How far the head that begins at `start` has been looked at.
    pub(crate) resume: Resume,
}

impl Inbox {
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    pub(crate) const fn has_buffer(&self) -> bool {
        !self.octets.is_empty()
    }

    /// Takes a buffer to receive into. Its length is the inbox's size.
    pub(crate) fn lend(&mut self, buffer: Vec<u8>) {
        debug_assert!(self.is_empty() && !self.has_buffer());
        self.octets = buffer;
        self.start = 0;
        self.end = 0;
    }

    /// Gives the buffer back when nothing is in it.
    pub(crate) fn give_back(&mut self) -> Option<Vec<u8>> {
        if self.is_empty() && self.has_buffer() {
            return Some(core::mem::take(&mut self.octets));
        }
        None
    }

    /// What has arrived and was not consumed.
    pub(crate) fn filled(&self) -> &[u8] {
        self.octets.get(self.range()).unwrap_or_default()
    }

    /// Where the next octets should land. What is held moves to the front first when the end of the
    /// buffer is near, so that a head always has the whole buffer.
    #[inline]
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            let range = self.range();
            let held = range.len();
            self.octets.copy_within(range, 0);
            self.start = 0;
            self.end = u32::try_from(held).unwrap_or(0);
        }
        self.octets.get_mut(self.end as usize..).unwrap_or_default()
    }

    /// `bytes` octets were received into [`Self::space`].
    pub(crate) fn grow(&mut self, bytes: usize) {
        let room = self.octets.len() - self.end as usize;
        debug_assert!(bytes <= room, "received more than there was room for");
        self.end += u32::try_from(bytes.min(room)).unwrap_or(0);
    }

    /// The first `bytes` octets are done with; a head that began there is not looked at any more.
    pub(crate) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.len());
        self.start += u32::try_from(bytes.min(self.len())).unwrap_or(0);
        self.resume = Resume::default();
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Nothing that arrived is of interest any more, nor how far it was looked at.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.resume = Resume::default();
    }

    fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_given_up_leaves_no_trace() {
        let mut inbox = Inbox::default();
        inbox.lend(alloc::vec![0; 64]);
        inbox.space()[..6].copy_from_slice(b"GET / ");
        inbox.grow(6);
        let (limits, mut index) = (fezz_parser::HeadLimits::default(), fezz_parser::Index::new());
        let mut resume = inbox.resume;
        let read = fezz_parser::parse_head(inbox.filled(), &limits, &mut resume, &mut index);
        assert_eq!(read, Ok(None));
        inbox.resume = resume;
        inbox.consume(6);
        assert_eq!(inbox.resume, Resume::default());
    }

    #[test]
    fn keeps_what_is_held_when_it_moves_to_the_front() {
        let mut inbox = Inbox::default();
        inbox.lend(alloc::vec![0; 8]);
        inbox.space()[..6].copy_from_slice(b"abcdef");
        inbox.grow(6);
        inbox.consume(4);
        assert_eq!(inbox.filled(), b"ef");
        assert_eq!(inbox.space().len(), 6);
        assert_eq!(inbox.filled(), b"ef");
        assert!(inbox.give_back().is_none(), "octets would be lost");
        inbox.consume(2);
        assert_eq!(inbox.give_back().map(|buffer| buffer.len()), Some(8));
        assert!(inbox.space().is_empty());
    }
}
