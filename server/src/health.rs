//! Whether the server can take requests, as whoever sends them is to see it: a balancer, a
//! supervisor, `/readyz`.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// The server's health at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// Whether the server is on its way to its end. True from the order to drain on, and so before
    /// it stops accepting, when there is a delay between the two.
    pub draining: bool,
    /// Why it is not ready.
    pub reason: Option<Unready>,
}

/// Why a server should get no requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// It does not serve yet.
    Starting,
    /// It is on its way to its end.
    Draining,
    /// As many calls were given up as may be: the next one that hangs keeps its worker.
    WorkersExhausted,
}

impl Unready {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Starting, Self::Draining, Self::WorkersExhausted];

    /// The stable reason word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::WorkersExhausted => "workers_exhausted",
        }
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// How far a server has come in its life; it never goes back.
#[derive(Debug, Default)]
pub(crate) struct Life(AtomicU8);

impl Life {
    /// The loops run.
    pub(crate) fn begin(&self) {
        self.0.fetch_max(1, Ordering::Release);
    }

    /// The order to drain, or to end, was given.
    pub(crate) fn drain(&self) {
        self.0.fetch_max(2, Ordering::Release);
    }

    /// Another process serves in this one's place: whoever watches the server is its.
    pub(crate) fn hand_over(&self) {
        self.0.fetch_max(3, Ordering::Release);
    }

    /// Whether another process serves in this one's place.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::Acquire) == 3
    }

    /// The health of a server that has come so far, and whose workers are `exhausted` or not.
    pub(crate) fn health(&self, exhausted: bool) -> Health {
        let reason = match self.0.load(Ordering::Acquire) {
            0 => Some(Unready::Starting),
            1 => exhausted.then_some(Unready::WorkersExhausted),
            _ => Some(Unready::Draining),
        };
        let draining = reason == Some(Unready::Draining);
        Health { ready: reason.is_none(), draining, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_one_direction() {
        let life = Life::default();
        assert_eq!(life.health(false).reason, Some(Unready::Starting));
        life.begin();
        assert_eq!(life.health(false), Health { ready: true, draining: false, reason: None });
        assert_eq!(life.health(true).reason, Some(Unready::WorkersExhausted));
        life.drain();
        life.begin();
        let health = life.health(true);
        assert!(health.draining && !health.ready, "{health:?}");
        assert_eq!(health.reason.map(Unready::name), Some("draining"));
    }
}
