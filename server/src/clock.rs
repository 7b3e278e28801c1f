//! The only reader of clocks.
//!
//! The loop reads once a turn and passes the reading down; a worker reads once a call. Wall-clock
//! time is read for the `date` field, for records and for logs: deadlines never depend on it.

use std::time::{SystemTime, UNIX_EPOCH};

use fezz_proto::Instant;

use crate::sys::monotonic;

/// A monotonic clock that counts from its creation, the same for every thread it is copied to.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin_us: u64,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin_us: monotonic::now_us() }
    }

    /// Now, in microseconds since the clock began.
    #[must_use]
    pub fn now(&self) -> Instant {
        // Not the standard library's clock: it counts in pairs of numbers, which every call of a
        // function would pay for.
        Instant::from_micros(monotonic::now_us().saturating_sub(self.origin_us))
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
