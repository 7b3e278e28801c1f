//! A PROXY header in front of everything else, and what came behind it in the same read.
//!
//! No octet behind the header is lost: it is kept until TLS, or the core, takes it. Only trusted
//! proxies get here, so that what is held for a header that does not come is theirs to answer for.

use std::fmt;

use super::{Moved, SHORT_MEANS_BLOCKED, Stream, plain};
use crate::peer::{HEADER_BYTES_MAX, ProxyFault, Source, look};
use crate::tls::Gate;

/// What reading a header came to.
pub(crate) enum Prefaced {
    /// It is whole.
    Whole(Source),
    /// The peer has to say more.
    Starved,
    /// It is none.
    Failed(ProxyFault),
    /// The peer ended its side and has said nothing.
    Eof,
    /// The connection is broken.
    Gone,
}

/// A connection before its header, or with octets that came behind it.
pub(crate) struct Preface {
    /// The begin of a header; then what came behind it.
    octets: Vec<u8>,
    /// Octets of them that are done with.
    gone: usize,
    announced: bool,
    /// Whose TLS comes next.
    gate: Option<Gate>,
}

impl fmt::Debug for Preface {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.octets.len() - self.gone;
        out.debug_struct("Preface").field("held", &held).finish_non_exhaustive()
    }
}

impl Preface {
    /// A connection that was just accepted; TLS comes next if there is a gate.
    pub(crate) const fn new(gate: Option<Gate>) -> Self {
        Self { octets: Vec::new(), gone: 0, announced: false, gate }
    }

    pub(super) const fn is_announced(&self) -> bool {
        self.announced
    }

    /// Whether a TLS handshake comes next.
    pub(super) const fn is_secure(&self) -> bool {
        self.gate.is_some()
    }

    /// Reads until the header is whole, or the stream has no more. A short read is not the last
    /// where the peer's end is announced behind.
    pub(crate) fn read(
        &mut self,
        stream: &mut impl Stream,
        readable: &mut bool,
        end_announced: bool,
    ) -> Prefaced {
        while *readable {
            let held = self.octets.len();
            self.octets.resize(HEADER_BYTES_MAX, 0);
            let space = self.octets.get_mut(held..).unwrap_or_default();
            let room = space.len();
            let moved = plain::receive(stream, space);
            let bytes = if let Moved::Bytes(bytes) = moved { bytes } else { 0 };
            self.octets.truncate(held + bytes);
            match moved {
                Moved::Bytes(_) => {}
                Moved::Blocked => *readable = false,
                Moved::Eof if held == 0 => return Prefaced::Eof,
                Moved::Eof => return Prefaced::Failed(ProxyFault::Cut),
                Moved::Gone => return Prefaced::Gone,
            }
            if bytes < room && SHORT_MEANS_BLOCKED && !end_announced {
                *readable = false;
            }
            match look(&self.octets) {
                Ok(None) => {}
                Ok(Some(announced)) => {
                    self.gone = announced.bytes;
                    self.announced = true;
                    return Prefaced::Whole(announced.source);
                }
                Err(fault) => return Prefaced::Failed(fault),
            }
        }
        Prefaced::Starved
    }

    /// No header is wanted any more, nor what came with it.
    pub(super) fn give_up(&mut self) {
        self.announced = true;
        self.gone = self.octets.len();
    }

    /// What came behind the header and was not taken.
    pub(crate) fn left(&self) -> &[u8] {
        self.octets.get(self.gone..).unwrap_or_default()
    }

    /// Whose TLS comes next; once.
    pub(super) fn take_gate(&mut self) -> Option<Gate> {
        self.gate.take()
    }

    /// Octets that came behind the header.
    pub(super) fn take_into(&mut self, into: &mut [u8]) -> usize {
        let left = self.left();
        let bytes = left.len().min(into.len());
        if let (Some(room), Some(from)) = (into.get_mut(..bytes), left.get(..bytes)) {
            room.copy_from_slice(from);
        }
        self.gone += bytes;
        bytes
    }
}
