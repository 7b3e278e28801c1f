//! Jobs on their way to a worker: the roster decides, behind one lock; here are the lock and the
//! sleepers.
//!
//! A worker takes one job at a time, so that a slow function never holds back others that were
//! taken with it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use fezz_proto::roster::{
    self, Abandoned, Call, CalleeId, CalleeLimits, Ended, Entry, Roster, RosterLimits, Unfit,
};
use fezz_proto::{Instant, Ticket};
use fezz_wire::Layout;

use super::Callee;
use super::post::Post;
use super::seat::Tenure;

/// One call to make, and for whom.
pub(crate) type Job = Entry<Load>;

/// What a call needs.
pub(crate) struct Load {
    /// Whom to call.
    pub(crate) callee: &'static Callee,
    /// Whom to call when that fails.
    pub(crate) previous: Option<&'static Callee>,
    /// The request envelope and how it is laid out.
    pub(crate) envelope: Vec<u8>,
    pub(crate) layout: Layout,
    /// Whether what the function says about origins is left out.
    pub(crate) decides_origins: bool,
}

/// A job that a worker has.
pub(crate) type Taken = roster::Taken<Load>;

/// The queue of jobs, shared by all loops and workers. Apart from what lies beside it in memory,
/// which is read by all and hardly ever written.
#[repr(align(64))]
pub(crate) struct Inbound {
    state: Mutex<State>,
    ready: Condvar,
}

struct State {
    roster: Roster<Load>,
    /// The calls that hold workers' places, by the number of the post.
    calls: Vec<Option<Call>>,
    closed: bool,
}

impl Inbound {
    pub(crate) fn new(limits: RosterLimits) -> Self {
        let calls = (0..limits.workers).map(|_| None).collect();
        let state = State { roster: Roster::new(limits), calls, closed: false };
        Self { state: Mutex::new(state), ready: Condvar::new() }
    }

    /// Takes a function in.
    pub(crate) fn enlist(&self, limits: CalleeLimits) -> CalleeId {
        self.lock().roster.enlist(limits)
    }

    /// Submits a turn's jobs; `batch` is empty afterwards, and `unfit` has those that nobody takes.
    pub(crate) fn submit(&self, batch: &mut Vec<Job>, now: Instant, unfit: &mut Vec<(Job, Unfit)>) {
        let mut state = self.lock();
        for job in batch.drain(..) {
            if let Err(refused) = state.roster.submit(job, now) {
                unfit.push(refused);
            }
        }
        self.wake(state);
    }

    /// Puts the next job into `slot`, as soon as there is one; false when the queue is closed. Its
    /// call is on `post` from here on, and the one before ended with `ended`. `idle` is to be done
    /// before a sleep.
    #[inline]
    pub(crate) fn take(
        &self,
        slot: &mut Option<Taken>,
        (post, tenure): (&Post, &Tenure),
        ended: Ended,
        idle: impl FnOnce(),
    ) -> bool {
        let mut state = self.lock();
        state.finish(post, ended);
        let mut idle = Some(idle);
        loop {
            if state.begin(slot, post, tenure) {
                self.wake(state);
                return true;
            }
            state = match idle.take() {
                Some(idle) => {
                    self.wake(state);
                    idle();
                    self.lock()
                }
                None => match self.sleep(state) {
                    Some(state) => state,
                    None => return false,
                },
            };
        }
    }

    /// Sleeps until there may be a job; `None` when the queue is closed.
    #[cold]
    fn sleep<'s>(&'s self, mut state: MutexGuard<'s, State>) -> Option<MutexGuard<'s, State>> {
        if state.closed {
            return None;
        }
        state.roster.sleep();
        state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.roster.woke();
        Some(state)
    }

    /// Wakes sleepers while jobs wait: the worker that was woken for several short jobs may have
    /// met a long one first. The jobs of `home` that waited too long, perhaps because no worker
    /// comes back to look at them, are appended to `overdue`.
    pub(crate) fn rouse(&self, home: u16, now: Instant, overdue: &mut Vec<Job>) {
        let mut state = self.lock();
        state.roster.overdue(home, now, overdue);
        let wakes = state.roster.rouse();
        drop(state);
        self.notify(wakes);
    }

    /// Removes a job for which nobody waits any more, if no worker has it yet.
    pub(crate) fn forget(&self, home: u16, ticket: Ticket) -> Option<Job> {
        let mut state = self.lock();
        let job = state.roster.forget(home, ticket);
        self.wake(state);
        job
    }

    /// Takes the post from its thread when its call is overdue at `now` and one more call may be
    /// given up; the call, and what follows for its function.
    pub(crate) fn give_up(&self, post: &Post, now: Instant) -> Option<(CalleeId, Abandoned)> {
        let mut state = self.lock();
        // Under the lock, so that whoever comes back late reports after this was charged.
        if !state.roster.may_abandon() || !post.vacate(now) {
            return None;
        }
        let call = state.calls.get_mut(post.number).and_then(Option::take)?;
        let callee = call.callee();
        let abandoned = state.roster.abandon(call, now);
        self.wake(state);
        Some((callee, abandoned))
    }

    /// Looks at the roster, or tells it what happened elsewhere.
    pub(crate) fn with<R>(&self, tell: impl FnOnce(&mut Roster<Load>) -> R) -> R {
        let mut state = self.lock();
        let told = tell(&mut state.roster);
        self.wake(state);
        told
    }

    /// No more jobs will come: workers end when they have none.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wakes = state.roster.wakes();
        drop(state);
        self.notify(wakes);
    }

    fn notify(&self, wakes: usize) {
        for _ in 0..wakes {
            self.ready.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; were it so, the queue would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The call on `post`, if there was one, is over.
    #[inline]
    fn finish(&mut self, post: &Post, ended: Ended) {
        if let Some(call) = self.calls.get_mut(post.number).and_then(Option::take) {
            self.roster.done(call, ended);
        }
    }

    /// Takes a job and puts its call on `post`, under one lock: whoever looks for a job finds it in
    /// the queue or on a post.
    #[inline(always)]
    fn begin(&mut self, slot: &mut Option<Taken>, post: &Post, tenure: &Tenure) -> bool {
        // Straight to where it stays: a job is too large to be handed on.
        *slot = self.roster.take();
        let Some(Taken { entry, call }) = slot else { return false };
        if let Some(place) = self.calls.get_mut(post.number) {
            *place = Some(*call);
        }
        post.begin(tenure, entry.deadline);
        true
    }
}
