//! The only reader of clocks.
//!
//! The loop reads once a turn and passes the reading down; a worker reads once a call. Wall-clock
//! time is read for the `date` field, for records and for logs: deadlines never depend on it.

use std::time::{SystemTime, UNIX_EPOCH};

use fezz_proto::Instant;

/// A monotonic clock that counts from its creation, the same for every thread it is copied to.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one file that reads clocks")]
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// Now, in microseconds since the clock began.
    #[must_use]
    pub fn now(&self) -> Instant {
        let since = self.origin.elapsed();
        Instant::from_micros(since.as_secs() * 1_000_000 + u64::from(since.subsec_micros()))
    }

    /// What the wall clock shows.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one file that reads clocks")]
    pub fn wall() -> SystemTime {
        SystemTime::now()
    }

    /// Seconds since 1970-01-01 00:00 UTC; zero before it.
    #[must_use]
    pub fn unix_seconds() -> u64 {
        Self::wall().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
