//! What the roster knows of one callee: its limits, its line, its calls, and how many may start.

use super::breaker::Breaker;
use super::shelf::Line;
use super::{CalleeId, CalleeLimits};

/// Whether somebody renews the callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Gate {
    Open,
    /// Whoever takes its next job renews it first.
    Stale,
    /// Nobody takes its jobs until that renewal ends.
    Renewing(u32),
}

/// One callee.
#[derive(Clone, Debug)]
pub(super) struct Callee {
    pub(super) limits: CalleeLimits,
    /// Its jobs that wait.
    pub(super) line: Line,
    /// Its calls that hold a worker's place.
    pub(super) running: u32,
    /// Its calls that were abandoned and have not come back.
    pub(super) abandoned: u32,
    /// Calls that may hold a place at once, as things are: see [`Self::survey`].
    room: u32,
    /// What its latest job said.
    pub(super) short: bool,
    /// Whether the circuit or the gate needs a look: the exception.
    pub(super) unusual: bool,
    pub(super) breaker: Breaker,
    pub(super) gate: Gate,
}

impl Callee {
    /// A limit of zero calls would be a function that never runs: it counts as one.
    pub(super) fn new(limits: CalleeLimits) -> Self {
        let limits = CalleeLimits {
            running_max: limits.running_max.max(1),
            in_flight_max: limits.in_flight_max.max(1),
            abandoned_max: limits.abandoned_max.max(1),
            quarantine_us: limits.quarantine_us,
        };
        Self {
            limits,
            line: Line::EMPTY,
            running: 0,
            abandoned: 0,
            room: 0,
            short: false,
            unusual: false,
            breaker: Breaker::new(limits.quarantine_us),
            gate: Gate::Open,
        }
    }

    /// Waiting jobs that may start now, were there workers for all.
    #[inline]
    pub(super) fn ready(&self) -> u32 {
        self.line.len().min(self.room.saturating_sub(self.running))
    }

    /// Whether one more job may start now, beside those that wait.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.line.len().saturating_add(self.running) < self.room
    }

    /// Jobs that wait or run.
    #[inline]
    pub(super) const fn in_flight(&self) -> u32 {
        self.line.len() + self.running
    }

    /// Computes anew how many calls may hold a place. `places_max` is what is left to a callee that
    /// is not known to be short.
    pub(super) fn survey(&mut self, places_max: u32) {
        let closed = matches!(self.gate, Gate::Renewing(_)) || !self.breaker.lets_start();
        self.room = match (closed, self.short) {
            (true, _) => 0,
            (false, true) => self.free(),
            (false, false) => self.free().min(places_max),
        };
        self.unusual = self.gate != Gate::Open || self.breaker.is_unusual();
    }

    /// Calls that its own limit allows beside those that were abandoned: it is still inside them.
    pub(super) const fn free(&self) -> u32 {
        self.limits.running_max.saturating_sub(self.abandoned)
    }

    /// Whether so many calls are abandoned that it cannot be trusted. Nothing more can run when all
    /// that may run at once are, so that is enough.
    pub(super) fn has_failed(&self) -> bool {
        self.abandoned >= self.limits.abandoned_max.min(self.limits.running_max)
    }
}

/// One call that a worker makes, for as long as it lasts: what the roster must be told when it ends
/// one way or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    pub(super) callee: CalleeId,
    pub(super) long: bool,
    pub(super) on_trial: bool,
    pub(super) renews: bool,
    /// The number of the trial, of the renewal, or of both.
    pub(super) number: u32,
}

impl Call {
    /// A call that is neither a trial nor renews.
    pub(super) const fn plain(callee: CalleeId, long: bool) -> Self {
        Self { callee, long, on_trial: false, renews: false, number: 0 }
    }

    /// The number of the trial.
    pub(super) const fn trial(self) -> Option<u32> {
        if self.on_trial { Some(self.number) } else { None }
    }

    /// Whom it calls.
    #[must_use]
    pub const fn callee(self) -> CalleeId {
        self.callee
    }

    /// Whether it may be long: the job did not say it was short, or it is on trial.
    #[must_use]
    pub const fn is_long(self) -> bool {
        self.long
    }

    /// Whether the callee is on trial, and this call decides.
    #[must_use]
    pub const fn is_trial(self) -> bool {
        self.on_trial
    }

    /// The renewal that has to be made before the call, if one has.
    #[must_use]
    pub const fn renewal(self) -> Option<Renewal> {
        let Self { callee, number, .. } = self;
        if self.renews { Some(Renewal { callee, number }) } else { None }
    }
}

/// The right to renew a callee while nobody takes its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Renewal {
    pub(super) callee: CalleeId,
    pub(super) number: u32,
}
