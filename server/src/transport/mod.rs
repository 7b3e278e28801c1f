//! Plain or encrypted, the same verbs: the connection core never learns which.
//!
//! Generic over the stream, so that pipes of a simulator fit as well as sockets.

mod plain;
mod preface;
mod tls;

use std::io::{self, Read, Write};

use fezz_proto::HandshakeFault;

use crate::tls::Gate;

pub(crate) use preface::{Preface, Prefaced};
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
    /// A PROXY header, and what came behind it.
    Prefaced(Box<Preface>),
}

/// What has to be over before the core's octets move.
pub(crate) enum Beginning<'t> {
    /// A PROXY header.
    Header,
    /// A handshake.
    Handshake(&'t mut Session),
}

impl Transport {
    /// A connection that was just accepted, whose header comes first.
    pub(crate) fn prefaced(gate: Option<Gate>) -> Self {
        Self::Prefaced(Box::new(Preface::new(gate)))
    }

    /// Whether something of that with which the connection begins is not over yet.
    #[inline]
    pub(crate) fn begins(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Tls(session) => session.is_handshaking(),
            Self::Prefaced(preface) => !preface.is_announced(),
        }
    }

    /// What is not over yet of that with which the connection begins.
    pub(crate) fn beginning(&mut self) -> Option<Beginning<'_>> {
        match self {
            Self::Plain => None,
            Self::Tls(session) if session.is_handshaking() => Some(Beginning::Handshake(session)),
            Self::Tls(_) => None,
            Self::Prefaced(preface) => (!preface.is_announced()).then_some(Beginning::Header),
        }
    }

    /// Whether a handshake was begun, or is to come, and is not over.
    pub(crate) fn owes_handshake(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Tls(session) => session.is_handshaking(),
            Self::Prefaced(preface) => preface.is_secure(),
        }
    }

    /// Whether a header is to come, and was not given up.
    pub(crate) fn awaits_header(&self) -> bool {
        matches!(self, Self::Prefaced(preface) if !preface.is_announced())
    }

    /// The connection ends without a header, or because of it.
    pub(crate) fn give_up_header(&mut self) {
        if let Self::Prefaced(preface) = self {
            preface.give_up();
        }
    }

    /// The header is whole: TLS comes next, or what came behind the header. True when there is
    /// something to receive that no event announces.
    pub(crate) fn go_behind_header(&mut self) -> bool {
        let Self::Prefaced(preface) = self else { return false };
        let holds_more = !preface.left().is_empty();
        match preface.take_gate() {
            Some(gate) => *self = Self::Tls(Box::new(Session::with(gate, preface.left()))),
            None if !holds_more => *self = Self::Plain,
            None => {}
        }
        holds_more
    }

    /// Whether more may come without another event, after a receive that filled its room, or not.
    #[inline]
    pub(crate) fn may_have_more(&self, filled: bool) -> bool {
        match self {
            Self::Plain => filled || !SHORT_MEANS_BLOCKED,
            Self::Tls(session) => session.holds_more(),
            // The stream was not asked.
            Self::Prefaced(_) => true,
        }
    }

    /// Whether the stream may take more after a send that took everything it was offered, or not.
    #[inline]
    pub(crate) fn may_take_more(&self, took_all: bool) -> bool {
        match self {
            Self::Plain | Self::Prefaced(_) => took_all || !SHORT_MEANS_BLOCKED,
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
            Self::Prefaced(preface) if preface.left().is_empty() => {
                *self = Self::Plain;
                plain::receive(stream, into)
            }
            Self::Prefaced(_) if into.is_empty() => Moved::Blocked,
            Self::Prefaced(preface) => Moved::Bytes(preface.take_into(into)),
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
            Self::Plain | Self::Prefaced(_) => plain::send(stream, from),
            Self::Tls(session) => session.send(stream, from, scratch),
        }
    }

    /// Sends what is due beside the core's octets. True when nothing of that is left.
    #[inline]
    pub(crate) fn flush(&mut self, stream: &mut impl Stream) -> Moved {
        match self {
            Self::Plain | Self::Prefaced(_) => Moved::Bytes(0),
            Self::Tls(session) => session.flush(stream),
        }
    }

    /// Ends our side; what is still due leaves first, now or with [`Self::flush`].
    pub(crate) fn end(&mut self, stream: &mut impl Stream) -> io::Result<()> {
        match self {
            Self::Plain | Self::Prefaced(_) => stream.end(),
            Self::Tls(session) => session.end(stream),
        }
    }

    /// The stream is about to be released in order: says so, where there is a way to.
    pub(crate) fn part(&mut self, stream: &mut impl Stream) {
        match self {
            Self::Plain | Self::Prefaced(_) => {}
            Self::Tls(session) => session.part(stream),
        }
    }
}
