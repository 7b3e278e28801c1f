//! How functions fared: calls that went well, that failed, that came too late, and how long they
//! took; by name and version.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fezz_proto::{Refusal, Summary};

use super::table::Cap;
use crate::count::{CALL_BOUNDS_US, Count, Histogram, Spread};
use crate::crew::Callee;
use crate::exchange::Exchange;

/// Bounds of the time that jobs wait for a worker: 0.1 ms to 5 s.
pub(crate) const QUEUE_BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000,
];

/// Name and version of a function; both empty for all that are too many.
pub(crate) type FunctionLabels = (String, String);

/// What was counted of the calls of one function, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls whose answer was a reply.
    pub invocations: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Calls whose answer did not come in time.
    pub timeouts: u64,
    /// How long all of them took.
    pub took: Spread,
}

#[derive(Debug)]
struct Series {
    labels: FunctionLabels,
    invocations: Count,
    errors: Count,
    timeouts: Count,
    took: Histogram,
}

/// What one loop counts of functions, for readers.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) queue: Histogram,
    all: Mutex<Vec<Arc<Series>>>,
    cap: Arc<Cap<FunctionLabels>>,
}

/// What the loop itself needs to count them.
#[derive(Debug)]
pub(crate) struct CallTable {
    calls: Arc<Calls>,
    /// By the number of the callee.
    by_callee: Vec<Option<Arc<Series>>>,
}

impl Calls {
    pub(crate) fn new(cap: &Arc<Cap<FunctionLabels>>) -> Self {
        let queue = Histogram::new(&QUEUE_BOUNDS_US);
        Self { queue, all: Mutex::default(), cap: Arc::clone(cap) }
    }

    fn series(&self, labels: FunctionLabels) -> Arc<Series> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter().find(|series| series.labels == labels) {
            return Arc::clone(known);
        }
        let series = Arc::new(Series {
            labels,
            invocations: Count::default(),
            errors: Count::default(),
            timeouts: Count::default(),
            took: Histogram::new(&CALL_BOUNDS_US),
        });
        all.push(Arc::clone(&series));
        series
    }

    /// Adds the numbers of every function.
    pub(crate) fn gather(&self, into: &mut BTreeMap<FunctionLabels, CallCounts>) {
        for series in self.all.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let counts = into.entry(series.labels.clone()).or_default();
            counts.invocations += series.invocations.get();
            counts.errors += series.errors.get();
            counts.timeouts += series.timeouts.get();
            counts.took.add(&series.took.spread());
        }
    }
}

impl CallTable {
    pub(crate) const fn new(calls: Arc<Calls>) -> Self {
        Self { calls, by_callee: Vec::new() }
    }

    /// An exchange that had a job is over.
    #[inline]
    pub(crate) fn finish(&mut self, one: &Summary, exchange: &Exchange) {
        let Some(served) = exchange.served else { return };
        let took = match exchange.took {
            Some(took) => took,
            None if one.refusal == Some(Refusal::Late) && !exchange.unrun => {
                let call_us = u32::try_from(one.handle_us).unwrap_or(u32::MAX);
                crate::crew::Took { queue_us: 0, call_us }
            }
            None => return,
        };
        self.calls.queue.observe(took.queue_us.into());
        let Some(series) = self.of(served.callee) else { return };
        let outcome = match one.refusal {
            None if exchange.failed => &series.errors,
            None => &series.invocations,
            Some(Refusal::Late) => &series.timeouts,
            Some(Refusal::BadHandler | Refusal::HandlerFailed) => &series.errors,
            // It was not called.
            Some(_) => return,
        };
        outcome.add(1);
        series.took.observe(took.call_us.into());
    }

    #[inline]
    fn of(&mut self, callee: &Callee) -> Option<&Series> {
        let place = callee.id.0 as usize;
        if !matches!(self.by_callee.get(place), Some(Some(_))) {
            self.add(callee, place);
        }
        self.by_callee.get(place)?.as_deref()
    }

    #[cold]
    fn add(&mut self, callee: &Callee, place: usize) {
        if place >= self.by_callee.len() {
            self.by_callee.resize(place + 1, None);
        }
        let (name, version) = callee.title();
        let labels = (name.to_owned(), version.unwrap_or_default().to_owned());
        let own = self.calls.cap.admits(&labels);
        let series = self.calls.series(if own { labels } else { FunctionLabels::default() });
        if let Some(free) = self.by_callee.get_mut(place) {
            *free = Some(series);
        }
    }
}
