//! What an exchange costs is kept with it, and told when it is over.

use super::{Conn, Due};
use crate::phase::{Event, Phase};
use crate::shared::Shared;
use crate::summary::{End, Summary};
use crate::time::Instant;

impl Conn {
    /// The first octet of a request was looked at.
    pub(super) fn begin_exchange(&mut self, shared: &mut Shared, now: Instant) {
        self.exchange = shared.next_exchange();
        self.served += 1;
        if let Some(work) = self.work.as_mut() {
            // Its reply was promised, and the driver has not looked since.
            if core::mem::take(&mut self.pending.over) {
                debug_assert!(work.earlier.is_none(), "nobody listens");
                work.earlier = Some(work.account);
            }
            work.account = Summary::begin(self.exchange, self.served, now);
        }
        self.fire(Event::Started, shared, now);
    }

    /// `event` leads from the present phase to the phase `to`.
    #[inline]
    pub(super) fn account(&mut self, to: Phase, event: Event, now: Instant) {
        let from = self.phase;
        if !in_exchange(from) {
            return;
        }
        let Some(work) = self.work.as_mut() else { return };
        let took_us = now.micros_since(self.pace.entered());
        let account = &mut work.account;
        account.took(from, took_us);
        if in_exchange(to) {
            return;
        }
        if from == Phase::Head {
            account.received_bytes = work.inbox.len() as u64;
        }
        account.end = End::of(event);
        self.pending.add(Due::Finished);
        self.pending.over = true;
    }

    /// The exchange before the present one, if that is to be told of.
    #[inline]
    pub(super) fn take_earlier(&mut self) -> Option<Summary> {
        // Rarely there, and long.
        let work = self.work.as_mut().filter(|work| work.earlier.is_some())?;
        if !self.pending.over {
            self.pending.take(Due::Finished);
        }
        work.earlier.take()
    }
}

/// Whether a connection in that phase has an exchange.
const fn in_exchange(phase: Phase) -> bool {
    match phase {
        Phase::Head | Phase::Route | Phase::Body | Phase::Handle | Phase::Write => true,
        Phase::Handshake | Phase::Idle | Phase::Linger | Phase::Closed => false,
    }
}
