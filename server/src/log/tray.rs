//! Where lines wait for their writer: whole lines only, a bound on their octets, and nobody who
//! puts lines there waits for the writer.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Octets of lines that go to the writer in one piece.
pub(crate) const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Emptied buffers that are kept for the next lines.
const SPARES_MAX: usize = 2;

/// Lines of one source, in order.
pub(crate) struct Tray {
    held: Mutex<Held>,
    buffers_max: usize,
}

struct Held {
    /// Being filled.
    open: Vec<u8>,
    /// Filled, oldest first.
    full: VecDeque<Vec<u8>>,
    spares: Vec<Vec<u8>>,
}

impl Tray {
    /// A tray for `buffers_max` buffers of [`BUFFER_BYTES_MAX`] octets, and the one being filled.
    pub(crate) const fn new(buffers_max: usize) -> Self {
        let held = Held { open: Vec::new(), full: VecDeque::new(), spares: Vec::new() };
        Self { held: Mutex::new(held), buffers_max }
    }

    /// Takes whole lines. When there is no room they are lost: the number of lost lines is the
    /// answer.
    pub(crate) fn put(&self, lines: &[u8]) -> u64 {
        let mut held = self.lock();
        let Held { open, full, spares } = &mut *held;
        if open.is_empty() || open.len() + lines.len() <= BUFFER_BYTES_MAX {
            open.extend_from_slice(lines);
        } else if full.len() < self.buffers_max {
            full.push_back(mem::replace(open, spares.pop().unwrap_or_default()));
            open.extend_from_slice(lines);
        } else {
            drop(held);
            return count(lines);
        }
        0
    }

    /// Moves everything to the end of `into`.
    pub(crate) fn take(&self, into: &mut VecDeque<Vec<u8>>) {
        let mut held = self.lock();
        into.append(&mut held.full);
        if !held.open.is_empty() {
            let spare = held.spares.pop().unwrap_or_default();
            into.push_back(mem::replace(&mut held.open, spare));
        }
    }

    /// Gives an emptied buffer back, so that the next lines need no allocation.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut held = self.lock();
        if held.spares.len() < SPARES_MAX && buffer.capacity() <= 2 * BUFFER_BYTES_MAX {
            held.spares.push(buffer);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let held = self.lock();
        held.open.is_empty() && held.full.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while the lock is held; were it so, the lines would still be whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines in a buffer.
pub(crate) fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|octet| **octet == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(octets: usize) -> Vec<u8> {
        let mut line = vec![b'a'; octets - 1];
        line.push(b'\n');
        line
    }

    #[test]
    fn lines_come_out_as_they_came_in() {
        let tray = Tray::new(2);
        assert!(tray.is_empty());
        let mut expected = Vec::new();
        for number in 0..9_000_u32 {
            let text = format!("line {number}\n").into_bytes();
            expected.extend_from_slice(&text);
            assert_eq!(tray.put(&text), 0);
        }
        let mut taken = VecDeque::new();
        tray.take(&mut taken);
        assert_eq!(taken.into_iter().flatten().collect::<Vec<u8>>(), expected);
        assert!(tray.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_counted_and_gone() {
        let tray = Tray::new(2);
        // One buffer that is being filled and two that wait: each holds one of these lines.
        for _ in 0..3 {
            assert_eq!(tray.put(&line(BUFFER_BYTES_MAX / 2 + 1)), 0);
        }
        let mut two = line(BUFFER_BYTES_MAX / 2);
        two.extend(line(2));
        assert_eq!(tray.put(&two), 2);
        let mut taken = VecDeque::new();
        tray.take(&mut taken);
        assert_eq!(taken.len(), 3);
        assert_eq!(tray.put(&line(9)), 0, "there is room again");
    }

    #[test]
    fn buffers_come_back() {
        let tray = Tray::new(2);
        for _ in 0..10 {
            tray.put(&line(10));
            let mut taken = VecDeque::new();
            tray.take(&mut taken);
            for one in taken {
                tray.give_back(one);
            }
        }
        assert!(tray.lock().spares.len() <= SPARES_MAX);
    }
}
