//! A fixed number of workers that call functions, and the queues between them and the loops.
//!
//! Both queues move batches and wake only who sleeps: a loop submits what one turn produced with
//! one lock and at most a few wakes, a worker owes a sleeping loop one wake for all it finished.
//!
//! A call that is not over by its deadline loses its worker's post to another thread ([`sweep`]):
//! the capacity is constant, whatever functions do.

mod accord;
mod alarm;
mod berth;
mod call;
mod callee;
mod errands;
mod fallback;
mod inbound;
mod outbound;
mod pace;
mod post;
mod seat;
mod strays;
mod sweep;
mod sync;
mod tally;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use fezz_proto::Instant;
use fezz_proto::roster::{CalleeId, Renewal, Roster, RosterLimits};

use crate::clock::Clock;

pub(crate) use accord::{Accord, Stay};
pub(crate) use alarm::Alarm;
pub(crate) use berth::{Berth, Rescued};
pub(crate) use call::Caller;
pub(crate) use callee::{Callee, Served, Terms};
pub(crate) use errands::{Errand, Errands};
pub(crate) use fallback::{Failed, Fallback, Outcome, QUARANTINED, StaticReply};
pub(crate) use inbound::{Inbound, Job, Load};
pub(crate) use outbound::{Completion, Outbound, Took};
pub(crate) use pace::{Pace, Placement};
pub(crate) use post::{Post, given_up_at, millis};
pub(crate) use strays::{Inside, Left, Strays};
pub(crate) use sweep::Sweep;
pub use tally::{FunctionCounts, ImageCounts, WorkerCounts};
pub(crate) use worker::{AbortOnPanic, waited_too_long};

/// Octets of stack of every thread that calls functions: what function authors may count on.
pub(crate) const STACK_BYTES: usize = 4 * 1024 * 1024;

/// Milliseconds after which a function that was busy is looked at again, if it was idle too long.
const IDLE_AGAIN_MS: u64 = 100;

/// Whether somebody is inside `callee`. Calls that loops make themselves are not the roster's to
/// know of.
fn is_inside(roster: &Roster<Load>, callee: &Callee) -> bool {
    roster.running(callee.id) > 0 || roster.abandoned(callee.id) > 0 || callee.accord.is_inside()
}

/// Servers that there were in this process.
static HOUSES: AtomicU64 = AtomicU64::new(0);

/// What everybody who calls functions shares.
pub(crate) struct Workplace {
    pub(crate) clock: Clock,
    pub(crate) inbound: Inbound,
    /// One list per loop, by the loop's number.
    pub(crate) outbound: Vec<Arc<Outbound>>,
    /// One for each worker.
    pub(crate) posts: Vec<Post>,
    pub(crate) alarm: Alarm,
    pub(crate) strays: Strays,
    pub(crate) errands: Errands,
    /// Tells this server from others in the process.
    pub(crate) house: u64,
    /// Whether somebody stands ready to take over a loop whose thread is kept by a call.
    pub(crate) rescuer: AtomicBool,
    pub(crate) response_limits: fezz_wire::WireLimits,
    /// Microseconds that a job may wait for a worker.
    pub(crate) queue_us_max: u64,
    /// Whether there is a function that loops may call themselves.
    pub(crate) has_inline: AtomicBool,
    /// By their numbers.
    callees: RwLock<Vec<&'static Callee>>,
}

impl Workplace {
    /// A workplace without anybody.
    pub(crate) fn new(
        clock: Clock,
        limits: RosterLimits,
        response_limits: fezz_wire::WireLimits,
        outbound: Vec<Arc<Outbound>>,
    ) -> Self {
        Self {
            clock,
            inbound: Inbound::new(limits),
            outbound,
            posts: (0..limits.workers as usize).map(Post::new).collect(),
            alarm: Alarm::new(),
            strays: Strays::default(),
            errands: Errands::default(),
            house: HOUSES.fetch_add(1, Ordering::Relaxed),
            rescuer: AtomicBool::new(false),
            has_inline: AtomicBool::new(false),
            response_limits,
            queue_us_max: limits.queue_us_max,
            callees: RwLock::default(),
        }
    }

    /// Takes a function in. Artifacts are never unloaded, so that whatever points to one lives as
    /// long as the process.
    pub(crate) fn enlist(&self, terms: Terms) -> &'static Callee {
        let mut callees = self.callees.write().unwrap_or_else(PoisonError::into_inner);
        let id = self.inbound.enlist(terms.limits);
        let callee: &'static Callee = Box::leak(Box::new(Callee::new(id, terms)));
        callees.push(callee);
        self.expect_idle(callee);
        if callee.pace.may_go_inline() {
            self.has_inline.store(true, Ordering::Relaxed);
            // Somebody has to stand ready.
            self.alarm.expect(millis(self.clock.now()));
        }
        callee
    }

    /// What `callee` was asked has expired; the roster hears of it once.
    #[cold]
    pub(crate) fn expire(&self, callee: &Callee) {
        if callee.accord.has_to_be_told() {
            self.inbound.with(|roster| roster.expire(callee.id));
        }
    }

    /// A function that may be idle too long is looked at in time.
    pub(crate) fn expect_idle(&self, callee: &Callee) {
        if let Some(at) = callee.accord.ends_at() {
            self.alarm.expect(millis(at) + 1);
        }
    }

    /// Brings to an end who was idle for too long; the mapped code stays.
    pub(crate) fn end_idle(self: &Arc<Self>, now: Instant) {
        for callee in self.callees.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if callee.accord.ends_at().is_none_or(|at| at > now) {
                self.expect_idle(callee);
                continue;
            }
            let (idle, stuck) = self.inbound.with(|roster| {
                let idle = roster.in_flight(callee.id) == 0 && !is_inside(roster, callee);
                (idle, roster.abandoned(callee.id) > 0)
            });
            if idle && callee.accord.has_to_end() {
                self.errands.send(self, Errand::End { callee, last: false });
            } else if !idle && !stuck {
                // Where it is stuck, whoever comes back rings the alarm.
                self.alarm.expect(millis(now) + IDLE_AGAIN_MS);
            }
        }
    }

    /// Keeps the jobs of `callee` waiting while it is brought to an end, if it is still idle.
    pub(super) fn begin_end(&self, callee: &'static Callee) -> Option<Renewal> {
        callee.accord.end_is_here();
        let now = self.clock.now();
        if callee.accord.ends_at().is_none_or(|at| at > now) {
            self.expect_idle(callee);
            return None;
        }
        let renewal = self.inbound.with(|roster| {
            let idle = roster.in_flight(callee.id) == 0 && !is_inside(roster, callee);
            let renewal = idle.then(|| roster.begin_renewal(callee.id)).flatten()?;
            if callee.accord.ending() {
                return Some(renewal);
            }
            roster.break_off(renewal);
            None
        });
        if renewal.is_none() {
            self.alarm.expect(millis(now) + IDLE_AGAIN_MS);
        }
        renewal
    }

    /// The server ends: functions hear of it, `patience` at most.
    pub(crate) fn end_all(self: &Arc<Self>, patience: Duration) {
        for callee in self.callees.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let exports = callee.function.exports();
            let inside = self.inbound.with(|roster| is_inside(roster, callee));
            if (exports.drain || exports.fini) && !inside && !callee.accord.is_dormant() {
                self.errands.send(self, Errand::End { callee, last: true });
            }
        }
        self.errands.finish(patience);
    }

    /// No route leads to `callee` any more: it answers what was admitted, and comes to an end when
    /// it has been idle for a while. A loop that is about to admit a request may be late by one.
    pub(crate) fn retire(&self, callee: &'static Callee) {
        if !callee.retire() {
            return;
        }
        self.inbound.with(|roster| roster.retire(callee.id));
        let callees = self.callees.read().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &Callee| Arc::ptr_eq(&other.function, &callee.function);
        if callees.iter().any(|other| !other.is_retired() && same(other)) {
            // The image goes on on other terms: those decide when it comes to an end.
            return callee.accord.abide();
        }
        drop(callees);
        callee.accord.retire(self.clock.now());
        self.expect_idle(callee);
    }

    /// All functions that were ever taken in.
    pub(crate) fn callees(&self) -> Vec<&'static Callee> {
        self.callees.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The function with that number.
    pub(crate) fn callee(&self, id: CalleeId) -> Option<&'static Callee> {
        let callees = self.callees.read().unwrap_or_else(PoisonError::into_inner);
        callees.get(id.0 as usize).copied()
    }

    /// What was counted for each function.
    pub(crate) fn function_counts(&self) -> BTreeMap<String, FunctionCounts> {
        let callees = self.callees.read().unwrap_or_else(PoisonError::into_inner);
        let mut counts: BTreeMap<String, FunctionCounts> = BTreeMap::new();
        for callee in callees.iter() {
            let sum = counts.entry(callee.name.clone()).or_default();
            sum.add(callee.tally.counts());
            sum.dormant |= callee.accord.is_dormant() && !callee.is_retired();
        }
        counts
    }

    /// How many images are served, and how many were.
    pub(crate) fn image_counts(&self) -> ImageCounts {
        let callees = self.callees.read().unwrap_or_else(PoisonError::into_inner);
        let mut serving: BTreeMap<_, bool> = BTreeMap::new();
        for callee in callees.iter() {
            *serving.entry(Arc::as_ptr(&callee.function)).or_default() |= !callee.is_retired();
        }
        let all = serving.len() as u64;
        let serving = serving.into_values().filter(|serves| *serves).count() as u64;
        ImageCounts { serving, retired: all - serving }
    }

    /// What the workers do now.
    pub(crate) fn worker_counts(&self) -> WorkerCounts {
        let busy = self.posts.iter().filter(|post| post.deadline_ms().is_some()).count();
        let (abandoned, queue) =
            self.inbound.with(|roster| (roster.abandoned_total(), roster.len()));
        WorkerCounts {
            posts: self.posts.len() as u64,
            busy: busy as u64,
            abandoned: abandoned.into(),
            queue: queue as u64,
        }
    }

    /// Calls that have not come back.
    pub(crate) fn calls_under_way(&self) -> u64 {
        let WorkerCounts { busy, abandoned, .. } = self.worker_counts();
        busy + abandoned
    }

    /// The list of the loop with that number.
    pub(crate) fn home(&self, number: u16) -> Option<&Outbound> {
        self.outbound.get(usize::from(number)).map(Arc::as_ref)
    }

    /// A call that was given up came back at `now`: its answer is freed and dropped.
    pub(crate) fn stray_returned(&self, callee: &Callee, now: Instant) {
        callee.tally.late_answer();
        self.inbound.with(|roster| {
            roster.stray_returned(callee.id);
            callee.heed(roster.circuit(callee.id));
        });
        // There may be room again for what could not be given up before.
        self.alarm.expect(millis(now));
    }

    /// Brings home what became of a job, at once.
    pub(crate) fn bring_home(&self, home: u16, completion: Completion) {
        if let Some(outbound) = self.home(home)
            && outbound.push(completion)
        {
            outbound.wake();
        }
    }

    /// Lets a new thread work at post `number`. It ends when the queue is closed; a thread inside a
    /// function that never returns ends with the process.
    ///
    /// # Errors
    ///
    /// The operating system's reason why a thread cannot be had.
    pub(crate) fn hire(self: &Arc<Self>, number: usize) -> io::Result<()> {
        let place = Arc::clone(self);
        thread::Builder::new()
            .name(format!("fezz-worker-{number}"))
            .stack_size(STACK_BYTES)
            .spawn(move || worker::work(&place, number))
            .map(drop)
    }
}
