//! The watch's sleep: as long as nothing happens it costs nothing, and nobody is watched too late.
//!
//! Who begins something that must be watched stirs the alarm *after* making it visible under a
//! lock that the watch looks through *after* it has said that it sleeps. Whichever of them takes
//! that lock second sees what the other did: the sleeper finds the work, or the stirrer finds the
//! sleeper. A stir costs one load while the watch is awake.

use std::time::Duration;

use super::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering, PoisonError};

/// What the watch waits with.
#[derive(Debug)]
pub(crate) struct Alarm {
    asleep: AtomicBool,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    /// When there will be something to do, in milliseconds of the server's clock.
    next_ms: Option<u64>,
    closed: bool,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self {
            asleep: AtomicBool::new(false),
            state: Mutex::new(State::default()),
            bell: Condvar::new(),
        }
    }

    /// Something began that is watched from now on.
    #[inline]
    pub(crate) fn stir(&self) {
        if self.asleep.load(Ordering::Acquire) {
            self.ring(None);
        }
    }

    /// There will be something to do at `at_ms`.
    pub(crate) fn expect(&self, at_ms: u64) {
        self.ring(Some(at_ms));
    }

    #[cold]
    fn ring(&self, at_ms: Option<u64>) {
        let mut state = self.lock();
        state.next_ms = match (state.next_ms, at_ms) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        state.rung = true;
        self.bell.notify_one();
    }

    /// The watch ends.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_one();
    }

    /// Whether the watch ends.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Whether what is expected is due by `now_ms`; then it is expected no more.
    pub(crate) fn take_due(&self, now_ms: u64) -> bool {
        self.lock().next_ms.take_if(|at_ms| *at_ms <= now_ms).is_some()
    }

    /// Sleeps until somebody stirs, the server ends, or what is expected comes. `is_quiet` looks
    /// once more when nobody can begin anything unnoticed.
    pub(crate) fn sleep(&self, now_ms: u64, is_quiet: impl FnOnce() -> bool) {
        self.asleep.store(true, Ordering::Release);
        if is_quiet() {
            let state = self.lock();
            if !state.rung && !state.closed {
                drop(match state.next_ms {
                    None => self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
                    Some(at_ms) => {
                        let patience = Duration::from_millis(at_ms.saturating_sub(now_ms));
                        let woken = self.bell.wait_timeout(state, patience);
                        woken.unwrap_or_else(PoisonError::into_inner).0
                    }
                });
            }
        }
        self.asleep.store(false, Ordering::Release);
        self.lock().rung = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; were it so, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
