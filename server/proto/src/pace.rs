//! A deadline that progress earns: grace, then a minimum rate, never beyond a ceiling or an idle
//! gap.
//!
//! A flat idle timer lets a peer live for ever on one octet per interval, a hard total kills honest
//! slow uploads, a rate alone lets a fast starter stall on its credit. Every term grows with
//! progress, so inside one phase the deadline never moves earlier; the timer wheel relies on it.

use crate::time::Instant;

/// How slow a peer may be while octets are owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceLimits {
    /// Milliseconds before the minimum rate counts.
    pub grace_ms: u32,
    /// Octets per second that earn more time after the grace.
    pub rate_bytes_per_s_min: u32,
    /// Milliseconds after which it is over, whatever was earned.
    pub ceiling_ms: u32,
    /// Milliseconds without a single octet after which it is over.
    pub idle_ms: u32,
}

/// The progress of one paced phase.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    entered: Instant,
    moved_at: Instant,
    moved_bytes: u64,
}

impl Pace {
    /// Progress begins now.
    #[must_use]
    pub const fn start(now: Instant) -> Self {
        Self { entered: now, moved_at: now, moved_bytes: 0 }
    }

    /// When the phase began.
    #[must_use]
    pub const fn entered(&self) -> Instant {
        self.entered
    }

    /// Octets moved in this phase.
    #[must_use]
    pub const fn moved_bytes(&self) -> u64 {
        self.moved_bytes
    }

    /// `bytes` octets moved.
    pub const fn advance(&mut self, bytes: usize, now: Instant) {
        self.moved_bytes = self.moved_bytes.saturating_add(bytes as u64);
        self.moved_at = now;
    }

    /// The point at which the peer was too slow.
    #[must_use]
    pub fn deadline(&self, limits: &PaceLimits) -> Instant {
        let rate = u64::from(limits.rate_bytes_per_s_min).max(1);
        let earned_ms = self.moved_bytes.saturating_mul(1_000) / rate;
        let allowed_ms =
            u64::from(limits.grace_ms).saturating_add(earned_ms).min(u64::from(limits.ceiling_ms));
        let by_rate = self.entered.plus_millis(allowed_ms);
        let by_gap = self.moved_at.plus_millis(u64::from(limits.idle_ms));
        by_rate.min(by_gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PaceLimits = PaceLimits {
        grace_ms: 20_000,
        rate_bytes_per_s_min: 500,
        ceiling_ms: 300_000,
        idle_ms: 30_000,
    };

    fn ms(millis: u64) -> Instant {
        Instant::ZERO.plus_millis(millis)
    }

    #[test]
    fn a_silent_peer_has_the_grace() {
        assert_eq!(Pace::start(ms(5)).deadline(&LIMITS), ms(20_005));
    }

    #[test]
    fn octets_earn_time_at_the_minimum_rate() {
        let mut pace = Pace::start(ms(0));
        pace.advance(500, ms(1_000));
        assert_eq!(pace.deadline(&LIMITS), ms(21_000));
    }

    #[test]
    fn credit_does_not_outlive_the_idle_gap() {
        let mut pace = Pace::start(ms(0));
        pace.advance(1 << 30, ms(10));
        assert_eq!(pace.deadline(&LIMITS), ms(30_010));
    }

    #[test]
    fn nothing_outlives_the_ceiling() {
        let mut pace = Pace::start(ms(0));
        pace.advance(1 << 30, ms(299_999));
        assert_eq!(pace.deadline(&LIMITS), ms(300_000));
    }

    #[test]
    fn the_deadline_never_moves_earlier() {
        let mut pace = Pace::start(ms(0));
        let mut before = pace.deadline(&LIMITS);
        for step in 1..1_000_u64 {
            pace.advance((step % 7) as usize, ms(step * 13));
            let after = pace.deadline(&LIMITS);
            assert!(after >= before);
            before = after;
        }
    }
}
