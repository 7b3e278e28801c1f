//! How reloads of the configuration went.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts of reloads; written by whoever reloads.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    ok: AtomicU64,
    failed: AtomicU64,
    last_failed: AtomicBool,
    last_ok_s: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReloadCounts {
    /// Reloads that changed what is served.
    pub ok: u64,
    /// Reloads that changed nothing, because something was wrong.
    pub failed: u64,
    /// Whether the last one failed.
    pub last_failed: bool,
    /// When what is served was last read, in seconds since 1970.
    pub last_ok_s: u64,
}

impl Reloads {
    /// What is served was read at `now_s`, in seconds since 1970.
    pub(crate) fn begin(&self, now_s: u64) {
        self.last_ok_s.store(now_s, Ordering::Relaxed);
    }

    /// A reload ended at `now_s`.
    pub(crate) fn note(&self, ok: bool, now_s: u64) {
        let count = if ok { &self.ok } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
        self.last_failed.store(!ok, Ordering::Relaxed);
        if ok {
            self.begin(now_s);
        }
    }

    pub(crate) fn counts(&self) -> ReloadCounts {
        ReloadCounts {
            ok: self.ok.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            last_failed: self.last_failed.load(Ordering::Relaxed),
            last_ok_s: self.last_ok_s.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_over_with_the_next_success() {
        let reloads = Reloads::default();
        reloads.begin(5);
        reloads.note(false, 7);
        let after = ReloadCounts { ok: 0, failed: 1, last_failed: true, last_ok_s: 5 };
        assert_eq!(reloads.counts(), after);
        reloads.note(true, 9);
        let after = ReloadCounts { ok: 1, failed: 1, last_failed: false, last_ok_s: 9 };
        assert_eq!(reloads.counts(), after);
    }
}
