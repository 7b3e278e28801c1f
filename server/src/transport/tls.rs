//! All of rustls on a connection, behind the verbs of [`super::Transport`].
//!
//! Records are opened and closed in scratch memory that all connections of a loop share. A
//! connection keeps only what could not be dealt with: the part of a record that has arrived,
//! plaintext that nobody had room for, records that the stream did not take. When nothing is under
//! way it has no buffer at all. Nothing is read while there is no room for plaintext, so that back
//! pressure reaches the peer.

mod handshake;
mod octets;

use std::fmt;
use std::io;

use rustls::Error;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

pub(crate) use self::octets::Scratch;
use self::octets::{Held, deliver, offer, record_of, say};
use super::{Moved, SHORT_MEANS_BLOCKED, Stream, plain};
use crate::tls::{Admitted, Gate, Secured, Wishes};

/// Octets of plaintext in a full record (RFC 8446 §5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Octets that a record adds to its plaintext, at most: head, nonce, tag, type.
const RECORD_OVERHEAD_BYTES_MAX: usize = 64;
/// Records closed for one write.
const RECORDS_PER_WRITE_MAX: usize = 4;
/// Octets of ciphertext read at once: two of the largest records of a peer, and their overhead.
const INPUT_BYTES: usize = 2 * (RECORD_BYTES_MAX + 2_048 + 5);
/// Octets of handshake messages that are held; a chain of client certificates may be long.
const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;
/// Octets of closed records.
const OUTPUT_BYTES: usize =
    RECORDS_PER_WRITE_MAX * (RECORD_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX) + 4 * 1024;
/// Octets of records without plaintext that are taken at once: honest peers send a few alerts and
/// messages about keys.
const BARREN_BYTES_MAX: usize = 64 * 1024;

/// How far a connection is.
enum Stage {
    /// The hello is not whole.
    Hello(Gate),
    /// The handshake goes on.
    Handshake { admitted: Box<Admitted>, hello: Box<[u8]>, wishes: Wishes },
    /// Keys are there.
    Open,
    /// It failed: nothing is understood any more.
    Failed,
}

/// One connection of TLS.
pub(crate) struct Session {
    stage: Stage,
    rustls: Option<Box<UnbufferedServerConnection>>,
    /// What the last handshake left for the driver.
    secured: Option<Box<Secured>>,
    /// Ciphertext: the begin of a record, or records behind the plaintext below.
    input: Vec<u8>,
    /// Plaintext that nobody had room for.
    plain: Held,
    /// Records that the stream did not take.
    output: Held,
    /// Octets of the core's in those records, and how many of them were reported as gone.
    promised: usize,
    reported: usize,
    /// Octets of records when they were closed.
    closed: usize,
    /// The last read said that the stream has nothing more.
    drained: bool,
    /// What is held of the input is less than a record.
    starved: bool,
    /// The peer said that it sends no more.
    peer_closed: bool,
    /// Our side ends when all is flushed.
    ends: bool,
    ended: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Hello(_) => "hello",
            Stage::Handshake { .. } => "handshake",
            Stage::Open => "open",
            Stage::Failed => "failed",
        };
        out.debug_struct("Session").field("stage", &stage).finish_non_exhaustive()
    }
}

/// What stepping through records came to.
enum Step {
    /// All that arrived is dealt with.
    Starved,
    /// There is no more room for plaintext.
    Full,
    /// The peer sends no more.
    Closed,
    /// The connection cannot go on.
    Failed(Error),
}

impl Session {
    /// A connection that was just accepted.
    pub(crate) fn new(gate: Gate) -> Self {
        Self::with(gate, &[])
    }

    /// A connection of which so much has arrived.
    pub(super) fn with(gate: Gate, octets: &[u8]) -> Self {
        Self {
            stage: Stage::Hello(gate),
            rustls: None,
            secured: None,
            input: octets.to_vec(),
            plain: Held::default(),
            output: Held::default(),
            promised: 0,
            reported: 0,
            closed: 0,
            drained: false,
            starved: true,
            peer_closed: false,
            ends: false,
            ended: false,
        }
    }

    pub(super) const fn is_handshaking(&self) -> bool {
        matches!(self.stage, Stage::Hello(_) | Stage::Handshake { .. })
    }

    /// Whether plaintext may come although no event announces it.
    pub(crate) fn holds_more(&self) -> bool {
        !self.plain.is_empty() || !self.starved || !self.drained
    }

    /// Whether the stream did not take what it was given.
    pub(super) fn is_stuffed(&self) -> bool {
        !self.output.is_empty()
    }

    /// What the handshake came to; once.
    pub(crate) fn take_secured(&mut self) -> Option<Box<Secured>> {
        self.secured.take()
    }

    // ---- octets in ----

    /// Receives plaintext.
    pub(super) fn receive(
        &mut self,
        stream: &mut impl Stream,
        into: &mut [u8],
        scratch: &mut Scratch,
    ) -> Moved {
        if into.is_empty() {
            return Moved::Blocked;
        }
        if matches!(self.stage, Stage::Failed) {
            let moved = plain::receive(stream, into);
            self.drained = matches!(moved, Moved::Bytes(bytes) if bytes < into.len());
            return moved;
        }
        scratch.warm_up();
        // An event may have come since the last read: whoever gets what was held has not read.
        self.drained = false;
        let taken = self.plain.take_into(into);
        if taken > 0 {
            // Records that wait behind it have their turn with the next call.
            return Moved::Bytes(taken);
        }
        // What is held is worked on where the next octets land behind it.
        let input = &mut scratch.input;
        let mut held = self.input.len();
        if let Some(front) = input.get_mut(..held) {
            front.copy_from_slice(&self.input);
        }
        let mut left = into;
        let moved = self.fill(stream, input, &mut held, &mut left);
        self.hold(input.get(..held).unwrap_or_default());
        moved
    }

    /// Opens what is held at the front of `input`, and reads more until something can be said.
    fn fill(
        &mut self,
        stream: &mut impl Stream,
        input: &mut [u8],
        held: &mut usize,
        left: &mut &mut [u8],
    ) -> Moved {
        let room = left.len();
        let mut barren = 0;
        // A peer that fills the line with nothing wants our time, not our answer.
        while barren < BARREN_BYTES_MAX && *held <= HANDSHAKE_BYTES_MAX {
            if *held > 0 {
                let (gone, step) = self.step(input.get_mut(..*held).unwrap_or_default(), left);
                input.copy_within(gone..*held, 0);
                *held -= gone;
                barren += gone;
                match step {
                    Step::Starved | Step::Full => {}
                    Step::Closed => self.peer_closed = true,
                    Step::Failed(_) => return self.give_up(held),
                }
            }
            if left.len() < room {
                return Moved::Bytes(room - left.len());
            }
            if self.peer_closed {
                return Moved::Eof;
            }
            let space = input.get_mut(*held..*held + INPUT_BYTES).unwrap_or_default();
            match plain::receive(stream, space) {
                Moved::Bytes(bytes) => {
                    self.drained = bytes < INPUT_BYTES && SHORT_MEANS_BLOCKED;
                    *held += bytes;
                }
                other => {
                    self.drained = true;
                    return other;
                }
            }
        }
        self.give_up(held)
    }

    /// The connection cannot go on.
    fn give_up(&mut self, held: &mut usize) -> Moved {
        *held = 0;
        self.close_down();
        Moved::Gone
    }

    /// Keeps the begin of a record until its end is here.
    fn hold(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            self.input = Vec::new();
        } else {
            self.input.clear();
            self.input.extend_from_slice(octets);
        }
    }

    /// Opens the records of `input`: plaintext goes to the front of `left`, which shrinks, and what
    /// rustls has to say to the output. Returns how many octets are done with.
    fn step(&mut self, input: &mut [u8], left: &mut &mut [u8]) -> (usize, Step) {
        let Self { rustls, plain, output, .. } = self;
        let Some(rustls) = rustls else { return (0, Step::Starved) };
        let wants_plain = !left.is_empty();
        let mut gone = 0;
        let step = loop {
            if wants_plain && left.is_empty() || !plain.is_empty() {
                break Step::Full;
            }
            let unread = input.get_mut(gone..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = rustls.process_tls_records(unread);
            let step = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        deliver(record.payload, left, plain);
                    }
                    None
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    say(|into| data.encode(into), output);
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Some(Step::Closed),
                Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => {
                    Some(Step::Starved)
                }
                Ok(_) => Some(Step::Failed(Error::HandshakeNotComplete)),
                Err(error) => Some(Step::Failed(error)),
            };
            gone += discard;
            if let Some(step) = step {
                break step;
            }
        };
        if matches!(step, Step::Failed(_)) {
            // Asked once more, rustls has the alert. It remembers places in what is left of the
            // input, so that it must see that again.
            while rustls.wants_write() {
                let unread = input.get_mut(gone..).unwrap_or_default();
                let UnbufferedStatus { discard, state } = rustls.process_tls_records(unread);
                let Ok(ConnectionState::EncodeTlsData(mut data)) = state else { break };
                say(|into| data.encode(into), output);
                gone += discard;
            }
        }
        self.starved = !matches!(step, Step::Full);
        (gone, step)
    }

    // ---- octets out ----

    /// Sends plaintext. Octets count as sent in proportion to their records, the last one with the
    /// last octet of those: a reader of one octet a second is seen to read, and what is said to be
    /// sent has left.
    pub(super) fn send(
        &mut self,
        stream: &mut impl Stream,
        from: [&[u8]; 4],
        scratch: &mut Scratch,
    ) -> Moved {
        if self.output.is_empty() || self.promised == 0 {
            scratch.warm_up();
            let Some(sealed) = self.seal(from, scratch) else { return Moved::Gone };
            let Some(left) = offer(stream, sealed) else { return Moved::Gone };
            self.output = Held::default();
            self.output.push(left);
        } else if self.flush(stream) == Moved::Gone {
            return Moved::Gone;
        }
        let left = self.output.left().len();
        let gone = self.closed.saturating_sub(left);
        let sent = if left == 0 {
            self.promised
        } else {
            let share = self.promised as u128 * gone as u128 / self.closed.max(1) as u128;
            usize::try_from(share).unwrap_or(0).min(self.promised.saturating_sub(1))
        };
        let news = sent.saturating_sub(self.reported);
        self.reported = sent;
        if left == 0 {
            self.promised = 0;
            self.reported = 0;
        }
        if news == 0 { Moved::Blocked } else { Moved::Bytes(news) }
    }

    /// Closes records with the first octets of `from`, behind whatever else is due.
    fn seal<'s>(&mut self, from: [&[u8]; 4], scratch: &'s mut Scratch) -> Option<&'s [u8]> {
        let mut input = std::mem::take(&mut self.input);
        let sealed = self.with_traffic(&mut input, |traffic, due| {
            let Scratch { output, gather, .. } = scratch;
            let mut at = due.len();
            output.resize(OUTPUT_BYTES.max(at + OUTPUT_BYTES), 0);
            output.get_mut(..at)?.copy_from_slice(due);
            let mut from = from;
            let mut promised = 0;
            while promised < RECORDS_PER_WRITE_MAX * RECORD_BYTES_MAX {
                let plain = record_of(&mut from, gather);
                if plain.is_empty() {
                    break;
                }
                at += traffic.encrypt(plain, output.get_mut(at..)?).ok()?;
                promised += plain.len();
            }
            Some((at, promised))
        });
        self.input = input;
        let (closed, promised) = sealed??;
        (self.closed, self.promised, self.reported) = (closed, promised, 0);
        scratch.output.get(..closed)
    }

    /// Calls `work` when records may be closed, with what rustls has to say before them. `None`
    /// when they may not.
    fn with_traffic<T>(
        &mut self,
        input: &mut Vec<u8>,
        work: impl FnOnce(&mut Traffic<'_>, &[u8]) -> T,
    ) -> Option<T> {
        let Self { rustls, plain, output, peer_closed, .. } = self;
        let rustls = rustls.as_mut()?;
        loop {
            let UnbufferedStatus { discard, state } = rustls.process_tls_records(input);
            match state.ok()? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    input.drain(..discard);
                    return Some(work(&mut traffic, output.left()));
                }
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        plain.push(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => say(|into| data.encode(into), output),
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => *peer_closed = true,
                _ => return None,
            }
            input.drain(..discard);
        }
    }

    /// Sends what is due.
    pub(super) fn flush(&mut self, stream: &mut impl Stream) -> Moved {
        while !self.output.is_empty() {
            let offered = self.output.left().len();
            match plain::send(stream, [self.output.left(), &[], &[], &[]]) {
                Moved::Bytes(bytes) => {
                    self.output.take(bytes);
                    if bytes < offered && SHORT_MEANS_BLOCKED {
                        return Moved::Blocked;
                    }
                }
                other => return other,
            }
        }
        if self.ends && !std::mem::replace(&mut self.ended, true) && stream.end().is_err() {
            return Moved::Gone;
        }
        Moved::Bytes(0)
    }

    /// Ends our side in order: `close_notify`, then the end of the stream.
    pub(super) fn end(&mut self, stream: &mut impl Stream) -> io::Result<()> {
        self.notify();
        self.ends = true;
        match self.flush(stream) {
            Moved::Bytes(_) | Moved::Blocked => Ok(()),
            Moved::Eof | Moved::Gone => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Says `close_notify` as far as that can be said at once.
    pub(super) fn part(&mut self, stream: &mut impl Stream) {
        self.notify();
        // Nobody waits for it, and nothing depends on it.
        self.flush(stream);
    }

    fn notify(&mut self) {
        if self.ends || !matches!(self.stage, Stage::Open) {
            return;
        }
        let mut input = std::mem::take(&mut self.input);
        let said = self.with_traffic(&mut input, |traffic, _| {
            let mut record = [0; 5 + RECORD_OVERHEAD_BYTES_MAX];
            let bytes = traffic.queue_close_notify(&mut record).unwrap_or(0);
            (record, bytes)
        });
        if let Some((record, bytes)) = said {
            self.output.push(record.get(..bytes).unwrap_or_default());
        }
        self.input = input;
    }
}

type Traffic<'c> = rustls::unbuffered::WriteTraffic<'c, rustls::server::ServerConnectionData>;

#[cfg(test)]
mod tests;
