//! From a set of labels to its numbers, for one writer: the same set as last time is found at once,
//! another one by a few steps in an open table.
//!
//! How many sets there may be is decided for all loops together ([`Cap`]), so that the same sets
//! have numbers of their own in each loop, whatever comes first.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Label sets of one metric that have numbers of their own; all others share one set.
pub const LABEL_SETS_MAX: usize = 2_000;

/// Which label sets have numbers of their own, for all loops.
#[derive(Debug)]
pub(crate) struct Cap<K> {
    admitted: Mutex<BTreeSet<K>>,
    max: usize,
}

impl<K: Ord + Clone> Cap<K> {
    pub(crate) const fn new(max: usize) -> Self {
        Self { admitted: Mutex::new(BTreeSet::new()), max }
    }

    /// Whether a label set has numbers of its own; once it has, it always has.
    pub(crate) fn admits(&self, key: &K) -> bool {
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.contains(key) {
            return true;
        }
        admitted.len() < self.max && admitted.insert(key.clone())
    }
}

/// The table of one writer.
#[derive(Debug)]
pub(crate) struct Table<V> {
    /// A power of two of places, at most half of them taken.
    places: Vec<Option<(u64, Arc<V>)>>,
    taken: usize,
    last: Option<(u64, Arc<V>)>,
}

/// Places of a table that has nothing yet.
const PLACES_MIN: usize = 16;

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { places: Vec::new(), taken: 0, last: None }
    }
}

impl<V> Table<V> {
    /// The numbers of a label set, made by `make` when it is a new one; those of `rest` when there
    /// are too many.
    #[inline]
    pub(crate) fn find<'t>(
        &'t mut self,
        key: u64,
        rest: &'t Arc<V>,
        make: impl FnOnce() -> Option<Arc<V>>,
    ) -> &'t V {
        if self.last.as_ref().is_none_or(|(last, _)| *last != key) {
            let value = match self.look_up(key) {
                Some(value) => value,
                None => make().map_or_else(|| Arc::clone(rest), |value| self.insert(key, value)),
            };
            self.last = Some((key, value));
        }
        self.last.as_ref().map_or(rest, |(_, value)| value)
    }

    fn look_up(&self, key: u64) -> Option<Arc<V>> {
        let mask = self.places.len().checked_sub(1)?;
        let mut place = scatter(key) & mask;
        while let Some((held, value)) = self.places.get(place)? {
            if *held == key {
                return Some(Arc::clone(value));
            }
            place = (place + 1) & mask;
        }
        None
    }

    #[cold]
    fn insert(&mut self, key: u64, value: Arc<V>) -> Arc<V> {
        if (self.taken + 1) * 2 > self.places.len() {
            let places = (self.places.len() * 2).max(PLACES_MIN);
            let old = std::mem::replace(&mut self.places, (0..places).map(|_| None).collect());
            for (key, value) in old.into_iter().flatten() {
                self.put(key, value);
            }
        }
        self.taken += 1;
        self.put(key, Arc::clone(&value));
        value
    }

    fn put(&mut self, key: u64, value: Arc<V>) {
        let mask = self.places.len() - 1;
        let mut place = scatter(key) & mask;
        while self.places.get(place).is_some_and(Option::is_some) {
            place = (place + 1) & mask;
        }
        if let Some(free) = self.places.get_mut(place) {
            *free = Some((key, value));
        }
    }
}

/// Spreads keys that differ in few bits (Fibonacci hashing).
#[inline]
const fn scatter(key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_finds_its_own_value() {
        let mut table = Table::default();
        let (mut made, rest) = (0, Arc::new(u64::MAX));
        for round in 0..3 {
            for key in (0..1_000).map(|key| key * 16) {
                let value = table.find(key, &rest, || {
                    made += 1;
                    Some(Arc::new(key))
                });
                assert_eq!(*value, key, "round {round}");
            }
        }
        assert_eq!(made, 1_000, "each is made once");
        assert_eq!(*table.find(7, &rest, || None), u64::MAX);
        assert_eq!(*table.find(7, &rest, || Some(Arc::new(7))), u64::MAX, "the same as before");
        assert_eq!(table.taken, 1_000, "what has no place of its own takes none");
    }

    #[test]
    fn a_cap_admits_the_first_ones_for_good() {
        let cap = Cap::new(2);
        let admitted = [7, 8, 9, 7, 10, 8].map(|key| cap.admits(&key));
        assert_eq!(admitted, [true, true, false, true, false, true]);
    }
}
