//! Numbers that one thread raises and all may read: a relaxed load and a relaxed store, no locked
//! instruction.
//!
//! A reader sees each number whole, and several of them as of slightly different moments.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bounds of what takes as long as a request: those that OpenTelemetry asks for.
pub(crate) const CALL_BOUNDS_US: [u64; 14] = [
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000,
    2_500_000, 5_000_000, 7_500_000, 10_000_000,
];

/// A number with one writer.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// What goes down again never goes below zero, because it went up before.
    #[inline]
    pub(crate) fn sub(&self, less: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(less), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something took how long, with one writer.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// Upper bounds in microseconds, rising; one more bucket is behind the last.
    bounds_us: &'static [u64],
    buckets: Box<[Count]>,
    sum_us: Count,
}

/// What a histogram holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Upper bounds in microseconds, rising.
    pub bounds_us: &'static [u64],
    /// How many were within each bound and above the one before; at the end those above all.
    pub buckets: Vec<u64>,
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    pub(crate) fn new(bounds_us: &'static [u64]) -> Self {
        let buckets = (0..=bounds_us.len()).map(|_| Count::default()).collect();
        Self { bounds_us, buckets, sum_us: Count::default() }
    }

    /// One more. Most are short, so that the first bounds are looked at first.
    #[inline]
    pub(crate) fn observe(&self, micros: u64) {
        let place = match self.bounds_us.first() {
            Some(first) if micros <= *first => 0,
            _ => self.bounds_us.iter().take_while(|bound| micros > **bound).count(),
        };
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add(1);
        }
        self.sum_us.add(micros);
    }

    pub(crate) fn spread(&self) -> Spread {
        Spread {
            bounds_us: self.bounds_us,
            buckets: self.buckets.iter().map(Count::get).collect(),
            sum_us: self.sum_us.get(),
        }
    }
}

impl Spread {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Adds what another histogram with the same bounds holds.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.clone_from(other);
            return;
        }
        debug_assert_eq!(self.bounds_us, other.bounds_us);
        for (sum, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum += count;
        }
        self.sum_us += other.sum_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&[5, 10]);
        for micros in [0, 5, 6, 10, 11, 1_000] {
            histogram.observe(micros);
        }
        let mut spread = histogram.spread();
        assert_eq!((spread.buckets.as_slice(), spread.sum_us), (&[2, 2, 2][..], 1_032));
        spread.add(&histogram.spread());
        assert_eq!((spread.count(), spread.sum_us), (12, 2_064));
        let mut sum = Spread::default();
        sum.add(&spread);
        assert_eq!(sum, spread);
    }
}
