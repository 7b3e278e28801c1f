//! Jobs on their way to a worker: bounded, submitted in batches, taken one at a time.
//!
//! A worker takes one job at a time, so that a slow function never holds back others that were
//! taken with it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use fezz_proto::{Instant, Ticket};
use fezz_wire::Layout;

use super::Callee;

/// Jobs that make one awake worker ask for company although each of them is short.
const CROWD_JOBS: usize = 16;

/// One call to make.
pub(crate) struct Job {
    /// Which loop waits.
    pub(crate) home: u16,
    /// Which exchange of it.
    pub(crate) ticket: Ticket,
    /// Whom to call.
    pub(crate) callee: &'static Callee,
    /// The request envelope and how it is laid out.
    pub(crate) envelope: Vec<u8>,
    pub(crate) layout: Layout,
    /// When it was submitted.
    pub(crate) queued: Instant,
    /// When nobody waits for the answer any more.
    pub(crate) deadline: Instant,
}

/// The queue of jobs, shared by all loops and workers.
pub(crate) struct Inbound {
    state: Mutex<State>,
    ready: Condvar,
    workers: usize,
    jobs_max: usize,
    queue_ms_max: u64,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    sleepers: usize,
    /// Workers that took a job which is not known to be short.
    in_long_calls: usize,
    closed: bool,
}

/// What a worker was doing when it came for its next job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing, or a call that was known to be short.
    #[default]
    Short,
    /// A call that was not.
    Long,
}

impl State {
    fn next(&mut self, after: &mut Before) -> Option<Job> {
        if std::mem::take(after) == Before::Long {
            self.in_long_calls -= 1;
        }
        let job = self.jobs.pop_front()?;
        if !job.callee.is_short() {
            self.in_long_calls += 1;
            *after = Before::Long;
        }
        Some(job)
    }
}

impl Inbound {
    pub(crate) fn new(workers: usize, jobs_max: usize, queue_ms_max: u64) -> Self {
        let state = State { jobs: VecDeque::with_capacity(jobs_max), ..State::default() };
        Self { state: Mutex::new(state), ready: Condvar::new(), workers, jobs_max, queue_ms_max }
    }

    /// Submits a turn's jobs. Those that do not fit stay in `batch`.
    pub(crate) fn submit(&self, batch: &mut Vec<Job>) {
        let mut state = self.lock();
        let room = self.jobs_max.saturating_sub(state.jobs.len());
        let taken = batch.len().min(room);
        let all_short = batch.iter().take(taken).all(|job| job.callee.is_short());
        state.jobs.extend(batch.drain(..taken));
        let crowded = state.jobs.len() > CROWD_JOBS;
        // Whoever is inside a call that is not known to be short does not count.
        let somebody_awake = state.sleepers + state.in_long_calls < self.workers;
        let wanted = match all_short && !crowded {
            true if somebody_awake => 0,
            true => taken.min(1),
            false => taken,
        };
        let wakes = wanted.min(state.sleepers);
        drop(state);
        for _ in 0..wakes {
            self.ready.notify_one();
        }
    }

    /// The next job, if there is one. `after` is what the worker does: the call before, then this
    /// one.
    pub(crate) fn take(&self, after: &mut Before) -> Option<Job> {
        let mut state = self.lock();
        state.next(after)
    }

    /// Sleeps until there is a job; `None` when the queue is closed.
    pub(crate) fn wait(&self, after: &mut Before) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.next(after) {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state.sleepers += 1;
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleepers -= 1;
        }
    }

    /// Wakes sleepers while jobs wait: the worker that was woken for several short jobs may have
    /// met a long one first. The jobs of `home` that waited too long, perhaps because no worker
    /// comes back to look at them, are appended to `overdue`.
    pub(crate) fn rouse(&self, home: u16, now: Instant, overdue: &mut Vec<Job>) {
        let mut state = self.lock();
        let mut place = 0;
        while let Some(job) = state.jobs.get(place)
            && now.micros_since(job.queued) > self.queue_ms_max.saturating_mul(1_000)
        {
            if job.home == home {
                overdue.extend(state.jobs.remove(place));
            } else {
                place += 1;
            }
        }
        let wakes = state.jobs.len().min(state.sleepers);
        drop(state);
        for _ in 0..wakes {
            self.ready.notify_one();
        }
    }

    /// Removes a job for which nobody waits any more, if no worker has it yet.
    pub(crate) fn forget(&self, home: u16, ticket: Ticket) -> Option<Job> {
        let mut state = self.lock();
        let place = state.jobs.iter().position(|job| job.home == home && job.ticket == ticket)?;
        state.jobs.remove(place)
    }

    /// No more jobs will come: workers end when they have none.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; were it so, the queue would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
