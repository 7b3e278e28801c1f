//! Who may run what: the queue of jobs, the limits of each callee, its circuit, and whom to wake.
//!
//! There is no lock, no thread and no clock here, and nothing is ever called. The workers' shell
//! keeps one roster under one lock and obeys it; what it decides is a function of what it was told.
//!
//! # Order
//!
//! The jobs of one callee start in the order in which they were submitted. Callees take turns: of
//! those that have a job which may start now, each starts one before any starts a second. So a job
//! waits for the jobs of its own callee before it, and beside each of these for at most one of
//! every other callee, however many jobs the others have. A callee whose jobs may not start now
//! stands aside: it costs the others nothing, and comes back at the end of the row.
//!
//! # What bounds what
//!
//! | limit | bounds | beyond it |
//! |---|---|---|
//! | [`RosterLimits::jobs_max`] | jobs that wait | [`Unfit::QueueFull`] |
//! | [`CalleeLimits::in_flight_max`] | jobs of a callee that wait or run | [`Unfit::Crowded`] |
//! | [`CalleeLimits::running_max`] | calls inside a callee, abandoned ones too | it waits |
//! | one place fewer than there are workers | places of a callee not known to be short | it waits |
//! | [`CalleeLimits::abandoned_max`] | abandoned calls of a callee | [`Unfit::Quarantined`] |
//! | [`RosterLimits::abandoned_max`] | abandoned calls of all | [`Roster::may_abandon`] is false |
//!
//! # How a shell uses it
//!
//! ```
//! use fezz_proto::roster::{CalleeLimits, Ended, Entry, Roster, RosterLimits};
//! use fezz_proto::{Instant, Ticket};
//!
//! let limits = RosterLimits { workers: 2, jobs_max: 64, queue_us_max: 1_000, abandoned_max: 4 };
//! let mut roster = Roster::new(limits);
//! let callee = roster.enlist(CalleeLimits::default());
//! roster.sleep();
//! roster.sleep();
//!
//! // A loop submits what its turn produced, and then wakes as many as it is told.
//! let (queued, deadline) = (Instant::ZERO, Instant::from_micros(30_000));
//! let ticket = Ticket { index: 0, exchange: 1 };
//! let entry = Entry { callee, home: 0, ticket, queued, deadline, short: true, job: "job" };
//! assert!(roster.submit(entry, queued).is_ok());
//! assert_eq!(roster.wakes(), 1);
//!
//! // A worker that was woken takes jobs until there is none, and sleeps again.
//! roster.woke();
//! let taken = roster.take().expect("it may start");
//! assert_eq!(taken.entry.job, "job");
//! roster.done(taken.call, Ended::InTime);
//! assert!(roster.take().is_none());
//! assert_eq!(roster.wakes(), 0);
//! roster.sleep();
//! ```
//!
//! [`Roster::wakes`] is asked after each of these sequences, before the lock is released: what a
//! worker takes can be as much a reason to wake another as what a loop submits.

mod breaker;
mod callee;
#[cfg(test)]
mod exhaust;
mod order;
mod ring;
mod shelf;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use alloc::vec::Vec;

use crate::ticket::Ticket;
use crate::time::Instant;

pub use breaker::Circuit;
pub use callee::{Call, Renewal};
pub use order::{Abandoned, CalleeLimits, Ended, Entry, RosterLimits, Taken, Unfit};

use callee::{Callee, Gate};
use ring::Ring;
use shelf::{Shelf, Verdict};
use watch::Watch;

/// A callee: its number in the roster that enlisted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalleeId(pub u32);

impl CalleeId {
    const fn place(self) -> usize {
        self.0 as usize
    }
}

/// Who may run what. `J` is what the shell needs to make the call.
#[derive(Clone, Debug)]
pub struct Roster<J> {
    limits: RosterLimits,
    callees: Vec<Callee>,
    shelf: Shelf<J>,
    /// The callees with a job that may start now.
    ring: Ring,
    watch: Watch,
    /// Jobs that wait.
    waiting: u32,
    /// Of these, the jobs that may start now, were there workers for all.
    ready: u32,
    abandoned: u32,
    /// Callees that get no new requests.
    retired: u32,
    /// The number of the latest trial or renewal.
    serial: u32,
}

impl<J> Roster<J> {
    /// A roster in which all workers are awake and nobody is enlisted.
    #[must_use]
    pub fn new(limits: RosterLimits) -> Self {
        Self {
            limits,
            callees: Vec::new(),
            shelf: Shelf::new(limits.jobs_max),
            ring: Ring::new(),
            watch: Watch::new(limits.workers),
            waiting: 0,
            ready: 0,
            abandoned: 0,
            retired: 0,
            serial: 0,
        }
    }

    /// Adds a callee, at any time; it is never removed. Limits of zero count as one.
    pub fn enlist(&mut self, limits: CalleeLimits) -> CalleeId {
        let id = CalleeId(self.count());
        self.callees.push(Callee::new(limits));
        self.ring.widen();
        // The first callee may have had every worker; not so beside a second one.
        for at in 0..self.count() {
            self.change(CalleeId(at), |_| ());
        }
        id
    }

    /// Nobody submits new jobs of `callee` any more, but for those that were promised; the others
    /// are not to leave places free for it. Once for each callee.
    pub fn retire(&mut self, callee: CalleeId) {
        debug_assert!(callee.0 < self.count(), "nobody enlisted {callee:?}");
        self.retired += 1;
        for at in 0..self.count() {
            self.change(CalleeId(at), |_| ());
        }
    }

    /// Callees.
    fn count(&self) -> u32 {
        u32::try_from(self.callees.len()).unwrap_or(u32::MAX)
    }

    /// Queues a job.
    ///
    /// # Errors
    ///
    /// The job, and why it cannot wait here.
    #[inline]
    pub fn submit(&mut self, entry: Entry<J>, now: Instant) -> Result<(), (Entry<J>, Unfit)> {
        let id = entry.callee;
        let able = self.may_abandon();
        let Some(callee) = self.callees.get_mut(id.place()) else {
            debug_assert!(false, "nobody enlisted {id:?}");
            return Err((entry, Unfit::QueueFull));
        };
        if callee.unusual
            && let Some(until) = callee.breaker.refuses(now, able && callee.free() > 0)
        {
            return Err((entry, Unfit::Quarantined { until }));
        }
        if callee.in_flight() >= callee.limits.in_flight_max {
            return Err((entry, Unfit::Crowded));
        }
        if self.waiting >= self.limits.jobs_max {
            return Err((entry, Unfit::QueueFull));
        }
        if callee.unusual || callee.short != entry.short {
            let (short, deadline) = (entry.short, entry.deadline);
            self.change(id, |callee| {
                callee.short = short;
                callee.breaker.admit(deadline);
            });
        }
        let Some(callee) = self.callees.get_mut(id.place()) else { return Ok(()) };
        if callee.has_room() {
            self.ready += 1;
            self.watch.add(1, !callee.short);
            if callee.line.len() == 0 {
                self.ring.push(id.0);
            }
        }
        self.waiting += 1;
        self.shelf.push(&mut callee.line, entry);
        Ok(())
    }

    /// How many sleepers to wake for what became ready since the last time. Ask before the lock is
    /// released, whatever was done under it; wake after that.
    #[inline]
    pub fn wakes(&mut self) -> usize {
        self.watch.wakes(self.ready) as usize
    }

    /// How many sleepers to wake when nothing has come back for a while: whoever is awake may be
    /// inside a call that was thought to be short and is not.
    pub fn rouse(&mut self) -> usize {
        self.watch.rouse(self.ready) as usize
    }

    /// The next job that may start, if there is one. It holds a worker's place until
    /// [`Self::done`] or [`Self::abandon`] is told of its call.
    #[inline]
    pub fn take(&mut self) -> Option<Taken<J>> {
        let number = self.ring.front()?;
        let callee = self.callees.get_mut(number as usize)?;
        let (at, long) = self.shelf.unlink(&mut callee.line)?;
        callee.running += 1;
        self.waiting -= 1;
        self.ready -= 1;
        if callee.ready() > 0 {
            self.ring.rotate();
        } else {
            self.ring.remove(number);
        }
        let mut call = Call::plain(CalleeId(number), long);
        if callee.unusual {
            self.begin_unusual(&mut call);
        }
        self.watch.enter(call.long);
        // At last, so that the job is moved once.
        self.shelf.clear(at).map(|entry| Taken { entry, call })
    }

    /// The call that is about to begin may be a trial, or have to renew its callee.
    #[cold]
    fn begin_unusual(&mut self, call: &mut Call) {
        self.serial = self.serial.wrapping_add(1);
        let number = self.serial;
        call.number = number;
        self.change(call.callee, |callee| {
            if callee.breaker.begin(number) {
                call.on_trial = true;
                // Nobody can say how long it will take.
                call.long = true;
            }
            if callee.gate == Gate::Stale {
                callee.gate = Gate::Renewing(number);
                call.renews = true;
            }
        });
    }

    /// A call is over and its worker's place free; true when that closed the callee's circuit. Not
    /// for a call that was abandoned.
    #[inline]
    pub fn done(&mut self, call: Call, ended: Ended) -> bool {
        self.watch.leave(call.long);
        let Some(callee) = self.callees.get_mut(call.callee.place()) else { return false };
        let before = callee.ready();
        callee.running = callee.running.saturating_sub(1);
        if callee.ready() != before {
            self.shift(call.callee, before);
        }
        if !call.on_trial && !call.renews {
            return false;
        }
        self.done_unusual(call, ended)
    }

    #[cold]
    fn done_unusual(&mut self, call: Call, ended: Ended) -> bool {
        if let Some(renewal) = call.renewal() {
            self.break_off(renewal);
        }
        self.change(call.callee, |callee| match ended {
            Ended::InTime => callee.breaker.succeed(call.trial()),
            Ended::Unrun => {
                callee.breaker.recall(call.trial());
                false
            }
        })
        .unwrap_or(false)
    }

    /// A worker found nothing to take and goes to sleep.
    #[inline]
    pub const fn sleep(&mut self) {
        self.watch.sleep();
    }

    /// A worker that slept is awake, whatever woke it.
    #[inline]
    pub const fn woke(&mut self) {
        self.watch.woke();
    }

    /// Whether another call may be abandoned.
    #[must_use]
    pub const fn may_abandon(&self) -> bool {
        self.abandoned < self.limits.abandoned_max
    }

    /// An overdue call was given up: another thread stands in its worker's place, awake, and the
    /// callee is still inside the call. Only while [`Self::may_abandon`].
    pub fn abandon(&mut self, call: Call, now: Instant) -> Abandoned {
        self.watch.leave(call.long);
        if let Some(renewal) = call.renewal() {
            self.break_off(renewal);
        }
        self.charge(call.callee, call.trial(), now, 1, false)
    }

    /// The same for a call that held no worker's place: one that a loop made itself.
    pub fn abandon_inline(&mut self, callee: CalleeId, now: Instant) -> Abandoned {
        self.charge(callee, None, now, 0, false)
    }

    /// The same for a callee that does not come back from its end: it cannot be called, and whoever
    /// asks for it need not wait to hear that.
    pub fn abandon_end(&mut self, callee: CalleeId, now: Instant) -> Abandoned {
        self.charge(callee, None, now, 0, true)
    }

    fn charge(
        &mut self,
        callee: CalleeId,
        trial: Option<u32>,
        now: Instant,
        places: u32,
        hopeless: bool,
    ) -> Abandoned {
        self.abandoned += 1;
        let quarantined = self.change(callee, |callee| {
            callee.running = callee.running.saturating_sub(places);
            callee.abandoned += 1;
            let too_many = hopeless || callee.has_failed();
            callee.breaker.fail(trial, too_many, now);
            match callee.breaker.circuit() {
                Circuit::Open { until } => Some(until),
                Circuit::Closed | Circuit::HalfOpen => None,
            }
        });
        Abandoned { quarantined: quarantined.flatten(), exhausted: !self.may_abandon() }
    }

    /// An abandoned call came back; true when that closed the callee's circuit.
    pub fn stray_returned(&mut self, callee: CalleeId) -> bool {
        self.abandoned = self.abandoned.saturating_sub(1);
        self.change(callee, |callee| {
            callee.abandoned = callee.abandoned.saturating_sub(1);
            !callee.has_failed() && callee.breaker.relent()
        })
        .unwrap_or(false)
    }

    /// What `callee` was asked has expired: whoever takes its next job renews it first, and nobody
    /// takes a second one meanwhile. Calls under way go on.
    pub fn expire(&mut self, callee: CalleeId) {
        self.change(callee, |callee| {
            if callee.gate == Gate::Open {
                callee.gate = Gate::Stale;
            }
        });
    }

    /// From now on nobody takes jobs of `callee`, until [`Self::end_renewal`]. `None` when somebody
    /// renews it already, or is inside one of its calls.
    pub fn begin_renewal(&mut self, callee: CalleeId) -> Option<Renewal> {
        self.serial = self.serial.wrapping_add(1);
        let number = self.serial;
        let begun = self.change(callee, |callee| {
            let idle = callee.running == 0 && callee.abandoned == 0;
            let begins = idle && !matches!(callee.gate, Gate::Renewing(_));
            if begins {
                callee.gate = Gate::Renewing(number);
            }
            begins
        });
        (begun == Some(true)).then_some(Renewal { callee, number })
    }

    /// A renewal is over, well or badly: jobs of the callee are taken again.
    pub fn end_renewal(&mut self, renewal: Renewal) {
        self.leave_gate(renewal, Gate::Open);
    }

    /// A renewal came to nothing, or has to be followed by another: whoever takes the callee's next
    /// job finds a [`Call::renewal`] to make first, and nobody takes a second one meanwhile.
    pub fn break_off(&mut self, renewal: Renewal) {
        self.leave_gate(renewal, Gate::Stale);
    }

    fn leave_gate(&mut self, renewal: Renewal, gate: Gate) {
        self.change(renewal.callee, |callee| {
            if callee.gate == Gate::Renewing(renewal.number) {
                callee.gate = gate;
            }
        });
    }

    /// Removes a job for which nobody waits any more, if no worker has it yet.
    pub fn forget(&mut self, home: u16, ticket: Ticket) -> Option<Entry<J>> {
        let mut found = None;
        let mut at = 0;
        while found.is_none() && self.waiting > 0 && at < self.count() {
            let verdict = |entry: &Entry<J>| match entry.home == home && entry.ticket == ticket {
                true => Verdict::TakeLast,
                false => Verdict::Keep,
            };
            self.sift(CalleeId(at), verdict, |entry| found = Some(entry));
            at += 1;
        }
        found
    }

    /// Appends to `into` the jobs of `home` that have waited longer than they may, perhaps because
    /// no worker comes back to look at them.
    pub fn overdue(&mut self, home: u16, now: Instant, into: &mut Vec<Entry<J>>) {
        let queue_us_max = self.limits.queue_us_max;
        for at in 0..self.count() {
            let verdict = |entry: &Entry<J>| match now.micros_since(entry.queued) > queue_us_max {
                true if entry.home == home => Verdict::Take,
                true => Verdict::Keep,
                false => Verdict::Stop,
            };
            self.sift(CalleeId(at), verdict, |entry| into.push(entry));
        }
    }

    /// Appends to `into` the jobs of a callee that wait while nothing of it is admitted: they were
    /// queued before its quarantine. Nothing while its circuit is not open.
    pub fn expel(&mut self, callee: CalleeId, into: &mut Vec<Entry<J>>) {
        if matches!(self.circuit(callee), Circuit::Open { .. }) {
            self.sift(callee, |_| Verdict::Take, |entry| into.push(entry));
        }
    }

    fn sift(
        &mut self,
        id: CalleeId,
        verdict: impl FnMut(&Entry<J>) -> Verdict,
        into: impl FnMut(Entry<J>),
    ) {
        let Some(callee) = self.callees.get_mut(id.place()) else { return };
        let (before, length) = (callee.ready(), callee.line.len());
        if length == 0 {
            return;
        }
        self.shelf.sift(&mut callee.line, verdict, into);
        let left = callee.line.len();
        self.waiting -= length - left;
        self.shift(id, before);
        if left == 0 {
            self.change(id, |callee| callee.breaker.empty());
        }
    }

    /// Changes a callee, and what follows from that.
    fn change<T>(&mut self, id: CalleeId, change: impl FnOnce(&mut Callee) -> T) -> Option<T> {
        let places_max = match self.watch.workers() {
            workers if workers >= 2 && self.count() - self.retired > 1 => workers - 1,
            _ => u32::MAX,
        };
        let callee = self.callees.get_mut(id.place());
        debug_assert!(callee.is_some(), "nobody enlisted {id:?}");
        let callee = callee?;
        let before = callee.ready();
        let result = change(callee);
        callee.survey(places_max);
        self.shift(id, before);
        Some(result)
    }

    /// The jobs of a callee that may start were `before`: moves it into or out of the ring.
    fn shift(&mut self, id: CalleeId, before: u32) {
        let Some(callee) = self.callees.get(id.place()) else { return };
        let after = callee.ready();
        if after > before {
            self.ready += after - before;
            self.watch.add(after - before, !callee.short);
            if before == 0 {
                self.ring.push(id.0);
            }
        } else if after < before {
            self.ready -= before - after;
            if after == 0 {
                self.ring.remove(id.0);
            }
        }
    }
}
