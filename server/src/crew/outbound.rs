//! Finished jobs on their way back to their loop: pushed at once, woken once.
//!
//! Whether the loop sleeps is part of the locked state, so that a wake is neither lost nor doubled:
//! the push that finds it asleep owes it one wake, and may pay that debt a few short calls later.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fezz_proto::roster::Unfit;
use fezz_proto::{Instant, Reply, Ticket};
use mio::Waker;

use super::fallback::Failed;
use super::inbound::{Job, Load};
use crate::fault::Fault;

/// What became of a job.
pub(crate) struct Completion {
    pub(crate) ticket: Ticket,
    pub(crate) took: Took,
    pub(crate) outcome: Result<Reply, Box<Failed>>,
}

/// How long a job took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Took {
    /// Microseconds until its call began, or until it was clear that there would be none.
    pub(crate) queue_us: u32,
    /// Microseconds of the call.
    pub(crate) call_us: u32,
}

impl Took {
    /// A job that was queued and called, or not called where the last two are one.
    pub(crate) fn of(queued: Instant, started: Instant, ended: Instant) -> Self {
        let narrow = |micros| u32::try_from(micros).unwrap_or(u32::MAX);
        Self {
            queue_us: narrow(started.micros_since(queued)),
            call_us: narrow(ended.micros_since(started)),
        }
    }

    /// Another function was asked after the first one.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            queue_us: self.queue_us.saturating_add(other.queue_us),
            call_us: self.call_us.saturating_add(other.call_us),
        }
    }
}

impl Completion {
    /// A call for `job` was made, or was to be made, and ended with `reply`. The job is used up.
    #[inline]
    pub(crate) fn of(job: &mut Job, reply: Result<Reply, Box<Fault>>, took: Took) -> Self {
        let ticket = job.ticket;
        let outcome = reply.map_err(|fault| Box::new(Failed::with(use_up(job), *fault)));
        Self { ticket, took, outcome }
    }

    /// Nobody takes `job`.
    pub(crate) fn unfit(job: Job, why: Unfit, now: Instant) -> Self {
        let took = Took::of(job.queued, now, now);
        Self { ticket: job.ticket, took, outcome: Err(Box::new(Failed::unfit(job, why))) }
    }
}

/// The job for somebody else: who had it has no use for what is left.
#[cold]
fn use_up(job: &mut Job) -> Job {
    let envelope = std::mem::take(&mut job.job.envelope);
    Job { job: Load { envelope, ..job.job }, ..*job }
}

/// The list of one loop's finished jobs. Apart from those of other loops, which other cores write.
#[repr(align(64))]
pub(crate) struct Outbound {
    state: Mutex<State>,
    waker: Waker,
}

#[derive(Default)]
struct State {
    finished: Vec<Completion>,
    asleep: bool,
}

impl Outbound {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { state: Mutex::default(), waker }
    }

    /// Adds a finished job. When true, the caller owes the loop a [`Self::wake`].
    #[must_use]
    #[inline(always)]
    pub(crate) fn push(&self, completion: Completion) -> bool {
        let mut state = self.lock();
        state.finished.push(completion);
        std::mem::take(&mut state.asleep)
    }

    /// Ends the loop's wait.
    pub(crate) fn wake(&self) {
        // The write can only fail when the counter is full, which wakes as well, or when the loop
        // is gone, which needs no wake.
        drop(self.waker.wake());
    }

    /// The loop is about to wait; false when there is something to do first.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.lock();
        state.asleep = state.finished.is_empty();
        state.asleep
    }

    /// The loop is awake and takes what is finished. `into` is empty.
    pub(crate) fn collect(&self, into: &mut Vec<Completion>) {
        let mut state = self.lock();
        state.asleep = false;
        std::mem::swap(&mut state.finished, into);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; were it so, the list would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
