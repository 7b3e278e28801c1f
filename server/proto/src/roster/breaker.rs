//! The circuit of one callee: closed, open for a while, or half open with one call on trial.

use crate::time::Instant;

/// The quarantine is doubled so many times at most: sixteenfold.
const DOUBLINGS_MAX: u32 = 4;

/// Whether calls of a callee are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Its calls are admitted.
    Closed,
    /// It is in quarantine: nothing is admitted before `until`, and then one call on trial.
    Open {
        /// When a trial is admitted at the earliest.
        until: Instant,
    },
    /// One call is on trial, and nothing else is admitted until it is over.
    HalfOpen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// The next job that is taken is the trial; or, with a number, it was taken. When the trial
    /// never runs the circuit is as it was, open `until`.
    HalfOpen {
        until: Instant,
        trial: Option<u32>,
        /// When the trial's outcome is known at the latest.
        due: Instant,
    },
}

/// A circuit, and how often in a row its trial failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Breaker {
    state: State,
    doublings: u32,
    quarantine_us: u64,
}

impl Breaker {
    pub(super) const fn new(quarantine_us: u64) -> Self {
        Self { state: State::Closed, doublings: 0, quarantine_us }
    }

    pub(super) const fn circuit(&self) -> Circuit {
        match self.state {
            State::Closed => Circuit::Closed,
            State::Open { until } => Circuit::Open { until },
            State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    /// Whether it is not closed.
    pub(super) fn is_unusual(&self) -> bool {
        self.state != State::Closed
    }

    /// Whether a waiting job may start.
    pub(super) const fn lets_start(&self) -> bool {
        match self.state {
            State::Closed | State::HalfOpen { trial: None, .. } => true,
            State::Open { .. } | State::HalfOpen { trial: Some(_), .. } => false,
        }
    }

    /// When it is worth asking again, unless a job is admitted now. `able` says whether a trial
    /// could run, and be abandoned if it must.
    pub(super) fn refuses(&self, now: Instant, able: bool) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Open { until } if until > now => Some(until),
            State::Open { .. } if able => None,
            State::Open { .. } => Some(plus_micros(now, self.quarantine_us)),
            State::HalfOpen { due, .. } => Some(due.max(now)),
        }
    }

    /// A job that was not refused is queued. When the circuit is open, that begins its trial, which
    /// is over at `due`.
    pub(super) const fn admit(&mut self, due: Instant) {
        if let State::Open { until } = self.state {
            self.state = State::HalfOpen { until, trial: None, due };
        }
    }

    /// A waiting job is taken; true when it is the trial, which gets that number.
    pub(super) const fn begin(&mut self, number: u32) -> bool {
        match &mut self.state {
            State::HalfOpen { trial: trial @ None, .. } => {
                *trial = Some(number);
                true
            }
            State::HalfOpen { .. } | State::Closed | State::Open { .. } => false,
        }
    }

    /// Whether that is the number of the trial that runs.
    pub(super) fn is_on_trial(&self, number: Option<u32>) -> bool {
        number.is_some() && matches!(self.state, State::HalfOpen { trial, .. } if trial == number)
    }

    /// A call came back in time; true when that closes the circuit.
    pub(super) fn succeed(&mut self, trial: Option<u32>) -> bool {
        let closes = self.is_on_trial(trial);
        if closes {
            self.close();
        }
        closes
    }

    /// A taken job was not run after all. When it was on trial, the next job admitted will be.
    pub(super) fn recall(&mut self, trial: Option<u32>) {
        if let State::HalfOpen { until, .. } = self.state
            && self.is_on_trial(trial)
        {
            self.state = State::Open { until };
        }
    }

    /// Nothing waits any more: a trial that was not taken will not be.
    pub(super) const fn empty(&mut self) {
        if let State::HalfOpen { until, trial: None, .. } = self.state {
            self.state = State::Open { until };
        }
    }

    /// A call was abandoned; `too_many` says whether the callee has reached its limit of them. True
    /// when the circuit is open now.
    pub(super) fn fail(&mut self, trial: Option<u32>, too_many: bool, now: Instant) -> bool {
        match self.state {
            State::Closed if !too_many => return false,
            // A call from before the quarantine: the one on trial decides.
            State::HalfOpen { trial: Some(_), .. } if !self.is_on_trial(trial) => return false,
            State::HalfOpen { trial: Some(_), .. } => {
                self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
            }
            State::Closed | State::Open { .. } | State::HalfOpen { trial: None, .. } => {}
        }
        let span_us = self.quarantine_us.saturating_mul(1 << self.doublings);
        self.state = State::Open { until: plus_micros(now, span_us) };
        true
    }

    /// So few calls are abandoned that the callee may be trusted; true when that closes the
    /// circuit.
    pub(super) fn relent(&mut self) -> bool {
        let closes = self.state != State::Closed;
        self.close();
        closes
    }

    /// The number of the trial that runs.
    #[cfg(test)]
    pub(super) fn trial(&self) -> Option<u32> {
        match self.state {
            State::HalfOpen { trial, .. } => trial,
            State::Closed | State::Open { .. } => None,
        }
    }

    /// What tells circuits apart, with points in time counted from `now`.
    #[cfg(test)]
    pub(super) fn key(&self, now: Instant) -> [u64; 4] {
        let doublings = u64::from(self.doublings);
        match self.state {
            State::Closed => [0, 0, 0, doublings],
            State::Open { until } => [1, until.micros_since(now), 0, doublings],
            State::HalfOpen { until, due, .. } => {
                [2, until.micros_since(now), due.micros_since(now), doublings]
            }
        }
    }

    const fn close(&mut self) {
        self.state = State::Closed;
        self.doublings = 0;
    }
}

const fn plus_micros(now: Instant, micros: u64) -> Instant {
    Instant::from_micros(now.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    /// A circuit that is open until 100.
    fn open() -> Breaker {
        let mut breaker = Breaker::new(100);
        assert!(!breaker.fail(None, false, us(0)));
        assert_eq!(breaker.refuses(us(0), true), None);
        assert!(breaker.fail(None, true, us(0)));
        assert_eq!(breaker.circuit(), Circuit::Open { until: us(100) });
        breaker
    }

    #[test]
    fn a_trial_in_time_closes() {
        let mut breaker = open();
        assert_eq!(breaker.refuses(us(99), true), Some(us(100)));
        assert_eq!(breaker.refuses(us(100), false), Some(us(200)), "nobody could be abandoned");
        assert_eq!(breaker.refuses(us(100), true), None);
        breaker.admit(us(150));
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        assert_eq!(breaker.refuses(us(101), true), Some(us(150)));
        assert!(breaker.lets_start() && breaker.begin(7) && !breaker.lets_start());
        assert!(!breaker.begin(8), "one trial");
        assert!(!breaker.succeed(None) && !breaker.succeed(Some(6)), "somebody else");
        assert!(breaker.succeed(Some(7)));
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn each_failed_trial_doubles_the_quarantine_up_to_sixteenfold() {
        let mut breaker = open();
        let mut now = 100;
        for factor in [2, 4, 8, 16, 16] {
            breaker.admit(us(now + 1));
            assert!(breaker.begin(1));
            assert!(breaker.fail(Some(1), true, us(now)));
            assert_eq!(breaker.circuit(), Circuit::Open { until: us(now + 100 * factor) });
            now += 100 * factor;
        }
        assert!(breaker.relent());
        assert!(breaker.fail(None, true, us(now)));
        assert_eq!(breaker.circuit(), Circuit::Open { until: us(now + 100) }, "forgiven");
    }

    #[test]
    fn a_trial_that_never_ran_is_made_up_for() {
        let mut breaker = open();
        breaker.admit(us(150));
        breaker.empty();
        assert_eq!(breaker.circuit(), Circuit::Open { until: us(100) });
        breaker.admit(us(150));
        assert!(breaker.begin(1));
        breaker.empty();
        assert_eq!(breaker.circuit(), Circuit::HalfOpen, "it is running");
        breaker.recall(Some(1));
        assert_eq!(breaker.circuit(), Circuit::Open { until: us(100) });
        assert_eq!(breaker.refuses(us(150), true), None);
    }

    #[test]
    fn an_older_call_does_not_decide_a_trial_that_runs() {
        let mut breaker = open();
        breaker.admit(us(150));
        assert!(breaker.begin(2));
        assert!(!breaker.fail(None, true, us(110)) && !breaker.fail(Some(1), true, us(110)));
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        let mut waiting = open();
        waiting.admit(us(150));
        assert!(waiting.fail(None, true, us(110)), "but it does before the trial began");
        assert_eq!(waiting.circuit(), Circuit::Open { until: us(210) });
    }
}
