//! A function as its callers see it: the loaded artifact, its pace, its tally, and what is said
//! when it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fezz_abi::Stage;
use fezz_abi::host::Function;
use fezz_proto::Instant;
use fezz_proto::roster::{CalleeId, CalleeLimits, Circuit};

use super::accord::Accord;
use super::fallback::Fallback;
use super::pace::{Pace, Placement};
use super::tally::Tally;
use crate::config::LogLevel;
use crate::fault::Fault;
use crate::log;
use crate::tls::Wishes;

/// A loaded function. Artifacts are never unloaded, so that a callee lives as long as the process.
pub(crate) struct Callee {
    /// Its number in the roster.
    pub(crate) id: CalleeId,
    pub(crate) function: Arc<Function>,
    /// The name in routes and logs: with its version.
    pub(crate) name: String,
    /// Octets of it before the version, if there is one.
    plain_bytes: usize,
    pub(crate) pace: Pace,
    pub(crate) tally: Tally,
    pub(crate) fallback: Fallback,
    pub(crate) accord: Accord,
    /// What it wants to know of handshakes.
    pub(crate) tls: Wishes,
    /// Whether it asks about its calls, so that they need numbers.
    pub(crate) wants_call: bool,
    /// Microseconds of the server's clock before which its requests are refused; the roster's word
    /// counts, this spares receiving content for nothing.
    quarantined_until_us: AtomicU64,
    /// Whether no route leads to it any more.
    retired: AtomicBool,
    /// Whether it hangs in a cancellation: it is told of no other one meanwhile.
    deaf: AtomicBool,
}

/// Who answers on a route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// Whom to call.
    pub(crate) callee: &'static Callee,
    /// Whom to call when that fails: the version before it.
    pub(crate) previous: Option<&'static Callee>,
}

/// What a callee is made of.
pub(crate) struct Terms {
    pub(crate) name: String,
    /// Octets of the name before the version.
    pub(crate) plain_bytes: usize,
    pub(crate) function: Arc<Function>,
    pub(crate) placement: Placement,
    pub(crate) limits: CalleeLimits,
    pub(crate) fallback: Fallback,
    pub(crate) accord: Accord,
    pub(crate) tls: Wishes,
}

impl Callee {
    pub(crate) fn new(id: CalleeId, terms: Terms) -> Self {
        Self {
            id,
            wants_call: terms.function.exports().wants_call(),
            accord: terms.accord,
            plain_bytes: terms.plain_bytes,
            function: terms.function,
            name: terms.name,
            pace: Pace::new(terms.placement),
            tally: Tally::default(),
            fallback: terms.fallback,
            tls: terms.tls,
            quarantined_until_us: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
        }
    }

    /// Its name, and its version if it has one.
    pub(crate) fn title(&self) -> (&str, Option<&str>) {
        match self.name.split_at_checked(self.plain_bytes) {
            Some((name, version)) => (name, version.strip_prefix('@')),
            None => (&self.name, None),
        }
    }

    /// Until when its requests are refused, if they are at `now`.
    #[inline]
    pub(crate) fn quarantined(&self, now: Instant) -> Option<Instant> {
        let until = Instant::from_micros(self.quarantined_until_us.load(Ordering::Relaxed));
        (now < until).then_some(until)
    }

    /// What the roster says of its quarantine, to be told under the roster's lock. A trial is not
    /// of interest here: how long it takes nobody knows, and the roster refuses the others.
    pub(super) fn heed(&self, circuit: Circuit) {
        let until_us = match circuit {
            Circuit::Open { until } => until.as_micros(),
            Circuit::Closed | Circuit::HalfOpen => 0,
        };
        self.quarantined_until_us.store(until_us, Ordering::Relaxed);
    }

    /// No route leads to it any more; what it was promised, it still answers. True the first time.
    pub(super) fn retire(&self) -> bool {
        !self.retired.swap(true, Ordering::Relaxed)
    }

    /// Whether no route leads to it any more.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// It hangs in a cancellation, or came back from it.
    pub(super) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::Relaxed);
    }

    /// Whether telling it of a cancellation would cost another thread.
    pub(super) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Relaxed)
    }

    /// A dispatch failed: one count and one line for it.
    #[cold]
    pub(crate) fn blame(&self, fault: &Fault) {
        let Fault { stage, why } = fault;
        self.tally.error(*stage);
        // Who leaves is nobody's fault; who is late or too many may be; else the function broke
        // the contract.
        let level = match stage {
            Stage::Cancelled => LogLevel::Info,
            Stage::Timeout | Stage::Limit => LogLevel::Warn,
            _ => LogLevel::Error,
        };
        let fields = [("function", (&self.name).into()), ("stage", stage.name().into())];
        log::event(level, "fezz::dispatch", &fields, why);
    }
}

impl std::fmt::Debug for Callee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callee").field("id", &self.id).field("name", &self.name).finish()
    }
}
