//! Threads that stand ready to drive a loop whose own thread is kept by a call.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::turn::Loop;

/// Loops that need a driver, and drivers that wait for one.
#[derive(Default)]
pub(crate) struct Spares {
    state: Mutex<State>,
    given: Condvar,
}

#[derive(Default)]
struct State {
    waiting: usize,
    /// Threads that were started and do not wait yet.
    starting: usize,
    loops: VecDeque<Box<Loop>>,
    closed: bool,
}

impl Spares {
    /// Threads that could take a loop at once.
    pub(crate) fn ready(&self) -> usize {
        let state = self.lock();
        (state.waiting + state.starting).saturating_sub(state.loops.len())
    }

    /// A thread was started that will wait.
    pub(crate) fn announce(&self) {
        self.lock().starting += 1;
    }

    /// The thread that was announced could not be had.
    pub(crate) fn renounce(&self) {
        self.lock().starting -= 1;
    }

    /// Gives a loop to whoever waits.
    pub(crate) fn give(&self, held: Box<Loop>) {
        self.lock().loops.push_back(held);
        self.given.notify_one();
    }

    /// Waits for a loop; `None` when none will come, or when `spares_max` threads wait already.
    /// `announced` is true for a thread that was.
    pub(crate) fn wait(&self, announced: bool, spares_max: usize) -> Option<Box<Loop>> {
        let mut state = self.lock();
        if announced {
            state.starting -= 1;
        } else if state.loops.is_empty() && state.waiting + state.starting >= spares_max {
            return None;
        }
        state.waiting += 1;
        let held = loop {
            if let Some(held) = state.loops.pop_front() {
                break Some(held);
            }
            if state.closed {
                break None;
            }
            state = self.given.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.waiting -= 1;
        held
    }

    /// No loop will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.given.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; were it so, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
