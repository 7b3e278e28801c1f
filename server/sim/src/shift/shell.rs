//! The shell that obeys a roster, one lock's worth of work at a time, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fezz_proto::roster::{Abandoned, Call, CalleeId, Ended, Entry, Renewal, Roster};
use fezz_proto::{Instant, Ticket};

use super::{Canary, Event, Mood, Plan};
use crate::rng::Rng;

/// A call that takes less is short, in microseconds.
const SHORT_US: u64 = 50;
/// When everything is given up that has not ended, in microseconds.
const END_US: u64 = 2_000_000;
/// How often a planted bug bites, in per mille.
const BITES: u32 = 50;

/// What is due at some moment; numbers are those of homes, workers, calls, jobs and callees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Batch(u16, u32),
    Next(usize),
    Renewed(usize),
    Ends(usize),
    Look,
    Forget(usize),
    RenewalOver(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    Awake,
    Asleep,
    Told,
    Busy(usize),
}

/// A call that was begun.
struct Made {
    call: Call,
    /// The worker that waits for it; none when it is a stray.
    worker: Option<usize>,
    deadline_us: u64,
    took_us: u64,
}

struct Shell<'p> {
    plan: &'p Plan,
    rng: Rng,
    now_us: u64,
    agenda: BinaryHeap<Reverse<(u64, u64, Due)>>,
    serial: u64,
    roster: Roster<usize>,
    workers: Vec<Worker>,
    calls: Vec<Made>,
    /// The home and the callee of each job.
    jobs: Vec<(u16, usize)>,
    short: Vec<bool>,
    renewals: Vec<Option<Renewal>>,
    batches_left: u32,
    log: Vec<(u64, Event)>,
}

/// Runs a plan; what happened, and when in microseconds.
#[must_use]
pub fn run(plan: &Plan) -> Vec<(u64, Event)> {
    let mut roster = Roster::new(plan.limits);
    for callee in &plan.callees {
        roster.enlist(callee.limits);
    }
    let mut shell = Shell {
        plan,
        rng: Rng::from_seed(plan.seed),
        now_us: 0,
        agenda: BinaryHeap::new(),
        serial: 0,
        roster,
        workers: vec![Worker::Awake; plan.limits.workers as usize],
        calls: Vec::new(),
        jobs: Vec::new(),
        short: vec![false; plan.callees.len()],
        renewals: vec![None; plan.callees.len()],
        batches_left: plan.batches * u32::from(plan.homes),
        log: Vec::new(),
    };
    (0..shell.workers.len()).for_each(|worker| shell.at(0, Due::Next(worker)));
    (0..plan.homes).for_each(|home| shell.at(1, Due::Batch(home, plan.batches)));
    shell.at(plan.sweep_us, Due::Look);
    while let Some(Reverse((at_us, _, due))) = shell.agenda.pop() {
        if at_us > END_US {
            break;
        }
        shell.now_us = at_us;
        shell.step(due);
    }
    shell.log
}

fn id(callee: usize) -> CalleeId {
    CalleeId(u32::try_from(callee).unwrap_or(u32::MAX))
}

fn ticket(job: usize) -> Ticket {
    Ticket { index: 0, exchange: job as u64 + 1 }
}

impl Shell<'_> {
    fn at(&mut self, at_us: u64, due: Due) {
        self.serial += 1;
        self.agenda.push(Reverse((at_us, self.serial, due)));
    }

    fn soon(&mut self, within_us: u64, due: Due) {
        let at_us = self.now_us + self.rng.below(within_us + 1);
        self.at(at_us, due);
    }

    fn note(&mut self, event: Event) {
        self.log.push((self.now_us, event));
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.now_us)
    }

    /// Whether a planted bug bites now.
    fn bites(&mut self, canary: Canary) -> bool {
        self.plan.canary == Some(canary) && self.rng.chance(BITES)
    }

    fn step(&mut self, due: Due) {
        match due {
            Due::Batch(home, left) => self.batch(home, left),
            Due::Next(worker) => return self.next(worker),
            Due::Renewed(made) => {
                let Made { call, worker, .. } = self.calls[made];
                // A stray has no right to end what somebody else may have begun.
                let (Some(renewal), Some(worker)) = (call.renewal(), worker) else { return };
                self.roster.end_renewal(renewal);
                self.note(Event::Renewed(worker));
            }
            Due::Ends(made) => return self.ends(made),
            Due::Look => self.look(),
            Due::Forget(job) => {
                let (home, _) = self.jobs[job];
                if self.roster.forget(home, ticket(job)).is_some() {
                    self.note(Event::Forgotten(job));
                }
            }
            Due::RenewalOver(callee) => {
                if let Some(renewal) = self.renewals[callee].take() {
                    self.roster.break_off(renewal);
                    self.note(Event::RenewalOver(callee));
                }
            }
        }
        self.unlock(0);
    }

    /// The lock is released; whoever must is told to wake.
    fn unlock(&mut self, roused: usize) {
        let mut wakes = self.roster.wakes().max(roused);
        if wakes > 0 && self.bites(Canary::LostWake) {
            wakes -= 1;
        }
        self.note(Event::Told(wakes));
        let first = self.rng.size(0, self.workers.len() - 1);
        for step in 0..self.workers.len() {
            let worker = (first + step) % self.workers.len();
            if wakes > 0 && self.workers[worker] == Worker::Asleep {
                wakes -= 1;
                self.workers[worker] = Worker::Told;
                self.soon(self.plan.wake_us_max, Due::Next(worker));
            }
        }
    }

    fn batch(&mut self, home: u16, left: u32) {
        for _ in 0..self.rng.between(1, self.plan.batch_jobs_max) {
            self.submit(home);
        }
        self.batches_left -= 1;
        if left > 1 {
            self.soon(self.plan.gap_us_max, Due::Batch(home, left - 1));
        }
    }

    fn submit(&mut self, home: u16) {
        let job = self.jobs.len();
        let callee = self.rng.size(0, self.plan.callees.len() - 1);
        let (short, deadline_us) = (self.short[callee], self.now_us + self.plan.deadline_us);
        let entry = Entry {
            callee: id(callee),
            home,
            ticket: ticket(job),
            queued: self.now(),
            deadline: Instant::from_micros(deadline_us),
            short,
            job,
        };
        self.jobs.push((home, callee));
        let fast_us = if self.plan.canary == Some(Canary::FastClock) { 1_000 } else { 0 };
        let now = Instant::from_micros(self.now_us + fast_us);
        let unfit = self.roster.submit(entry, now).err().map(|(_, unfit)| unfit);
        self.note(Event::Submitted { job, callee, short, deadline_us, unfit });
        if unfit.is_none() && self.rng.chance(self.plan.forgets) {
            self.soon(self.plan.deadline_us, Due::Forget(job));
        }
    }

    /// A worker that is awake takes jobs until one has to be called, or sleeps.
    fn next(&mut self, worker: usize) {
        match self.workers[worker] {
            Worker::Awake => {}
            Worker::Asleep | Worker::Told => {
                self.roster.woke();
                self.note(Event::Woke(worker));
            }
            Worker::Busy(_) => return,
        }
        loop {
            let Some(mut taken) = self.roster.take() else {
                self.roster.sleep();
                self.workers[worker] = Worker::Asleep;
                self.note(Event::Slept(worker));
                break;
            };
            if self.bites(Canary::Swapped) {
                let latest = self.jobs.iter().rposition(|job| id(job.1) == taken.entry.callee);
                taken.entry.job = latest.unwrap_or(taken.entry.job);
            }
            if self.bites(Canary::LostJob) {
                self.roster.done(taken.call, Ended::Unrun);
                continue;
            }
            let (job, call) = (taken.entry.job, taken.call);
            self.note(Event::Took { worker, job, call });
            let waited_us = self.now().micros_since(taken.entry.queued);
            let late = self.now() >= taken.entry.deadline;
            if late || waited_us > self.plan.limits.queue_us_max {
                let closed = self.roster.done(call, Ended::Unrun);
                self.note(Event::Done { worker, ended: Ended::Unrun, closed });
                continue;
            }
            self.begin(worker, call, taken.entry.deadline.as_micros());
            break;
        }
        self.unlock(0);
    }

    fn begin(&mut self, worker: usize, call: Call, deadline_us: u64) {
        let made = self.calls.len();
        let callee = &self.plan.callees[call.callee().0 as usize];
        let mut took_us = self.rng.between(1, callee.took_us_max);
        match callee.mood {
            Some((from_us, until_us, _)) if !(from_us..until_us).contains(&self.now_us) => {}
            Some((_, _, Mood::Slow(times))) => took_us *= times,
            Some((_, _, Mood::Hangs(odds, hangs_us))) if self.rng.chance(odds) => {
                took_us = hangs_us;
            }
            Some(_) | None => {}
        }
        if let Some(renewal) = call.renewal() {
            if self.plan.canary == Some(Canary::EarlyRenewal) {
                self.roster.end_renewal(renewal);
            }
            took_us = took_us.saturating_add(20);
            self.soon(19, Due::Renewed(made));
        }
        self.calls.push(Made { call, worker: Some(worker), deadline_us, took_us });
        self.workers[worker] = Worker::Busy(made);
        if took_us < u64::MAX {
            self.at(self.now_us + took_us, Due::Ends(made));
        }
    }

    fn ends(&mut self, made: usize) {
        let Made { call, worker, took_us, .. } = self.calls[made];
        let callee = call.callee().0 as usize;
        let Some(worker) = worker else {
            if !self.bites(Canary::LostStray) {
                let closed = self.roster.stray_returned(call.callee());
                self.note(Event::Returned { callee, closed });
            } else {
                self.note(Event::Returned { callee, closed: false });
            }
            return self.unlock(0);
        };
        self.short[callee] = took_us < SHORT_US;
        self.workers[worker] = Worker::Awake;
        let mut closed = false;
        if !self.bites(Canary::LostEnd) {
            closed = self.roster.done(call, Ended::InTime);
        }
        if self.bites(Canary::EndTwice) {
            closed |= self.roster.done(call, Ended::InTime);
        }
        self.note(Event::Done { worker, ended: Ended::InTime, closed });
        // Most workers go on under the same lock; some are held up.
        if self.rng.chance(800) {
            return self.next(worker);
        }
        self.unlock(0);
        self.soon(10, Due::Next(worker));
    }

    /// What loops and the sweep do now and then.
    fn look(&mut self) {
        for worker in 0..self.workers.len() {
            let Worker::Busy(made) = self.workers[worker] else { continue };
            let overdue = self.calls[made].deadline_us <= self.now_us;
            let unasked = self.plan.canary == Some(Canary::UnaskedAbandon);
            if overdue && (self.roster.may_abandon() || unasked) {
                self.abandon(made, worker);
            }
        }
        for home in 0..self.plan.homes {
            let mut out = Vec::new();
            self.roster.overdue(home, self.now(), &mut out);
            out.iter().for_each(|entry| self.note(Event::Overdue(entry.job)));
        }
        if self.rng.chance(self.plan.renews) {
            self.renew();
        }
        let roused = self.roster.rouse();
        self.unlock(roused);
        if self.rng.chance(self.plan.spurious)
            && let Some(worker) = self.workers.iter().position(|&worker| worker == Worker::Asleep)
        {
            self.next(worker);
        }
        let busy = self.workers.iter().any(|worker| matches!(worker, Worker::Busy(_)));
        if self.batches_left > 0 || !self.roster.is_empty() || busy {
            self.at(self.now_us + self.plan.sweep_us, Due::Look);
        }
    }

    fn abandon(&mut self, made: usize, worker: usize) {
        let call = self.calls[made].call;
        self.calls[made].worker = None;
        self.workers[worker] = Worker::Awake;
        if self.plan.canary == Some(Canary::AbandonedAsDone) {
            self.roster.done(call, Ended::InTime);
            let told = Abandoned { quarantined: None, exhausted: false };
            self.note(Event::GivenUp { worker, told });
        } else {
            let told = self.roster.abandon(call, self.now());
            self.note(Event::GivenUp { worker, told });
            if told.quarantined.is_some() && self.plan.expels {
                let mut out = Vec::new();
                self.roster.expel(call.callee(), &mut out);
                out.iter().for_each(|entry| self.note(Event::Expelled(entry.job)));
            }
        }
        self.soon(self.plan.wake_us_max, Due::Next(worker));
    }

    fn renew(&mut self) {
        let callee = self.rng.size(0, self.plan.callees.len() - 1);
        let renewal = self.roster.begin_renewal(id(callee));
        self.note(Event::Renewal(callee, renewal.is_some()));
        if renewal.is_some() {
            self.renewals[callee] = renewal;
            self.soon(300, Due::RenewalOver(callee));
        }
    }
}
