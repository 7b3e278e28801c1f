//! One timer wheel, one entry per key, moved lazily.
//!
//! 4,096 slots of 10 ms and a bitmap of the busy ones; the entries of a slot are a list that runs
//! through a table of all keys, so that nothing is allocated for a booking and nothing stays behind
//! one. Booking a key later than it is booked costs one comparison, because the entry stays where
//! it is and the owner is asked for its true deadline when it fires. A deadline beyond the horizon
//! means "look again at the horizon".

use alloc::vec::Vec;

use crate::time::Instant;

/// Microseconds per tick: how late a deadline may be noticed.
pub const TICK_US: u64 = 10_000;
const WORDS: usize = 64;
const SLOTS: u64 = WORDS as u64 * 64;
const UNBOOKED: u64 = u64::MAX;
/// The end of a list.
const NONE: u32 = u32::MAX;

/// Deadlines for keys that are small integers.
#[derive(Debug)]
pub struct Wheel {
    /// The first key of each slot's list.
    slots: Vec<u32>,
    busy: [u64; WORDS],
    /// Which of those words are not zero: who looks for the next slot looks at two of them.
    busy_words: u64,
    /// By key.
    entries: Vec<Entry>,
    /// The next tick that has not been looked at.
    next_tick: u64,
}

/// Where a key is.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The tick at which it is booked.
    tick: u64,
    /// Its neighbours in the list of that tick's slot.
    next: u32,
    before: u32,
}

impl Entry {
    /// Whether it is booked, and fires no later than who is booked at `at` does. A tick is compared
    /// as microseconds, because a division costs more than all the rest of a booking.
    #[inline]
    const fn is_before(&self, at: Instant) -> bool {
        self.tick != UNBOOKED && self.tick * TICK_US < at.as_micros().saturating_add(TICK_US)
    }
}

const NOWHERE: Entry = Entry { tick: UNBOOKED, next: NONE, before: NONE };

impl Wheel {
    /// An empty wheel.
    #[must_use]
    pub fn new() -> Self {
        let mut slots = Vec::new();
        slots.resize(WORDS * 64, NONE);
        Self { slots, busy: [0; WORDS], busy_words: 0, entries: Vec::new(), next_tick: 0 }
    }

    /// Makes room for `keys` keys, so that none has to move for another.
    pub fn reserve(&mut self, keys: usize) {
        self.entries.reserve_exact(keys);
    }

    /// One more than the largest key that was ever booked.
    #[must_use]
    pub const fn keys(&self) -> usize {
        self.entries.len()
    }

    /// Makes sure that `key` fires at `at` or, at the horizon, before it. A later booking than the
    /// present one changes nothing: the owner is asked again when that one fires.
    #[inline]
    pub fn book(&mut self, key: u32, at: Instant) {
        match self.entries.get(key as usize) {
            Some(entry) if entry.is_before(at) => {}
            _ => self.insert(key, at),
        }
    }

    /// On its own, so that the comparison above stays a few instructions.
    #[inline(never)]
    fn insert(&mut self, key: u32, at: Instant) {
        self.cancel(key);
        let tick =
            at.as_micros().div_ceil(TICK_US).clamp(self.next_tick, self.next_tick + SLOTS - 1);
        let place = key as usize;
        if place >= self.entries.len() {
            self.entries.resize(place + 1, NOWHERE);
        }
        let slot = (tick % SLOTS) as usize;
        let Some(first) = self.slots.get_mut(slot) else { return };
        let next = core::mem::replace(first, key);
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.before = key;
        }
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = Entry { tick, next, before: NONE };
        }
        if let Some(word) = self.busy.get_mut(slot / 64) {
            *word |= 1 << (slot % 64);
            self.busy_words |= 1 << (slot / 64);
        }
    }

    /// Forgets `key`.
    pub fn cancel(&mut self, key: u32) {
        let Some(entry) = self.entries.get_mut(key as usize) else { return };
        if entry.tick == UNBOOKED {
            return;
        }
        let Entry { tick, next, before } = core::mem::replace(entry, NOWHERE);
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.before = before;
        }
        if let Some(before) = self.entries.get_mut(before as usize) {
            before.next = next;
            return;
        }
        // It was the first one.
        let slot = (tick % SLOTS) as usize;
        if let Some(first) = self.slots.get_mut(slot) {
            *first = next;
        }
        if next == NONE {
            self.rest(slot);
        }
    }

    /// A slot is empty.
    fn rest(&mut self, slot: usize) {
        if let Some(word) = self.busy.get_mut(slot / 64) {
            *word &= !(1 << (slot % 64));
            self.busy_words &= !(u64::from(*word == 0) << (slot / 64));
        }
    }

    /// Moves the keys booked up to `now` into `due`, until that has `due_max`. They are unbooked:
    /// the owner books again what is not over yet.
    pub fn expire(&mut self, now: Instant, due: &mut Vec<u32>, due_max: usize) {
        let now_tick = now.as_micros() / TICK_US;
        while let Some(tick) = self.next_busy_tick() {
            if tick > now_tick || due.len() >= due_max {
                self.next_tick = self.next_tick.max(tick.min(now_tick));
                return;
            }
            self.next_tick = tick;
            if self.fire(tick, due, due_max) {
                self.next_tick += 1;
            }
        }
        self.next_tick = self.next_tick.max(now_tick);
    }

    /// Empties a slot into `due` as far as that may go; whether it is empty.
    fn fire(&mut self, tick: u64, due: &mut Vec<u32>, due_max: usize) -> bool {
        let slot = (tick % SLOTS) as usize;
        let Some(first) = self.slots.get_mut(slot) else { return true };
        while *first != NONE && due.len() < due_max {
            due.push(*first);
            let entry = self.entries.get_mut(*first as usize);
            *first = entry.map_or(NONE, |entry| core::mem::replace(entry, NOWHERE).next);
        }
        if let Some(rest) = self.entries.get_mut(*first as usize) {
            rest.before = NONE;
            return false;
        }
        self.rest(slot);
        true
    }

    /// When the wheel next wants to be looked at.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.next_busy_tick().map(|tick| Instant::from_micros(tick * TICK_US))
    }

    /// The first busy tick at or after `next_tick`. Entries never lie a whole turn ahead, so a busy
    /// slot stands for exactly one tick.
    fn next_busy_tick(&self) -> Option<u64> {
        let from = self.next_tick % SLOTS;
        let (first, bit) = ((from / 64) as usize, from % 64);
        let rest = self.busy.get(first)? & (u64::MAX << bit);
        let (place, word) = if rest != 0 {
            (first, rest)
        } else {
            // The words behind the first one in turn; itself, for what lies before `from`, last.
            let turned = self.busy_words.rotate_right(u32::try_from(first + 1).unwrap_or(0));
            let place = (first + 1 + turned.trailing_zeros() as usize) % WORDS;
            (place, *self.busy.get(place)?)
        };
        if word == 0 {
            return None;
        }
        let slot = place as u64 * 64 + u64::from(word.trailing_zeros());
        Some(self.next_tick + (slot + SLOTS - from) % SLOTS)
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The obvious implementation the wheel is compared with: a list of deadlines.
    struct Naive(Vec<Option<u64>>);

    fn shuffle(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    fn world(seed: u64) {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (mut wheel, mut naive) = (Wheel::new(), Naive(alloc::vec![None; 32]));
        let mut now = 0_u64;
        let mut due = Vec::new();
        for _ in 0..600 {
            let key = u32::try_from(shuffle(&mut random) % 32).unwrap();
            let place = key as usize;
            match shuffle(&mut random) % 10 {
                0 => {
                    wheel.cancel(key);
                    naive.0[place] = None;
                }
                1..=5 => {
                    let at = now + shuffle(&mut random) % 100_000_000;
                    naive.0[place] = Some(at);
                    wheel.book(key, Instant::from_micros(at));
                }
                6 => now += shuffle(&mut random) % 60_000_000,
                _ => now += shuffle(&mut random) % 50_000,
            }
            settle(&mut wheel, &mut naive, now, &mut due);
        }
    }

    /// Fires what is due as an owner would, and compares: never early, at most one tick late.
    fn settle(wheel: &mut Wheel, naive: &mut Naive, now: u64, due: &mut Vec<u32>) {
        loop {
            due.clear();
            wheel.expire(Instant::from_micros(now), due, usize::MAX);
            if due.is_empty() {
                break;
            }
            for &key in due.iter() {
                match naive.0[key as usize] {
                    Some(at) if at <= now => naive.0[key as usize] = None,
                    Some(at) => wheel.book(key, Instant::from_micros(at)),
                    None => {}
                }
            }
        }
        for at in naive.0.iter().flatten() {
            assert!(at + TICK_US > now, "a deadline at {at} was missed at {now}");
            let looks = wheel.next_due().expect("somebody waits").as_micros();
            let earliest = naive.0.iter().flatten().min().unwrap();
            assert!(looks <= earliest + TICK_US, "the wheel sleeps past {earliest}");
        }
    }

    #[test]
    fn agrees_with_a_list_on_three_hundred_seeds() {
        for seed in 1..=300 {
            world(seed);
        }
    }

    #[test]
    fn a_storm_is_taken_in_bounded_bites() {
        let mut wheel = Wheel::new();
        for key in 0..10_000 {
            wheel.book(key, Instant::from_micros(u64::from(key) * 10));
        }
        let (mut due, mut total, mut turns) = (Vec::new(), 0, 0);
        while wheel.next_due().is_some() {
            due.clear();
            wheel.expire(Instant::from_micros(1_000_000), &mut due, 100);
            assert!(due.len() <= 100);
            total += due.len();
            turns += 1;
        }
        assert_eq!(total, 10_000);
        assert!(turns > 5);
    }

    #[test]
    fn nothing_stays_behind_a_booking() {
        let mut wheel = Wheel::new();
        let mut now = 0;
        let mut due = Vec::new();
        // Connections of 40 keys in turn come, are booked twice, and go: a few each tick.
        for number in 0..100_000_u32 {
            let key = number % 40;
            now += 1_000;
            wheel.expire(Instant::from_micros(now), &mut due, usize::MAX);
            wheel.book(key, Instant::from_micros(now + 10_000_000));
            wheel.book(key, Instant::from_micros(now + 2_000_000));
            wheel.cancel(key);
        }
        assert!(due.is_empty());
        assert_eq!(wheel.next_due(), None, "the wheel does not wake for who is gone");
        assert!(wheel.slots.iter().all(|first| *first == NONE));
        assert!(wheel.slots.capacity() <= 4_096 && wheel.entries.capacity() <= 64);
    }

    #[test]
    fn keys_of_one_slot_leave_one_by_one_and_from_any_place() {
        for gone in 0..5 {
            let mut wheel = Wheel::new();
            (0..5).for_each(|key| wheel.book(key, Instant::from_micros(50_000)));
            wheel.cancel(gone);
            let (mut all, mut due) = (Vec::new(), Vec::new());
            for _ in 0..4 {
                wheel.expire(Instant::from_micros(60_000), &mut due, 1);
                assert_eq!(due.len(), 1);
                all.append(&mut due);
            }
            all.sort_unstable();
            assert_eq!(all, (0..5).filter(|key| *key != gone).collect::<Vec<_>>());
            assert_eq!(wheel.next_due(), None);
        }
    }

    #[test]
    fn an_empty_wheel_never_wakes() {
        let mut wheel = Wheel::new();
        wheel.expire(Instant::from_micros(5_000_000_000), &mut Vec::new(), 10);
        assert_eq!(wheel.next_due(), None);
    }
}
