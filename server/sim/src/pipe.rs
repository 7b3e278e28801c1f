//! A stream between one client and the driver: two rows of octets that cut, stall, end and break.
//!
//! It behaves as a stream socket does where that matters: a full row blocks its writer, an end
//! comes behind all octets, a reset may destroy what was not read yet, and closing with unread
//! octets is a reset (RFC 9112 §9.6). Events tell the driver that something changed; like those of
//! an edge-triggered poll they say it once.

use std::collections::VecDeque;

/// What came of moving octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many octets, at least one.
    Bytes(usize),
    /// None now; an event will come.
    Blocked,
    /// The other side ended in order.
    Eof,
    /// The stream is broken.
    Gone,
}

/// How far one side has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// It may send and receive.
    Open,
    /// It sends no more.
    Ended,
    /// It neither sends nor receives.
    Closed,
    /// It broke the stream.
    Reset,
}

/// One stream.
#[derive(Debug)]
pub struct Pipe {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    bytes_max: usize,
    client: Side,
    server: Side,
    /// Something to read for the driver since it last looked: octets, an end or a break.
    pub event_readable: bool,
    /// Room to write for the driver since it last looked, or a break.
    pub event_writable: bool,
}

impl Pipe {
    /// A stream that holds `bytes_max` octets on their way in each direction.
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            bytes_max,
            client: Side::Open,
            server: Side::Open,
            event_readable: false,
            event_writable: false,
        }
    }

    // ---- what the driver does ----

    /// Reads at most `bytes_max` octets.
    pub fn read(&mut self, into: &mut [u8], bytes_max: usize) -> Moved {
        if self.client == Side::Reset {
            return Moved::Gone;
        }
        if self.to_server.is_empty() {
            return if self.client == Side::Open { Moved::Blocked } else { Moved::Eof };
        }
        let bytes = self.to_server.len().min(into.len()).min(bytes_max);
        for (place, octet) in into.iter_mut().zip(self.to_server.drain(..bytes)) {
            *place = octet;
        }
        Moved::Bytes(bytes)
    }

    /// Writes at most `bytes_max` octets of `slices`, in order.
    pub fn write(&mut self, slices: [&[u8]; 4], bytes_max: usize) -> Moved {
        match self.client {
            Side::Reset => return Moved::Gone,
            Side::Closed => {
                // The first octets that meet a closed socket break the stream.
                self.client = Side::Reset;
                self.event_readable = true;
                self.event_writable = true;
                return Moved::Gone;
            }
            Side::Open | Side::Ended => {}
        }
        let room = self.bytes_max.saturating_sub(self.to_client.len()).min(bytes_max);
        if room == 0 {
            return Moved::Blocked;
        }
        let mut left = room;
        for slice in slices {
            let part = slice.len().min(left);
            self.to_client.extend(&slice[..part]);
            left -= part;
        }
        Moved::Bytes(room - left)
    }

    /// Ends the driver's side behind what was written.
    pub fn end(&mut self) {
        self.server = self.server.max(Side::Ended);
    }

    /// Releases the driver's side. Unread octets make it a reset.
    pub fn release(&mut self, reset: bool, destroys: bool) {
        let unread = !self.to_server.is_empty() && self.client < Side::Closed;
        if reset || unread {
            self.server = Side::Reset;
            if destroys {
                self.to_client.clear();
            }
        } else {
            self.server = self.server.max(Side::Closed);
        }
    }

    /// Takes back the last octet that was written: a planted bug.
    pub fn lose_octet(&mut self) {
        self.to_client.pop_back();
    }

    // ---- what the client does ----

    /// Sends as many of `octets` as there is room for; how many.
    pub fn send(&mut self, octets: &[u8]) -> usize {
        if self.server >= Side::Closed || self.client != Side::Open {
            return 0;
        }
        let bytes = octets.len().min(self.room_to_send());
        self.to_server.extend(&octets[..bytes]);
        self.event_readable |= bytes > 0;
        bytes
    }

    /// Octets the client can send now.
    #[must_use]
    pub fn room_to_send(&self) -> usize {
        self.bytes_max.saturating_sub(self.to_server.len())
    }

    /// Receives at most `bytes_max` octets.
    pub fn receive(&mut self, bytes_max: usize, into: &mut Vec<u8>) -> Moved {
        if self.to_client.is_empty() {
            return match self.server {
                Side::Open => Moved::Blocked,
                Side::Ended | Side::Closed => Moved::Eof,
                Side::Reset => Moved::Gone,
            };
        }
        let was_full = self.to_client.len() >= self.bytes_max;
        let bytes = self.to_client.len().min(bytes_max);
        into.extend(self.to_client.drain(..bytes));
        self.event_writable |= was_full;
        Moved::Bytes(bytes)
    }

    /// Octets that wait for the client.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.to_client.len()
    }

    /// Moves the client's side on; it never goes back.
    pub fn client_becomes(&mut self, side: Side) {
        if side <= self.client {
            return;
        }
        self.client = side;
        self.event_readable = true;
        if side == Side::Reset {
            self.to_server.clear();
            self.event_writable = true;
        }
        if side >= Side::Closed {
            if !self.to_client.is_empty() {
                // Unread octets at a closing socket break the stream for the peer.
                self.client = Side::Reset;
                self.event_writable = true;
            }
            self.to_client.clear();
        }
    }

    // ---- what both can see ----

    /// The client's side.
    #[must_use]
    pub const fn client(&self) -> Side {
        self.client
    }

    /// The driver's side.
    #[must_use]
    pub const fn server(&self) -> Side {
        self.server
    }

    /// Whether the driver could read something, an end or a break.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !self.to_server.is_empty() || self.client != Side::Open
    }

    /// Whether the driver could write something or meet a break.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.to_client.len() < self.bytes_max || self.client >= Side::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_comes_behind_all_octets() {
        let mut pipe = Pipe::new(4);
        assert_eq!(pipe.send(b"abcdef"), 4);
        pipe.client_becomes(Side::Ended);
        let mut into = [0; 3];
        assert_eq!(pipe.read(&mut into, 9), Moved::Bytes(3));
        assert_eq!(pipe.read(&mut into, 9), Moved::Bytes(1));
        assert_eq!(pipe.read(&mut into, 9), Moved::Eof);
    }

    #[test]
    fn a_full_row_blocks_and_reading_it_is_an_event() {
        let mut pipe = Pipe::new(4);
        assert_eq!(pipe.write([b"ab", b"", b"cdef", b""], 99), Moved::Bytes(4));
        assert_eq!(pipe.write([b"x", b"", b"", b""], 99), Moved::Blocked);
        assert!(!pipe.event_writable);
        let mut got = Vec::new();
        assert_eq!(pipe.receive(2, &mut got), Moved::Bytes(2));
        assert!(pipe.event_writable);
    }

    #[test]
    fn closing_with_unread_octets_is_a_reset() {
        let mut pipe = Pipe::new(9);
        pipe.send(b"late");
        assert_eq!(pipe.write([b"reply", b"", b"", b""], 99), Moved::Bytes(5));
        pipe.release(false, true);
        assert_eq!(pipe.receive(9, &mut Vec::new()), Moved::Gone);
    }

    #[test]
    fn a_reset_is_seen_by_both_calls() {
        let mut pipe = Pipe::new(9);
        pipe.client_becomes(Side::Reset);
        assert_eq!(pipe.read(&mut [0], 9), Moved::Gone);
        assert_eq!(pipe.write([b"x", b"", b"", b""], 9), Moved::Gone);
        pipe.client_becomes(Side::Ended);
        assert_eq!(pipe.client(), Side::Reset);
    }
}
