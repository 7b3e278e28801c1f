//! A scripted client: it sends in pieces, reads in pieces, stalls, ends and breaks as it was told.

use crate::pipe::{Moved, Pipe, Side};
use crate::plan::{Ending, Script, Tempo};
use crate::reader::{Flaw, Reader};

/// How a connection ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has not.
    Not,
    /// The server ended its side in order.
    Orderly,
    /// The server broke the stream.
    Broken,
    /// The client left on its own.
    Left,
}

/// Microseconds a client waits for a 100 (RFC 9110 §10.1.1 asks it not to wait for ever).
const CONTINUE_WAIT_US: u64 = 1_000_000;

/// One client at work.
#[derive(Debug)]
pub struct Client {
    reader: Reader,
    ended: Ended,
    /// The request being sent, and how far.
    request: usize,
    at: usize,
    /// Interim responses before this request began.
    interims: u32,
    continue_until_us: u64,
    sent_bytes: usize,
    received: Vec<u8>,
    sends_from_us: u64,
    reads_from_us: u64,
    over: bool,
    flaw: Option<Flaw>,
}

impl Client {
    /// A client before its first octet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reader: Reader::new(),
            ended: Ended::Not,
            request: 0,
            at: 0,
            interims: 0,
            continue_until_us: 0,
            sent_bytes: 0,
            received: Vec::new(),
            sends_from_us: 0,
            reads_from_us: 0,
            over: false,
            flaw: None,
        }
    }

    /// What was received.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The octets received.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// How it ended.
    #[must_use]
    pub const fn ended(&self) -> Ended {
        self.ended
    }

    /// Whether the client has nothing more to do.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// The first flaw in what was received.
    #[must_use]
    pub const fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Requests of which at least one octet was sent.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.request + usize::from(self.at > 0)
    }

    /// The server does not take the connection.
    pub const fn turn_away(&mut self) {
        self.ended = Ended::Left;
        self.over = true;
    }

    /// Acts as far as the time and the stream allow; true when anything moved.
    pub fn step(&mut self, script: &Script, pipe: &mut Pipe, now_us: u64) -> bool {
        if self.over {
            return false;
        }
        let read = self.read(script, pipe, now_us);
        let sent = !self.over && self.send(script, pipe, now_us);
        if !self.over {
            self.end(script, pipe);
        }
        read || sent
    }

    /// When the client could act next if nobody else did; `None` when it waits for the server.
    #[must_use]
    pub fn next_us(&self, script: &Script, pipe: &Pipe) -> Option<u64> {
        if self.over {
            return None;
        }
        let sees_end = pipe.server() >= Side::Ended && self.ended == Ended::Not;
        let reads = pipe.waiting_bytes() > 0 || sees_end || pipe.server() >= Side::Closed;
        let read_us = reads.then_some(self.reads_from_us);
        let sends = self.piece(script, u64::MAX).is_some()
            && pipe.room_to_send() > 0
            && pipe.client() == Side::Open
            && pipe.server() < Side::Closed;
        let held = self.holds_back(script, self.sends_from_us);
        let send_us = match held {
            true => self.sends_from_us.max(self.continue_until_us),
            false => self.sends_from_us,
        };
        let send_us = sends.then_some(send_us);
        [read_us, send_us].into_iter().flatten().min()
    }

    fn read(&mut self, script: &Script, pipe: &mut Pipe, now_us: u64) -> bool {
        if now_us < self.reads_from_us {
            return false;
        }
        let before = self.received.len();
        match pipe.receive(script.reads.bytes_max, &mut self.received) {
            Moved::Bytes(_) => {
                if self.flaw.is_none() {
                    self.flaw = self.reader.take(&self.received[before..]).err();
                }
                self.reads_from_us = now_us + pause_us(&script.reads, before, self.received.len());
                if let Ending::ResetsReading(at) = script.ending
                    && self.received.len() >= at
                {
                    self.leave(pipe, Side::Reset);
                }
                true
            }
            Moved::Blocked => false,
            Moved::Eof => {
                let news = self.ended == Ended::Not;
                self.ended = Ended::Orderly;
                if script.closes_back || pipe.server() >= Side::Closed {
                    pipe.client_becomes(Side::Closed);
                    self.over = true;
                }
                news
            }
            Moved::Gone => {
                self.ended = Ended::Broken;
                pipe.client_becomes(Side::Closed);
                self.over = true;
                true
            }
        }
    }

    fn send(&mut self, script: &Script, pipe: &mut Pipe, now_us: u64) -> bool {
        let due = now_us >= self.sends_from_us && pipe.client() == Side::Open;
        if !due || self.holds_back(script, now_us) {
            return false;
        }
        let Some(piece) = self.piece(script, now_us) else { return false };
        let bytes = pipe.send(piece);
        if bytes == 0 {
            return false;
        }
        let Some(request) = script.requests.get(self.request) else { return false };
        if self.at == 0 {
            self.interims = self.reader.interims();
            self.reader.ask(request.method == "HEAD", request.expects);
        }
        self.at += bytes;
        if self.at == request.head_bytes && request.expects && script.waits_to_continue {
            self.continue_until_us = now_us + CONTINUE_WAIT_US;
        }
        if self.at == request.octets.len() {
            self.request += 1;
            self.at = 0;
        }
        let before = self.sent_bytes;
        self.sent_bytes += bytes;
        self.sends_from_us = now_us + pause_us(&script.sends, before, self.sent_bytes);
        true
    }

    /// The octets that may be sent next, apart from an awaited 100.
    fn piece<'s>(&self, script: &'s Script, now_us: u64) -> Option<&'s [u8]> {
        let request = script.requests.get(self.request)?;
        let answered = self.reader.responses().len() >= self.request;
        if self.reader.is_over() || !(script.pipelined || answered || self.at > 0) {
            return None;
        }
        let waits = request.expects && script.waits_to_continue && now_us < u64::MAX;
        let end = if waits && self.at < request.head_bytes {
            request.head_bytes
        } else {
            request.octets.len()
        };
        let octets = request.octets.get(self.at..end)?;
        let mut bytes = octets.len().min(script.sends.bytes_max);
        if let Ending::EndsAt(at) | Ending::ClosesAt(at) | Ending::ResetsAt(at) = script.ending {
            bytes = bytes.min(at.saturating_sub(self.sent_bytes));
        }
        octets.get(..bytes).filter(|octets| !octets.is_empty())
    }

    /// Whether the client waits for a 100 before it sends content.
    fn holds_back(&self, script: &Script, now_us: u64) -> bool {
        let Some(request) = script.requests.get(self.request) else { return false };
        request.expects
            && script.waits_to_continue
            && self.at == request.head_bytes
            && self.reader.interims() == self.interims
            && now_us < self.continue_until_us
    }

    fn end(&mut self, script: &Script, pipe: &mut Pipe) {
        let all_sent = self.request == script.requests.len();
        match script.ending {
            Ending::Waits | Ending::ResetsReading(_) => {}
            Ending::HalfCloses if all_sent => pipe.client_becomes(Side::Ended),
            Ending::ClosesAnswered
                if all_sent && self.reader.responses().len() == script.requests.len() =>
            {
                self.leave(pipe, Side::Closed);
            }
            Ending::EndsAt(at) if self.sent_bytes >= at => pipe.client_becomes(Side::Ended),
            Ending::ClosesAt(at) if self.sent_bytes >= at => self.leave(pipe, Side::Closed),
            Ending::ResetsAt(at) if self.sent_bytes >= at => self.leave(pipe, Side::Reset),
            _ => {}
        }
    }

    fn leave(&mut self, pipe: &mut Pipe, side: Side) {
        pipe.client_becomes(side);
        self.ended = Ended::Left;
        self.over = true;
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// How long nothing moves after the octets from `before` to `after`.
fn pause_us(tempo: &Tempo, before: usize, after: usize) -> u64 {
    match tempo.stall {
        Some((at, stall_us)) if before <= at && at < after => stall_us,
        _ => tempo.gap_us,
    }
}
