//! Octets as they are: one read, one gather write.

use std::io::{ErrorKind, IoSlice, Result};

use super::{Moved, Stream};

/// Interrupted calls repeated before the stream counts as broken. Each takes a signal that arrives
/// within the call, so that there are never many; but to call the stream blocked would be to wait
/// for an event that does not come, because nobody has said "blocked".
const INTERRUPTS_MAX: usize = 1_000;

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
    // As most replies are: the second slice is their head.
    if let [[], one, [], []] = from
        && !one.is_empty()
    {
        return uninterrupted(|| stream.write(one));
    }
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
    Moved::Gone
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interrupts so many calls, then takes everything.
    fn moved_after(interrupts: usize) -> Moved {
        let mut left = interrupts;
        uninterrupted(|| {
            if left == 0 {
                return Ok(3);
            }
            left -= 1;
            Err(ErrorKind::Interrupted.into())
        })
    }

    #[test]
    fn interrupts_hide_no_readiness() {
        for interrupts in [0, 1, 8, 100] {
            assert_eq!(moved_after(interrupts), Moved::Bytes(3), "{interrupts}");
        }
        assert_eq!(moved_after(INTERRUPTS_MAX), Moved::Gone, "it would never end");
    }
}
