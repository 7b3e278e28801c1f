//! What each client has paid up to, for a bounded number of clients: shared by all loops, of fixed
//! size, with nothing in it that an attacker can turn against others.
//!
//! A client that owes nothing needs no place, so that the table holds only those who asked lately.
//! Each key has sixteen places where it may stand, chosen by a secret hash; they are spread so
//! evenly that they fill up only when nearly all of the table is in use. Then the one of the
//! sixteen that owes least makes room:
//!
//! * memory never grows;
//! * nobody is refused because the table is full;
//! * who rotates addresses displaces others that asked once or twice, himself first of all; to
//!   displace a client that owes much he has to owe as much with every address near it.
//!
//! What is left to him is what he has anyway: as many allowances as he has addresses. Displaced
//! debts are counted, so that an operator sees it and adds a limit for the whole route.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::rate::{Paid, Rate, TooEarly};

/// Clients that one limit remembers.
pub(crate) const KEYS_MAX: usize = SHARDS * SETS * WAYS;
/// Parts of the table, each with a lock: two loops wait for each other only when they ask for keys
/// of the same part at the same moment, for about as long as a look into memory takes.
const SHARDS: usize = 256;
/// Sets of a part.
const SETS: usize = 32;
/// Places of a set.
const WAYS: usize = 8;
const _: () = assert!(KEYS_MAX == 65_536);

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: u64,
    paid: Paid,
}

/// The table of one limit.
#[derive(Debug)]
pub(crate) struct Table {
    secret: RandomState,
    /// Each is made when it is first needed.
    shards: Box<[Mutex<Vec<Place>>]>,
}

impl Default for Table {
    fn default() -> Self {
        Self { secret: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Table {
    /// Judges a request of `key`, and charges it if it passes. `displaced` counts those who owed
    /// something and made room.
    pub(crate) fn charge(
        &self,
        key: u64,
        rate: Rate,
        now_ns: u64,
        displaced: &AtomicU64,
    ) -> Result<(), TooEarly> {
        let hash = self.secret.hash_one(key);
        let [low, first, second, ..] = hash.to_le_bytes();
        let Some(shard) = self.shards.get(usize::from(low)) else { return Ok(()) };
        let sets = [usize::from(first) % SETS, usize::from(second) % SETS];
        // Nothing panics while the lock is held; were it so, the places would still be whole.
        let mut places = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if places.is_empty() {
            *places = vec![Place::default(); SETS * WAYS];
        }
        let ways = |set: usize| set * WAYS..(set + 1) * WAYS;
        let mut both = sets.into_iter().flat_map(ways);
        if let Some(at) = both.find(|at| places[*at].key == key && places[*at].paid > now_ns) {
            places[at].paid = rate.judge(places[at].paid, now_ns)?;
            return Ok(());
        }
        let paid = rate.judge(0, now_ns)?;
        let at = room(&places, sets.map(ways), now_ns);
        if places[at].paid > now_ns {
            displaced.fetch_add(1, Ordering::Relaxed);
        }
        places[at] = Place { key, paid };
        Ok(())
    }
}

/// A place for one more: a free one of the emptier set, else that of whoever owes least.
fn room(places: &[Place], sets: [Range<usize>; 2], now_ns: u64) -> usize {
    let free = |at: &usize| places[*at].paid <= now_ns;
    let [first, second] = &sets;
    let count = |set: &Range<usize>| set.clone().filter(free).count();
    let emptier = if count(second) > count(first) { second } else { first };
    if let Some(at) = emptier.clone().find(free) {
        return at;
    }
    let [first, second] = sets;
    let start = first.start;
    first.chain(second).min_by_key(|at| places[*at].paid).unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;
    use crate::config::{RateKey, RateLimit};
    use crate::policy::draw::Draw;

    fn rate(requests: u32, seconds: u64, burst: u32) -> Rate {
        let per = Duration::from_secs(seconds);
        Rate::of(&RateLimit { key: RateKey::ClientIp, requests, per, burst, dry_run: false })
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn it_is_a_map_as_long_as_it_has_room() {
        let (table, rate, mut draw) = (Table::default(), rate(1, 1, 3), Draw(1));
        let displaced = AtomicU64::new(0);
        let mut map: HashMap<u64, Paid> = HashMap::new();
        let mut now = 1;
        for _ in 0..200_000 {
            now += draw.below(SECOND / 20_000);
            let key = draw.below(10_000);
            let paid = map.entry(key).or_default();
            let expected = rate.judge(*paid, now);
            assert_eq!(
                table.charge(key, rate, now, &displaced),
                expected.map(drop),
                "{key} at {now}"
            );
            *paid = expected.unwrap_or(*paid);
        }
        assert_eq!(displaced.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn it_fills_up_before_anybody_is_displaced() {
        let displaced = AtomicU64::new(0);
        let (table, rate) = (Table::default(), rate(1, 3_600, 0));
        for key in 0..KEYS_MAX as u64 * 3 / 4 {
            assert!(table.charge(key, rate, 1, &displaced).is_ok());
        }
        let displaced = displaced.into_inner();
        assert!(displaced < KEYS_MAX as u64 / 200, "{displaced} displaced at three quarters");
    }

    #[test]
    fn who_rotates_addresses_displaces_those_who_asked_once() {
        let displaced = AtomicU64::new(0);
        let (table, rate) = (Table::default(), rate(1, 3_600, 9));
        let honest = [u64::MAX, u64::MAX - 1, u64::MAX - 2];
        for key in honest {
            for _ in 0..10 {
                assert!(table.charge(key, rate, 1, &displaced).is_ok());
            }
            assert!(table.charge(key, rate, 1, &displaced).is_err());
        }
        for key in 0..KEYS_MAX as u64 * 4 {
            assert!(table.charge(key, rate, 1, &displaced).is_ok(), "nobody is refused for others");
        }
        assert!(displaced.load(Ordering::Relaxed) > KEYS_MAX as u64);
        for key in honest {
            assert!(table.charge(key, rate, 1, &displaced).is_err(), "a heavy debt stays");
        }
    }

    #[test]
    fn threads_share_it_to_the_request() {
        let displaced = AtomicU64::new(0);
        let (table, rate) = (Table::default(), rate(1, 3_600, 9));
        let passed: usize = std::thread::scope(|scope| {
            let ask = || {
                let keys = (0..10_000).map(|number| number % 1_000);
                keys.filter(|key| table.charge(*key, rate, 1, &displaced).is_ok()).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 10_000);
    }
}
