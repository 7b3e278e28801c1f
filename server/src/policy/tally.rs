//! What a policy refused, or would have: counted by kind, never reset while the process lives.

use std::sync::atomic::{AtomicU64, Ordering};

/// What stood in the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its address.
    Acl,
    /// No proof of who asks.
    Auth,
    /// Too many in too short a time.
    Rate,
    /// Too many at once.
    Concurrency,
    /// Too many in too short a time for a limit that only looks: it passed.
    DryRun,
}

impl Kind {
    /// Every kind, in counting order.
    pub(crate) const ALL: [Self; 5] =
        [Self::Acl, Self::Auth, Self::Rate, Self::Concurrency, Self::DryRun];

    /// The stable word in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Acl => "acl",
            Self::Auth => "auth",
            Self::Rate => "rate",
            Self::Concurrency => "concurrency",
            Self::DryRun => "dry_run",
        }
    }
}

/// The counters of one policy; those who refuse are rare, or it is worth knowing.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: [AtomicU64; Kind::ALL.len()],
    /// Clients whose debt was forgotten to make room for others.
    pub(super) displaced: AtomicU64,
}

impl Tally {
    pub(crate) fn count(&self, kind: Kind) {
        self.kinds[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, kind: Kind) -> u64 {
        self.kinds[kind as usize].load(Ordering::Relaxed)
    }
}

/// What was counted for one policy, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyCounts {
    /// Refused for their address; `fezz_requests_limited_total`, kind `acl`.
    pub acl: u64,
    /// Refused without proof of who asks; kind `auth`.
    pub auth: u64,
    /// Refused because too many came in too short a time; kind `rate`.
    pub rate: u64,
    /// Refused because too many were under way; kind `concurrency`.
    pub concurrency: u64,
    /// Let pass by a limit that only looks; kind `dry_run`.
    pub dry_run: u64,
    /// Clients whose debt was forgotten to make room for others;
    /// `fezz_rate_limit_displaced_total`.
    pub displaced: u64,
    /// Requests under way now, of a policy that caps them.
    pub under_way: u32,
}

impl PolicyCounts {
    pub(crate) fn of(tally: &Tally) -> Self {
        Self {
            acl: tally.get(Kind::Acl),
            auth: tally.get(Kind::Auth),
            rate: tally.get(Kind::Rate),
            concurrency: tally.get(Kind::Concurrency),
            dry_run: tally.get(Kind::DryRun),
            displaced: tally.displaced.load(Ordering::Relaxed),
            under_way: 0,
        }
    }

    /// The counts of requests, by the word of their kind.
    #[must_use]
    pub const fn by_kind(&self) -> [(&'static str, u64); 5] {
        [
            (Kind::Acl.name(), self.acl),
            (Kind::Auth.name(), self.auth),
            (Kind::Rate.name(), self.rate),
            (Kind::Concurrency.name(), self.concurrency),
            (Kind::DryRun.name(), self.dry_run),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_number() {
        let tally = Tally::default();
        for (place, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, place);
            (0..=place).for_each(|_| tally.count(*kind));
        }
        let counts = PolicyCounts::of(&tally);
        for (place, (name, count)) in counts.by_kind().into_iter().enumerate() {
            assert_eq!((name, count), (Kind::ALL[place].name(), place as u64 + 1));
        }
    }
}
