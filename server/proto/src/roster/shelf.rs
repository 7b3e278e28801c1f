//! Waiting jobs in one slab, strung on first-in-first-out lines; nothing is allocated per job.

use alloc::vec::Vec;

use super::Entry;

/// No place: the end of a line.
const NIL: u32 = u32::MAX;

/// A place for one job. Free places are strung on a line of their own.
#[derive(Clone, Debug)]
struct Place<J> {
    entry: Option<Entry<J>>,
    next: u32,
}

/// A line of jobs: who comes first, who last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    first: u32,
    last: u32,
    /// Jobs in it.
    len: u32,
}

impl Line {
    pub(super) const EMPTY: Self = Self { first: NIL, last: NIL, len: 0 };

    /// Jobs in it.
    pub(super) const fn len(&self) -> u32 {
        self.len
    }
}

/// The places of all lines. It grows to the most jobs that ever waited at once, and is asked for
/// that room when it is made.
#[derive(Clone, Debug)]
pub(super) struct Shelf<J> {
    places: Vec<Place<J>>,
    free: u32,
}

impl<J> Shelf<J> {
    pub(super) fn new(jobs_max: u32) -> Self {
        Self { places: Vec::with_capacity(jobs_max as usize), free: NIL }
    }

    /// Puts a job at the end of `line`.
    #[inline]
    pub(super) fn push(&mut self, line: &mut Line, entry: Entry<J>) {
        let at = self.put(entry);
        match self.places.get_mut(line.last as usize) {
            Some(last) => last.next = at,
            None => line.first = at,
        }
        line.last = at;
        line.len += 1;
    }

    #[inline]
    fn put(&mut self, entry: Entry<J>) -> u32 {
        if let Some(place) = self.places.get_mut(self.free as usize) {
            let at = self.free;
            self.free = place.next;
            place.entry = Some(entry);
            place.next = NIL;
            return at;
        }
        // Fewer than 2^32 jobs wait: their number is bounded by a u32.
        let at = u32::try_from(self.places.len()).unwrap_or(NIL);
        self.places.push(Place { entry: Some(entry), next: NIL });
        at
    }

    /// Takes the first job of `line` out of it: its place, to be cleared next, and whether it may
    /// be long.
    #[inline]
    pub(super) fn unlink(&mut self, line: &mut Line) -> Option<(u32, bool)> {
        let at = line.first;
        let place = self.places.get(at as usize)?;
        line.first = place.next;
        if line.first == NIL {
            line.last = NIL;
        }
        line.len -= 1;
        Some((at, place.entry.as_ref().is_some_and(|entry| !entry.short)))
    }

    /// Frees a place that is in no line; the job that was there.
    #[inline]
    pub(super) fn clear(&mut self, at: u32) -> Option<Entry<J>> {
        let place = self.places.get_mut(at as usize)?;
        place.next = self.free;
        self.free = at;
        place.entry.take()
    }

    /// The jobs of `line`, first one first.
    #[cfg(test)]
    pub(super) fn iter(&self, line: &Line) -> impl Iterator<Item = &Entry<J>> {
        let mut at = line.first;
        core::iter::from_fn(move || {
            let place = self.places.get(at as usize)?;
            at = place.next;
            place.entry.as_ref()
        })
    }

    /// Walks down `line`: takes out what `verdict` says to take, until it says to stop.
    pub(super) fn sift(
        &mut self,
        line: &mut Line,
        mut verdict: impl FnMut(&Entry<J>) -> Verdict,
        mut into: impl FnMut(Entry<J>),
    ) {
        let (mut before, mut at) = (NIL, line.first);
        while let Some(place) = self.places.get_mut(at as usize) {
            let next = place.next;
            let verdict = place.entry.as_ref().map_or(Verdict::Stop, &mut verdict);
            match verdict {
                Verdict::Stop => return,
                Verdict::Keep => before = at,
                Verdict::Take | Verdict::TakeLast => {
                    if let Some(entry) = place.entry.take() {
                        into(entry);
                    }
                    place.next = self.free;
                    self.free = at;
                    line.len -= 1;
                    match self.places.get_mut(before as usize) {
                        Some(place) => place.next = next,
                        None => line.first = next,
                    }
                    if next == NIL {
                        line.last = before;
                    }
                }
            }
            at = if verdict == Verdict::TakeLast { NIL } else { next };
        }
    }
}

/// What becomes of a job that [`Shelf::sift`] looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays, and the next one is looked at.
    Keep,
    /// It is taken out, and the next one is looked at.
    Take,
    /// It is taken out, and all behind it stay.
    TakeLast,
    /// It stays, and so do all behind it.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::super::CalleeId;
    use super::*;
    use crate::{Instant, Ticket};

    fn entry(job: u32) -> Entry<u32> {
        Entry {
            callee: CalleeId(0),
            home: 0,
            ticket: Ticket { index: job, exchange: 1 },
            queued: Instant::ZERO,
            deadline: Instant::ZERO,
            short: true,
            job,
        }
    }

    fn jobs(shelf: &Shelf<u32>, line: &Line) -> Vec<u32> {
        shelf.iter(line).map(|entry| entry.job).collect()
    }

    fn pop(shelf: &mut Shelf<u32>, line: &mut Line) -> Option<u32> {
        let (at, long) = shelf.unlink(line)?;
        assert!(!long);
        shelf.clear(at).map(|entry| entry.job)
    }

    #[test]
    fn two_lines_share_the_places_and_keep_their_order() {
        let mut shelf = Shelf::new(4);
        let (mut one, mut two) = (Line::EMPTY, Line::EMPTY);
        for round in 0..10 {
            shelf.push(&mut one, entry(round));
            shelf.push(&mut two, entry(100 + round));
            shelf.push(&mut one, entry(200 + round));
            assert_eq!(pop(&mut shelf, &mut one), Some(round));
            assert_eq!(pop(&mut shelf, &mut one), Some(200 + round));
            assert_eq!(pop(&mut shelf, &mut two), Some(100 + round));
            assert!(pop(&mut shelf, &mut one).is_none() && pop(&mut shelf, &mut two).is_none());
        }
        assert_eq!(shelf.places.len(), 3, "places are used again");
    }

    /// Every subset of a line of four is taken out, and the line goes on working.
    #[test]
    fn any_subset_can_be_sifted_out() {
        for subset in 0..16_u32 {
            let mut shelf = Shelf::new(8);
            let mut line = Line::EMPTY;
            (0..4).for_each(|job| shelf.push(&mut line, entry(job)));
            let mut taken = Vec::new();
            let verdict = |entry: &Entry<u32>| match subset >> entry.job & 1 {
                1 => Verdict::Take,
                _ => Verdict::Keep,
            };
            shelf.sift(&mut line, verdict, |entry| taken.push(entry.job));
            let kept = (0..4).filter(|job| subset >> job & 1 == 0).collect::<Vec<_>>();
            assert_eq!(jobs(&shelf, &line), kept);
            assert_eq!(taken, (0..4).filter(|job| subset >> job & 1 == 1).collect::<Vec<_>>());
            shelf.push(&mut line, entry(9));
            assert_eq!(jobs(&shelf, &line), [kept, Vec::from([9])].concat());
            assert_eq!(line.len() as usize, jobs(&shelf, &line).len());
        }
    }

    #[test]
    fn sifting_stops_when_told() {
        for (last, left) in [(Verdict::Stop, [1, 2, 3].as_slice()), (Verdict::TakeLast, &[1, 3])] {
            let mut shelf = Shelf::new(8);
            let mut line = Line::EMPTY;
            (0..4).for_each(|job| shelf.push(&mut line, entry(job)));
            let verdict = |entry: &Entry<u32>| match entry.job {
                0 => Verdict::Take,
                1 => Verdict::Keep,
                2 => last,
                _ => panic!("looked too far"),
            };
            shelf.sift(&mut line, verdict, |_| ());
            assert_eq!(jobs(&shelf, &line), left);
        }
    }
}
