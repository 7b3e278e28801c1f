//! What must hold in every world, and what tells one world from another.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::callee::Gate;
use super::super::{Call, CalleeId, Circuit};
use super::Setting;
use super::world::{Act, Fate, Told, Worker, World, rule};

impl World {
    /// What must hold in every world.
    pub(super) fn judge(&self, setting: &Setting) -> Told {
        let roster = &self.roster;
        let count = |state: Worker| self.workers.iter().filter(|&&worker| worker == state).count();
        let sleepers = count(Worker::Asleep) + count(Worker::Told);
        rule(roster.sleepers() == sleepers, "sleepers are counted")?;
        let long = self.busy().filter(|call| call.is_long()).count();
        rule(roster.in_long_calls() == long, "long calls are counted")?;
        let total = self.strays.iter().sum::<u32>();
        rule(roster.abandoned_total() == total, "strays are counted")?;
        rule(total <= setting.limits.abandoned_max, "no more strays than may be")?;
        let waiting = self.fates.iter().filter(|fate| **fate == Fate::Waits).count();
        rule(roster.len() == waiting, "every job that waits is there")?;
        let mut ready = 0;
        for callee in 0..self.strays.len() {
            ready += self.judge_callee(callee, setting)?;
        }
        rule(roster.ready == ready, "ready jobs are counted")?;
        let comes_by = |worker: &Worker| match worker {
            Worker::Awake | Worker::Told => true,
            Worker::Busy(call) => !call.is_long(),
            Worker::Asleep => false,
        };
        let lost = ready > 0 && count(Worker::Asleep) > 0 && !self.workers.iter().any(comes_by);
        rule(!lost, "no ready job waits for a sleeper")
    }

    fn judge_callee(&self, callee: usize, setting: &Setting) -> Result<u32, String> {
        let id = CalleeId(u32::try_from(callee).unwrap());
        let (roster, limits) = (&self.roster, &setting.callees[callee]);
        let running = u32::try_from(self.busy().filter(|call| call.callee() == id).count());
        rule(running == Ok(roster.running(id)), "calls are counted")?;
        rule(roster.abandoned(id) == self.strays[callee], "strays of a callee are counted")?;
        let inside = roster.running(id) + roster.abandoned(id);
        rule(setting.inline || inside <= limits.running_max, "the callee's own limit")?;
        let waits = self.line(id.0).collect::<Vec<_>>();
        rule(waits.iter().all(|&job| self.fates[job] == Fate::Waits), "no ghost waits")?;
        rule(waits.is_sorted(), "a line is in order")?;
        rule(roster.in_flight(id) <= limits.in_flight_max, "jobs in flight are bounded")?;
        let closed = roster.circuit(id) == Circuit::Closed;
        rule(closed || self.is_failing(id, setting), "a circuit is open for a reason")?;
        let trials = self
            .busy()
            .filter(|call| self.breaker(callee).is_on_trial(call.trial()) && call.callee() == id);
        let begun =
            roster.circuit(id) == Circuit::HalfOpen && !roster.callees[callee].breaker.lets_start();
        rule(trials.count() == usize::from(begun), "exactly one trial runs")?;
        rule(
            begun || roster.circuit(id) != Circuit::HalfOpen || !waits.is_empty(),
            "a trial waits or runs",
        )?;
        let starts = self.starts(callee, setting);
        let in_ring = roster.ring.order().contains(&id.0);
        rule(in_ring == (starts > 0), "who may start has a turn")?;
        Ok(starts)
    }

    /// Everybody goes on: every job ends. Where calls do not come back, no worker sleeps while a
    /// job may start.
    pub(super) fn lives(&self, setting: &Setting) -> Told {
        let mut all = self.clone();
        all.settle(setting, |_| true)?;
        while let Some(callee) = all.strays.iter().position(|&strays| strays > 0) {
            all.apply(setting, Act::StrayReturns(u32::try_from(callee).unwrap()))?;
            all.settle(setting, |_| true)?;
        }
        for callee in 0..self.strays.len() {
            all.apply(setting, Act::EndRenewal(u32::try_from(callee).unwrap()))?;
        }
        all.settle(setting, |_| true)?;
        rule(all.roster.is_empty(), "when all come back every job ends")?;
        rule(all.workers.iter().all(|&worker| worker == Worker::Asleep), "all sleep at last")?;

        let mut some = self.clone();
        some.settle(setting, |call| !call.is_long())?;
        rule(some.is_fair(), "no job waits behind long calls while a worker sleeps")?;

        let mut none = self.clone();
        none.settle(setting, |_| false)?;
        let wakes = none.roster.rouse();
        none.notify(wakes);
        none.settle(setting, |_| false)?;
        rule(none.is_fair(), "a rouse wakes whoever is needed")
    }

    fn is_fair(&self) -> bool {
        self.roster.ready == 0 || !self.workers.contains(&Worker::Asleep)
    }

    /// Workers go on until nothing moves; the calls come back that `returns` says.
    fn settle(&mut self, setting: &Setting, returns: impl Fn(Call) -> bool) -> Told {
        loop {
            let moves = self.workers.iter().position(|worker| match worker {
                Worker::Awake | Worker::Told => true,
                Worker::Busy(call) => returns(*call),
                Worker::Asleep => false,
            });
            let Some(worker) = moves else { return Ok(()) };
            let act = match self.workers[worker] {
                Worker::Busy(_) => Act::Return(worker),
                _ => Act::Take(worker),
            };
            self.apply(setting, act)?;
            self.judge(setting)?;
        }
    }

    /// What tells this world from others: points in time count from now, the numbers of trials and
    /// renewals only by their order.
    pub(super) fn key(&self) -> Vec<u64> {
        let roster = &self.roster;
        let mut key = Vec::from([self.jobs.len() as u64, u64::from(roster.watch.is_fresh())]);
        let mut serials = self
            .busy()
            .flat_map(|call| [call.trial(), call.renewal().map(|renewal| renewal.number)])
            .flatten();
        let mut known = Vec::new();
        known.extend(&mut serials);
        for callee in &roster.callees {
            known.extend(callee.breaker.trial());
            known.extend(match callee.gate {
                Gate::Renewing(number) => Some(number),
                Gate::Open | Gate::Stale => None,
            });
        }
        known.extend(self.renewals.iter().flatten().map(|renewal| renewal.number));
        known.sort_unstable();
        known.dedup();
        let rank = |number: Option<u32>| match number {
            None => u64::MAX,
            Some(number) => known.partition_point(|&other| other < number) as u64,
        };
        let mut workers = self.workers.iter().map(|worker| match worker {
            Worker::Awake => [1, 0, 0, 0],
            Worker::Asleep => [2, 0, 0, 0],
            Worker::Told => [3, 0, 0, 0],
            Worker::Busy(call) => {
                let kind = u64::from(call.callee().0) << 1 | u64::from(call.is_long());
                [4, kind, rank(call.trial()), rank(call.renewal().map(|renewal| renewal.number))]
            }
        });
        let mut rows = Vec::new();
        rows.extend(&mut workers);
        rows.sort_unstable();
        key.extend(rows.concat());
        key.extend(roster.ring.order().into_iter().map(u64::from));
        for (number, callee) in roster.callees.iter().enumerate() {
            key.extend([u64::MAX - 1, u64::from(self.strays[number]), u64::from(callee.short)]);
            key.extend(callee.breaker.key(self.instant()));
            key.push(rank(callee.breaker.trial()));
            key.push(match callee.gate {
                Gate::Open => u64::MAX - 2,
                Gate::Stale => u64::MAX - 3,
                Gate::Renewing(number) => rank(Some(number)),
            });
            key.push(rank(self.renewals[number].map(|renewal| renewal.number)));
            for entry in roster.shelf.iter(&callee.line) {
                let waited = self.instant().micros_since(entry.queued);
                key.extend([u64::from(entry.short), waited.min(roster.limits.queue_us_max + 1)]);
            }
        }
        key
    }
}
