//! One worker: take a job, call the function, bring its answer home; leave when the post is lost.

use std::sync::Arc;

use fezz_abi::Stage;
use fezz_proto::roster::{Call, Ended, Renewal};
use fezz_proto::{Instant, Reply};

use super::call::Caller;
use super::inbound::{Job, Taken};
use super::post::Post;
use super::seat::{Abandoned, Tenure};
use super::{Callee, Completion, Took, Workplace};
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
        let mut slot = None;
        while self.next(&mut slot) {
            let Some(Taken { entry: job, call }) = &mut slot else { break };
            if !job.short || self.debts.are_due(self.now) {
                self.debts.pay(self.place);
            }
            let ended = match self.refuse(job) {
                None => match self.call(job, *call) {
                    Ok(reply) => self.succeed(job, reply),
                    Err(fault) => self.fail(slot.take(), Some(fault)),
                },
                Some(why) => {
                    let fault = self.skip(why);
                    self.fail(slot.take(), fault)
                }
            };
            if ended.is_err() {
                break;
            }
        }
        self.debts.pay(self.place);
    }

    /// Calls the function, after it was asked again where that is due.
    #[inline]
    fn call(&mut self, job: &mut Job, call: Call) -> Result<Reply, Box<Fault>> {
        self.ended = Ended::InTime;
        self.started = self.now;
        if let Some(renewal) = call.renewal() {
            self.renew(job.job.callee, renewal)?;
        }
        let (reply, ended) = self.caller.call(job, self.now);
        self.now = ended;
        reply
    }

    #[cold]
    fn renew(&mut self, callee: &'static Callee, renewal: Renewal) -> Result<(), Box<Fault>> {
        let renewed = self.caller.renew(callee);
        self.now = self.place.clock.now();
        self.place.inbound.with(|roster| match renewed {
            Ok(()) => roster.end_renewal(renewal),
            Err(_) => roster.break_off(renewal),
        });
        renewed?;
        callee.accord.may_be_told();
        self.started = self.now;
        Ok(())
    }

    #[inline]
    fn next(&mut self, slot: &mut Option<Taken>) -> bool {
        let Self { place, post, tenure, debts, ended, .. } = self;
        let mut slept = false;
        let taken = place.inbound.take(slot, (post, tenure), *ended, || {
            debts.pay(place);
            slept = true;
        });
        if slept {
            self.now = place.clock.now();
        }
        taken
    }

    /// Why a job is not run.
    fn refuse(&self, job: &Job) -> Option<Unrun> {
        let waited_us = self.now.micros_since(job.queued);
        if self.now >= job.deadline {
            Some(Unrun::Late)
        } else if waited_us > self.place.queue_us_max {
            Some(Unrun::Waited(waited_us))
        } else {
            None
        }
    }

    /// A job is not run; what is said of it, unless its loop says it.
    #[cold]
    fn skip(&mut self, why: Unrun) -> Option<Box<Fault>> {
        self.ended = Ended::Unrun;
        self.started = self.now;
        match why {
            Unrun::Late => None,
            Unrun::Waited(micros) => Some(Box::new(waited_too_long(micros))),
        }
    }

    /// A call ended well: its reply is brought home if the post is still ours.
    #[inline]
    fn succeed(&mut self, job: &Job, reply: Reply) -> Result<(), Abandoned> {
        self.end(job.job.callee)?;
        let took = Took::of(job.queued, self.started, self.now);
        let completion = Completion { ticket: job.ticket, took, outcome: Ok(reply) };
        self.bring_home(job.home, completion);
        Ok(())
    }

    /// The same for a job that failed or was not run; nothing is brought home where nothing is said
    /// of it.
    #[cold]
    fn fail(&mut self, job: Option<Taken>, fault: Option<Box<Fault>>) -> Result<(), Abandoned> {
        let Some(Taken { entry: mut job, .. }) = job else { return Ok(()) };
        self.end(job.job.callee)?;
        let Some(fault) = fault else { return Ok(()) };
        let took = Took::of(job.queued, self.started, self.now);
        let home = job.home;
        self.bring_home(home, Completion::of(&mut job, Err(fault), took));
        Ok(())
    }

    /// A job is over, one way or the other.
    #[inline]
    fn end(&self, callee: &Callee) -> Result<(), Abandoned> {
        let ended = self.post.end(&self.tenure);
        if ended.is_err() {
            self.place.stray_returned(callee, self.now);
        }
        ended
    }

    #[inline(always)]
    fn bring_home(&mut self, home: u16, completion: Completion) {
        self.debts.calls += 1;
        if self.place.home(home).is_some_and(|outbound| outbound.push(completion)) {
            self.debts.owe(home, self.now);
        }
    }
}

/// Why a job is not run.
enum Unrun {
    /// Nobody waits for it any more: its loop says so, by the same deadline.
    Late,
    /// It waited so many microseconds.
    Waited(u64),
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
