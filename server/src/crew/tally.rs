//! What went wrong with one function: counted by stage and by remedy, never reset.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fezz_abi::Stage;

use crate::count::{CALL_BOUNDS_US, Histogram, Spread};

/// The counters of one function. Everything here is rare.
#[derive(Debug)]
pub(crate) struct Tally {
    errors: [AtomicU64; Stage::ALL.len()],
    statics: AtomicU64,
    previous: AtomicU64,
    late: AtomicU64,
    abandoned: AtomicU64,
    rescues: AtomicU64,
    coldstarts: AtomicU64,
    /// Its writers take turns.
    began: Mutex<Histogram>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            errors: Default::default(),
            statics: AtomicU64::new(0),
            previous: AtomicU64::new(0),
            late: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            rescues: AtomicU64::new(0),
            coldstarts: AtomicU64::new(0),
            began: Mutex::new(Histogram::new(&CALL_BOUNDS_US)),
        }
    }
}

/// What was counted for one function, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionCounts {
    /// Dispatches that failed, by stage; `fezz_dispatch_errors_total`.
    pub errors: BTreeMap<&'static str, u64>,
    /// Failed dispatches that had another ending, by policy; `fezz_fallbacks_total`.
    pub fallbacks: BTreeMap<&'static str, u64>,
    /// Answers that came after their deadline, were freed and dropped.
    pub late: u64,
    /// Calls that were given up with their thread.
    pub abandoned: u64,
    /// Loops that were taken from a thread inside this function.
    pub rescues: u64,
    /// Calls that waited until it had begun anew.
    pub coldstarts: u64,
    /// How long it took when it began anew, or was asked again.
    pub began: Spread,
    /// Whether it was brought to an end because nobody used it.
    pub dormant: bool,
}

/// Images of functions, at one moment. Code that was loaded stays loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageCounts {
    /// Those that a route leads to.
    pub serving: u64,
    /// Those that answer what was promised before another site was published, and nothing else.
    pub retired: u64,
}

/// The workers, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerCounts {
    /// Posts: calls that workers can make at once.
    pub posts: u64,
    /// Posts with a call.
    pub busy: u64,
    /// Calls that were given up and have not come back.
    pub abandoned: u64,
    /// Jobs that wait for a worker.
    pub queue: u64,
}

impl FunctionCounts {
    /// Two images of one function and version are one in metrics, which never go backwards.
    pub(crate) fn add(&mut self, other: Self) {
        for (sums, counts) in
            [(&mut self.errors, other.errors), (&mut self.fallbacks, other.fallbacks)]
        {
            for (key, count) in counts {
                *sums.entry(key).or_default() += count;
            }
        }
        self.late += other.late;
        self.abandoned += other.abandoned;
        self.rescues += other.rescues;
        self.coldstarts += other.coldstarts;
        self.began.add(&other.began);
    }
}

impl Tally {
    pub(crate) fn error(&self, stage: Stage) {
        let place = Stage::ALL.iter().position(|one| *one == stage);
        if let Some(count) = place.and_then(|place| self.errors.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn static_answer(&self) {
        self.statics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn previous_version(&self) {
        self.previous.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn late_answer(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rescue(&self) {
        self.rescues.fetch_add(1, Ordering::Relaxed);
    }

    /// It began anew, or was asked again, in so many microseconds.
    pub(crate) fn begun(&self, took_us: u64, anew: bool) {
        self.coldstarts.fetch_add(u64::from(anew), Ordering::Relaxed);
        self.began.lock().unwrap_or_else(PoisonError::into_inner).observe(took_us);
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> FunctionCounts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let some = |(_, count): &(_, u64)| *count > 0;
        let errors = Stage::ALL.iter().map(|stage| stage.name()).zip(self.errors.iter().map(get));
        let fallbacks = [("static", get(&self.statics)), ("previous", get(&self.previous))];
        FunctionCounts {
            errors: errors.filter(some).collect(),
            fallbacks: fallbacks.into_iter().filter(some).collect(),
            late: get(&self.late),
            abandoned: get(&self.abandoned),
            rescues: get(&self.rescues),
            coldstarts: get(&self.coldstarts),
            began: self.began.lock().unwrap_or_else(PoisonError::into_inner).spread(),
            dormant: false,
        }
    }
}
