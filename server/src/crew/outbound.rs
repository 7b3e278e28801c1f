//! Finished jobs on their way back to their loop: pushed at once, woken once.
//!
//! Whether the loop sleeps is part of the locked state, so that a wake is neither lost nor doubled:
//! the push that finds it asleep owes it one wake, and may pay that debt a few short calls later.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fezz_proto::roster::Unfit;
use fezz_proto::{Reply, Ticket};
use mio::Waker;

use super::fallback::Failed;
use super::inbound::Job;
use crate::fault::Fault;

/// What became of a job.
pub(crate) struct Completion {
    pub(crate) ticket: Ticket,
    pub(crate) outcome: Result<Reply, Box<Failed>>,
}

impl Completion {
    /// A call for `job` was made, or was to be made, and ended with `reply`.
    pub(crate) fn of(job: Job, reply: Result<Reply, Fault>) -> Self {
        let ticket = job.ticket;
        Self { ticket, outcome: reply.map_err(|fault| Box::new(Failed::with(job, fault))) }
    }

    /// Nobody takes `job`.
    pub(crate) fn unfit(job: Job, why: Unfit) -> Self {
        Self { ticket: job.ticket, outcome: Err(Box::new(Failed::unfit(job, why))) }
    }
}

/// The list of one loop's finished jobs.
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
