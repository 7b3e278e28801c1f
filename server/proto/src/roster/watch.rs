//! Which workers sleep, which are inside calls that may be long, and whom new jobs wake.
//!
//! A wake costs more than a short call. So one worker that is awake, and not inside a call that may
//! be long, is enough for any number of short jobs, unless they become a crowd; jobs that may be
//! long get a worker each. A sleeper that was told to wake counts as asleep until it says so: at
//! worst one is told too many.

/// Jobs that make one awake worker ask for company although each of them is short.
const CROWD_JOBS: u32 = 16;

/// The workers, by what they are doing.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    workers: u32,
    sleepers: u32,
    /// Workers that took a job which is not known to be short.
    in_long_calls: u32,
    /// Jobs that became ready since somebody last asked whom to wake.
    fresh: u32,
    /// Whether one of them may be long.
    fresh_long: bool,
}

impl Watch {
    pub(super) const fn new(workers: u32) -> Self {
        Self { workers, sleepers: 0, in_long_calls: 0, fresh: 0, fresh_long: false }
    }

    pub(super) const fn workers(&self) -> u32 {
        self.workers
    }

    pub(super) const fn sleepers(&self) -> u32 {
        self.sleepers
    }

    pub(super) const fn in_long_calls(&self) -> u32 {
        self.in_long_calls
    }

    pub(super) const fn sleep(&mut self) {
        self.sleepers += 1;
    }

    pub(super) const fn woke(&mut self) {
        self.sleepers = self.sleepers.saturating_sub(1);
    }

    /// So many jobs became ready.
    #[inline]
    pub(super) const fn add(&mut self, jobs: u32, long: bool) {
        self.fresh += jobs;
        self.fresh_long |= long;
    }

    /// A worker that is awake took one of them.
    #[inline]
    pub(super) const fn enter(&mut self, long: bool) {
        self.fresh = self.fresh.saturating_sub(1);
        if long {
            self.in_long_calls += 1;
        }
    }

    /// A worker is out of its call, or another one stands in its place.
    #[inline]
    pub(super) const fn leave(&mut self, long: bool) {
        if long {
            self.in_long_calls = self.in_long_calls.saturating_sub(1);
        }
    }

    /// Sleepers to wake, when so many jobs are ready.
    #[inline]
    pub(super) fn wakes(&mut self, ready: u32) -> u32 {
        let (fresh, long) = (self.fresh, self.fresh_long);
        self.fresh = 0;
        self.fresh_long = false;
        if ready == 0 || self.sleepers == 0 {
            return 0;
        }
        // Whoever is inside a call that is not known to be short does not count.
        let somebody_awake = self.sleepers + self.in_long_calls < self.workers;
        let least = u32::from(!somebody_awake);
        let wanted = if long || ready > CROWD_JOBS { fresh.max(least) } else { least };
        wanted.min(ready).min(self.sleepers)
    }

    /// Whether nobody has asked yet whom to wake for something.
    #[cfg(test)]
    pub(super) const fn is_fresh(&self) -> bool {
        self.fresh > 0
    }

    /// Sleepers to wake when nothing has come back for a while.
    pub(super) fn rouse(&mut self, ready: u32) -> u32 {
        self.fresh = 0;
        self.fresh_long = false;
        ready.min(self.sleepers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `workers` of whom `sleepers` sleep and `long` are inside calls that may be long.
    fn watch(workers: u32, sleepers: u32, long: u32) -> Watch {
        Watch { sleepers, in_long_calls: long, ..Watch::new(workers) }
    }

    fn wakes(mut watch: Watch, jobs: u32, long: bool, ready: u32) -> u32 {
        watch.add(jobs, long);
        watch.wakes(ready)
    }

    #[test]
    fn short_jobs_wake_nobody_while_one_is_awake() {
        assert_eq!(wakes(watch(4, 3, 0), 5, false, 5), 0);
        assert_eq!(wakes(watch(4, 4, 0), 5, false, 5), 1);
        assert_eq!(wakes(watch(4, 3, 1), 5, false, 5), 1, "the one awake is in a long call");
    }

    #[test]
    fn long_jobs_wake_a_worker_each() {
        assert_eq!(wakes(watch(4, 3, 0), 2, true, 2), 2);
        assert_eq!(wakes(watch(4, 3, 0), 9, true, 9), 3);
    }

    #[test]
    fn a_crowd_of_short_jobs_wakes_a_worker_each() {
        assert_eq!(wakes(watch(4, 3, 0), 1, false, CROWD_JOBS), 0);
        assert_eq!(wakes(watch(4, 3, 0), 1, false, CROWD_JOBS + 1), 1);
    }

    #[test]
    fn old_jobs_wake_one_when_nobody_will_come_by() {
        assert_eq!(wakes(watch(2, 1, 1), 0, false, 3), 1);
        assert_eq!(wakes(watch(2, 1, 0), 0, false, 3), 0);
        assert_eq!(wakes(watch(2, 1, 1), 0, false, 0), 0);
    }

    #[test]
    fn a_rouse_wakes_one_for_each_ready_job() {
        assert_eq!(watch(4, 3, 0).rouse(2), 2);
        assert_eq!(watch(4, 3, 0).rouse(9), 3);
        assert_eq!(watch(4, 3, 0).rouse(0), 0);
    }
}
