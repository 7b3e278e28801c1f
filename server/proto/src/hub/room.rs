//! Who has to leave when there is no room, and what a reload may change about that and the rest.

use super::Hub;
use crate::limits::Checked;
use crate::notice::Notice;
use crate::phase::Event;
use crate::ticket::ConnId;
use crate::time::Instant;

/// Places looked at to find an idle connection that can be shed.
const SHED_LOOKS_MAX: usize = 256;
/// Places beyond the limit for those who leave in order while their successors are served.
pub(super) const SHED_OVER_MAX: usize = 64;

impl Hub {
    /// Whether a connection could be shed for a new one. Looks at a few places, and at the next few
    /// when it is asked again.
    pub fn can_shed(&mut self, now: Instant) -> bool {
        let over_max = self.shared.limits.connections_max as usize + SHED_OVER_MAX;
        self.conns.len() < over_max && self.oldest_idle(now).is_some()
    }

    /// A new connection is here and there is no room: the oldest idle one of the next few places is
    /// told to leave, and the new one may have a place beyond the limit while that one lingers. The
    /// driver pumps the one that leaves. `None` when nobody can be spared: a connection that has
    /// just come is left the time to ask, or a storm of new ones would end each before it could.
    pub fn handle_full(&mut self, now: Instant) -> Option<ConnId> {
        if !self.can_shed(now) {
            return None;
        }
        let leaving = self.handle_starved(now);
        self.granted = leaving.is_some();
        leaving
    }

    /// Something that every connection needs has run out, descriptors for instance: the oldest idle
    /// one of the next few places is told to leave. The driver pumps it. `None` when nobody can be
    /// spared.
    pub fn handle_starved(&mut self, now: Instant) -> Option<ConnId> {
        let index = self.oldest_idle(now)?;
        let conn = self.conns.get_mut(index)?;
        self.shared.notice(Notice::Shed);
        conn.handle_event(Event::Drain, &mut self.shared, now);
        let generation = conn.generation;
        Some(ConnId { index: u32::try_from(index).ok()?, generation })
    }

    /// The oldest idle connection of a few places. The hand stays where somebody was found and goes
    /// on where nobody was, so that no stretch of busy connections hides the idle ones behind it.
    fn oldest_idle(&mut self, now: Instant) -> Option<usize> {
        // Whoever was ever here had a deadline.
        let places = self.wheel.keys().max(1);
        let looks = SHED_LOOKS_MAX.min(places);
        let found = (0..looks)
            .map(|step| (self.shed_hand + step) % places)
            .filter_map(|index| Some((self.conns.get(index)?, index)))
            .filter(|(conn, _)| conn.is_idle(now))
            .min_by_key(|(conn, _)| conn.entered())
            .map(|(_, index)| index);
        if found.is_none() {
            self.shed_hand = (self.shed_hand + looks) % places;
        }
        found
    }

    /// Sets other limits, as far as they do not size buffers: those of heads and of chunks stay.
    /// What has begun goes on, with the new deadlines; who is here stays, also where there are more
    /// than may be now.
    pub fn set_limits(&mut self, limits: Checked) {
        self.shared.limits = limits.with_sizes_of(&self.shared.limits);
        for (index, conn) in &self.conns {
            if let (Ok(index), Some(deadline)) =
                (u32::try_from(index), conn.deadline(&self.shared.limits))
            {
                self.wheel.book(index, deadline);
            }
        }
    }
}
