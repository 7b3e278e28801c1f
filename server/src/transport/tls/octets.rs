//! Octets between the stream and rustls: scratch memory, what is held, and how records are filled.

use rustls::unbuffered::EncodeError;

use super::{HANDSHAKE_BYTES_MAX, INPUT_BYTES, OUTPUT_BYTES, RECORD_BYTES_MAX};
use crate::peer::Rejection;
use crate::transport::{Moved, SHORT_MEANS_BLOCKED, Stream, plain};

/// Memory that the connections of one loop use in turn, and what a turn may still pay for.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
    pub(super) gather: Vec<u8>,
    /// Handshakes that may still be begun in this turn.
    pub(crate) handshakes_left: u32,
    /// Connections that were not served, since the driver last asked.
    pub(crate) rejected: Vec<Rejection>,
    /// Handshakes that ended, one way or the other, since the driver last asked.
    pub(crate) handshakes_ended: u32,
}

impl Scratch {
    /// For a turn that may begin so many handshakes.
    pub(crate) fn for_handshakes(handshakes_left: u32) -> Self {
        Self { handshakes_left, ..Self::default() }
    }

    /// Memory is taken only when there is something to encrypt.
    pub(super) fn warm_up(&mut self) {
        if self.input.is_empty() {
            self.input.resize(HANDSHAKE_BYTES_MAX + INPUT_BYTES, 0);
            self.output.resize(OUTPUT_BYTES, 0);
            self.gather.reserve(RECORD_BYTES_MAX);
        }
    }
}

/// Octets with a cursor; the memory goes when the last one is taken.
#[derive(Default)]
pub(super) struct Held {
    pub(super) octets: Vec<u8>,
    gone: usize,
}

impl Held {
    pub(super) fn left(&self) -> &[u8] {
        self.octets.get(self.gone..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gone >= self.octets.len()
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.gone += bytes;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    pub(super) fn take_into(&mut self, into: &mut [u8]) -> usize {
        let bytes = self.left().len().min(into.len());
        if let (Some(room), Some(from)) = (into.get_mut(..bytes), self.left().get(..bytes)) {
            room.copy_from_slice(from);
        }
        self.take(bytes);
        bytes
    }
}

/// Encodes what rustls has to say behind what is due.
pub(super) fn say(
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
    output: &mut Held,
) {
    if let Err(EncodeError::InsufficientSize(wanted)) = encode(&mut []) {
        let at = output.octets.len();
        output.octets.resize(at + wanted.required_size, 0);
        let said = encode(output.octets.get_mut(at..).unwrap_or_default());
        debug_assert!(said.is_ok_and(|bytes| bytes == wanted.required_size));
    }
}

/// Writes as much as the stream takes now; what it did not take, or nothing when it is broken.
pub(super) fn offer<'a>(stream: &mut impl Stream, mut octets: &'a [u8]) -> Option<&'a [u8]> {
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
pub(super) fn deliver(payload: &[u8], left: &mut &mut [u8], plain: &mut Held) {
    let fits = payload.len().min(left.len());
    let (now, later) = payload.split_at(fits);
    let (room, rest) = std::mem::take(left).split_at_mut(fits);
    room.copy_from_slice(now);
    *left = rest;
    plain.push(later);
}

/// The octets of the next record, taken from the front of `from`: a full one as long as there are
/// enough. They are copied only where they come from several slices.
pub(super) fn record_of<'r, 'a: 'r>(from: &mut [&'a [u8]; 4], gather: &'r mut Vec<u8>) -> &'r [u8] {
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
