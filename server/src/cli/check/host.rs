//! The services of a host that has one process and no clients: what a function logs is heard by
//! the parent, and a call is wanted as long as it runs.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fezz_abi::{HostServices, InvokeError, LogLevel};

use super::super::say;

/// Nanoseconds a call is told it has.
const REMAINING_NS: u64 = 30_000_000_000;
/// Numbers of calls begin here, so that they take as much room as a server's.
const FIRST_CALL: u64 = 1 << 40;

/// The host of this process.
pub(super) static HOST: Host =
    Host { next: AtomicU64::new(FIRST_CALL), running: Mutex::new(BTreeSet::new()) };

/// Knows which calls run.
pub(super) struct Host {
    next: AtomicU64,
    running: Mutex<BTreeSet<u64>>,
}

impl Host {
    /// Makes a call under a number of its own.
    pub(super) fn during<T>(&self, make: impl FnOnce(u64) -> T) -> T {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
        let made = make(call);
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
        made
    }

    fn runs(&self, call: u64) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&call)
    }
}

impl HostServices for Host {
    fn log(&self, _call: u64, level: LogLevel, text: &[u8]) {
        say(format_args!("{}: {}", level.name(), String::from_utf8_lossy(text)));
    }

    fn cancelled(&self, call: u64) -> bool {
        !self.runs(call)
    }

    fn remaining_ns(&self, call: u64) -> u64 {
        if self.runs(call) { REMAINING_NS } else { 0 }
    }

    fn invoke(&self, _call: u64, _format: u32, _request: &[u8]) -> Result<Vec<u8>, InvokeError> {
        Err(InvokeError::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_wanted_while_it_runs() {
        let call = HOST.during(|call| {
            assert!(!HOST.cancelled(call) && HOST.remaining_ns(call) > 0);
            assert!(HOST.cancelled(call + 1));
            call
        });
        assert!(HOST.cancelled(call) && HOST.remaining_ns(call) == 0);
        assert_ne!(HOST.during(|call| call), call);
    }
}
