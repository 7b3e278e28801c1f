//! One worker: take a job, call the function, bring its answer home; leave when the post is lost.

use std::sync::Arc;

use fezz_abi::Stage;
use fezz_proto::roster::{Ended, Renewal};
use fezz_proto::{Instant, Reply};

use super::call::Caller;
use super::inbound::{Job, Taken};
use super::post::Post;
use super::seat::Tenure;
use super::{Completion, Took, Workplace};
use crate::fault::Fault;

/// Short calls made while a loop is owed a wake.
const OWED_CALLS_MAX: u32 = 64;
/// Microseconds for which a loop may be owed a wake while short calls are made.
const OWED_US_MAX: u64 = 200;

/// Works at post `number` until the queue is closed, or until a call took so long that the post was
/// given to somebody else.
pub(super) fn work(place: &Arc<Workplace>, number: usize) {
    // A panic here is a bug of ours in code that holds other people's requests. Going on with a
    // worker less would be silent; the supervisor's restart is not.
    let bug = AbortOnPanic;
    if let Some(post) = place.posts.get(number)
        && let Some(tenure) = post.man()
    {
        let caller = Caller::new(place);
        let now = place.clock.now();
        let debts = Debts::default();
        let (ended, started) = (Ended::Unrun, now);
        Worker { place, post, tenure, caller, debts, ended, started, now }.work();
    }
    std::mem::forget(bug);
}

struct Worker<'p> {
    place: &'p Workplace,
    post: &'p Post,
    tenure: Tenure,
    caller: Caller,
    debts: Debts,
    /// How the call before ended.
    ended: Ended,
    /// When the present call began.
    started: Instant,
    now: Instant,
}

impl Worker<'_> {
    fn work(mut self) {
        while let Some(Taken { mut job, renewal }) = self.next() {
            if !job.short || self.debts.are_due(self.now) {
                self.debts.pay(self.place);
            }
            let callee = job.job.callee;
            let reply = match self.refuse(&job) {
                Some(unrun) => unrun,
                None => Some(self.call(&mut job, renewal)),
            };
            if self.post.end(&self.tenure).is_err() {
                self.place.stray_returned(callee, self.now);
                break;
            }
            if let Some(reply) = reply {
                self.bring_home(job, reply);
            }
        }
        self.debts.pay(self.place);
    }

    /// Calls the function, after it was asked again where that is due.
    fn call(&mut self, job: &mut Job, renewal: Option<Renewal>) -> Result<Reply, Fault> {
        self.ended = Ended::InTime;
        self.started = self.now;
        if let Some(renewal) = renewal {
            let renewed = self.caller.renew(job.job.callee);
            self.now = self.place.clock.now();
            self.place.inbound.with(|roster| match renewed {
                Ok(()) => roster.end_renewal(renewal),
                Err(_) => roster.break_off(renewal),
            });
            renewed?;
            job.job.callee.accord.may_be_told();
        }
        self.started = self.now;
        let (reply, ended) = self.caller.call(job, self.now);
        self.now = ended;
        reply
    }

    fn next(&mut self) -> Option<Taken> {
        let Self { place, post, tenure, ended, .. } = self;
        if let Some(job) = place.inbound.take(post, tenure, *ended) {
            return Some(job);
        }
        self.debts.pay(place);
        let job = place.inbound.wait(post, tenure)?;
        self.now = place.clock.now();
        Some(job)
    }

    /// A job that is not run, and what is said about it; nothing where its loop says it, by the
    /// same deadline.
    fn refuse(&mut self, job: &Job) -> Option<Option<Result<Reply, Fault>>> {
        let waited_us = self.now.micros_since(job.queued);
        let why = if self.now >= job.deadline {
            None
        } else if waited_us > self.place.queue_us_max {
            Some(Err(waited_too_long(waited_us)))
        } else {
            return None;
        };
        self.ended = Ended::Unrun;
        self.started = self.now;
        Some(why)
    }

    fn bring_home(&mut self, job: Job, reply: Result<Reply, Fault>) {
        self.debts.calls += 1;
        let home = job.home;
        let took = Took::of(job.queued, self.started, self.now);
        let completion = Completion::of(job, reply, took);
        if self.place.home(home).is_some_and(|outbound| outbound.push(completion)) {
            self.debts.owe(home, self.now);
        }
    }
}

/// The fault of a job that no worker came for in time.
pub(crate) fn waited_too_long(waited_us: u64) -> Fault {
    Fault::new(Stage::Limit, format_args!("waited {} ms for a worker", waited_us / 1_000))
}

/// The loops that sleep and have something to do.
#[derive(Default)]
struct Debts {
    /// One bit per loop.
    loops: u64,
    since: Instant,
    calls: u32,
}

impl Debts {
    fn owe(&mut self, home: u16, now: Instant) {
        if self.loops == 0 {
            self.since = now;
            self.calls = 0;
        }
        self.loops |= 1 << (home % 64);
    }

    fn are_due(&self, now: Instant) -> bool {
        self.calls >= OWED_CALLS_MAX || now.micros_since(self.since) >= OWED_US_MAX
    }

    fn pay(&mut self, place: &Workplace) {
        while self.loops != 0 {
            let home = self.loops.trailing_zeros();
            self.loops &= self.loops - 1;
            if let Some(outbound) = u16::try_from(home).ok().and_then(|home| place.home(home)) {
                outbound.wake();
            }
        }
    }
}

/// Ends the process when it is dropped by unwinding.
pub(crate) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        std::process::abort();
    }
}
