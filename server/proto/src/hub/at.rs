//! One connection found once, for what its driver does with it in a row.
//!
//! A driver that moves octets asks and tells several things of the same connection; each of the
//! hub's own methods looks for it again.

use super::{Hub, find};
use crate::action::Action;
use crate::conn::Conn;
use crate::phase::Event;
use crate::shared::Shared;
use crate::ticket::ConnId;
use crate::time::Instant;
use crate::wheel::Wheel;

/// What stands between a connection and its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// See [`Hub::unsent_bytes`].
    pub unsent_bytes: u64,
    /// See [`Hub::wants_read`].
    pub wants_read: bool,
}

/// A connection of a hub. The driver's rule is that of [`Hub`].
#[derive(Debug)]
pub struct At<'h> {
    index: u32,
    conn: &'h mut Conn,
    shared: &'h mut Shared,
    wheel: &'h mut Wheel,
}

impl Hub {
    /// A connection; `None` when it is gone.
    #[inline(always)]
    pub fn at(&mut self, id: ConnId) -> Option<At<'_>> {
        let conn = find(&mut self.conns, id)?;
        Some(At { index: id.index, conn, shared: &mut self.shared, wheel: &mut self.wheel })
    }
}

impl At<'_> {
    /// See [`Hub::poll_action`].
    #[inline(always)]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.conn.poll_action(self.index, self.shared)
    }

    /// What stands between the connection and its peer.
    #[must_use]
    #[inline(always)]
    pub fn outlook(&self) -> Outlook {
        Outlook { unsent_bytes: self.conn.unsent_bytes(), wants_read: self.conn.wants_read() }
    }

    /// See [`Hub::unsent`].
    #[must_use]
    #[inline(always)]
    pub fn unsent(&self) -> [&[u8]; 4] {
        self.conn.unsent()
    }

    /// See [`Hub::recv_space`].
    #[inline(always)]
    pub fn recv_space(&mut self) -> &mut [u8] {
        self.conn.recv_space(self.shared)
    }

    /// See [`Hub::handle_received`].
    #[inline(always)]
    pub fn handle_received(&mut self, bytes: usize, now: Instant) {
        self.conn.handle_received(bytes, self.shared, now);
    }

    /// See [`Hub::handle_sent`].
    #[inline(always)]
    pub fn handle_sent(&mut self, bytes: usize, now: Instant) {
        self.conn.handle_sent(bytes, self.shared, now);
    }

    /// See [`Hub::handle_peer_eof`].
    pub fn handle_peer_eof(&mut self, now: Instant) {
        self.conn.handle_peer_eof(self.shared, now);
    }

    /// See [`Hub::handle_peer_gone`].
    pub fn handle_peer_gone(&mut self, now: Instant) {
        self.conn.handle_event(Event::PeerGone, self.shared, now);
    }

    /// See [`Hub::settle`].
    #[inline]
    pub fn settle(self) {
        self.conn.settle(self.shared);
        if let Some(deadline) = self.conn.deadline(&self.shared.limits) {
            self.wheel.book(self.index, deadline);
        }
    }
}
