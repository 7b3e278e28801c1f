//! Whether loops make progress: each is asked, and one that owes an answer for long is stuck.
//!
//! Nobody waits for an answer longer than a moment. A loop in the middle of a long turn answers the
//! next time somebody looks; only one that does not answer for [`STUCK_US`] is called stuck.

use std::thread;
use std::time::Duration;

use fezz_proto::{Instant, Phase};

use crate::control::Census;
use crate::server::Handle;

/// Microseconds after which a loop that owes an answer is stuck.
const STUCK_US: u64 = 2_000_000;
/// How long answers are waited for, and how often looked for.
const WAIT_US: u64 = 20_000;
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// What is known of the loops.
#[derive(Debug)]
pub(super) struct Pulses {
    loops: Vec<Loop>,
}

#[derive(Clone, Debug, Default)]
struct Loop {
    /// The question that it owes an answer to, and when it was asked.
    owes: Option<(u64, Instant)>,
    /// Who was there when it last answered.
    census: Census,
}

impl Pulses {
    pub(super) fn new(loops: usize) -> Self {
        Self { loops: vec![Loop::default(); loops] }
    }

    /// Asks everybody, and waits a moment for the answers.
    pub(super) fn look(&mut self, handle: &Handle) {
        let clock = handle.place.clock;
        let began = clock.now();
        self.hear(handle);
        for (one, (control, outbound)) in self.loops.iter_mut().zip(handle.controls.iter()) {
            if one.owes.is_none() {
                one.owes = Some((Handle::ask(control, outbound), began));
            }
        }
        while !self.hear(handle) && clock.now().micros_since(began) < WAIT_US {
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Takes the answers that are there; whether nobody owes one any more.
    fn hear(&mut self, handle: &Handle) -> bool {
        let mut all = true;
        for (one, (control, _)) in self.loops.iter_mut().zip(handle.controls.iter()) {
            let Some((question, _)) = one.owes else { continue };
            match control.pulse(question) {
                Some(pulse) => *one = Loop { owes: None, census: pulse.census },
                None => all = false,
            }
        }
        all
    }

    /// The numbers of the loops that are stuck.
    pub(super) fn stuck(&self, now: Instant) -> Vec<usize> {
        let late =
            |one: &Loop| one.owes.is_some_and(|(_, asked)| now.micros_since(asked) >= STUCK_US);
        let all = self.loops.iter().enumerate();
        all.filter(|(_, one)| late(one)).map(|(number, _)| number).collect()
    }

    /// Connections by state, as of the last answers.
    pub(super) fn connections(&self) -> Vec<(&'static str, u64)> {
        let count = |phase: usize| self.loops.iter().map(|one| u64::from(one.census[phase])).sum();
        // Who is closed is gone before anybody looks.
        let open = Phase::ALL.iter().enumerate().filter(|(_, phase)| **phase != Phase::Closed);
        open.map(|(place, phase)| (phase.name(), count(place))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_owes_an_answer_for_long_is_stuck() {
        let mut pulses = Pulses::new(3);
        pulses.loops[1].owes = Some((1, Instant::ZERO));
        pulses.loops[2].owes = Some((1, Instant::from_micros(STUCK_US)));
        assert!(pulses.stuck(Instant::from_micros(STUCK_US - 1)).is_empty());
        assert_eq!(pulses.stuck(Instant::from_micros(STUCK_US + 1)), [1]);
        pulses.loops[0].census[Phase::Idle as usize] = 3;
        pulses.loops[1].census[Phase::Idle as usize] = 4;
        assert!(pulses.connections().contains(&("idle", 7)));
    }
}
