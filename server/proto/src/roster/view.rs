//! What can be seen of a roster, for those who report and for those who test.

use super::callee::Callee;
use super::{CalleeId, Circuit, Roster};

impl<J> Roster<J> {
    /// Jobs that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waiting as usize
    }

    /// Whether no job waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Workers that sleep.
    #[must_use]
    pub const fn sleepers(&self) -> usize {
        self.watch.sleepers() as usize
    }

    /// Workers inside calls that may be long.
    #[must_use]
    pub const fn in_long_calls(&self) -> usize {
        self.watch.in_long_calls() as usize
    }

    /// Abandoned calls that have not come back.
    #[must_use]
    pub const fn abandoned_total(&self) -> u32 {
        self.abandoned
    }

    /// Calls that may be abandoned beside those that are.
    #[must_use]
    pub const fn abandon_room(&self) -> u32 {
        self.limits.abandoned_max.saturating_sub(self.abandoned)
    }

    /// Abandoned calls of `callee` that have not come back.
    #[must_use]
    pub fn abandoned(&self, callee: CalleeId) -> u32 {
        self.callees.get(callee.place()).map_or(0, |callee| callee.abandoned)
    }

    /// Calls of `callee` that hold a worker's place.
    #[must_use]
    pub fn running(&self, callee: CalleeId) -> u32 {
        self.callees.get(callee.place()).map_or(0, |callee| callee.running)
    }

    /// Jobs of `callee` that wait or run.
    #[must_use]
    pub fn in_flight(&self, callee: CalleeId) -> u32 {
        self.callees.get(callee.place()).map_or(0, Callee::in_flight)
    }

    /// Whether calls of `callee` are admitted.
    #[must_use]
    pub fn circuit(&self, callee: CalleeId) -> Circuit {
        self.callees.get(callee.place()).map_or(Circuit::Closed, |callee| callee.breaker.circuit())
    }
}
