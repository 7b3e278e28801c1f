//! How often somebody may ask, as arithmetic: the generic cell rate algorithm, which keeps one
//! moment for each key and knows no clock.
//!
//! That moment is when the key's requests so far will have been paid for at the even rate. Who owes
//! more than the burst is refused, and a refusal costs nothing: a client that goes on asking is
//! let in again exactly when it would be if it had waited.

use std::sync::atomic::{AtomicU64, Ordering};

use fezz_proto::Instant;

use crate::config::RateLimit;

/// How often, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// What a request costs: rounded up, so that never more pass than was written.
    step_ns: u64,
    /// What may be owed when a request comes.
    slack_ns: u64,
}

/// The moment up to which a key's requests are paid for, in nanoseconds of the server's clock;
/// zero, and any moment that has passed, means that nothing is owed.
pub(crate) type Paid = u64;

/// Too often: so many nanoseconds too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooEarly(pub(crate) u64);

impl Rate {
    /// The terms of `limit`, whose numbers are not zero.
    pub(crate) fn of(limit: &RateLimit) -> Self {
        let step = limit.per.as_nanos().div_ceil(u128::from(limit.requests.max(1))).max(1);
        let step_ns = u64::try_from(step).unwrap_or(u64::MAX);
        Self { step_ns, slack_ns: step_ns.saturating_mul(u64::from(limit.burst)) }
    }

    /// Judges a request that comes at `now_ns` of a key that has paid up to `paid`: what it will
    /// have paid up to if it passes.
    pub(crate) const fn judge(self, paid: Paid, now_ns: u64) -> Result<Paid, TooEarly> {
        let owed = paid.saturating_sub(now_ns);
        if owed > self.slack_ns {
            return Err(TooEarly(owed - self.slack_ns));
        }
        Ok((now_ns + owed).saturating_add(self.step_ns))
    }
}

/// A moment of the server's clock in nanoseconds.
pub(crate) const fn nanos(now: Instant) -> u64 {
    now.as_micros().saturating_mul(1_000)
}

/// The one key of a limit that is the same for everybody, shared by all loops without a lock: one
/// word is all there is.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    /// Judges a request, and charges it if it passes.
    pub(crate) fn charge(&self, rate: Rate, now_ns: u64) -> Result<(), TooEarly> {
        let mut paid = self.0.load(Ordering::Relaxed);
        loop {
            let next = rate.judge(paid, now_ns)?;
            // Nothing else is published by this word.
            match self.0.compare_exchange_weak(paid, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => paid = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use super::*;
    use crate::config::RateKey;
    use crate::policy::draw::Draw;

    const fn limit(requests: u32, per: Duration, burst: u32) -> RateLimit {
        RateLimit { key: RateKey::ClientIp, requests, per, burst, dry_run: false }
    }

    #[test]
    fn the_burst_passes_at_once_and_the_rest_evenly() {
        let rate = Rate::of(&limit(50, Duration::from_secs(1), 2));
        let mut paid = 0;
        for _ in 0..3 {
            paid = rate.judge(paid, 5_000).unwrap();
        }
        assert_eq!(rate.judge(paid, 5_000), Err(TooEarly(20_000_000)));
        assert_eq!(rate.judge(paid, 20_004_999), Err(TooEarly(1)));
        assert!(rate.judge(paid, 20_005_000).is_ok());
        let none = Rate::of(&limit(1, Duration::from_mins(1), 0));
        let paid = none.judge(0, 1).unwrap();
        assert_eq!(none.judge(paid, 1), Err(TooEarly(60_000_000_000)));
    }

    #[test]
    fn extremes_neither_overflow_nor_let_everybody_in() {
        let rate = Rate::of(&limit(u32::MAX, Duration::from_nanos(1), u32::MAX));
        assert_eq!(rate, Rate { step_ns: 1, slack_ns: u64::from(u32::MAX) });
        let slow = Rate::of(&limit(1, Duration::MAX, u32::MAX));
        let paid = slow.judge(0, u64::MAX - 1).unwrap();
        assert_eq!(paid, u64::MAX);
        let strict = Rate::of(&limit(1, Duration::MAX, 0));
        assert!(strict.judge(paid, 7).is_err());
    }

    /// A bucket that is filled by counting, in whole steps of time: slow, and nothing like the
    /// algorithm above.
    struct Bucket {
        step_ns: u64,
        room: u64,
        /// When each request that passed will have left the bucket.
        inside: VecDeque<u64>,
    }

    impl Bucket {
        fn ask(&mut self, now_ns: u64) -> bool {
            while self.inside.front().is_some_and(|leaves| *leaves <= now_ns) {
                self.inside.pop_front();
            }
            // One is being paid for, the others wait; the first of those is as old as it is.
            let waiting = self.inside.len() as u64;
            let first_left = self.inside.front().map_or(0, |leaves| leaves - now_ns);
            let owed = if waiting == 0 { 0 } else { first_left + (waiting - 1) * self.step_ns };
            if owed > self.room * self.step_ns {
                return false;
            }
            let last = self.inside.back().copied().unwrap_or(now_ns);
            self.inside.push_back(last.max(now_ns) + self.step_ns);
            true
        }
    }

    #[test]
    fn it_agrees_with_a_bucket_that_is_counted() {
        let mut draw = Draw(7);
        for _ in 0..200 {
            let requests = u32::try_from(1 + draw.below(100)).unwrap();
            let per = Duration::from_micros(1 + draw.below(1_000_000));
            let burst = u32::try_from(draw.below(20)).unwrap();
            let rate = Rate::of(&limit(requests, per, burst));
            let step_ns = rate.step_ns;
            let mut bucket = Bucket { step_ns, room: u64::from(burst), inside: VecDeque::new() };
            let (mut now, mut paid) = (0, 0);
            let mut passed = Vec::new();
            for _ in 0..500 {
                now += match draw.below(4) {
                    0 => 0,
                    1 => draw.below(step_ns / 2 + 1),
                    2 => draw.below(2 * step_ns + 1),
                    _ => draw.below(30 * step_ns + 1) / (1 + draw.below(30)),
                };
                let judged = rate.judge(paid, now);
                assert_eq!(judged.is_ok(), bucket.ask(now), "at {now}");
                match judged {
                    Ok(next) => {
                        paid = next;
                        passed.push(now);
                    }
                    Err(TooEarly(wait)) => {
                        assert!(rate.judge(paid, now + wait).is_ok(), "told the truth");
                        assert!(rate.judge(paid, now + wait - 1).is_err(), "not a moment more");
                    }
                }
            }
            // In no stretch of time more than the burst, one, and what the time pays for.
            for (first, from) in passed.iter().enumerate() {
                for (many, until) in passed[first..].iter().enumerate() {
                    let paid_for = (until - from) / step_ns + u64::from(burst) + 1;
                    assert!((many as u64) < paid_for + 1, "{many} in {}", until - from);
                }
            }
        }
    }

    #[test]
    fn threads_share_a_cell_to_the_request() {
        let rate = Rate::of(&limit(1, Duration::from_secs(1), 99));
        let cell = Cell::default();
        let passed: usize = std::thread::scope(|scope| {
            let ask = || (0..1_000).filter(|_| cell.charge(rate, 1).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 100);
    }
}
