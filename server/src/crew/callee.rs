//! A function as workers see it: the loaded artifact, and how long its calls take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fezz_abi::host::Function;

/// A function whose calls take less than this is called short, in microseconds. The wake of a loop
/// may wait for a few short calls. Without optimisation all calls take several times as long.
const SHORT_US: u32 = if cfg!(debug_assertions) { 1_000 } else { 50 };
/// The running mean forgets one part in so many with every call.
const MEMORY_CALLS: u32 = 8;

/// A loaded function. Artifacts are never unloaded, so that a callee lives as long as the process.
pub(crate) struct Callee {
    pub(crate) function: Arc<Function>,
    /// The name in routes, logs and metrics.
    pub(crate) name: String,
    /// Running mean of the time of a call in 1/16 microseconds; the maximum before the first one.
    call_us_16: AtomicU32,
}

impl Callee {
    pub(crate) const fn new(function: Arc<Function>, name: String) -> Self {
        Self { function, name, call_us_16: AtomicU32::new(u32::MAX) }
    }

    /// Whether its next call is likely to be over before anybody notices.
    pub(crate) fn is_short(&self) -> bool {
        self.call_us_16.load(Ordering::Relaxed) < SHORT_US * 16
    }

    /// A call took `micros` microseconds. Calls of several workers may lose each other's samples:
    /// it is an estimate.
    pub(crate) fn took(&self, micros: u64) {
        let sample = u32::try_from(micros.saturating_mul(16)).unwrap_or(u32::MAX / 2);
        let mean = match self.call_us_16.load(Ordering::Relaxed) {
            u32::MAX => sample,
            mean => mean - mean / MEMORY_CALLS + sample / MEMORY_CALLS,
        };
        self.call_us_16.store(mean, Ordering::Relaxed);
    }
}
