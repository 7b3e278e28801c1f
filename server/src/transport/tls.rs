//! All of rustls on a connection, behind the verbs of [`super::Transport`].
//!
//! Records are opened and closed in scratch memory that all connections of a loop share. A
//! connection keeps only what could not be dealt with: the part of a record that has arrived,
//! plaintext that nobody had room for, records that the stream did not take. When nothing is under
//! way it has no buffer at all. Nothing is read while there is no room for plaintext, so that back
//! pressure reaches the peer.

use std::fmt;
use std::io;
use std::sync::Arc;

use fezz_proto::HandshakeFault;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{Error, HandshakeKind};

use super::{Moved, SHORT_MEANS_BLOCKED, Shaken, Stream, plain};
use crate::tls::{self, Admitted, Gate, Look, Secured, Settled, Wishes};

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
/// Reads in a row that may bring no plaintext: honest peers need one or two.
const BARREN_READS_MAX: usize = 8;

/// RFC 8446 §6: a fatal alert in a record of its own, before there are keys.
const fn alert(description: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description]
}
/// RFC 6066 §3.
const UNRECOGNIZED_NAME: [u8; 7] = alert(112);
/// RFC 8446 §6.2: the hello is out of all bounds.
const DECODE_ERROR: [u8; 7] = alert(50);

/// What somebody reads who forgot the "s" of "https".
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
    content-length: 47\r\nconnection: close\r\n\r\n\
    this port speaks TLS: use https instead of http";

/// Memory that the connections of one loop use in turn, and what a turn may still pay for.
#[derive(Default)]
pub(crate) struct Scratch {
    input: Vec<u8>,
    output: Vec<u8>,
    gather: Vec<u8>,
    /// Handshakes that may still be begun in this turn.
    pub(crate) handshakes_left: u32,
}

impl Scratch {
    /// Memory is taken only when there is something to encrypt.
    fn warm_up(&mut self) {
        if self.input.is_empty() {
            self.input.resize(HANDSHAKE_BYTES_MAX + INPUT_BYTES, 0);
            self.output.resize(OUTPUT_BYTES, 0);
            self.gather.reserve(RECORD_BYTES_MAX);
        }
    }
}

/// Octets with a cursor; the memory goes when the last one is taken.
#[derive(Default)]
struct Held {
    octets: Vec<u8>,
    gone: usize,
}

impl Held {
    fn left(&self) -> &[u8] {
        self.octets.get(self.gone..).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.gone >= self.octets.len()
    }

    fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    fn take(&mut self, bytes: usize) {
        self.gone += bytes;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    fn take_into(&mut self, into: &mut [u8]) -> usize {
        let bytes = self.left().len().min(into.len());
        if let (Some(room), Some(from)) = (into.get_mut(..bytes), self.left().get(..bytes)) {
            room.copy_from_slice(from);
        }
        self.take(bytes);
        bytes
    }
}

/// How far a connection is.
enum Stage {
    /// The hello is not whole.
    Hello(Arc<Gate>),
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
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Self {
            stage: Stage::Hello(gate),
            rustls: None,
            secured: None,
            input: Vec::new(),
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

    // ---- the handshake ----

    /// Goes on with the handshake as far as the stream allows. A short read does not end it where
    /// the peer's end is announced behind.
    pub(crate) fn shake(
        &mut self,
        stream: &mut impl Stream,
        readable: &mut bool,
        end_announced: bool,
        scratch: &mut Scratch,
    ) -> Shaken {
        scratch.warm_up();
        loop {
            if let Some(shaken) = self.go_on(scratch) {
                return shaken;
            }
            if !self.is_handshaking() {
                // What is left to say, tickets, leaves with the first reply or when there is none.
                return Shaken::Secured;
            }
            match self.flush(stream) {
                Moved::Bytes(_) => {}
                Moved::Blocked => return Shaken::Stuffed,
                Moved::Eof | Moved::Gone => return Shaken::Gone,
            }
            if !*readable {
                return Shaken::Starved;
            }
            let space = scratch.input.get_mut(..INPUT_BYTES).unwrap_or_default();
            match plain::receive(stream, space) {
                Moved::Bytes(bytes) => {
                    self.drained = bytes < INPUT_BYTES && SHORT_MEANS_BLOCKED;
                    *readable = !self.drained || end_announced;
                    self.input.extend_from_slice(scratch.input.get(..bytes).unwrap_or_default());
                }
                Moved::Blocked => *readable = false,
                Moved::Eof => return Shaken::Eof,
                Moved::Gone => return Shaken::Gone,
            }
            if self.input.len() > HANDSHAKE_BYTES_MAX {
                return self.fail(HandshakeFault::Malformed, &DECODE_ERROR);
            }
        }
    }

    /// Deals with what arrived; a verdict when there is one.
    fn go_on(&mut self, scratch: &mut Scratch) -> Option<Shaken> {
        if let Stage::Hello(gate) = &self.stage {
            let gate = Arc::clone(gate);
            if let Some(shaken) = self.greet(&gate, scratch) {
                return Some(shaken);
            }
        }
        if !matches!(self.stage, Stage::Handshake { .. }) {
            return None;
        }
        let mut input = std::mem::take(&mut self.input);
        let (taken, step) = self.step(&mut input, &mut [].as_mut_slice());
        input.drain(..taken);
        self.input = input;
        match step {
            Step::Starved | Step::Full => {}
            Step::Closed => self.peer_closed = true,
            Step::Failed(error) => return Some(Shaken::Failed(self.blame(&error))),
        }
        match &self.rustls {
            Some(rustls) if !rustls.is_handshaking() => self.settle(),
            _ if self.peer_closed => return Some(Shaken::Eof),
            _ => {}
        }
        None
    }

    /// Looks at the hello, and lets the handshake begin when it is whole.
    fn greet(&mut self, gate: &Gate, scratch: &mut Scratch) -> Option<Shaken> {
        if self.input.is_empty() {
            return None;
        }
        let hello = match tls::look(&self.input) {
            Look::Incomplete => return None,
            Look::TooLarge => {
                return Some(self.fail(HandshakeFault::HelloTooLarge, &DECODE_ERROR));
            }
            Look::Foreign if speaks_http(&self.input) => {
                return Some(self.fail(HandshakeFault::PlainHttp, SPEAK_TLS));
            }
            // rustls has the right alert for each.
            Look::Foreign => None,
            Look::Whole(hello) => Some(hello),
        };
        if scratch.handshakes_left == 0 {
            return Some(Shaken::Waiting);
        }
        scratch.handshakes_left -= 1;
        let hello = hello.as_deref().unwrap_or_default();
        let said = tls::Hello::read(hello);
        let Some(admitted) = gate.admit(said.as_ref()) else {
            return Some(self.fail(HandshakeFault::UnknownName, &UNRECOGNIZED_NAME));
        };
        let Ok(rustls) = UnbufferedServerConnection::new(Arc::clone(&admitted.config)) else {
            return Some(self.fail(HandshakeFault::Ours, &[]));
        };
        self.rustls = Some(Box::new(rustls));
        let wishes = gate.wishes();
        let hello = if wishes == Wishes::Nothing { Box::default() } else { hello.into() };
        self.stage = Stage::Handshake { admitted: Box::new(admitted), hello, wishes };
        None
    }

    /// The handshake is done: what it came to is kept for the driver.
    fn settle(&mut self) {
        let Stage::Handshake { admitted, hello, wishes } =
            std::mem::replace(&mut self.stage, Stage::Open)
        else {
            return;
        };
        let Some(rustls) = &self.rustls else { return };
        let settled = Settled {
            version: rustls.protocol_version(),
            cipher: rustls.negotiated_cipher_suite().map(|suite| suite.suite()),
            protocol: rustls.alpn_protocol(),
            resumed: rustls.handshake_kind() == Some(HandshakeKind::Resumed),
            client: rustls.peer_certificates().and_then(|chain| chain.first()).map(|one| &**one),
        };
        let hello = Some(&*hello).filter(|hello| !hello.is_empty());
        self.secured = Some(Box::new(Secured::of(*admitted, &settled, hello, wishes)));
    }

    /// Gives up with the last words `said`.
    fn fail(&mut self, why: HandshakeFault, said: &[u8]) -> Shaken {
        self.output.push(said);
        self.close_down();
        Shaken::Failed(why)
    }

    /// Nothing that arrives is understood any more.
    fn close_down(&mut self) {
        self.stage = Stage::Failed;
        self.rustls = None;
        self.input = Vec::new();
        self.plain = Held::default();
    }

    /// Whose fault it is; the alert is in the output already.
    fn blame(&mut self, error: &Error) -> HandshakeFault {
        self.close_down();
        match error {
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => {
                HandshakeFault::Incompatible
            }
            Error::InvalidCertificate(_) | Error::NoCertificatesPresented => {
                HandshakeFault::ClientCertificate
            }
            Error::AlertReceived(_) => HandshakeFault::PeerAlert,
            Error::FailedToGetRandomBytes | Error::FailedToGetCurrentTime | Error::EncryptError => {
                HandshakeFault::Ours
            }
            _ => HandshakeFault::Malformed,
        }
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
        let taken = self.plain.take_into(into);
        let mut left = into.get_mut(taken..).unwrap_or_default();
        let room = left.len();
        if room == 0 {
            return Moved::Bytes(taken);
        }
        // What is held is worked on where the next octets land behind it.
        let input = &mut scratch.input;
        let mut held = self.input.len();
        if let Some(front) = input.get_mut(..held) {
            front.copy_from_slice(&self.input);
        }
        let moved = 'received: {
            for reads in 0..=BARREN_READS_MAX {
                if held > 0 {
                    let (gone, step) =
                        self.step(input.get_mut(..held).unwrap_or_default(), &mut left);
                    input.copy_within(gone..held, 0);
                    held -= gone;
                    match step {
                        Step::Starved | Step::Full => {}
                        Step::Closed => self.peer_closed = true,
                        Step::Failed(_) => {
                            self.close_down();
                            return Moved::Gone;
                        }
                    }
                }
                let filled = taken + (room - left.len());
                if filled > 0 {
                    break 'received Moved::Bytes(filled);
                }
                if self.peer_closed {
                    break 'received Moved::Eof;
                }
                if reads == BARREN_READS_MAX {
                    break;
                }
                let space = input.get_mut(held..held + INPUT_BYTES).unwrap_or_default();
                match plain::receive(stream, space) {
                    Moved::Bytes(bytes) => {
                        self.drained = bytes < INPUT_BYTES && SHORT_MEANS_BLOCKED;
                        held += bytes;
                    }
                    other => {
                        self.drained = true;
                        break 'received other;
                    }
                }
            }
            // A peer that fills the line with nothing wants our time, not our answer.
            self.close_down();
            return Moved::Gone;
        };
        self.hold(input.get(..held).unwrap_or_default());
        moved
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
            // Asked once more, rustls has the alert.
            while let Ok(ConnectionState::EncodeTlsData(mut data)) =
                rustls.process_tls_records(&mut []).state
            {
                say(|into| data.encode(into), output);
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

/// Encodes what rustls has to say behind what is due.
fn say(mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>, output: &mut Held) {
    if let Err(EncodeError::InsufficientSize(wanted)) = encode(&mut []) {
        let at = output.octets.len();
        output.octets.resize(at + wanted.required_size, 0);
        let said = encode(output.octets.get_mut(at..).unwrap_or_default());
        debug_assert!(said.is_ok_and(|bytes| bytes == wanted.required_size));
    }
}

/// Writes as much as the stream takes now; what it did not take, or nothing when it is broken.
fn offer<'a>(stream: &mut impl Stream, mut octets: &'a [u8]) -> Option<&'a [u8]> {
    while !octets.is_empty() {
        match plain::send(stream, [octets, &[], &[], &[]]) {
            Moved::Bytes(bytes) => {
                octets = octets.get(bytes..).unwrap_or_default();
                if SHORT_MEANS_BLOCKED {
                    break;
                }
            }
            Moved::Blocked => break,
            Moved::Eof | Moved::Gone => return None,
        }
    }
    Some(octets)
}

/// Plaintext goes where there is room for it, and waits where there is none.
fn deliver(payload: &[u8], left: &mut &mut [u8], plain: &mut Held) {
    let fits = payload.len().min(left.len());
    let (now, later) = payload.split_at(fits);
    let (room, rest) = std::mem::take(left).split_at_mut(fits);
    room.copy_from_slice(now);
    *left = rest;
    plain.push(later);
}

/// The octets of the next record, taken from the front of `from`: a full one as long as there are
/// enough. They are copied only where they come from several slices.
fn record_of<'r, 'a: 'r>(from: &mut [&'a [u8]; 4], gather: &'r mut Vec<u8>) -> &'r [u8] {
    let mut others = from.iter().skip_while(|slice| slice.is_empty()).skip(1);
    let alone = others.all(|slice| slice.is_empty());
    if let Some(first) = from.iter_mut().find(|slice| !slice.is_empty())
        && (alone || first.len() >= RECORD_BYTES_MAX)
    {
        let (taken, rest) = first.split_at(first.len().min(RECORD_BYTES_MAX));
        *first = rest;
        return taken;
    }
    gather.clear();
    for slice in from.iter_mut() {
        let room = RECORD_BYTES_MAX - gather.len();
        let (taken, rest) = slice.split_at(slice.len().min(room));
        *slice = rest;
        gather.extend_from_slice(taken);
    }
    gather
}

fn speaks_http(input: &[u8]) -> bool {
    input.len() >= 3 && input.iter().take(3).all(u8::is_ascii_uppercase)
}
