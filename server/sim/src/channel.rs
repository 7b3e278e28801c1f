//! What may stand between the core and its stream, and between a client and its stream: TLS, from
//! whoever has it.
//!
//! Without one a client's octets are the stream's. With one there are two streams: the client of
//! the plan acts on the first as ever, a [`Peer`] carries what it says to the second, and a
//! [`Channel`] is asked by the driver in place of that.

use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};

use fezz_proto::HandshakeFault;

use crate::pipe::{Moved, Pipe};
use crate::plan::Odds;
use crate::rng::Rng;

/// What came of going on with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaken {
    /// It is done.
    Secured,
    /// Nothing moves before an event; whether that is one of writing.
    Blocked(bool),
    /// It wants to go on in another turn.
    Waiting,
    /// It failed.
    Failed(HandshakeFault),
    /// The peer ended its side.
    Eof,
    /// The stream is broken.
    Gone,
}

/// The server's end.
pub trait Channel: Debug {
    /// Whether a handshake is under way.
    fn is_handshaking(&self) -> bool;
    /// Goes on with it.
    fn shake(&mut self, wire: &mut Wire<'_>, readable: &mut bool, waits: bool) -> Shaken;
    /// Receives octets for the core.
    fn receive(&mut self, wire: &mut Wire<'_>, into: &mut [u8]) -> Moved;
    /// Sends the core's octets.
    fn send(&mut self, wire: &mut Wire<'_>, from: [&[u8]; 4]) -> Moved;
    /// Sends what is due beside them.
    fn flush(&mut self, wire: &mut Wire<'_>) -> Moved;
    /// Ends our side; false when the stream is broken.
    fn end(&mut self, wire: &mut Wire<'_>) -> bool;
    /// The stream is about to be released in order.
    fn part(&mut self, wire: &mut Wire<'_>);
    /// Whether more may come without another event.
    fn may_have_more(&self) -> bool;
    /// Whether the stream took all it was given.
    fn may_take_more(&self) -> bool;
}

/// The client's end.
pub trait Peer: Debug {
    /// Carries octets both ways as far as they go; true when anything moved. `says_hello` is false
    /// for a client whose handshake never ends.
    fn carry(&mut self, plain: &mut Pipe, wire: &mut Wire<'_>, says_hello: bool) -> bool;
}

/// Where both ends come from.
pub trait Channels {
    /// The ends of one client's connection.
    fn open(&mut self, client: usize) -> (Box<dyn Channel>, Box<dyn Peer>);
}

/// A stream as a transport sees it: it gives and takes as little as the plan wants, and says when
/// there is more by an event, as after a short call of a socket.
#[derive(Debug)]
pub struct Wire<'w> {
    /// The stream.
    pub pipe: &'w mut Pipe,
    /// Choices.
    pub rng: &'w mut Rng,
    /// How it behaves.
    pub odds: Odds,
}

impl Wire<'_> {
    /// Ends the server's side.
    pub fn end(&mut self) {
        self.pipe.end();
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.pipe.read(into, self.odds.read_bytes_max) {
            Moved::Bytes(bytes) => {
                self.pipe.event_readable |= bytes < into.len() && self.pipe.is_readable();
                Ok(bytes)
            }
            Moved::Blocked => Err(ErrorKind::WouldBlock.into()),
            Moved::Eof => Ok(0),
            Moved::Gone => Err(ErrorKind::ConnectionReset.into()),
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let most = if self.rng.chance(200) { 1 } else { self.odds.write_bytes_max };
        match self.pipe.write([octets, &[], &[], &[]], most) {
            Moved::Bytes(bytes) => {
                self.pipe.event_writable |= bytes < octets.len() && self.pipe.is_writable();
                Ok(bytes)
            }
            Moved::Blocked => Err(ErrorKind::WouldBlock.into()),
            Moved::Eof | Moved::Gone => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.write(slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
