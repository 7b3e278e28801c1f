//! How long the calls of a function take, and who makes them because of that: a worker, or the
//! thread that drives the loop.
//!
//! All numbers are estimates kept without locks; calls of several threads may lose each other's
//! samples.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use fezz_proto::Instant;

/// A function whose calls take less than this is called short, in microseconds. The wake of a loop
/// may wait for a few short calls. Without optimisation all calls take several times as long.
const SHORT_US: u32 = if cfg!(debug_assertions) { 1_000 } else { 50 };
/// The running mean forgets one part in so many with every call.
const MEMORY_CALLS: u32 = 8;
/// Short calls in a row, made by workers, after which the loop makes them itself.
const PROMOTION_CALLS: u32 = 64;
/// Seconds for which a function is called by workers after it had to be rescued from; doubled with
/// every time.
const DEMOTION_S: u64 = 10;
/// The most often that time is doubled.
const DEMOTION_DOUBLINGS_MAX: u32 = 6;

/// Seconds without a rescue, after which the next one counts as the first.
const FORGIVEN_S: u64 = DEMOTION_S << DEMOTION_DOUBLINGS_MAX;

/// Who calls a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Always a worker.
    #[default]
    Worker,
    /// The loop's thread, unless it had to be rescued from a call lately.
    Inline,
    /// Workers, and the loop's thread once the calls have shown to be short.
    Auto,
}

/// The pace of one function. Written with every call: apart from what callers only read.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Pace {
    placement: Placement,
    /// Running mean of the time of a call in 1/16 microseconds; the maximum before the first one.
    call_us_16: AtomicU32,
    /// Short calls in a row.
    streak: AtomicU32,
    /// Whether the loop's thread calls it.
    inline: AtomicBool,
    /// Before this nothing promotes it.
    demoted_until_us: AtomicU64,
    demotions: AtomicU32,
}

impl Pace {
    pub(crate) const fn new(placement: Placement) -> Self {
        Self {
            placement,
            call_us_16: AtomicU32::new(u32::MAX),
            streak: AtomicU32::new(0),
            inline: AtomicBool::new(matches!(placement, Placement::Inline)),
            demoted_until_us: AtomicU64::new(0),
            demotions: AtomicU32::new(0),
        }
    }

    /// Whether it may ever be called by a loop's thread.
    pub(crate) fn may_go_inline(&self) -> bool {
        self.placement != Placement::Worker
    }

    /// Whether the next call is likely to be over before anybody notices.
    #[inline]
    pub(crate) fn is_short(&self) -> bool {
        self.call_us_16.load(Ordering::Relaxed) < SHORT_US * 16
    }

    /// Whether the loop's thread makes the next call.
    #[inline]
    pub(crate) fn goes_inline(&self) -> bool {
        self.inline.load(Ordering::Relaxed)
    }

    /// A call that ended at `now` took `micros` microseconds.
    #[inline]
    pub(crate) fn took(&self, micros: u64, now: Instant) {
        let sample = u32::try_from(micros.saturating_mul(16)).unwrap_or(u32::MAX / 2);
        let mean = match self.call_us_16.load(Ordering::Relaxed) {
            u32::MAX => sample,
            mean => mean - mean / MEMORY_CALLS + sample / MEMORY_CALLS,
        };
        self.call_us_16.store(mean, Ordering::Relaxed);
        if self.placement != Placement::Worker {
            self.reconsider(sample, now);
        }
    }

    fn reconsider(&self, sample_us_16: u32, now: Instant) {
        if self.goes_inline() {
            if self.placement == Placement::Auto && !self.is_short() {
                // Slower than it was, and nobody had to be rescued: no penalty.
                self.streak.store(0, Ordering::Relaxed);
                self.inline.store(false, Ordering::Relaxed);
            }
            return;
        }
        if sample_us_16 >= SHORT_US * 16 {
            return self.streak.store(0, Ordering::Relaxed);
        }
        let streak = self.streak.load(Ordering::Relaxed).saturating_add(1);
        self.streak.store(streak, Ordering::Relaxed);
        let allowed = self.demoted_until_us.load(Ordering::Relaxed) <= now.as_micros();
        if streak >= PROMOTION_CALLS && allowed {
            self.inline.store(true, Ordering::Relaxed);
        }
    }

    /// A loop had to be rescued from a call at `now`. Returns for how many seconds workers make the
    /// calls from here on; nothing where another loop was rescued from it before, and it is known.
    pub(crate) fn rescued(&self, now: Instant) -> Option<u64> {
        if !self.inline.swap(false, Ordering::Relaxed) {
            return None;
        }
        let demoted_until = Instant::from_micros(self.demoted_until_us.load(Ordering::Relaxed));
        if now.micros_since(demoted_until) > FORGIVEN_S * 1_000_000 {
            self.demotions.store(0, Ordering::Relaxed);
        }
        let doublings = self.demotions.fetch_add(1, Ordering::Relaxed).min(DEMOTION_DOUBLINGS_MAX);
        let seconds = DEMOTION_S << doublings;
        let until = now.plus_millis(seconds * 1_000).as_micros();
        self.demoted_until_us.store(until, Ordering::Relaxed);
        self.streak.store(0, Ordering::Relaxed);
        // Not short until calls have shown otherwise.
        self.call_us_16.store(u32::MAX, Ordering::Relaxed);
        Some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn short_calls_promote_and_a_rescue_demotes_for_a_while() {
        let pace = Pace::new(Placement::Auto);
        assert!(!pace.goes_inline() && !pace.is_short());
        for _ in 1..PROMOTION_CALLS {
            pace.took(5, s(1));
        }
        assert!(pace.is_short() && !pace.goes_inline());
        pace.took(5, s(1));
        assert!(pace.goes_inline());
        assert_eq!(pace.rescued(s(2)), Some(DEMOTION_S));
        assert_eq!(pace.rescued(s(2)), None, "another loop, from a call that began before");
        assert!(!pace.goes_inline() && !pace.is_short());
        for _ in 0..2 * PROMOTION_CALLS {
            pace.took(5, s(3));
        }
        assert!(pace.is_short() && !pace.goes_inline(), "its time is not over");
        pace.took(5, s(2 + DEMOTION_S));
        assert!(pace.goes_inline());
        assert_eq!(pace.rescued(s(20)), Some(2 * DEMOTION_S));
        let late = s(21 + 2 * DEMOTION_S + FORGIVEN_S);
        for _ in 0..2 * PROMOTION_CALLS {
            pace.took(5, late);
        }
        assert_eq!(pace.rescued(late), Some(DEMOTION_S), "that was long ago");
    }

    #[test]
    fn who_turns_slow_goes_back_to_the_workers_without_a_penalty() {
        let pace = Pace::new(Placement::Auto);
        for _ in 0..PROMOTION_CALLS {
            pace.took(5, s(1));
        }
        assert!(pace.goes_inline());
        for _ in 0..MEMORY_CALLS * 2 {
            pace.took(u64::from(SHORT_US) * 2, s(1));
        }
        assert!(!pace.goes_inline());
        for _ in 0..PROMOTION_CALLS * 2 {
            pace.took(5, s(1));
        }
        assert!(pace.goes_inline());
    }

    #[test]
    fn one_long_call_breaks_the_streak() {
        let pace = Pace::new(Placement::Auto);
        for _ in 0..20 {
            for _ in 1..PROMOTION_CALLS {
                pace.took(1, s(1));
            }
            pace.took(u64::from(SHORT_US), s(1));
        }
        assert!(!pace.goes_inline());
    }

    #[test]
    fn a_declared_function_is_inline_at_once_and_has_to_earn_it_again_after_a_rescue() {
        let pace = Pace::new(Placement::Inline);
        assert!(pace.goes_inline());
        for _ in 0..MEMORY_CALLS * 2 {
            pace.took(u64::from(SHORT_US) * 2, s(1));
        }
        assert!(pace.goes_inline(), "its operator knows that it takes a while");
        let seconds = pace.rescued(s(1)).expect("it was inline");
        assert!(!pace.goes_inline());
        for _ in 0..PROMOTION_CALLS {
            pace.took(5, s(1 + seconds));
        }
        assert!(pace.goes_inline());
        let pace = Pace::new(Placement::Worker);
        for _ in 0..10 * PROMOTION_CALLS {
            pace.took(1, s(1));
        }
        assert!(!pace.goes_inline());
    }
}
