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
    inside: Inside,
}

/// What such a thread is inside of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// A call that kept a loop.
    Call,
    /// A cancellation: an attendant has to be replaced.
    Cancel,
    /// An end: the same, and the function cannot be called.
    End,
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
        inside: Inside,
    ) -> Left {
        let (seat, tenure) = Seat::running(given_up_at(deadline));
        let seat = Arc::new(seat);
        self.lock().push(Stray { seat: Arc::clone(&seat), callee, thread, inside });
        Left { seat, tenure }
    }

    /// Threads that lost their loops and have not come back. Errands do not count: they hold nobody
    /// up, and most of them are over before the next sweep.
    pub(crate) fn kept(&self) -> usize {
        let is_kept =
            |stray: &&Stray| stray.inside == Inside::Call && stray.seat.deadline_ms().is_some();
        self.lock().iter().filter(is_kept).count()
    }

    /// Gives up those that are overdue; says when to look again.
    pub(crate) fn sweep(&self, place: &Arc<Workplace>, now: Instant) {
        let mut next_ms = None;
        let mut given_up = Vec::new();
        self.lock().retain(|stray| {
            // Under the roster's lock, so that whoever comes back reports after this was charged.
            let told = place.inbound.with(|roster| {
                let vacated = stray.seat.vacate(millis(now));
                let id = stray.callee.id;
                vacated.then(|| match stray.inside {
                    Inside::Call | Inside::Cancel => roster.abandon_inline(id, now),
                    Inside::End => roster.abandon_end(id, now),
                })
            });
            let Some(told) = told else {
                let deadline_ms = stray.seat.deadline_ms();
                next_ms = next_ms.into_iter().chain(deadline_ms.map(|at_ms| at_ms + 1)).min();
                return deadline_ms.is_some();
            };
            // It fails when the thread has just come back: then there is nothing to slow down.
            drop(sys::thread::make_idle(stray.thread));
            given_up.push((stray.callee, told, stray.inside));
            false
        });
        for (callee, told, inside) in given_up {
            told_off(place, callee, told, now);
            if inside != Inside::Call {
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
