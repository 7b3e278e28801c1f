//! Where loops lie while their threads make calls, and what becomes of threads that are kept.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread;

use fezz_proto::{Instant, Ticket};

use super::drive::{SPARE_NAME, stand_by};
use super::spares::Spares;
use crate::crew::{
    Berth, Callee, Inside, Job, Left, Rescued, STACK_BYTES, Workplace, given_up_at, millis,
};
use crate::log::{self, Value};
use crate::turn::{Ended, Loop};

/// Microseconds after which the other connections of a loop do not wait for a call any longer.
const RESCUE_US: u64 = 1_000;
/// Milliseconds between attempts to hire a thread that could not be had.
const HIRE_AGAIN_MS: u64 = 1_000;

/// What the threads that drive loops share with the watch.
pub(crate) struct Yard {
    pub(crate) place: Arc<Workplace>,
    berths: Vec<LoopBerth>,
    pub(super) spares: Spares,
    /// How loops ended.
    pub(super) ended: Sender<io::Result<Ended>>,
}

/// Where one loop lies during calls.
pub(super) type LoopBerth = Berth<Box<Loop>, Call, Left>;

/// A call that the thread of a loop makes itself.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) callee: &'static Callee,
    pub(super) ticket: Ticket,
    pub(super) deadline: Instant,
    /// The thread that makes it, as the operating system numbers it.
    pub(super) thread: i32,
}

impl Call {
    /// The call for `job` that `thread` makes.
    pub(super) const fn of(job: &Job, thread: i32) -> Self {
        Self { callee: job.job.callee, ticket: job.ticket, deadline: job.deadline, thread }
    }
}

impl Yard {
    pub(crate) fn new(
        place: Arc<Workplace>,
        loops: usize,
        ended: Sender<io::Result<Ended>>,
    ) -> Self {
        Self {
            place,
            berths: (0..loops).map(|_| Berth::new()).collect(),
            spares: Spares::default(),
            ended,
        }
    }

    pub(crate) fn loops(&self) -> usize {
        self.berths.len()
    }

    /// Where that loop lies during calls.
    pub(super) fn berth(&self, home: u16) -> Option<&LoopBerth> {
        self.berths.get(usize::from(home))
    }

    /// Takes loops from threads that are kept; true when anything happened in the yard since the
    /// last look. `voyages` is what was seen then.
    pub(super) fn rescue(self: &Arc<Self>, voyages: &mut [u64], now: Instant) -> bool {
        let before_us = now.as_micros().saturating_sub(RESCUE_US);
        let mut stirring = false;
        for ((home, berth), seen) in self.berths.iter().enumerate().zip(voyages) {
            let (voyage, parked) = berth.glance();
            stirring |= parked || voyage != *seen;
            let before = std::mem::replace(seen, voyage);
            if parked
                && let Some(rescued) = berth.rescue(before, before_us, |call| {
                    let Call { callee, deadline, thread, .. } = *call;
                    self.place.strays.add(callee, deadline, thread, Inside::Call)
                })
            {
                self.take_over(home, rescued, now);
            }
        }
        stirring
    }

    fn take_over(self: &Arc<Self>, home: usize, rescued: Rescued<Box<Loop>, Call>, now: Instant) {
        let Rescued { mut held, call } = rescued;
        // From here on this function is the workers'; who hangs must not keep the next one.
        let demoted = call.callee.pace.rescued(now);
        call.callee.tally.rescue();
        held.handle_rescued(call.ticket);
        self.spares.give(held);
        self.staff(now);
        // The sweep looks after the call.
        self.place.alarm.expect(given_up_at(call.deadline) + 1);
        let name = &call.callee.name;
        if let Some(seconds) = demoted {
            log::warn(
                "fezz::workers",
                &[("function", name.into()), ("loop", home.into()), ("seconds", seconds.into())],
                format_args!(
                    "the function kept the thread of an event loop for more than {RESCUE_US} us: \
                     another thread goes on, and workers make its calls for {seconds} s"
                ),
            );
        }
    }

    /// Sees to it that somebody stands ready, and says so to the loops.
    pub(super) fn staff(self: &Arc<Self>, now: Instant) {
        let place = &self.place;
        if !place.has_inline.load(Ordering::Relaxed) {
            return;
        }
        let kept = place.strays.kept();
        let room = place.inbound.with(|roster| roster.abandon_room());
        if self.spares.ready() == 0
            && let Err(error) = self.hire()
        {
            let message = "no spare thread can be had: calls go to workers until there is one. \
                           See to the limit of threads (TasksMax=, ulimit -u)";
            log::warn("fezz::workers", &[("why", Value::Shown(&error))], message);
            place.alarm.expect(millis(now) + HIRE_AGAIN_MS);
        }
        let ready = self.spares.ready() > 0 && kept < room as usize;
        place.rescuer.store(ready, Ordering::Relaxed);
    }

    fn hire(self: &Arc<Self>) -> io::Result<()> {
        self.spares.announce();
        let yard = Arc::clone(self);
        let thread = thread::Builder::new()
            .name(SPARE_NAME.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || stand_by(&yard, true));
        if thread.is_err() {
            self.spares.renounce();
        }
        thread.map(drop)
    }

    /// Whether nothing happened since `voyages` was seen.
    pub(super) fn is_quiet(&self, voyages: &[u64]) -> bool {
        self.berths.iter().zip(voyages).all(|(berth, seen)| berth.glance() == (*seen, false))
    }

    /// No loop will need a driver.
    pub(super) fn close(&self) {
        self.spares.close();
    }
}
