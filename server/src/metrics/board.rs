//! What one loop counts: written by whoever drives it, readable from any thread.
//!
//! What every request moves is a relaxed load and store ([`Count`]); what is rare and has a name is
//! counted by name behind a lock that only a reader contends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fezz_proto::{Cause, HandshakeFault, Instant, Notice, Phase, Summary, Usual};

use super::functions::{CallTable, Calls, FunctionLabels};
use super::requests::{RequestTable, Requests};
use super::table::{Cap, LABEL_SETS_MAX};
use crate::count::{Count, Histogram};
use crate::exchange::Exchange;
use crate::listen::AcceptFault;
use crate::observe::Observer;
use crate::peer::{ProxyFault, Rejection};

/// Bounds of the time that an event waits for its loop: 0.1 ms to 1 s.
pub(crate) const LAG_BOUNDS_US: [u64; 13] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// Bounds of the time that a TLS handshake takes: 0.5 ms to 10 s.
pub(crate) const HANDSHAKE_BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// Phases in which and causes for which connections ended.
pub(crate) const ENDINGS: usize = Phase::ALL.len() * Cause::ALL.len();

/// Counts by names of this program's own.
pub(crate) type ByName<const NAMES: usize> = Mutex<BTreeMap<[&'static str; NAMES], u64>>;

/// The label sets that have numbers of their own, in all loops of a server.
#[derive(Clone, Debug)]
pub(crate) struct Caps {
    requests: Arc<Cap<u64>>,
    functions: Arc<Cap<FunctionLabels>>,
}

impl Default for Caps {
    fn default() -> Self {
        let requests = Arc::new(Cap::new(LABEL_SETS_MAX));
        Self { requests, functions: Arc::new(Cap::new(LABEL_SETS_MAX)) }
    }
}

/// The numbers of one loop.
#[derive(Debug)]
pub(crate) struct Board {
    /// By the number of the listener.
    pub(crate) accepted: Box<[Count]>,
    pub(crate) shed: Count,
    pub(crate) heads: Count,
    pub(crate) dispatched: Count,
    pub(crate) replied: [Count; 6],
    pub(crate) answered: Count,
    pub(crate) stale: Count,
    pub(crate) kept: Count,
    pub(crate) received_bytes: Count,
    pub(crate) sent_bytes: Count,
    pub(crate) closed: [Count; ENDINGS],
    pub(crate) timed_out: [Count; Phase::ALL.len()],
    pub(crate) handshake_failed: [Count; HandshakeFault::ALL.len()],
    pub(crate) rejected: [Count; Rejection::NAMES.len()],
    pub(crate) proxy_faults: [Count; ProxyFault::ALL.len()],
    pub(crate) forbidden: Count,
    pub(crate) dropped: Count,
    pub(crate) buffered_bytes: Count,
    pub(crate) lag: Histogram,
    pub(crate) handshake: Histogram,
    pub(crate) accept_failed: ByName<1>,
    pub(crate) refused: ByName<1>,
    /// By version, and whether they were resumed.
    pub(crate) secured: ByName<2>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) calls: Arc<Calls>,
}

impl Board {
    /// One board for each loop of a server with so many listeners.
    pub(crate) fn for_loops(loops: usize, listeners: usize) -> Arc<[Arc<Self>]> {
        let caps = Caps::default();
        (0..loops).map(|_| Arc::new(Self::new(listeners, &caps))).collect()
    }

    pub(crate) fn new(listeners: usize, caps: &Caps) -> Self {
        Self {
            accepted: (0..listeners).map(|_| Count::default()).collect(),
            shed: Count::default(),
            heads: Count::default(),
            dispatched: Count::default(),
            replied: Default::default(),
            answered: Count::default(),
            stale: Count::default(),
            kept: Count::default(),
            received_bytes: Count::default(),
            sent_bytes: Count::default(),
            closed: std::array::from_fn(|_| Count::default()),
            timed_out: Default::default(),
            handshake_failed: Default::default(),
            rejected: Default::default(),
            proxy_faults: Default::default(),
            forbidden: Count::default(),
            dropped: Count::default(),
            buffered_bytes: Count::default(),
            lag: Histogram::new(&LAG_BOUNDS_US),
            handshake: Histogram::new(&HANDSHAKE_BOUNDS_US),
            accept_failed: Mutex::default(),
            refused: Mutex::default(),
            secured: Mutex::default(),
            requests: Arc::new(Requests::new(&caps.requests)),
            calls: Arc::new(Calls::new(&caps.functions)),
        }
    }
}

/// Adds one to what is counted by name.
fn tick<const NAMES: usize>(counts: &ByName<NAMES>, names: [&'static str; NAMES]) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(names).or_default() += 1;
}

/// The one who writes on a board.
#[derive(Debug)]
pub(crate) struct Scribe {
    board: Arc<Board>,
    requests: RequestTable,
    calls: CallTable,
}

impl Scribe {
    pub(crate) fn new(board: &Arc<Board>) -> Self {
        Self {
            board: Arc::clone(board),
            requests: RequestTable::new(Arc::clone(&board.requests)),
            calls: CallTable::new(Arc::clone(&board.calls)),
        }
    }

    /// A connection came by the listener with that number.
    pub(crate) fn accept(&self, listener: usize) {
        if let Some(count) = self.board.accepted.get(listener) {
            count.add(1);
        }
    }

    /// A head is about to be judged.
    #[inline]
    pub(crate) fn begin(&self, exchange: &Exchange, secured: bool) {
        self.requests.begin(exchange, secured);
    }

    /// An exchange is over.
    #[inline]
    pub(crate) fn finish(&mut self, one: &Summary, exchange: Option<&Exchange>, secured: bool) {
        self.requests.finish(one, exchange, secured);
        if let Some(exchange) = exchange {
            self.calls.finish(one, exchange);
        }
    }

    /// What every request of a turn did.
    pub(crate) fn usual(&self, usual: &Usual) {
        let board = &*self.board;
        board.heads.add(usual.heads);
        board.dispatched.add(usual.dispatched);
        for (count, more) in board.replied.iter().zip(usual.replied) {
            count.add(more);
        }
        board.kept.add(usual.kept);
        board.received_bytes.add(usual.received_bytes);
        board.sent_bytes.add(usual.sent_bytes);
    }

    /// A TLS handshake finished after so many microseconds.
    pub(crate) fn secure(&self, version: &'static str, resumed: bool, took_us: u64) {
        tick(&self.board.secured, [version, if resumed { "true" } else { "false" }]);
        self.board.handshake.observe(took_us);
    }

    /// A turn took so long: what came at its begin waited for all of it.
    #[inline]
    pub(crate) fn turn(&self, took_us: u64, buffered_bytes: u64) {
        self.board.lag.observe(took_us);
        self.board.buffered_bytes.set(buffered_bytes);
    }
}

impl Observer for Scribe {
    fn notice(&mut self, _at: Instant, what: &Notice) {
        let board = &*self.board;
        match what {
            // Counted where the listener is known, and where the session is.
            Notice::Accepted | Notice::Secured => {}
            // Counted where it happens: see `Self::usual`.
            Notice::HeadDone
            | Notice::Dispatched
            | Notice::Replied { .. }
            | Notice::Kept
            | Notice::Received { .. }
            | Notice::Sent { .. } => {}
            Notice::Shed => board.shed.add(1),
            Notice::HandshakeFailed(why) => raise(&board.handshake_failed, *why as usize),
            Notice::Refused(why) => tick(&board.refused, [why.name()]),
            Notice::Answered { .. } => board.answered.add(1),
            Notice::StaleReply => board.stale.add(1),
            Notice::TimedOut(phase) => raise(&board.timed_out, *phase as usize),
            Notice::Closed(phase, cause) => {
                raise(&board.closed, *phase as usize * Cause::ALL.len() + *cause as usize);
            }
            Notice::Forbidden(_) => board.forbidden.add(1),
        }
    }

    fn accept_failed(&mut self, _at: Instant, why: AcceptFault) {
        tick(&self.board.accept_failed, [why.name()]);
    }

    fn rejected(&mut self, _at: Instant, why: Rejection) {
        raise(&self.board.rejected, why.place());
        if let Rejection::Proxy(fault) = why {
            raise(&self.board.proxy_faults, fault as usize);
        }
    }

    fn notices_dropped(&mut self, _at: Instant, count: u64) {
        self.board.dropped.add(count);
    }
}

#[inline]
fn raise(counts: &[Count], place: usize) {
    if let Some(count) = counts.get(place) {
        count.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_lists_are_those_of_the_lists_of_all() {
        assert!(Phase::ALL.iter().enumerate().all(|(place, one)| *one as usize == place));
        assert!(Cause::ALL.iter().enumerate().all(|(place, one)| *one as usize == place));
        assert!(ProxyFault::ALL.iter().enumerate().all(|(place, one)| *one as usize == place));
        assert!(HandshakeFault::ALL.iter().enumerate().all(|(place, one)| *one as usize == place));
    }
}
