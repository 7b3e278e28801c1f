//! One connection of the load generator: what is owed on it, and what of it is half sent or read.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::Plan;
use super::answer::{Checker, Fault};
use super::secure::Wire;

/// A connection, or the place of one.
#[derive(Debug, Default)]
pub(super) struct Link {
    stream: Option<Wire<TcpStream>>,
    /// Moments from which the owed answers' latencies count, oldest first.
    owed: Vec<u64>,
    /// Octets of the owed requests that are sent.
    sent: usize,
    /// The beginning of an answer.
    held: Vec<u8>,
    /// The server announced its close; answers that are still owed will not come here.
    closing: bool,
    /// A handshake that ended in the same read as its connection.
    shook: Option<bool>,
}

/// How a connection stands after a read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    /// Answers are owed, nothing more to read now.
    Waiting,
    /// All owed answers came; the connection may be used again.
    Free,
    /// The server announced its close or closed; requests may still be owed.
    Over,
}

/// Right answers of one read, for the tally.
pub(super) type Taken = Vec<(usize, u64)>;

impl Link {
    /// Starts to connect. What is owed stays owed and is sent again from its beginning.
    pub(super) fn connect(
        &mut self,
        plan: &Plan,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        let mut stream = TcpStream::connect(plan.server)?;
        // Registered once for both directions and never again: edges cost nothing when unused.
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        // One request in one segment has nothing to wait for; a handshake has more than one.
        if !plan.fresh || plan.security.is_some() {
            stream.set_nodelay(true)?;
        }
        self.stream = Some(Wire::new(stream, plan.security.as_ref())?);
        self.sent = 0;
        self.held.clear();
        self.closing = false;
        Ok(())
    }

    /// Owes the requests of `due`. Only for a connection that owes nothing.
    pub(super) fn owe(&mut self, due: &[u64]) {
        debug_assert!(self.owed.is_empty(), "a batch is sent when the one before is answered");
        self.owed.extend_from_slice(due);
        self.sent = 0;
    }

    /// Number of requests that wait for their answers.
    pub(super) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Closes, forgets what was owed, and says how much that was.
    pub(super) fn give_up(&mut self) -> usize {
        self.stream = None;
        self.held.clear();
        let lost = self.owed.len();
        self.owed.clear();
        lost
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Sends what is owed and not sent. `requests` is the request, repeated often enough.
    pub(super) fn send(&mut self, requests: &[u8], request_octets: usize) -> Result<(), Fault> {
        let Some(stream) = self.stream.as_mut() else { return Ok(()) };
        let all = &requests[..self.owed.len() * request_octets];
        while self.sent < all.len() {
            match stream.write(&all[self.sent..]) {
                Ok(sent) => self.sent += sent,
                // ENOTCONN: the connection is still being made; an event will follow.
                Err(error) if waits(error.kind()) => break,
                Err(error) => return Err(fault_of(&error)),
            }
        }
        match stream.flush() {
            Err(error) if !waits(error.kind()) => Err(fault_of(&error)),
            _ => Ok(()),
        }
    }

    /// Once, when a handshake is over: whether it resumed an earlier connection.
    pub(super) fn take_handshake(&mut self) -> Option<bool> {
        self.shook.take().or_else(|| self.stream.as_mut()?.take_handshake())
    }

    /// Reads until the socket is empty and judges the answers. `ended`: an event said that the
    /// server closed, so that a short read is not the last.
    pub(super) fn read(
        &mut self,
        inbox: &mut [u8],
        checker: &mut Checker,
        ended: bool,
        taken: &mut Taken,
    ) -> Result<Standing, Fault> {
        loop {
            let Some(stream) = self.stream.as_mut() else { return Ok(Standing::Over) };
            let read = match stream.read(inbox) {
                Ok(0) => return self.end(),
                Ok(read) => read,
                Err(error) if waits(error.kind()) => return Ok(self.standing()),
                Err(error) => return Err(fault_of(&error)),
            };
            let emptied = read < inbox.len() && stream.short_means_empty();
            self.take(&inbox[..read], checker, taken)?;
            if emptied && !ended {
                return Ok(self.standing());
            }
        }
    }

    /// Judges the answers in what is held and `received`, and holds what is left.
    fn take(
        &mut self,
        received: &[u8],
        checker: &mut Checker,
        taken: &mut Taken,
    ) -> Result<(), Fault> {
        if self.held.is_empty() {
            let judged = self.judge(received, checker, taken)?;
            self.held.extend_from_slice(&received[judged..]);
            return Ok(());
        }
        // A long answer grows where it is; it is not carried about with every read.
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(received);
        let judged = self.judge(&held, checker, taken)?;
        held.drain(..judged);
        self.held = held;
        Ok(())
    }

    /// Judges the answers at the front of `received` and says how many octets they have.
    fn judge(
        &mut self,
        received: &[u8],
        checker: &mut Checker,
        taken: &mut Taken,
    ) -> Result<usize, Fault> {
        let (mut at, mut answered) = (0, 0);
        while at < received.len() {
            let owed = self.owed.get(answered).filter(|_| !self.closing);
            let due = *owed.ok_or(Fault::Unasked)?;
            let Some(answer) = checker.take(&received[at..])? else { break };
            at += answer.octets;
            answered += 1;
            self.closing = answer.closes;
            taken.push((answer.octets, due));
        }
        self.owed.drain(..answered);
        Ok(at)
    }

    fn standing(&self) -> Standing {
        match (self.closing, self.owed.is_empty()) {
            (true, _) => Standing::Over,
            (false, true) => Standing::Free,
            (false, false) => Standing::Waiting,
        }
    }

    /// End of file: harmless on a connection that owes nothing (RFC 9112 §9.5).
    fn end(&mut self) -> Result<Standing, Fault> {
        self.shook = self.take_handshake();
        self.stream = None;
        let fair = self.owed.is_empty() || self.closing;
        if fair { Ok(Standing::Over) } else { Err(Fault::ClosedEarly) }
    }
}

fn fault_of(error: &io::Error) -> Fault {
    if error.kind() == ErrorKind::InvalidData { Fault::Tls } else { Fault::Connection }
}

fn waits(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
