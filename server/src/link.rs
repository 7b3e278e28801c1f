//! One stream with sticky readiness, and the only function that moves octets: [`pump`].

use fezz_proto::{Action, ConnId, Hub, Instant, Ticket, Void};
use fezz_wire::Layout;

use crate::crew::Served;
use crate::transport::{Moved, Stream, Transport};

/// Octets one connection may move in one turn before the others have theirs.
const PUMP_BYTES_MAX: usize = 256 * 1024;

/// A read that filled less than the space offered has emptied the socket, and a write that took
/// less than it was given has filled it: epoll(7) allows the conclusion for stream sockets, and
/// saves one system call in three. Where that is not promised (kqueue), the call that says so is
/// made.
const SHORT_MEANS_BLOCKED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The text of a peer's address, without its port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientIp {
    octets: [u8; Self::BYTES_MAX],
    filled: u8,
}

impl ClientIp {
    /// The longest text: an IPv6 address with an embedded IPv4 one.
    const BYTES_MAX: usize = 45;

    pub(crate) fn of(address: std::net::IpAddr) -> Self {
        use std::io::Write;
        let mut text = Self { octets: [0; Self::BYTES_MAX], filled: 0 };
        let mut room = text.octets.as_mut_slice();
        // The longest text fits by definition of BYTES_MAX, so that this cannot fail.
        if write!(room, "{}", address.to_canonical()).is_ok() {
            let left = room.len();
            text.filled = u8::try_from(Self::BYTES_MAX - left).unwrap_or(0);
        }
        text
    }

    /// The text, ASCII.
    pub(crate) fn as_octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.filled)).unwrap_or_default()
    }
}

/// What the driver remembers of a connection for its judge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Whose request it is.
    pub(crate) client: ClientIp,
    /// Who answers the present request.
    pub(crate) served: Option<Served>,
    /// How the present envelope is laid out.
    pub(crate) layout: Layout,
}

/// One connection's stream.
#[derive(Debug)]
pub(crate) struct Link<S> {
    pub(crate) stream: S,
    pub(crate) transport: Transport,
    pub(crate) id: ConnId,
    pub(crate) facts: Facts,
    /// A read has not said "blocked" since the last event.
    pub(crate) readable: bool,
    /// A write has not said "blocked" since the last event.
    pub(crate) writable: bool,
    /// The peer's end was announced: a short read does not mean that nothing follows.
    pub(crate) end_announced: bool,
    /// A fault was announced: when nobody reads, nobody else would find it.
    pub(crate) broken: bool,
    /// The connection is on the list of those to pump.
    pub(crate) listed: bool,
}

/// Who decides about heads and takes requests.
pub(crate) trait Judge {
    /// Admits or refuses the head that waits.
    fn route(&mut self, hub: &mut Hub, id: ConnId, facts: &mut Facts, now: Instant);
    /// Takes a request. True when its answer will be here before the loop waits again: until then
    /// what is promised is kept together with it.
    fn dispatch(
        &mut self,
        facts: &Facts,
        ticket: Ticket,
        envelope: Vec<u8>,
        deadline: Instant,
    ) -> bool;
    /// Drops a request that nobody waits for any more.
    fn forget(&mut self, hub: &mut Hub, facts: &Facts, ticket: Ticket, why: Void);
}

/// Where a pump stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// Until something happens.
    Settled,
    /// The budget of the turn is spent; there is more to do.
    Unfinished,
    /// The connection is over; release the stream.
    Closed {
        /// With a reset.
        reset: bool,
    },
}

/// Does everything a connection can do now: actions, then what is promised, then what arrived,
/// until it is blocked. All replies that are ready leave in one gather write.
pub(crate) fn pump<S: Stream>(
    link: &mut Link<S>,
    hub: &mut Hub,
    judge: &mut impl Judge,
    now: Instant,
) -> Pumped {
    let mut budget = PUMP_BYTES_MAX;
    loop {
        match act(link, hub, judge, now) {
            Acted::All => {}
            Acted::Answering => break,
            Acted::Closed(closed) => return closed,
        }
        if budget == 0 {
            hub.settle(link.id);
            return Pumped::Unfinished;
        }
        let moved = match send(link, hub, now) {
            0 => receive(link, hub, now),
            bytes => Some(bytes),
        };
        match moved {
            Some(bytes) => budget = budget.saturating_sub(bytes),
            None => break,
        }
    }
    hub.settle(link.id);
    Pumped::Settled
}

/// How far the core's actions lead.
enum Acted {
    /// It has no more to ask.
    All,
    /// An answer will be here at once.
    Answering,
    /// The connection is over.
    Closed(Pumped),
}

/// Obeys the core until it has no more to ask.
fn act<S: Stream>(
    link: &mut Link<S>,
    hub: &mut Hub,
    judge: &mut impl Judge,
    now: Instant,
) -> Acted {
    let mut acted = Acted::All;
    while let Some(action) = hub.poll_action(link.id) {
        match action {
            Action::Route => judge.route(hub, link.id, &mut link.facts, now),
            Action::Dispatch { ticket, envelope, deadline } => {
                if judge.dispatch(&link.facts, ticket, envelope, deadline) {
                    acted = Acted::Answering;
                }
            }
            Action::Forget { ticket, why } => judge.forget(hub, &link.facts, ticket, why),
            Action::Shut => {
                if link.transport.end(&mut link.stream).is_err() {
                    hub.handle_peer_gone(link.id, now);
                }
            }
            Action::Close { reset } => return Acted::Closed(Pumped::Closed { reset }),
        }
    }
    acted
}

/// Sends what is promised; the number of octets that left.
fn send<S: Stream>(link: &mut Link<S>, hub: &mut Hub, now: Instant) -> usize {
    if !link.writable {
        return 0;
    }
    let promised = hub.unsent_bytes(link.id);
    if promised == 0 {
        return 0;
    }
    match link.transport.send(&mut link.stream, hub.unsent(link.id)) {
        Moved::Bytes(bytes) => {
            link.writable = bytes as u64 == promised || !SHORT_MEANS_BLOCKED;
            hub.handle_sent(link.id, bytes, now);
            bytes
        }
        Moved::Blocked => {
            link.writable = false;
            0
        }
        Moved::Eof | Moved::Gone => {
            link.writable = false;
            hub.handle_peer_gone(link.id, now);
            1
        }
    }
}

/// Receives what the core has room for; `None` when there is nothing to do until an event.
fn receive<S: Stream>(link: &mut Link<S>, hub: &mut Hub, now: Instant) -> Option<usize> {
    if !link.readable || !hub.wants_read(link.id) {
        if std::mem::take(&mut link.broken) {
            hub.handle_peer_gone(link.id, now);
            return Some(0);
        }
        return None;
    }
    let space = hub.recv_space(link.id);
    let room = space.len();
    match link.transport.receive(&mut link.stream, space) {
        Moved::Bytes(bytes) => {
            link.readable = bytes == room || link.end_announced || !SHORT_MEANS_BLOCKED;
            hub.handle_received(link.id, bytes, now);
            Some(bytes)
        }
        Moved::Blocked => {
            link.readable = false;
            None
        }
        Moved::Eof => {
            link.readable = false;
            hub.handle_peer_eof(link.id, now);
            Some(0)
        }
        Moved::Gone => {
            link.readable = false;
            hub.handle_peer_gone(link.id, now);
            Some(0)
        }
    }
}
