//! Latencies of an open loop by the time at which requests were due, a window of 100 ms each.
//!
//! A machine that other machines share stops now and then, for some milliseconds once a second: as
//! much as a 99th percentile is about. What that does falls into a few windows; what a server does
//! all the time is in every one. So the middle one of the windows' 99th percentiles says what is
//! typical, and a window says what happened at a moment.

use hdrhistogram::{CreationError, Histogram};
use serde::{Deserialize, Serialize};

/// Length of a window, in milliseconds.
pub const WINDOW_MS: u64 = 100;
const WINDOW_NANOS: u64 = WINDOW_MS * 1_000_000;
/// Windows of one run: a minute. What comes behind them is in none.
const WINDOWS_MAX: usize = 600;
/// Shortest latency that is told from zero, in nanoseconds.
const LATENCY_NANOS_MIN: u64 = 1_000;
/// Longer latencies are counted as this one.
const LATENCY_NANOS_MAX: u64 = 60_000_000_000;
/// Digits of a latency that are kept: an error of one part in a hundred.
const LATENCY_DIGITS: u8 = 2;

/// Latencies of the requests that were due in one window, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// 99 of a hundred were at least as fast.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// The windows of one run. Times are nanoseconds of the run's clock.
#[derive(Debug, Default)]
pub(super) struct Windows {
    from: u64,
    windows: Vec<Histogram<u64>>,
}

impl Windows {
    /// The first window begins at `now`.
    pub(super) fn restart(&mut self, now: u64) {
        *self = Self { from: now, windows: Vec::new() };
    }

    /// A request that was due at `due` was answered after `nanos`.
    pub(super) fn record(&mut self, due: u64, nanos: u64) -> Result<(), CreationError> {
        let Some(after) = due.checked_sub(self.from) else { return Ok(()) };
        let place = usize::try_from(after / WINDOW_NANOS).unwrap_or(usize::MAX);
        if place >= WINDOWS_MAX {
            return Ok(());
        }
        while self.windows.len() <= place {
            let (min, max) = (LATENCY_NANOS_MIN, LATENCY_NANOS_MAX);
            self.windows.push(Histogram::new_with_bounds(min, max, LATENCY_DIGITS)?);
        }
        self.windows[place].saturating_record(nanos);
        Ok(())
    }

    /// What they hold, in their order. One without an answer is zero.
    pub(super) fn report(&self) -> Vec<Window> {
        let window = |latencies: &Histogram<u64>| Window {
            p99: micros(latencies.value_at_quantile(0.99)),
            max: micros(latencies.max()),
        };
        self.windows.iter().map(window).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are below 2^36 nanoseconds")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_belongs_to_the_window_in_which_its_request_was_due() {
        let mut windows = Windows::default();
        windows.restart(1_000_000);
        // Of the warm-up.
        windows.record(999_999, 5_000_000).unwrap();
        for due in (1_000_000..=WINDOW_NANOS).step_by(1_000_000) {
            windows.record(due, 50_000).unwrap();
        }
        // Due at the end of the first one, and answered long after it.
        windows.record(WINDOW_NANOS + 999_999, 900_000_000).unwrap();
        windows.record(WINDOW_NANOS * 2 + 1_000_000, 70_000).unwrap();
        let seen: Vec<(f64, f64)> =
            windows.report().iter().map(|one| (one.p99.round(), one.max.round())).collect();
        let near = |got: f64, expected: f64| (got - expected).abs() <= expected * 0.01;
        assert_eq!(seen.len(), 3);
        assert!(near(seen[0].0, 50.0) && near(seen[0].1, 900_000.0), "{seen:?}");
        assert_eq!(seen[1], (0.0, 0.0), "nothing was due");
        assert!(near(seen[2].1, 70.0), "{seen:?}");
    }

    #[test]
    fn a_run_without_end_holds_no_windows_without_end() {
        let mut windows = Windows::default();
        windows.record(WINDOW_NANOS * WINDOWS_MAX as u64, 1_000).unwrap();
        assert!(windows.report().is_empty());
        windows.record(WINDOW_NANOS * WINDOWS_MAX as u64 - 1, 1_000).unwrap();
        assert_eq!(windows.report().len(), WINDOWS_MAX);
    }
}
