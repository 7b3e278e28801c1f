//! What must hold in a shift, recomputed from its log by the letter of the rules.
//!
//! Everything here is a list that is searched and a number that is counted anew: slow, plain, and
//! written without a look at the roster.

use fezz_proto::roster::{Abandoned, Call, Ended, Unfit};

use super::{Event, Plan, Tally};

/// A rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A job was refused, or was not, for no reason or for another one.
    Refusal,
    /// A job was taken that does not wait: twice, or after it had left.
    Ghost,
    /// A job was taken before another one of its callee that was submitted first.
    Order,
    /// A callee's job was taken though it may not start: it is at its limit, has too many places,
    /// is in quarantine, or is being renewed.
    MayNotStart,
    /// A worker found nothing though a job may start.
    SteppedOverTooFar,
    /// A callee had two turns while another one that could have started had none.
    Turn,
    /// A call is a trial, may be long, or renews, and was not said to, or the other way round.
    CallMisjudged,
    /// A worker did what it cannot in the state it is in.
    Worker,
    /// More calls were abandoned than may be.
    TooManyAbandoned,
    /// What was said about an abandoned call is not so.
    AbandonedMisjudged,
    /// A circuit closed and was not said to, or the other way round.
    ClosingMisjudged,
    /// A job left the queue without a reason.
    Removed,
    /// A renewal began while a call was inside, or did not though none was.
    Renewal,
    /// A job may start, a worker sleeps, and nobody will come by.
    LostWake,
    /// Everything is over and a job still waits.
    Forgotten,
}

/// A broken rule, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The moment, in microseconds.
    pub at_us: u64,
    /// What broke it.
    pub event: Option<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circuit {
    Closed,
    Open {
        until_us: u64,
    },
    /// A trial waits, until then at most.
    Waits {
        until_us: u64,
        due_us: u64,
    },
    /// A job is the trial.
    Runs {
        until_us: u64,
        due_us: u64,
        job: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    Stale,
    /// Somebody renews it: this worker, or nobody's.
    Renewing(Option<usize>),
}

#[derive(Clone, Debug)]
struct Callee {
    /// Its jobs that wait.
    waits: Vec<usize>,
    running: u32,
    inside: u32,
    short: bool,
    circuit: Circuit,
    failures: u32,
    gate: Gate,
    /// The callees that had a turn while this one could have had one.
    passed: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    Awake,
    Asleep,
    Busy { job: usize, call: Call },
}

struct Judge<'p> {
    plan: &'p Plan,
    at_us: u64,
    callees: Vec<Callee>,
    workers: Vec<Worker>,
    /// Callee, shortness and moment of each job.
    jobs: Vec<(usize, bool, u64)>,
    /// Workers that were told to wake and have not yet.
    told: usize,
    tally: Tally,
}

/// Judges a log.
///
/// # Errors
///
/// The first rule that was broken.
pub fn judge(plan: &Plan, log: &[(u64, Event)]) -> Result<Tally, Violation> {
    let callee = Callee {
        waits: Vec::new(),
        running: 0,
        inside: 0,
        short: false,
        circuit: Circuit::Closed,
        failures: 0,
        gate: Gate::Open,
        passed: Vec::new(),
    };
    let mut judge = Judge {
        plan,
        at_us: 0,
        callees: vec![callee; plan.callees.len()],
        workers: vec![Worker::Awake; plan.limits.workers as usize],
        jobs: Vec::new(),
        told: 0,
        tally: Tally::default(),
    };
    for &(at_us, event) in log {
        judge.at_us = at_us;
        let told = judge.see(event);
        told.map_err(|rule| Violation { rule, at_us, event: Some(event) })?;
        judge.forgive();
    }
    match judge.waiting() {
        0 => Ok(judge.tally),
        _ => Err(Violation { rule: Rule::Forgotten, at_us: judge.at_us, event: None }),
    }
}

type Told = Result<(), Rule>;

fn holds(holds: bool, rule: Rule) -> Told {
    if holds { Ok(()) } else { Err(rule) }
}

impl Judge<'_> {
    fn see(&mut self, event: Event) -> Told {
        match event {
            Event::Submitted { job, callee, short, deadline_us, unfit } => {
                self.submitted(job, callee, short, deadline_us, unfit)
            }
            Event::Woke(worker) => {
                holds(self.workers[worker] == Worker::Asleep, Rule::Worker)?;
                self.told = self.told.saturating_sub(1);
                self.workers[worker] = Worker::Awake;
                Ok(())
            }
            Event::Slept(worker) => {
                holds(self.workers[worker] == Worker::Awake, Rule::Worker)?;
                self.workers[worker] = Worker::Asleep;
                let idle = (0..self.callees.len()).all(|callee| !self.may_start(callee));
                holds(idle, Rule::SteppedOverTooFar)
            }
            Event::Took { worker, job, call } => self.took(worker, job, call),
            Event::Done { worker, ended, closed } => self.done(worker, ended, closed),
            Event::GivenUp { worker, told } => self.given_up(worker, told),
            Event::Returned { callee, closed } => self.returned(callee, closed),
            Event::Forgotten(job) => self.removed(job),
            Event::Overdue(job) => {
                let waited_us = self.at_us - self.jobs[job].2;
                holds(waited_us > self.plan.limits.queue_us_max, Rule::Removed)?;
                self.removed(job)
            }
            Event::Expelled(job) => {
                let open = matches!(self.of(job).circuit, Circuit::Open { .. });
                holds(open, Rule::Removed)?;
                self.removed(job)
            }
            Event::Renewal(callee, begun) => {
                let callee = &mut self.callees[callee];
                let idle = callee.running == 0 && callee.inside == 0;
                let free = idle && !matches!(callee.gate, Gate::Renewing(_));
                holds(begun == free, Rule::Renewal)?;
                if begun {
                    callee.gate = Gate::Renewing(None);
                    self.tally.renewals += 1;
                }
                Ok(())
            }
            Event::RenewalOver(callee) => {
                let gate = &mut self.callees[callee].gate;
                holds(*gate == Gate::Renewing(None), Rule::Renewal)?;
                *gate = Gate::Stale;
                Ok(())
            }
            Event::Renewed(worker) => {
                let Worker::Busy { call, .. } = self.workers[worker] else {
                    return Err(Rule::Worker);
                };
                let gate = &mut self.callees[call.callee().0 as usize].gate;
                holds(*gate == Gate::Renewing(Some(worker)), Rule::Renewal)?;
                *gate = Gate::Open;
                Ok(())
            }
            Event::Told(sleepers) => self.unlocked(sleepers),
        }
    }

    fn of(&mut self, job: usize) -> &mut Callee {
        &mut self.callees[self.jobs[job].0]
    }

    fn waiting(&self) -> usize {
        self.callees.iter().map(|callee| callee.waits.len()).sum()
    }

    fn abandoned(&self) -> u32 {
        self.callees.iter().map(|callee| callee.inside).sum()
    }

    /// How many calls of a callee may begin, were there jobs enough.
    fn room(&self, number: usize) -> u32 {
        let callee = &self.callees[number];
        let admitted = matches!(callee.circuit, Circuit::Closed | Circuit::Waits { .. });
        if !admitted || matches!(callee.gate, Gate::Renewing(_)) {
            return 0;
        }
        let own = self.plan.callees[number].limits.running_max;
        let own = own.saturating_sub(callee.inside + callee.running);
        let workers = self.plan.limits.workers;
        match callee.short || workers == 1 || self.callees.len() == 1 {
            true => own,
            false => own.min((workers - 1).saturating_sub(callee.running)),
        }
    }

    fn may_start(&self, callee: usize) -> bool {
        self.room(callee) > 0 && !self.callees[callee].waits.is_empty()
    }

    /// Who may not start has no turn to wait for.
    fn forgive(&mut self) {
        for callee in 0..self.callees.len() {
            if !self.callees[callee].passed.is_empty() && !self.may_start(callee) {
                self.callees[callee].passed.clear();
            }
        }
    }

    fn submitted(
        &mut self,
        job: usize,
        number: usize,
        short: bool,
        deadline_us: u64,
        unfit: Option<Unfit>,
    ) -> Told {
        self.tally.submitted += 1;
        self.jobs.push((number, short, self.at_us));
        let limits = &self.plan.callees[number].limits;
        let full = self.waiting() >= self.plan.limits.jobs_max as usize;
        let able = self.abandoned() < self.plan.limits.abandoned_max
            && self.callees[number].inside < limits.running_max;
        let callee = &mut self.callees[number];
        let crowded = callee.waits.len() + callee.running as usize >= limits.in_flight_max as usize;
        let until_us = match callee.circuit {
            Circuit::Closed => None,
            Circuit::Open { until_us } if until_us > self.at_us => Some(until_us),
            Circuit::Open { .. } if able => None,
            Circuit::Open { .. } => Some(self.at_us + limits.quarantine_us),
            Circuit::Waits { due_us, .. } | Circuit::Runs { due_us, .. } => {
                Some(due_us.max(self.at_us))
            }
        };
        let (right, place) = match (until_us, crowded, full) {
            (Some(until_us), ..) => (Some(until_us), 2),
            (None, true, _) => (None, 1),
            (None, false, true) => (None, 0),
            (None, false, false) => {
                if let Circuit::Open { until_us } = callee.circuit {
                    callee.circuit = Circuit::Waits { until_us, due_us: deadline_us };
                }
                callee.short = short;
                callee.waits.push(job);
                return holds(unfit.is_none(), Rule::Refusal);
            }
        };
        self.tally.refused[place] += 1;
        let said = match unfit {
            Some(Unfit::QueueFull) => place == 0,
            Some(Unfit::Crowded) => place == 1,
            Some(Unfit::Quarantined { until }) => Some(until.as_micros()) == right,
            None => false,
        };
        holds(said, Rule::Refusal)
    }

    fn took(&mut self, worker: usize, job: usize, call: Call) -> Told {
        holds(self.workers[worker] == Worker::Awake, Rule::Worker)?;
        let (number, short, _) = self.jobs[job];
        let waits = &self.callees[number].waits;
        holds(waits.contains(&job), Rule::Ghost)?;
        holds(waits.first() == Some(&job), Rule::Order)?;
        holds(self.may_start(number), Rule::MayNotStart)?;
        for other in 0..self.callees.len() {
            if other == number {
                self.callees[other].passed.clear();
            } else if self.may_start(other) {
                let passed = &mut self.callees[other].passed;
                holds(!passed.contains(&number), Rule::Turn)?;
                passed.push(number);
            } else if !self.callees[other].waits.is_empty() {
                self.tally.stepped_over += 1;
            }
        }
        let callee = &mut self.callees[number];
        callee.waits.remove(0);
        callee.running += 1;
        let on_trial = matches!(callee.circuit, Circuit::Waits { .. });
        if let Circuit::Waits { until_us, due_us } = callee.circuit {
            callee.circuit = Circuit::Runs { until_us, due_us, job };
            self.tally.trials[0] += 1;
        }
        let renews = callee.gate == Gate::Stale;
        if renews {
            callee.gate = Gate::Renewing(Some(worker));
            self.tally.renewals += 1;
        }
        self.workers[worker] = Worker::Busy { job, call };
        let right = call.is_trial() == on_trial
            && call.is_long() == (on_trial || !short)
            && call.renewal().is_some() == renews
            && call.callee().0 as usize == number;
        holds(right, Rule::CallMisjudged)
    }

    fn leave(&mut self, worker: usize) -> Result<(usize, usize), Rule> {
        let Worker::Busy { job, .. } = self.workers[worker] else { return Err(Rule::Worker) };
        self.workers[worker] = Worker::Awake;
        let callee = self.of(job);
        callee.running -= 1;
        if callee.gate == Gate::Renewing(Some(worker)) {
            callee.gate = Gate::Stale;
        }
        Ok((job, self.jobs[job].0))
    }

    fn done(&mut self, worker: usize, ended: Ended, closed: bool) -> Told {
        let (job, number) = self.leave(worker)?;
        let callee = &mut self.callees[number];
        let mut closes = false;
        match (callee.circuit, ended) {
            (Circuit::Runs { job: trial, .. }, Ended::InTime) if trial == job => {
                self.tally.trials[1] += 1;
                closes = true;
            }
            (Circuit::Runs { job: trial, until_us, .. }, Ended::Unrun) if trial == job => {
                callee.circuit = Circuit::Open { until_us };
            }
            _ => {}
        }
        match ended {
            Ended::InTime => self.tally.served += 1,
            Ended::Unrun => self.tally.removed += 1,
        }
        if closes {
            self.close(number);
        }
        holds(closed == closes, Rule::ClosingMisjudged)
    }

    fn close(&mut self, number: usize) {
        self.callees[number].circuit = Circuit::Closed;
        self.callees[number].failures = 0;
        self.tally.closed += 1;
    }

    /// So many abandoned calls are too many.
    fn is_failing(&self, number: usize) -> bool {
        let limits = &self.plan.callees[number].limits;
        self.callees[number].inside >= limits.abandoned_max.min(limits.running_max)
    }

    fn given_up(&mut self, worker: usize, told: Abandoned) -> Told {
        let (job, number) = self.leave(worker)?;
        self.tally.abandoned += 1;
        self.callees[number].inside += 1;
        let total = self.abandoned();
        holds(total <= self.plan.limits.abandoned_max, Rule::TooManyAbandoned)?;
        let failing = self.is_failing(number);
        let callee = &mut self.callees[number];
        let opens = match callee.circuit {
            Circuit::Closed => failing,
            Circuit::Open { .. } | Circuit::Waits { .. } => true,
            Circuit::Runs { job: trial, .. } => {
                callee.failures += u32::from(trial == job);
                trial == job
            }
        };
        let mut until = None;
        if opens {
            let times = 1 << callee.failures.min(4);
            let until_us = self.at_us + self.plan.callees[number].limits.quarantine_us * times;
            callee.circuit = Circuit::Open { until_us };
            until = Some(until_us);
        }
        let exhausted = total >= self.plan.limits.abandoned_max;
        let said = told.quarantined.map(|until| until.as_micros()) == until;
        holds(said && told.exhausted == exhausted, Rule::AbandonedMisjudged)
    }

    fn returned(&mut self, number: usize, closed: bool) -> Told {
        self.tally.returned += 1;
        holds(self.callees[number].inside > 0, Rule::Worker)?;
        self.callees[number].inside -= 1;
        let open = self.callees[number].circuit != Circuit::Closed;
        let closes = open && !self.is_failing(number);
        if closes {
            self.close(number);
        }
        holds(closed == closes, Rule::ClosingMisjudged)
    }

    fn removed(&mut self, job: usize) -> Told {
        let callee = self.of(job);
        let place = callee.waits.iter().position(|&other| other == job).ok_or(Rule::Ghost)?;
        callee.waits.remove(place);
        if callee.waits.is_empty()
            && let Circuit::Waits { until_us, .. } = callee.circuit
        {
            callee.circuit = Circuit::Open { until_us };
        }
        self.tally.removed += 1;
        Ok(())
    }

    fn unlocked(&mut self, told: usize) -> Told {
        let asleep = self.workers.iter().filter(|worker| **worker == Worker::Asleep).count();
        self.told = (self.told + told).min(asleep);
        self.tally.told += told as u64;
        let comes_by = |worker: &Worker| match worker {
            Worker::Awake => true,
            Worker::Busy { call, .. } => !call.is_long(),
            Worker::Asleep => false,
        };
        let lost = (0..self.callees.len()).any(|callee| self.may_start(callee))
            && asleep > self.told
            && self.told == 0
            && !self.workers.iter().any(comes_by);
        holds(!lost, Rule::LostWake)
    }
}
