//! A roster, the workers that obey it, and the rules that must hold between them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::breaker::Breaker;
use super::super::callee::Gate;
use super::super::{Call, CalleeId, Circuit, Ended, Entry, Renewal, Roster, Unfit};
use super::Setting;
use crate::{Instant, Ticket};

/// A kind of job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) callee: u32,
    pub(super) short: bool,
}

/// What became of a job so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fate {
    Waits,
    /// Taken, refused, forgotten or too old: exactly one of them, exactly once.
    Over,
}

/// One worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// About to take a job.
    Awake,
    Asleep,
    /// Asleep, and somebody wakes it.
    Told,
    Busy(Call),
}

/// Something that may happen. Numbers are those of workers, jobs or callees.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Submit(Job),
    /// A worker that is awake, told, or woken for nothing takes a job, or sleeps.
    Take(usize),
    Return(usize),
    Unrun(usize),
    Abandon(usize),
    AbandonInline(u32),
    StrayReturns(u32),
    Forget(usize),
    Overdue,
    Expel(u32),
    Tick,
    BeginRenewal(u32),
    EndRenewal(u32),
    BreakOff(u32),
    RenewalDone(usize),
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) roster: Roster<usize>,
    now: u64,
    /// The jobs that were submitted, and what became of them.
    pub(super) jobs: Vec<Job>,
    pub(super) fates: Vec<Fate>,
    pub(super) workers: Vec<Worker>,
    /// By callee: what its latest job said, the strays inside it, and who renews it.
    short: Vec<bool>,
    pub(super) strays: Vec<u32>,
    pub(super) renewals: Vec<Option<Renewal>>,
}

pub(super) type Told = Result<(), String>;

/// A rule.
pub(super) fn rule(holds: bool, name: &str) -> Told {
    if holds { Ok(()) } else { Err(name.to_string()) }
}

impl World {
    pub(super) fn new(setting: &Setting) -> Self {
        let mut roster = Roster::new(setting.limits);
        for &limits in &setting.callees {
            roster.enlist(limits);
        }
        let callees = setting.callees.len();
        Self {
            roster,
            now: 0,
            jobs: Vec::new(),
            fates: Vec::new(),
            workers: alloc::vec![Worker::Awake; setting.limits.workers as usize],
            short: alloc::vec![false; callees],
            strays: alloc::vec![0; callees],
            renewals: alloc::vec![None; callees],
        }
    }

    pub(super) fn instant(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    /// All that may happen next.
    pub(super) fn acts(&self, setting: &Setting) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.jobs.len() < setting.jobs {
            acts.extend(setting.kinds.iter().copied().map(Act::Submit));
        }
        for (number, worker) in self.workers.iter().enumerate() {
            // Workers in the same state are interchangeable.
            if self.workers.iter().position(|other| other == worker) != Some(number) {
                continue;
            }
            match worker {
                Worker::Awake | Worker::Told => acts.push(Act::Take(number)),
                Worker::Asleep if setting.spurious => acts.push(Act::Take(number)),
                Worker::Asleep => {}
                Worker::Busy(call) => {
                    acts.push(Act::Return(number));
                    if setting.voids {
                        acts.push(Act::Unrun(number));
                    }
                    if self.roster.may_abandon() {
                        acts.push(Act::Abandon(number));
                    }
                    if call.renewal().is_some() {
                        acts.push(Act::RenewalDone(number));
                    }
                }
            }
        }
        for callee in 0..self.strays.len() {
            self.acts_of(callee, setting, &mut acts);
        }
        if setting.voids {
            acts.extend((0..self.fates.len()).map(Act::Forget));
            acts.push(Act::Overdue);
        }
        acts.push(Act::Tick);
        acts
    }

    fn acts_of(&self, callee: usize, setting: &Setting, acts: &mut Vec<Act>) {
        let number = u32::try_from(callee).unwrap();
        if self.strays[callee] > 0 {
            acts.push(Act::StrayReturns(number));
        }
        if setting.voids {
            acts.push(Act::Expel(number));
        }
        if setting.inline && self.roster.may_abandon() {
            acts.push(Act::AbandonInline(number));
        }
        if setting.renews {
            match self.renewals[callee] {
                Some(_) => acts.extend([Act::EndRenewal(number), Act::BreakOff(number)]),
                None => acts.push(Act::BeginRenewal(number)),
            }
        }
    }

    /// Does it, and wakes whom the roster says.
    pub(super) fn apply(&mut self, setting: &Setting, act: Act) -> Told {
        match act {
            Act::Submit(job) => self.submit(job, setting)?,
            Act::Take(worker) => self.take(worker, setting)?,
            Act::Return(worker) => self.done(worker, Ended::InTime)?,
            Act::Unrun(worker) => self.done(worker, Ended::Unrun)?,
            Act::Abandon(worker) => self.abandon(worker)?,
            Act::AbandonInline(callee) => {
                self.strays[callee as usize] += 1;
                self.roster.abandon_inline(CalleeId(callee), self.instant());
            }
            Act::StrayReturns(callee) => {
                self.strays[callee as usize] -= 1;
                let was = self.roster.circuit(CalleeId(callee));
                let closed = self.roster.stray_returned(CalleeId(callee));
                let is = self.roster.circuit(CalleeId(callee));
                let changed = was != Circuit::Closed && is == Circuit::Closed;
                rule(closed == changed, "closing is told")?;
            }
            Act::Forget(job) => {
                let found = self.roster.forget(0, ticket(job)).map(|entry| entry.job);
                let waits = self.fates[job] == Fate::Waits;
                rule(found == waits.then_some(job), "what waits can be forgotten, nothing else")?;
                self.end(found)?;
            }
            Act::Overdue => self.overdue(setting)?,
            Act::Expel(callee) => {
                let mut out = Vec::new();
                self.roster.expel(CalleeId(callee), &mut out);
                let open = matches!(self.roster.circuit(CalleeId(callee)), Circuit::Open { .. });
                rule(out.is_empty() || open, "only a quarantine expels")?;
                self.end(out.into_iter().map(|entry| entry.job))?;
                rule(!open || self.first_of(callee).is_none(), "a quarantine expels all")?;
            }
            Act::Tick => self.now += 1,
            Act::BeginRenewal(callee) => self.begin_renewal(callee)?,
            Act::EndRenewal(callee) => {
                let renewal = self.renewals[callee as usize].take();
                renewal.into_iter().for_each(|renewal| self.roster.end_renewal(renewal));
            }
            Act::BreakOff(callee) => {
                let renewal = self.renewals[callee as usize].take();
                renewal.into_iter().for_each(|renewal| self.roster.break_off(renewal));
            }
            Act::RenewalDone(worker) => {
                let Worker::Busy(call) = self.workers[worker] else { return Ok(()) };
                call.renewal().into_iter().for_each(|renewal| self.roster.end_renewal(renewal));
            }
        }
        let wakes = self.roster.wakes();
        self.notify(wakes);
        Ok(())
    }

    pub(super) fn notify(&mut self, wakes: usize) {
        let asleep = self.workers.iter_mut().filter(|worker| **worker == Worker::Asleep);
        asleep.take(wakes).for_each(|worker| *worker = Worker::Told);
    }

    fn end(&mut self, jobs: impl IntoIterator<Item = usize>) -> Told {
        for job in jobs {
            rule(self.fates[job] == Fate::Waits, "a job ends once")?;
            self.fates[job] = Fate::Over;
        }
        Ok(())
    }

    fn submit(&mut self, job: Job, setting: &Setting) -> Told {
        let number = self.jobs.len();
        let Job { callee, short } = job;
        let id = CalleeId(callee);
        let entry = Entry {
            callee: id,
            home: 0,
            ticket: ticket(number),
            queued: self.instant(),
            deadline: Instant::from_micros(self.now + 1),
            short,
            job: number,
        };
        let limits = &setting.callees[callee as usize];
        let trusted = self.roster.may_abandon() && self.roster.abandoned(id) < limits.running_max;
        let admitted = match self.roster.circuit(id) {
            Circuit::Closed => true,
            Circuit::Open { until } => until <= self.instant() && trusted,
            Circuit::HalfOpen => false,
        };
        let waiting = self.fates.iter().filter(|fate| **fate == Fate::Waits).count();
        let full = waiting >= setting.limits.jobs_max as usize;
        let crowded = self.roster.in_flight(id) >= limits.in_flight_max;
        self.jobs.push(job);
        self.fates.push(Fate::Waits);
        match self.roster.submit(entry, self.instant()) {
            Ok(()) => {
                self.short[callee as usize] = short;
                rule(admitted && !full && !crowded, "what is refused must not wait")
            }
            Err((entry, unfit)) => {
                let blame = match unfit {
                    Unfit::Quarantined { until } => !admitted && until >= self.instant(),
                    Unfit::Crowded => admitted && crowded,
                    Unfit::QueueFull => admitted && !crowded && full,
                };
                rule(blame, "a refusal has its reason")?;
                self.end([entry.job])
            }
        }
    }

    fn take(&mut self, worker: usize, setting: &Setting) -> Told {
        if matches!(self.workers[worker], Worker::Asleep | Worker::Told) {
            self.roster.woke();
        }
        let startable = (0..self.strays.len()).filter(|&callee| self.starts(callee, setting) > 0);
        let startable = startable.collect::<Vec<_>>();
        let firsts = [0, 1].map(|callee| self.first_of(callee));
        let circuits = (0..2).map(|callee| self.roster.circuit(CalleeId(callee)));
        let circuits = circuits.collect::<Vec<_>>();
        let Some(taken) = self.roster.take() else {
            self.roster.sleep();
            self.workers[worker] = Worker::Asleep;
            return rule(startable.is_empty(), "who may start is taken");
        };
        let callee = taken.call.callee();
        rule(startable.contains(&callee.place()), "who may not start is not taken")?;
        rule(firsts[callee.place()] == Some(taken.entry.job), "first in, first out")?;
        let on_trial = circuits[callee.place()] == Circuit::HalfOpen;
        rule(taken.call.is_trial() == on_trial, "half open is one trial")?;
        let long = on_trial || !self.jobs[taken.entry.job].short;
        rule(taken.call.is_long() == long, "what may be long is said to be")?;
        self.workers[worker] = Worker::Busy(taken.call);
        self.end([taken.entry.job])
    }

    fn done(&mut self, worker: usize, ended: Ended) -> Told {
        let Worker::Busy(call) = self.workers[worker] else { return Ok(()) };
        self.workers[worker] = Worker::Awake;
        let was = self.roster.circuit(call.callee());
        let closed = self.roster.done(call, ended);
        let is = self.roster.circuit(call.callee());
        rule(closed == (was != Circuit::Closed && is == Circuit::Closed), "closing is told")?;
        rule(!closed || call.is_trial() && ended == Ended::InTime, "only a trial closes")
    }

    fn abandon(&mut self, worker: usize) -> Told {
        let Worker::Busy(call) = self.workers[worker] else { return Ok(()) };
        let id = call.callee();
        let on_trial = self.breaker(id.place()).is_on_trial(call.trial());
        self.workers[worker] = Worker::Awake;
        self.strays[id.place()] += 1;
        let told = self.roster.abandon(call, self.instant());
        rule(told.exhausted != self.roster.may_abandon(), "exhausted is told")?;
        let open = matches!(self.roster.circuit(id), Circuit::Open { .. });
        rule(told.quarantined.is_some() == open, "quarantine is told")?;
        rule(!on_trial || open, "a failed trial opens")
    }

    pub(super) fn breaker(&self, callee: usize) -> &Breaker {
        &self.roster.callees[callee].breaker
    }

    fn overdue(&mut self, setting: &Setting) -> Told {
        let mut out = Vec::new();
        self.roster.overdue(1, self.instant(), &mut out);
        rule(out.is_empty(), "another home's jobs are not touched")?;
        self.roster.overdue(0, self.instant(), &mut out);
        for entry in &out {
            let waited = self.instant().micros_since(entry.queued);
            rule(waited > setting.limits.queue_us_max, "only what waited too long is overdue")?;
        }
        self.end(out.into_iter().map(|entry| entry.job))
    }

    fn begin_renewal(&mut self, callee: u32) -> Told {
        let id = CalleeId(callee);
        let idle = self.busy().all(|call| call.callee() != id) && self.strays[callee as usize] == 0;
        let renewal = self.roster.begin_renewal(id);
        // A worker that renews is inside a call; a renewal of nobody's is not begun while it is.
        rule(renewal.is_some() == idle, "who is idle can be renewed")?;
        self.renewals[callee as usize] = renewal;
        Ok(())
    }

    pub(super) fn busy(&self) -> impl Iterator<Item = Call> {
        self.workers.iter().filter_map(|worker| match worker {
            Worker::Busy(call) => Some(*call),
            Worker::Awake | Worker::Asleep | Worker::Told => None,
        })
    }

    /// The jobs of a callee that wait, in their order.
    pub(super) fn line(&self, callee: u32) -> impl Iterator<Item = usize> {
        let callee = &self.roster.callees[callee as usize];
        self.roster.shelf.iter(&callee.line).map(|entry| entry.job)
    }

    /// The job of a callee that waits and was submitted first.
    fn first_of(&self, callee: u32) -> Option<usize> {
        let waits =
            |&job: &usize| self.fates[job] == Fate::Waits && self.jobs[job].callee == callee;
        (0..self.fates.len()).find(waits)
    }

    pub(super) fn is_failing(&self, id: CalleeId, setting: &Setting) -> bool {
        let limits = &setting.callees[id.place()];
        self.strays[id.place()] >= limits.abandoned_max.min(limits.running_max)
    }

    /// How many jobs of a callee may start now, by the letter of the rules.
    pub(super) fn starts(&self, callee: usize, setting: &Setting) -> u32 {
        let id = CalleeId(u32::try_from(callee).unwrap());
        let running = u32::try_from(self.busy().filter(|call| call.callee() == id).count());
        let running = running.unwrap();
        let renews = matches!(self.roster.callees[callee].gate, Gate::Renewing(_));
        let on_trial = self.breaker(callee).lets_start();
        if renews || !on_trial {
            return 0;
        }
        let inside = running + self.strays[callee];
        let own = setting.callees[callee].running_max.saturating_sub(inside);
        let places = match self.short[callee] || setting.limits.workers < 2 {
            true => u32::MAX,
            false => (setting.limits.workers - 1).saturating_sub(running),
        };
        own.min(places).min(u32::try_from(self.line(id.0).count()).unwrap())
    }
}

fn ticket(job: usize) -> Ticket {
    Ticket { index: 0, exchange: job as u64 + 1 }
}
