//! Plain or encrypted, the same verbs: the connection core never learns which.
//!
//! Generic over the stream, so that pipes of a simulator fit as well as sockets.

mod plain;
mod tls;

use std::io::{self, Read, Write};

use fezz_proto::HandshakeFault;

pub(crate) use tls::{Scratch, Session};

/// A read that filled less than the space offered has emptied the socket, and a write that took
/// less than it was given has filled it: epoll(7) allows the conclusion for stream sockets, and
/// saves one system call in three. Where that is not promised (kqueue), the call that says so is
/// made.
pub(crate) const SHORT_MEANS_BLOCKED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What a stream must offer.
pub(crate) trait Stream: Read + Write {
    /// Ends our side of the stream; what was written before still arrives.
    fn end(&mut self) -> io::Result<()>;
}

impl Stream for mio::net::TcpStream {
    fn end(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

/// What came of one attempt to move octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many octets moved.
    Bytes(usize),
    /// Nothing moves until the stream is ready again.
    Blocked,
    /// The peer ended its side in order.
    Eof,
    /// The connection is broken.
    Gone,
}

/// What came of one attempt to go on with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shaken {
    /// It is done.
    Secured,
    /// The peer has to say more.
    Starved,
    /// The stream has to take what we said.
    Stuffed,
    /// This turn has paid for as many handshakes as it may.
    Waiting,
    /// It failed, and what is said about that waits to be flushed.
    Failed(HandshakeFault),
    /// The peer ended its side.
    Eof,
    /// The connection is broken.
    Gone,
}

/// How octets get from the stream to the core and back.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Octets as they are.
    Plain,
    /// Octets in records of TLS.
    Tls(Box<Session>),
}

impl Transport {
    /// The session of a handshake that is not done.
    #[inline]
    pub(crate) fn handshaking(&mut self) -> Option<&mut Session> {
        match self {
            Self::Plain => None,
            Self::Tls(session) => Some(&mut **session).filter(|session| session.is_handshaking()),
        }
    }

    /// Whether more may come without another event, after a receive that filled its room, or not.
    #[inline]
    pub(crate) fn may_have_more(&self, filled: bool) -> bool {
        match self {
            Self::Plain => filled || !SHORT_MEANS_BLOCKED,
            Self::Tls(session) => session.holds_more(),
        }
    }

    /// Whether the stream may take more after a send that took everything it was offered, or not.
    #[inline]
    pub(crate) fn may_take_more(&self, took_all: bool) -> bool {
        match self {
            Self::Plain => took_all || !SHORT_MEANS_BLOCKED,
            Self::Tls(session) => !session.is_stuffed(),
        }
    }

    /// Receives octets for the core into `into`.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        stream: &mut impl Stream,
        into: &mut [u8],
        scratch: &mut Scratch,
    ) -> Moved {
        match self {
            Self::Plain => plain::receive(stream, into),
            Self::Tls(session) => session.receive(stream, into, scratch),
        }
    }

    /// Sends the core's octets, all slices in one call.
    #[inline]
    pub(crate) fn send(
        &mut self,
        stream: &mut impl Stream,
        from: [&[u8]; 4],
        scratch: &mut Scratch,
    ) -> Moved {
        match self {
            Self::Plain => plain::send(stream, from),
            Self::Tls(session) => session.send(stream, from, scratch),
        }
    }

    /// Sends what is due beside the core's octets. True when nothing of that is left.
    #[inline]
    pub(crate) fn flush(&mut self, stream: &mut impl Stream) -> Moved {
        match self {
            Self::Plain => Moved::Bytes(0),
            Self::Tls(session) => session.flush(stream),
        }
    }

    /// Ends our side; what is still due leaves first, now or with [`Self::flush`].
    pub(crate) fn end(&mut self, stream: &mut impl Stream) -> io::Result<()> {
        match self {
            Self::Plain => stream.end(),
            Self::Tls(session) => session.end(stream),
        }
    }

    /// The stream is about to be released in order: says so, where there is a way to.
    pub(crate) fn part(&mut self, stream: &mut impl Stream) {
        match self {
            Self::Plain => {}
            Self::Tls(session) => session.part(stream),
        }
    }
}
