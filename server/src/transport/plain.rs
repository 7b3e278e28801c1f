//! Octets as they are: one read, one gather write.

use std::io::{ErrorKind, IoSlice, Result};

use super::{Moved, Stream};

/// Interrupted calls repeated before the stream counts as blocked for this turn.
const INTERRUPTS_MAX: usize = 8;

pub(super) fn receive(stream: &mut impl Stream, into: &mut [u8]) -> Moved {
    if into.is_empty() {
        return Moved::Blocked;
    }
    match uninterrupted(|| stream.read(into)) {
        Moved::Bytes(0) => Moved::Eof,
        moved => moved,
    }
}

pub(super) fn send(stream: &mut impl Stream, from: [&[u8]; 4]) -> Moved {
    let mut slices = [IoSlice::new(&[]); 4];
    let mut used = 0;
    for octets in from {
        if !octets.is_empty()
            && let Some(slice) = slices.get_mut(used)
        {
            *slice = IoSlice::new(octets);
            used += 1;
        }
    }
    match slices.get(..used).unwrap_or_default() {
        [] => Moved::Bytes(0),
        [one] => uninterrupted(|| stream.write(one)),
        many => uninterrupted(|| stream.write_vectored(many)),
    }
}

fn uninterrupted(mut call: impl FnMut() -> Result<usize>) -> Moved {
    for _ in 0..INTERRUPTS_MAX {
        match call() {
            Ok(bytes) => return Moved::Bytes(bytes),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Moved::Blocked,
            Err(_) => return Moved::Gone,
        }
    }
    Moved::Blocked
}
