//! Moments at which the load generator itself did not run: what was under way then tells nothing of
//! the server.
//!
//! The driver looks at its clock before and behind everything it does, and nothing it does takes
//! long. Where two looks lie further apart, the machine had something else for its CPU: an answer
//! that lay there meanwhile was read late, a request that was due was sent late. As long again
//! belongs to the gap, until what was due is sent and answered. Such answers count, their latencies
//! do not.

/// A longer time between two looks, beyond what the driver meant to wait, is a gap, in nanoseconds.
const GAP_NANOS_MIN: u64 = 500_000;

/// The gaps of one run. Times are nanoseconds of the run's clock.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    seen: u64,
    until: u64,
}

impl Gaps {
    /// The run begins at `now`.
    pub(super) fn restart(&mut self, now: u64) {
        *self = Self { seen: now, until: 0 };
    }

    /// The driver looks at its clock, `waited` nanoseconds of which it meant to wait.
    pub(super) fn look(&mut self, now: u64, waited: u64) {
        let away = now.saturating_sub(self.seen);
        if away > waited + GAP_NANOS_MIN {
            self.until = now + away;
        }
        self.seen = now;
    }

    /// Whether a request that was due at `due` and is answered now waited for the driver.
    #[must_use]
    pub(super) fn excuse(&self, due: u64) -> bool {
        due < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_before_or_during_a_gap_is_excused_and_as_long_behind_it() {
        let mut gaps = Gaps::default();
        gaps.restart(0);
        gaps.look(100_000, 0);
        assert!(!gaps.excuse(50_000));
        gaps.look(2_100_000, 0);
        assert!(gaps.excuse(50_000) && gaps.excuse(4_099_999));
        assert!(!gaps.excuse(4_100_000));
        gaps.look(2_200_000, 0);
        assert!(gaps.excuse(4_099_999), "a look in time changes nothing");
    }

    #[test]
    fn a_wait_that_was_meant_is_no_gap() {
        let mut gaps = Gaps::default();
        gaps.look(100_000_000, 100_000_000);
        assert!(!gaps.excuse(0));
        gaps.look(100_000_000 + 3_000_000 + GAP_NANOS_MIN + 1, 3_000_000);
        assert!(gaps.excuse(100_000_000));
    }
}
