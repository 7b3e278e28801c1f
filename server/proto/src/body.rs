//! Content octets on their way into the envelope: by length or by chunks, within a budget.
//!
//! The envelope's head is written before the content arrives and the content is its last item, so
//! the socket is read straight into the envelope's tail. Chunk framing is removed there, in place.

use alloc::vec::Vec;

use fezz_parser::{ChunkLimits, Chunked, Error};

/// The most room that is made ahead of what has arrived, in octets.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// The room that is made for the first content. Later room is as much as has arrived by then, so
/// that memory held is earned by octets sent: a claimed length reserves nothing.
const AHEAD_BYTES_FIRST: usize = 4 * 1024;

/// The envelope that is being completed.
#[derive(Debug)]
pub(crate) struct Sink {
    envelope: Vec<u8>,
    /// The envelope is `envelope[..filled]`; what is behind is room.
    filled: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Length { left: u64 },
    Chunked { decoder: Chunked, left: u64, ahead: usize },
}

/// Why content cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SinkError {
    /// The peer's chunk framing is wrong, or over a limit.
    Chunk(Error),
    /// There is no memory for what arrives.
    NoMemory,
}

/// What became of the octets offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Raw octets that belong to this content.
    pub(crate) consumed: usize,
    /// Whether the content is complete.
    pub(crate) done: bool,
}

impl Sink {
    /// `length` octets will be appended to `envelope`.
    pub(crate) const fn by_length(envelope: Vec<u8>, length: u64) -> Self {
        let filled = envelope.len();
        Self { envelope, filled, form: Form::Length { left: length } }
    }

    /// Chunks will be appended, `content_bytes_max` octets of data at most. `ahead` is the largest
    /// read, so that whatever follows the last chunk fits into the inbox.
    pub(crate) fn by_chunks(envelope: Vec<u8>, content_bytes_max: u64, ahead: usize) -> Self {
        let filled = envelope.len();
        let form = Form::Chunked { decoder: Chunked::default(), left: content_bytes_max, ahead };
        Self { envelope, filled, form }
    }

    /// Octets of memory held.
    pub(crate) fn held(&self) -> usize {
        self.envelope.len()
    }

    /// Makes room for the next read.
    pub(crate) fn make_room(&mut self) -> Result<(), SinkError> {
        let earned = self.filled.clamp(AHEAD_BYTES_FIRST, AHEAD_BYTES_MAX);
        let wanted = match &self.form {
            Form::Length { left } => usize::try_from(*left).unwrap_or(usize::MAX).min(earned),
            Form::Chunked { ahead, .. } => earned.min(*ahead),
        };
        // Not before most of the last room is used up, so that room is not cleared for each read.
        let room = self.envelope.len() - self.filled;
        if room > 0 && room >= wanted / 4 {
            return Ok(());
        }
        self.envelope.truncate(self.filled);
        self.envelope.try_reserve(wanted).map_err(|_| SinkError::NoMemory)?;
        self.envelope.resize(self.filled + wanted, 0);
        Ok(())
    }

    /// Where the next octets should land.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        let end = match &self.form {
            Form::Length { left } => {
                let left = usize::try_from(*left).unwrap_or(usize::MAX);
                self.envelope.len().min(self.filled.saturating_add(left))
            }
            Form::Chunked { ahead, .. } => self.envelope.len().min(self.filled + ahead),
        };
        self.envelope.get_mut(self.filled..end).unwrap_or_default()
    }

    /// `bytes` octets were received into [`Self::space`]. What follows the last chunk is handed to
    /// `surplus`: it belongs to the next request.
    pub(crate) fn received(
        &mut self,
        bytes: usize,
        limits: &ChunkLimits,
        surplus: impl FnOnce(&[u8]),
    ) -> Result<bool, SinkError> {
        match &mut self.form {
            Form::Length { left } => {
                self.filled += bytes;
                *left = left.saturating_sub(bytes as u64);
                Ok(*left == 0)
            }
            Form::Chunked { decoder, left, .. } => {
                let end = self.filled + bytes;
                let raw = self.envelope.get_mut(self.filled..end).unwrap_or_default();
                let decoded = decoder.decode(raw, *left, limits).map_err(SinkError::Chunk)?;
                if decoded.done {
                    surplus(raw.get(decoded.consumed..).unwrap_or_default());
                }
                self.filled += decoded.written;
                *left = left.saturating_sub(decoded.written as u64);
                Ok(decoded.done)
            }
        }
    }

    /// Takes what it can of octets that arrived behind the head.
    pub(crate) fn take(&mut self, octets: &[u8], limits: &ChunkLimits) -> Result<Taken, SinkError> {
        let offered = match &self.form {
            Form::Length { left } => octets.len().min(usize::try_from(*left).unwrap_or(usize::MAX)),
            Form::Chunked { .. } => octets.len(),
        };
        self.envelope.truncate(self.filled);
        self.envelope.try_reserve(offered).map_err(|_| SinkError::NoMemory)?;
        self.envelope.extend_from_slice(octets.get(..offered).unwrap_or_default());
        let mut behind = 0;
        let done = self.received(offered, limits, |surplus| behind = surplus.len())?;
        Ok(Taken { consumed: offered - behind, done })
    }

    /// The completed envelope.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.envelope.truncate(self.filled);
        self.envelope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_exactly_its_octets() {
        let mut sink = Sink::by_length(b"head".to_vec(), 5);
        let limits = ChunkLimits::default();
        let taken = sink.take(b"ab", &limits);
        assert_eq!(taken, Ok(Taken { consumed: 2, done: false }));
        sink.make_room().unwrap();
        assert_eq!(sink.space().len(), 3, "never reads into the next request");
        sink.space().copy_from_slice(b"cde");
        assert_eq!(sink.received(3, &limits, |_| ()), Ok(true));
        assert_eq!(sink.finish(), b"headabcde");
    }

    #[test]
    fn a_claimed_length_reserves_little() {
        let mut sink = Sink::by_length(Vec::new(), 1 << 40);
        sink.make_room().unwrap();
        assert!(sink.held() <= AHEAD_BYTES_FIRST);
    }

    #[test]
    fn room_is_earned_by_what_arrives_and_is_never_none() {
        let limits = ChunkLimits::default();
        for read_bytes in [1, 100, 5_000, usize::MAX] {
            let (mut sink, mut left, mut reads) =
                (Sink::by_length(Vec::new(), 300_000), 300_000, 0);
            while left > 0 {
                sink.make_room().unwrap();
                assert!(sink.held() <= 2 * sink.filled.max(AHEAD_BYTES_FIRST));
                let bytes = sink.space().len().min(read_bytes);
                assert!(bytes > 0, "nowhere to go with {left} octets");
                left -= bytes;
                reads += 1;
                assert_eq!(sink.received(bytes, &limits, |_| ()), Ok(left == 0));
            }
            assert!(reads < 12 || read_bytes < usize::MAX, "{reads} reads");
        }
    }

    #[test]
    fn chunks_leave_the_next_request_alone() {
        let mut sink = Sink::by_chunks(b"head".to_vec(), 100, 64);
        let limits = ChunkLimits::default();
        let taken = sink.take(b"3\r\nabc\r\n0\r\n\r\nGET", &limits);
        assert_eq!(taken, Ok(Taken { consumed: 13, done: true }));
        assert_eq!(sink.finish(), b"headabc");
    }

    #[test]
    fn the_budget_of_chunks_is_kept_over_several_reads() {
        let mut sink = Sink::by_chunks(Vec::new(), 4, 64);
        let limits = ChunkLimits::default();
        assert!(sink.take(b"3\r\nabc\r\n", &limits).is_ok());
        assert!(sink.take(b"2\r\nde\r\n", &limits).is_err());
    }
}
