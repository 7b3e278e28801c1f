//! What other threads tell a loop: serve, drain, end. Orders only become sharper. And what they
//! ask it: whether it still turns, and who is there.

mod asks;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use fezz_proto::{Instant, Phase};

pub(crate) use self::asks::Asks;

/// What a loop is to do with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Take them and answer.
    Serve,
    /// Finish those that are here.
    Drain,
    /// End them now.
    Kill,
}

/// The order in force, read by its loop once a turn; and the last question with its answer.
#[derive(Debug, Default)]
pub(crate) struct Control {
    order: AtomicU8,
    /// Limits and descriptors.
    pub(crate) asks: Asks,
    /// The number of the last question.
    asked: AtomicU64,
    /// The number of the last question that was answered.
    answered: AtomicU64,
    /// When it was answered, in microseconds of the server's clock.
    answered_us: AtomicU64,
    census: [AtomicU32; Phase::ALL.len()],
    /// The loop is over: nobody is there, and nothing has to turn.
    over: AtomicBool,
}

/// Connections by the place of their phase in [`Phase::ALL`].
pub(crate) type Census = [u32; Phase::ALL.len()];

/// What a loop said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pulse {
    /// When.
    pub(crate) at: Instant,
    /// Who was there.
    pub(crate) census: Census,
}

impl Control {
    pub(crate) fn drain(&self) {
        self.order.fetch_max(1, Ordering::Release);
    }

    pub(crate) fn kill(&self) {
        self.order.fetch_max(2, Ordering::Release);
    }

    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Kill,
        }
    }

    /// Asks the loop for its pulse, unless an earlier question is still without an answer. The
    /// number is that of the question. Whoever asks wakes the loop.
    pub(crate) fn ask(&self) -> u64 {
        let (asked, answered) =
            (self.asked.load(Ordering::Acquire), self.answered.load(Ordering::Acquire));
        if asked > answered {
            return asked;
        }
        match self.asked.compare_exchange(asked, asked + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => asked + 1,
            // Somebody else asked at the same moment.
            Err(asked) => asked,
        }
    }

    /// The loop is over.
    pub(crate) fn finish(&self, now: Instant) {
        self.answered_us.store(now.as_micros(), Ordering::Relaxed);
        self.over.store(true, Ordering::Release);
    }

    /// The answer to a question, if it is there.
    pub(crate) fn pulse(&self, question: u64) -> Option<Pulse> {
        if self.over.load(Ordering::Acquire) {
            let at = Instant::from_micros(self.answered_us.load(Ordering::Relaxed));
            return Some(Pulse { at, census: Census::default() });
        }
        (self.answered.load(Ordering::Acquire) >= question).then(|| Pulse {
            at: Instant::from_micros(self.answered_us.load(Ordering::Relaxed)),
            census: self.census.each_ref().map(|count| count.load(Ordering::Relaxed)),
        })
    }

    /// The question that waits for the loop, if one does.
    #[inline]
    pub(crate) fn question(&self) -> Option<u64> {
        let asked = self.asked.load(Ordering::Acquire);
        (asked > self.answered.load(Ordering::Relaxed)).then_some(asked)
    }

    /// The loop's answer. Another thread may read the numbers of two answers mixed; each of them
    /// was true a moment ago.
    pub(crate) fn answer(&self, question: u64, now: Instant, census: Census) {
        for (count, now) in self.census.iter().zip(census) {
            count.store(now, Ordering::Relaxed);
        }
        self.answered_us.store(now.as_micros(), Ordering::Relaxed);
        self.answered.store(question, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_not_taken_back_by_a_drain() {
        let control = Control::default();
        assert_eq!(control.order(), Order::Serve);
        control.drain();
        assert_eq!(control.order(), Order::Drain);
        control.kill();
        control.drain();
        assert_eq!(control.order(), Order::Kill);
    }

    #[test]
    fn a_question_is_asked_once_until_it_is_answered() {
        let control = Control::default();
        assert_eq!(control.question(), None);
        let question = control.ask();
        assert_eq!((control.ask(), control.question()), (question, Some(question)));
        assert_eq!(control.pulse(question), None);
        let mut census = Census::default();
        census[0] = 7;
        control.answer(question, Instant::from_micros(5), census);
        let pulse = Pulse { at: Instant::from_micros(5), census };
        assert_eq!((control.pulse(question), control.question()), (Some(pulse), None));
        assert_eq!(control.ask(), question + 1);
        assert_eq!(control.pulse(question + 1), None);
        control.finish(Instant::from_micros(9));
        let over = Pulse { at: Instant::from_micros(9), census: Census::default() };
        assert_eq!(control.pulse(question + 1), Some(over), "nothing has to turn any more");
    }
}
