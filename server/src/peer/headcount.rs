//! How many connections each address has, over all loops, and no more than it may.
//!
//! There is an entry for each address that has a connection, so that the table is no larger than
//! the number of connections, which has a limit of its own. It is looked at when a connection comes
//! and when it goes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tables, so that loops seldom meet at one; a power of two.
const SHARDS: usize = 16;

/// Whose connections are counted together: an IPv4 address, or the 64 bits of a network whose
/// addresses one IPv6 client can choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Block {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Block {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    fn shard(self) -> usize {
        let octets: &[u8] = match &self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        };
        octets.iter().fold(0_usize, |sum, octet| sum.wrapping_mul(31) + usize::from(*octet))
            % SHARDS
    }
}

/// The count of a server.
#[derive(Debug)]
pub(crate) struct Headcount {
    most: AtomicU32,
    shards: [Mutex<HashMap<Block, u32>>; SHARDS],
}

impl Headcount {
    /// For so many connections of each.
    pub(crate) fn new(most: u32) -> Self {
        Self { most: AtomicU32::new(most), shards: Default::default() }
    }

    /// Changes how many connections each may have. Who has more keeps them.
    pub(crate) fn set_most(&self, most: u32) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// A connection of `address` came; false when it is one too many, and not counted.
    #[must_use]
    pub(crate) fn enter(&self, address: IpAddr) -> bool {
        let block = Block::of(address);
        let mut counts = self.shard(block);
        let count = counts.entry(block).or_default();
        let fits = *count < self.most.load(Ordering::Relaxed);
        if fits {
            *count += 1;
        } else if *count == 0 {
            counts.remove(&block);
        }
        fits
    }

    /// A connection that was counted is over.
    pub(crate) fn leave(&self, address: IpAddr) {
        let block = Block::of(address);
        let mut counts = self.shard(block);
        let Some(count) = counts.get_mut(&block) else {
            debug_assert!(false, "a connection left that had not come");
            return;
        };
        *count -= 1;
        if *count == 0 {
            counts.remove(&block);
        }
    }

    /// Blocks that have a connection.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }

    fn shard(&self, block: Block) -> MutexGuard<'_, HashMap<Block, u32>> {
        // Nothing panics while a lock is held.
        self.shards[block.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_too_many_does_not_enter_and_another_does() {
        let headcount = Headcount::new(2);
        for _ in 0..2 {
            assert!(headcount.enter(at("203.0.113.1")));
        }
        for _ in 0..10_000 {
            assert!(!headcount.enter(at("203.0.113.1")));
        }
        assert!(!headcount.enter(at("::ffff:203.0.113.1")), "the same in the other family");
        assert!(headcount.enter(at("203.0.113.2")));
        headcount.leave(at("203.0.113.1"));
        assert!(headcount.enter(at("203.0.113.1")));
        assert_eq!(headcount.len(), 2);
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let headcount = Headcount::new(1);
        assert!(headcount.enter(at("2001:db8:1:2::1")));
        assert!(!headcount.enter(at("2001:db8:1:2:ffff::2")));
        assert!(headcount.enter(at("2001:db8:1:3::1")));
    }

    #[test]
    fn what_is_kept_is_gone_with_the_last_connection() {
        let headcount = Headcount::new(1);
        let addresses = (0..10_000_u32).map(|number| IpAddr::from((number << 8).to_be_bytes()));
        for address in addresses.clone() {
            assert!(headcount.enter(address));
        }
        assert_eq!(headcount.len(), 10_000);
        for address in addresses {
            headcount.leave(address);
        }
        assert_eq!(headcount.len(), 0);
        headcount.set_most(0);
        assert!(!headcount.enter(at("203.0.113.1")));
        assert_eq!(headcount.len(), 0, "who may not enter leaves nothing");
    }

    #[test]
    fn loops_count_together() {
        let headcount = Headcount::new(100);
        let entered: usize = std::thread::scope(|scope| {
            let count = || (0..1_000).filter(|_| headcount.enter(at("192.0.2.9"))).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(entered, 100);
    }
}
