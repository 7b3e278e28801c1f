//! Calls that hold no worker's post and are watched all the same: calls of threads that lost their
//! loops, and the errands of attendants.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fezz_proto::Instant;

use super::post::{given_up_at, millis};
use super::seat::{Seat, Tenure};
use super::sweep::told_off;
use super::{Callee, Workplace};
use crate::sys;

/// The list of them.
#[derive(Default)]
pub(crate) struct Strays(Mutex<Vec<Stray>>);

struct Stray {
    seat: Arc<Seat>,
    callee: &'static Callee,
    /// The thread, as the operating system numbers it.
    thread: i32,
    /// An attendant has to be replaced.
    attends: bool,
}

/// What the thread inside such a call has to ask when it comes back.
pub(crate) struct Left {
    seat: Arc<Seat>,
    tenure: Tenure,
}

impl Left {
    /// Whether the call that has just ended did so in time.
    pub(crate) fn ends_in_time(&self) -> bool {
        self.seat.end(&self.tenure).is_ok()
    }
}

impl Strays {
    /// Watches a call of `callee` that `thread` is inside of, until `deadline`. The alarm has to be
    /// told as well.
    pub(crate) fn add(
        &self,
        callee: &'static Callee,
        deadline: Instant,
        thread: i32,
        attends: bool,
    ) -> Left {
        let (seat, tenure) = Seat::running(given_up_at(deadline));
        let seat = Arc::new(seat);
        self.lock().push(Stray { seat: Arc::clone(&seat), callee, thread, attends });
        Left { seat, tenure }
    }

    /// Calls that were not over at the last sweep, or have begun since.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether one of them is inside `callee`.
    pub(crate) fn are_in(&self, callee: &Callee) -> bool {
        self.lock().iter().any(|stray| stray.callee.id == callee.id)
    }

    /// Gives up those that are overdue; says when to look again.
    pub(crate) fn sweep(&self, place: &Arc<Workplace>, now: Instant) {
        let mut next_ms = None;
        let mut given_up = Vec::new();
        self.lock().retain(|stray| {
            // Under the roster's lock, so that whoever comes back reports after this was charged.
            let told = place.inbound.with(|roster| {
                let vacated = stray.seat.vacate(millis(now));
                vacated.then(|| roster.abandon_inline(stray.callee.id, now))
            });
            let Some(told) = told else {
                let deadline_ms = stray.seat.deadline_ms();
                next_ms = next_ms.into_iter().chain(deadline_ms.map(|at_ms| at_ms + 1)).min();
                return deadline_ms.is_some();
            };
            // It fails when the thread has just come back: then there is nothing to slow down.
            drop(sys::thread::make_idle(stray.thread));
            given_up.push((stray.callee, told, stray.attends));
            false
        });
        for (callee, told, attends) in given_up {
            told_off(place, callee, told, now);
            if attends {
                place.errands.lose_attendant(place);
            }
        }
        if let Some(next_ms) = next_ms {
            place.alarm.expect(next_ms);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Stray>> {
        // Nothing panics while the lock is held; were it so, the list would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
