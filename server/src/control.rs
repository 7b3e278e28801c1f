//! What other threads tell a loop: serve, drain, end. Orders only become sharper.

use std::sync::atomic::{AtomicU8, Ordering};

/// What a loop is to do with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Take them and answer.
    Serve,
    /// Finish those that are here.
    Drain,
    /// End them now.
    Kill,
}

/// The order in force; read by its loop once a turn.
#[derive(Debug, Default)]
pub(crate) struct Control(AtomicU8);

impl Control {
    pub(crate) fn drain(&self) {
        self.0.fetch_max(1, Ordering::Release);
    }

    pub(crate) fn kill(&self) {
        self.0.fetch_max(2, Ordering::Release);
    }

    pub(crate) fn order(&self) -> Order {
        match self.0.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Kill,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_not_taken_back_by_a_drain() {
        let control = Control::default();
        assert_eq!(control.order(), Order::Serve);
        control.drain();
        assert_eq!(control.order(), Order::Drain);
        control.kill();
        control.drain();
        assert_eq!(control.order(), Order::Kill);
    }
}
