//! Buffers that go round: inboxes, envelopes, replies and the records of working connections.
//!
//! Last in, first out: the buffer that is still in the processor's cache is used next. A pool keeps
//! a stated number; what comes back beyond it, or grew too large, is freed.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::conn::Work;

/// Buffers of one kind that a pool keeps.
const KEPT_MAX: usize = 256;
/// A buffer that grew larger than this is not kept, in octets.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// The buffers of one hub.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a record moves between pool and connection by pointer")]
pub(crate) struct Pool {
    inboxes: Vec<Vec<u8>>,
    buffers: Vec<Vec<u8>>,
    works: Vec<Box<Work>>,
}

impl Pool {
    /// A buffer of exactly `bytes` octets. All inboxes of a hub have one size.
    #[inline]
    pub(crate) fn inbox(&mut self, bytes: usize) -> Vec<u8> {
        self.inboxes.pop().unwrap_or_else(|| alloc::vec![0; bytes])
    }

    #[inline]
    pub(crate) fn keep_inbox(&mut self, inbox: Vec<u8>) {
        if self.inboxes.len() < KEPT_MAX {
            self.inboxes.push(inbox);
        }
    }

    /// An empty buffer, with capacity if there is one.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > 0 && capacity <= KEPT_BYTES_MAX && self.buffers.len() < KEPT_MAX {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }

    #[inline]
    pub(crate) fn work(&mut self) -> Box<Work> {
        self.works.pop().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn keep_work(&mut self, mut work: Box<Work>) {
        work.reset();
        if self.works.len() < KEPT_MAX {
            self.works.push(work);
        }
    }
}
