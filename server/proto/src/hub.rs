//! Many connections: places, tickets, capacity, deadlines, drain.
//!
//! A hub belongs to one loop. It has the methods of a connection with a [`ConnId`] in front, and
//! ignores an id whose connection is gone.

mod at;
mod room;
mod told;

use alloc::boxed::Box;
use alloc::vec::Vec;

use fezz_parser::{Head, Resume, parse_head};
use slab::Slab;

use crate::action::{Action, Admission, Opening};
use crate::conn::Conn;
use crate::limits::{Checked, Limits};
use crate::notice::{HandshakeFault, Notice};
use crate::output::{Reply, SECURED_FIELDS_BYTES_MAX};
use crate::phase::{Event, Phase};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::ticket::{ConnId, Ticket};
use crate::time::Instant;
use crate::wheel::Wheel;

pub use self::at::{At, Outlook};

/// Connections for which room is made ahead; for more it is made when they come.
const PLACES_RESERVED_MAX: u32 = 1 << 16;

/// How a hub's life goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// New connections are taken.
    Serving,
    /// No new connections; present ones finish what they are doing.
    Draining,
}

/// The connections of one loop, and everything that decides about them.
///
/// **The driver's rule:** after every `handle_*`, poll actions until `None` before the next
/// `handle_*` on that connection; `unsent`, `wants_read` and `recv_space` are true until the next
/// `handle_*`; when a connection has nothing more to do for now, [`Hub::settle`] it, which arms its
/// deadline. Time never goes backwards.
#[derive(Debug)]
pub struct Hub {
    conns: Slab<Conn>,
    shared: Shared,
    wheel: Wheel,
    stage: Stage,
    generation: u32,
    shed_hand: usize,
    /// The next connection may have a place beyond the limit.
    granted: bool,
    due: Vec<u32>,
}

impl Hub {
    /// An empty hub.
    #[must_use]
    pub fn new(limits: Checked) -> Self {
        Self {
            conns: Slab::new(),
            shared: Shared::new(limits),
            wheel: Wheel::new(),
            stage: Stage::Serving,
            generation: 0,
            shed_hand: 0,
            granted: false,
            due: Vec::new(),
        }
    }

    /// Makes room for as many connections as there may be; the number of places. Memory that nobody
    /// has used costs addresses and nothing else, while a table that grows leaves its former places
    /// behind in the heap.
    pub fn reserve(&mut self) -> usize {
        let places = self.shared.limits.connections_max.min(PLACES_RESERVED_MAX) as usize;
        let places = places + room::SHED_OVER_MAX;
        self.conns.reserve_exact(places);
        self.wheel.reserve(places);
        places
    }

    // ---- what is true now ----

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Connections present, whatever their phase.
    #[must_use]
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    /// Whether no connection is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    /// Whether the hub serves or drains.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Connections that owe or are owed something: neither idle nor lingering.
    #[must_use]
    pub fn busy(&self) -> usize {
        let rests =
            |conn: &Conn| matches!(conn.phase(), Phase::Idle | Phase::Linger | Phase::Closed);
        self.conns.iter().filter(|(_, conn)| !rests(conn)).count()
    }

    /// Connections by the place of their phase in [`Phase::ALL`]. Looks at each of them.
    #[must_use]
    pub fn census(&self) -> [u32; Phase::ALL.len()] {
        let mut census = [0; Phase::ALL.len()];
        for (_, conn) in &self.conns {
            if let Some(count) = census.get_mut(conn.phase() as usize) {
                *count += 1;
            }
        }
        census
    }

    /// Whether one more connection fits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.conns.len() < self.shared.limits.connections_max as usize
    }

    /// The phase of a connection; `None` when it is gone.
    #[must_use]
    pub fn phase(&self, id: ConnId) -> Option<Phase> {
        self.find(id).map(Conn::phase)
    }

    /// Octets of content held by all requests of this hub.
    #[must_use]
    pub const fn body_bytes_held(&self) -> u64 {
        self.shared.body_bytes_held
    }

    /// When a connection entered its phase.
    #[must_use]
    pub fn entered(&self, id: ConnId) -> Option<Instant> {
        self.find(id).map(Conn::entered)
    }

    /// Whether octets received now would be of use.
    #[must_use]
    #[inline]
    pub fn wants_read(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(Conn::wants_read)
    }

    /// The number of octets in [`Hub::unsent`].
    #[must_use]
    #[inline]
    pub fn unsent_bytes(&self, id: ConnId) -> u64 {
        self.find(id).map_or(0, Conn::unsent_bytes)
    }

    /// Everything promised to the peer and not sent: one gather write.
    #[must_use]
    #[inline]
    pub fn unsent(&self, id: ConnId) -> [&[u8]; 4] {
        self.find(id).map_or([&[]; 4], Conn::unsent)
    }

    /// When the driver must call [`Hub::handle_timeouts`] at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.wheel.next_due()
    }

    /// The one deadline of a connection.
    #[must_use]
    pub fn deadline(&self, id: ConnId) -> Option<Instant> {
        self.find(id).and_then(|conn| conn.deadline(&self.shared.limits))
    }

    /// The connection to which a ticket belongs, while its exchange waits for the answer.
    #[must_use]
    #[inline]
    pub fn holder(&self, ticket: Ticket) -> Option<ConnId> {
        let conn = self.conns.get(ticket.index as usize)?;
        conn.waits_for(ticket)
            .then_some(ConnId { index: ticket.index, generation: conn.generation })
    }

    /// The head that waits for a verdict. Valid from [`Action::Route`] to the admission or refusal.
    #[inline]
    pub fn head(&mut self, id: ConnId) -> Option<Head<'_>> {
        let conn = self.conns.get(id.index as usize)?;
        if conn.generation != id.generation || conn.phase() != Phase::Route {
            return None;
        }
        if self.shared.index_exchange != conn.exchange() {
            // Another head was read while this one's verdict was pending.
            let mut resume = Resume::default();
            let limits = &self.shared.limits.head;
            parse_head(conn.inbox(), limits, &mut resume, &mut self.shared.index).ok()??;
            self.shared.index_exchange = conn.exchange();
        }
        Some(Head::new(conn.inbox(), &self.shared.index))
    }

    // ---- what happens ----

    /// A connection was accepted. `None` when there is no room or the hub drains.
    pub fn handle_accepted(&mut self, secure: bool, now: Instant) -> Option<ConnId> {
        self.handle_opened(Opening { secure, proxied: false }, now)
    }

    /// A connection was accepted that may begin with a PROXY header. `None` when there is no room
    /// or the hub drains.
    pub fn handle_opened(&mut self, opening: Opening, now: Instant) -> Option<ConnId> {
        if self.stage == Stage::Draining || !(self.has_room() || self.granted) {
            return None;
        }
        self.granted = false;
        self.generation = self.generation.wrapping_add(1);
        let index = self.conns.insert(Conn::open(self.generation, opening, now));
        let id = ConnId { index: u32::try_from(index).ok()?, generation: self.generation };
        self.shared.notice(Notice::Accepted);
        self.settle(id);
        Some(id)
    }

    /// Where the next octets should land: head buffer, envelope or discard area; empty when none
    /// are wanted.
    #[inline]
    pub fn recv_space(&mut self, id: ConnId) -> &mut [u8] {
        match find(&mut self.conns, id) {
            Some(conn) => conn.recv_space(&mut self.shared),
            None => &mut [],
        }
    }

    /// `bytes` octets were received into [`Hub::recv_space`].
    #[inline]
    pub fn handle_received(&mut self, id: ConnId, bytes: usize, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_received(bytes, &mut self.shared, now);
        }
    }

    /// The PROXY header is whole, and whom it speaks for may come in.
    pub fn handle_announced(&mut self, id: ConnId, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_announced(&mut self.shared, now);
        }
    }

    /// Nobody is to be served here: the connection ends without a word.
    pub fn handle_turned_away(&mut self, id: ConnId, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_event(Event::Kill, &mut self.shared, now);
        }
    }

    /// The TLS handshake finished.
    pub fn handle_secured(&mut self, id: ConnId, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_secured(&mut self.shared, now);
        }
    }

    /// The TLS handshake failed; what is left to say about it leaves before the connection does.
    pub fn handle_handshake_failed(&mut self, id: ConnId, why: HandshakeFault, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            self.shared.notice(Notice::HandshakeFailed(why));
            conn.handle_event(Event::Refused, &mut self.shared, now);
        }
    }

    /// The peer ended its side in order.
    pub fn handle_peer_eof(&mut self, id: ConnId, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_peer_eof(&mut self.shared, now);
        }
    }

    /// The connection broke.
    pub fn handle_peer_gone(&mut self, id: ConnId, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_event(Event::PeerGone, &mut self.shared, now);
        }
    }

    /// The driver takes the request whose head it judged.
    #[inline]
    pub fn handle_admitted(&mut self, id: ConnId, admission: Admission, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_admitted(admission, &mut self.shared, now);
        }
    }

    /// The driver refuses the request whose head it judged, or one that it could not hand over;
    /// `reply` stands for the refusal's own octets when it says more.
    pub fn handle_refused(&mut self, id: ConnId, why: Refusal, reply: Option<Reply>, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_refused(why, reply, &mut self.shared, now);
        }
    }

    /// The reply to the request whose head waits, whoever makes it, gets these field lines at the
    /// end of its head, each with its line end. The caller answers for them, as for those of a
    /// [`Reply`].
    pub fn set_fields(&mut self, id: ConnId, fields: Box<[u8]>) {
        if let Some(conn) = find(&mut self.conns, id)
            && conn.phase() == Phase::Route
        {
            conn.set_fields(fields);
        }
    }

    /// The driver answers the request whose head it judged, without a function and without a
    /// refusal. The connection ends with the reply when content is unread.
    pub fn handle_answered(&mut self, id: ConnId, reply: Reply, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_answered(reply, &mut self.shared, now);
        }
    }

    /// A reply for `ticket`, or the reason why there is none. Returns the connection to pump;
    /// `None` when the exchange is over, which is counted and drops the reply.
    #[inline]
    pub fn handle_reply(
        &mut self,
        ticket: Ticket,
        reply: Result<Reply, Refusal>,
        now: Instant,
    ) -> Option<ConnId> {
        let conn = self.conns.get_mut(ticket.index as usize);
        let Some(conn) = conn.filter(|conn| conn.waits_for(ticket)) else {
            self.shared.notice(Notice::StaleReply);
            if let Ok(reply) = reply {
                self.shared.pool.keep_buffer(reply.octets);
            }
            return None;
        };
        let id = ConnId { index: ticket.index, generation: conn.generation };
        match reply {
            Ok(reply) => conn.handle_reply(reply, &mut self.shared, now),
            Err(why) => conn.handle_refused(why, None, &mut self.shared, now),
        }
        Some(id)
    }

    /// `bytes` octets of [`Hub::unsent`] were taken by the stream.
    #[inline]
    pub fn handle_sent(&mut self, id: ConnId, bytes: usize, now: Instant) {
        if let Some(conn) = find(&mut self.conns, id) {
            conn.handle_sent(bytes, &mut self.shared, now);
        }
    }

    /// Looks at the deadlines that may have passed; the connections to pump are appended to
    /// `ready`.
    pub fn handle_timeouts(&mut self, now: Instant, ready: &mut Vec<ConnId>) {
        let mut due = core::mem::take(&mut self.due);
        due.clear();
        self.wheel.expire(now, &mut due, self.shared.limits.timeouts_per_turn_max as usize);
        for &index in &due {
            let Some(conn) = self.conns.get_mut(index as usize) else { continue };
            match conn.deadline(&self.shared.limits) {
                Some(deadline) if deadline <= now => {
                    conn.handle_timeout(&mut self.shared, now);
                    ready.push(ConnId { index, generation: conn.generation });
                }
                Some(deadline) => self.wheel.book(index, deadline),
                None => {}
            }
        }
        self.due = due;
    }

    /// No new requests are begun, but the first ones of connections that have just come;
    /// connections to pump are appended to `ready`.
    pub fn handle_drain(&mut self, now: Instant, ready: &mut Vec<ConnId>) {
        self.handle_all(Conn::handle_drain, now, ready);
    }

    /// Every connection ends now; connections to pump are appended to `ready`.
    pub fn handle_kill(&mut self, now: Instant, ready: &mut Vec<ConnId>) {
        let kill = |conn: &mut Conn, shared: &mut Shared, now| {
            conn.handle_event(Event::Kill, shared, now);
        };
        self.handle_all(kill, now, ready);
    }

    fn handle_all(
        &mut self,
        handle: impl Fn(&mut Conn, &mut Shared, Instant),
        now: Instant,
        ready: &mut Vec<ConnId>,
    ) {
        self.stage = Stage::Draining;
        for (index, conn) in &mut self.conns {
            handle(conn, &mut self.shared, now);
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            ready.push(ConnId { index, generation: conn.generation });
        }
    }

    // ---- what to do next ----

    /// The next thing the connection asks of the driver.
    #[inline(always)]
    pub fn poll_action(&mut self, id: ConnId) -> Option<Action> {
        self.at(id)?.poll_action()
    }

    /// Nothing more to do for this connection until something happens: buffers it does not need go
    /// back and its deadline is armed.
    #[inline]
    pub fn settle(&mut self, id: ConnId) {
        if let Some(at) = self.at(id) {
            at.settle();
        }
    }

    /// Forgets a connection whose socket is released. Its place may be used again from here on.
    pub fn remove(&mut self, id: ConnId) {
        if self.find(id).is_none() {
            return;
        }
        self.wheel.cancel(id.index);
        self.conns.remove(id.index as usize).dissolve(&mut self.shared);
    }

    /// Sets the text of the `date` field (RFC 9110 §6.6.1).
    pub fn set_date(&mut self, date: [u8; 29]) {
        self.shared.tails.set_date(date);
    }

    /// Sets field lines, each with its CRLF, that every reply on a secured connection ends with.
    ///
    /// # Errors
    ///
    /// Their number of octets, when it is above [`SECURED_FIELDS_BYTES_MAX`].
    pub fn set_secured_fields(&mut self, lines: &[u8]) -> Result<(), usize> {
        if lines.len() > SECURED_FIELDS_BYTES_MAX {
            return Err(lines.len());
        }
        self.shared.tails.set_secured_fields(lines);
        Ok(())
    }

    /// An empty buffer, for an envelope or a reply.
    #[inline]
    pub fn buffer(&mut self) -> Vec<u8> {
        self.shared.pool.buffer()
    }

    /// Takes a buffer back for later use.
    pub fn keep_buffer(&mut self, buffer: Vec<u8>) {
        self.shared.pool.keep_buffer(buffer);
    }

    #[inline]
    fn find(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(id.index as usize).filter(|conn| conn.generation == id.generation)
    }
}

#[inline]
fn find(conns: &mut Slab<Conn>, id: ConnId) -> Option<&mut Conn> {
    conns.get_mut(id.index as usize).filter(|conn| conn.generation == id.generation)
}
