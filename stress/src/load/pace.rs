//! Says when requests are due: at once (closed loop) or by a timetable (open loop).
//!
//! In an open loop each request has the moment at which it *should* have been sent, and its
//! latency counts from there. A server that stalls is thus charged for every request that had to
//! wait, not only for the one that was under way (no coordinated omission).

/// The timetable of one run. Times are nanoseconds of the run's clock.
#[derive(Debug)]
pub struct Pace {
    /// Nanoseconds between two requests; zero is a closed loop.
    interval: f64,
    granted: u64,
    left: Option<u64>,
}

impl Pace {
    /// Requests as soon as a connection is free; at most `count` of them, if that is given.
    #[must_use]
    pub fn closed(count: Option<u64>) -> Self {
        Self { interval: 0.0, granted: 0, left: count }
    }

    /// `rate` requests per second, evenly spread from time zero on.
    #[must_use]
    pub fn open(rate: f64, count: Option<u64>) -> Self {
        Self { interval: 1e9 / rate, granted: 0, left: count }
    }

    /// Moves the requests that are due at `now`, at most `most`, onto `due` as the moments from
    /// which their latencies count.
    pub fn grant(&mut self, now: u64, most: usize, due: &mut Vec<u64>) {
        for _ in 0..most {
            let moment = if self.interval > 0.0 { self.next_due() } else { now };
            if moment > now || self.left == Some(0) {
                return;
            }
            self.left = self.left.map(|left| left - 1);
            self.granted += 1;
            due.push(moment);
        }
    }

    /// When the next request of an open loop is due; `None` when there is nothing to wait for.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        (self.interval > 0.0 && self.left != Some(0)).then(|| self.next_due())
    }

    /// Requests given out so far.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.granted
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a run has fewer than 2^53 requests and nanoseconds"
    )]
    fn next_due(&self) -> u64 {
        (self.granted as f64 * self.interval) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(pace: &mut Pace, now: u64, most: usize) -> Vec<u64> {
        let mut due = Vec::new();
        pace.grant(now, most, &mut due);
        due
    }

    #[test]
    fn a_closed_loop_grants_at_once_until_the_count_is_used_up() {
        let mut pace = Pace::closed(Some(3));
        assert_eq!(granted(&mut pace, 7, 2), [7, 7]);
        assert_eq!(granted(&mut pace, 9, 2), [9]);
        assert!(granted(&mut pace, 9, 2).is_empty());
        assert_eq!((pace.granted(), pace.wake_at()), (3, None));
    }

    #[test]
    fn an_open_loop_charges_from_the_moment_a_request_was_due() {
        let mut pace = Pace::open(1_000_000.0, Some(4));
        assert_eq!(granted(&mut pace, 0, 8), [0]);
        assert_eq!(pace.wake_at(), Some(1_000));
        assert!(granted(&mut pace, 999, 8).is_empty());
        // Nothing could be sent for a while: both waiting requests keep their own moment.
        assert_eq!(granted(&mut pace, 2_500, 8), [1_000, 2_000]);
        assert_eq!(granted(&mut pace, 9_000, 8), [3_000]);
        assert_eq!((granted(&mut pace, 9_000, 8), pace.wake_at()), (vec![], None));
    }
}
