//! What all loops counted together, at one moment.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use fezz_proto::{Cause, HandshakeFault, Phase};

use super::board::{Board, ByName};
use super::functions::{CallCounts, FunctionLabels};
use super::requests::RequestLabels;
use crate::count::{Count, Spread};
use crate::crew::{FunctionCounts, ImageCounts, WorkerCounts};
use crate::peer::{ProxyFault, Rejection};
use crate::policy::PolicyCounts;
use crate::tls::GateCounts;

/// What all loops counted together, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections taken.
    pub accepted: u64,
    /// The same by listener.
    pub accepted_by: BTreeMap<String, u64>,
    /// Attempts to take a connection that failed.
    pub accept_failed: u64,
    /// The same by reason.
    pub accept_faults: BTreeMap<&'static str, u64>,
    /// Connections that were not served, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// What was wrong with PROXY headers, by reason.
    pub proxy_faults: BTreeMap<&'static str, u64>,
    /// Idle connections told to leave for new ones.
    pub shed: u64,
    /// TLS handshakes finished.
    pub secured: u64,
    /// The same by version, and whether they were resumed.
    pub secured_by: BTreeMap<[&'static str; 2], u64>,
    /// How long they took.
    pub handshake_took: Spread,
    /// TLS handshakes that failed, by reason.
    pub handshake_failed: BTreeMap<&'static str, u64>,
    /// Certificates, and how often they were exchanged.
    pub tls: GateCounts,
    /// Whole, valid heads.
    pub heads: u64,
    /// Requests handed to a worker.
    pub dispatched: u64,
    /// Replies of functions by the first digit of their status.
    pub replied: [u64; 6],
    /// Requests that the server answered itself.
    pub answered: u64,
    /// Replies for nobody.
    pub stale: u64,
    /// Exchanges after which the connection stayed.
    pub kept: u64,
    /// Octets received.
    pub received_bytes: u64,
    /// Octets sent.
    pub sent_bytes: u64,
    /// Octets of content held now.
    pub buffered_bytes: u64,
    /// Connections that ended, by the phase they ended in.
    pub closed: BTreeMap<&'static str, u64>,
    /// The same by phase and by cause; those that happened.
    pub closed_by: BTreeMap<[&'static str; 2], u64>,
    /// Deadlines that passed, by phase.
    pub timed_out: BTreeMap<&'static str, u64>,
    /// Requests refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Exchanges that are over, and how long they took.
    pub requests: BTreeMap<RequestLabels, Spread>,
    /// Exchanges under way whose heads were judged, by method and scheme.
    pub active: BTreeMap<(&'static str, &'static str), u64>,
    /// Calls of functions by name and version.
    pub calls: BTreeMap<FunctionLabels, CallCounts>,
    /// How long jobs waited for a worker.
    pub queue_wait: Spread,
    /// How long turns took, by the number of the loop.
    pub lag: Vec<Spread>,
    /// What policies refused, by name.
    pub policies: BTreeMap<String, PolicyCounts>,
    /// Lines that were lost, by log, in the whole process.
    pub log_dropped: BTreeMap<&'static str, u64>,
    /// Uses of the core against its table: our bugs.
    pub forbidden: u64,
    /// Notices that were not counted because too much happened in one turn.
    pub dropped: u64,
    /// What went wrong with functions, by name and version.
    pub functions: BTreeMap<String, FunctionCounts>,
    /// The workers.
    pub workers: WorkerCounts,
    /// Loaded images of functions.
    pub images: ImageCounts,
}

impl Snapshot {
    /// The sum over several loops, whose listeners have these names.
    pub(crate) fn of<'b>(boards: impl Iterator<Item = &'b Board>, listeners: &[String]) -> Self {
        let mut sum = Self::default();
        for board in boards {
            sum.add(board);
            for (name, count) in listeners.iter().zip(&board.accepted) {
                *sum.accepted_by.entry(name.clone()).or_default() += count.get();
            }
        }
        sum.accepted = sum.accepted_by.values().sum();
        sum.accept_failed = sum.accept_faults.values().sum();
        sum.secured = sum.secured_by.values().sum();
        sum
    }

    fn add(&mut self, one: &Board) {
        self.shed += one.shed.get();
        self.heads += one.heads.get();
        self.dispatched += one.dispatched.get();
        for (sum, count) in self.replied.iter_mut().zip(&one.replied) {
            *sum += count.get();
        }
        self.answered += one.answered.get();
        self.stale += one.stale.get();
        self.kept += one.kept.get();
        self.received_bytes += one.received_bytes.get();
        self.sent_bytes += one.sent_bytes.get();
        self.buffered_bytes += one.buffered_bytes.get();
        self.forbidden += one.forbidden.get();
        self.dropped += one.dropped.get();
        self.add_endings(one);
        for (name, count) in Rejection::NAMES.iter().zip(&one.rejected) {
            *self.rejected.entry(name).or_default() += count.get();
        }
        for (fault, count) in ProxyFault::ALL.iter().zip(&one.proxy_faults) {
            *self.proxy_faults.entry(fault.name()).or_default() += count.get();
        }
        for (place, fault) in HandshakeFault::ALL.iter().enumerate() {
            let count = one.handshake_failed.get(place).map_or(0, Count::get);
            *self.handshake_failed.entry(fault.name()).or_default() += count;
        }
        let only = |[name]: [&'static str; 1]| name;
        add_named(&mut self.refused, &one.refused, only);
        add_named(&mut self.accept_faults, &one.accept_failed, only);
        add_named(&mut self.secured_by, &one.secured, |names| names);
        self.handshake_took.add(&one.handshake.spread());
        self.queue_wait.add(&one.calls.queue.spread());
        self.lag.push(one.lag.spread());
        one.requests.gather(&mut self.requests);
        one.requests.gather_active(&mut self.active);
        one.calls.gather(&mut self.calls);
    }

    fn add_endings(&mut self, one: &Board) {
        let mut closed = one.closed.iter().map(Count::get);
        for (place, phase) in Phase::ALL.iter().enumerate() {
            let timed_out = one.timed_out.get(place).map_or(0, Count::get);
            *self.timed_out.entry(phase.name()).or_default() += timed_out;
            let by_phase = self.closed.entry(phase.name()).or_default();
            for (cause, count) in Cause::ALL.iter().zip(&mut closed) {
                *by_phase += count;
                if count > 0 {
                    *self.closed_by.entry([phase.name(), cause.name()]).or_default() += count;
                }
            }
        }
    }

    /// Replies of functions, whatever their status.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.replied.iter().sum()
    }
}

fn add_named<const NAMES: usize, K: Ord>(
    sums: &mut BTreeMap<K, u64>,
    counts: &ByName<NAMES>,
    key: impl Fn([&'static str; NAMES]) -> K,
) {
    for (names, count) in counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        *sums.entry(key(*names)).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fezz_proto::{Instant, Notice, Refusal, Usual};

    use super::*;
    use crate::metrics::board::{Caps, Scribe};
    use crate::observe::Observer;

    #[test]
    fn loops_are_summed() {
        let caps = Caps::default();
        let boards = [(); 2].map(|()| Arc::new(Board::new(1, &caps)));
        for board in &boards {
            let mut scribe = Scribe::new(board);
            scribe.accept(0);
            let notices =
                [Notice::Refused(Refusal::NoRoute), Notice::Closed(Phase::Idle, Cause::Expired)];
            scribe.usual(&Usual { replied: [0, 0, 1, 0, 0, 0], ..Usual::default() });
            scribe.notices(Instant::ZERO, &notices);
            scribe.secure("TLSv1.3", true, 600);
            scribe.turn(120, 9);
        }
        let sum = Snapshot::of(boards.iter().map(Arc::as_ref), &["web".to_owned()]);
        assert_eq!((sum.accepted, sum.served(), sum.secured), (2, 2, 2));
        assert_eq!((sum.buffered_bytes, sum.lag.len(), sum.lag[1].count()), (18, 2, 1));
        assert_eq!(sum.refused.get("no_route"), Some(&2));
        assert_eq!((sum.closed["idle"], sum.closed_by[&["idle", "expired"]]), (2, 2));
        assert_eq!(sum.secured_by[&["TLSv1.3", "true"]], 2);
    }
}
