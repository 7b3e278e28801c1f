//! What is asked of a loop beside its order: other limits, and a descriptor for another loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::settings::Tuning;

/// What was asked of a loop since it last looked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// Other limits.
    pub(crate) tuning: Option<Tuning>,
    /// An idle connection is to leave: another loop has no descriptor for a new one.
    pub(crate) starved: bool,
}

/// Where others ask and the loop looks once a turn.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// Something is there.
    raised: AtomicBool,
    asked: Mutex<Asked>,
}

impl Asks {
    /// Asks for other limits; the last ones count.
    pub(crate) fn tune(&self, tuning: Tuning) {
        self.ask(|asked| asked.tuning = Some(tuning));
    }

    /// Asks for a descriptor.
    pub(crate) fn starve(&self) {
        self.ask(|asked| asked.starved = true);
    }

    /// What was asked for since the last call; one load when that is nothing.
    #[inline]
    pub(crate) fn take(&self) -> Option<Asked> {
        if !self.raised.load(Ordering::Relaxed) {
            return None;
        }
        // Lowered before the lock and raised behind it: what is asked meanwhile is not lost.
        self.raised.swap(false, Ordering::AcqRel);
        Some(std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn ask(&self, ask: impl FnOnce(&mut Asked)) {
        // Nothing panics while the lock is held.
        ask(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        self.raised.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_heard_once() {
        let asks = Asks::default();
        assert!(asks.take().is_none());
        asks.starve();
        asks.starve();
        let asked = asks.take().unwrap();
        assert!(asked.starved && asked.tuning.is_none());
        assert!(asks.take().is_none());
    }
}
