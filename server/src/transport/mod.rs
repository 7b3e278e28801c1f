//! Plain or encrypted, the same verbs: the connection core never learns which.
//!
//! Generic over the stream, so that pipes of a simulator fit as well as sockets.

mod plain;

use std::io::{self, Read, Write};

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

/// How octets get from the stream to the core and back.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Octets as they are.
    Plain,
}

impl Transport {
    /// Receives octets for the core into `into`.
    pub(crate) fn receive(&mut self, stream: &mut impl Stream, into: &mut [u8]) -> Moved {
        match self {
            Self::Plain => plain::receive(stream, into),
        }
    }

    /// Sends the core's octets, all slices in one call.
    pub(crate) fn send(&mut self, stream: &mut impl Stream, from: [&[u8]; 4]) -> Moved {
        match self {
            Self::Plain => plain::send(stream, from),
        }
    }

    /// Ends our side.
    pub(crate) fn end(&mut self, stream: &mut impl Stream) -> io::Result<()> {
        match self {
            Self::Plain => stream.end(),
        }
    }
}
