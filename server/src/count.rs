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
    /// The first of the bounds, and how many were within it: nearly all of them, so that these are
    /// at hand.
    first_us: u64,
    first: Count,
    sum_us: Count,
    /// Upper bounds in microseconds, rising; one more bucket is behind the last.
    bounds_us: &'static [u64],
    /// All buckets but the first.
    others: Box<[Count]>,
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
        Self {
            first_us: bounds_us.first().copied().unwrap_or(u64::MAX),
            first: Count::default(),
            sum_us: Count::default(),
            bounds_us,
            others: bounds_us.iter().map(|_| Count::default()).collect(),
        }
    }

    /// One more.
    #[inline]
    pub(crate) fn observe(&self, micros: u64) {
        self.sum_us.add(micros);
        if micros <= self.first_us {
            return self.first.add(1);
        }
        let place = self.bounds_us.iter().skip(1).take_while(|bound| micros > **bound).count();
        if let Some(bucket) = self.others.get(place) {
            bucket.add(1);
        }
    }

    pub(crate) fn spread(&self) -> Spread {
        let others = self.others.iter().map(Count::get);
        Spread {
            bounds_us: self.bounds_us,
            buckets: std::iter::once(self.first.get()).chain(others).collect(),
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
