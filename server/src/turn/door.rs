//! Who is let in at all, and who leaves so that somebody else can come.

use std::net::IpAddr;

use fezz_proto::Instant;

use super::Loop;
use crate::listen::Listener;
use crate::peer::{Rejection, Trust};

/// Idle connections that leave when descriptors run out. They take their time, and somebody waits.
const SHED_AT_ONCE_MAX: usize = 8;

impl Loop {
    /// Whether a connection of `peer` is taken; true when it counts among those of its address.
    pub(super) fn let_in(&self, peer: IpAddr, trust: &Trust) -> Result<bool, Rejection> {
        if trust.announces {
            // Whoever it speaks for counts, once that is known.
            return if trust.is_proxy(peer) { Ok(false) } else { Err(Rejection::Denied) };
        }
        if trust.is_exempt(peer) {
            return Ok(false);
        }
        if self.dispatcher.headcount.enter(peer) { Ok(true) } else { Err(Rejection::LimitIp) }
    }

    pub(super) fn reject(&mut self, why: Rejection, now: Instant) {
        self.dispatcher.audience.rejected(now, why);
    }

    /// Tells of the connections that turned out not to be served.
    pub(super) fn report_rejected(&mut self, now: Instant) {
        if self.lists.scratch.rejected.is_empty() {
            return;
        }
        let mut rejected = std::mem::take(&mut self.lists.scratch.rejected);
        for why in rejected.drain(..) {
            self.reject(why, now);
        }
        self.lists.scratch.rejected = rejected;
    }

    /// No descriptor is left for a connection that waits: idle ones leave, here or elsewhere.
    pub(super) fn starve(&mut self, now: Instant) {
        self.reject(Rejection::Descriptors, now);
        if self.spare(now) {
            return;
        }
        for (control, outbound) in self.all.iter() {
            if !std::sync::Arc::ptr_eq(control, &self.control) {
                control.asks.starve();
                outbound.wake();
            }
        }
    }

    /// Lets idle connections leave; false when there is none.
    fn spare(&mut self, now: Instant) -> bool {
        let mut left = 0;
        while left < SHED_AT_ONCE_MAX
            && let Some(leaving) = self.hub.handle_starved(now)
        {
            self.list(leaving);
            left += 1;
        }
        left > 0
    }

    /// Does what others asked for.
    pub(super) fn hear(&mut self, now: Instant) {
        let Some(asked) = self.control.asks.take() else { return };
        if let Some(tuning) = asked.tuning {
            self.hub.set_limits(tuning.limits);
            self.tuning = tuning;
            // There may be more room than there was.
            self.listeners.iter_mut().for_each(Listener::resume);
        }
        if asked.starved {
            self.spare(now);
        }
    }
}
