//! One stream with sticky readiness, and the only function that moves octets: [`pump`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use fezz_proto::{Action, At, ConnId, Hub, Instant, Stage, Summary, Ticket, Void};

use crate::exchange::Exchange;
use crate::peer::{ProxyFault, Rejection, Source, Via};
use crate::redirect::Redirect;
use crate::tls::Secured;
use crate::transport::{Beginning, Moved, Prefaced, Scratch, Shaken, Stream, Transport};

/// Octets one connection may move in one turn before the others have theirs.
const PUMP_BYTES_MAX: usize = 256 * 1024;

/// A peer's address without its port, and its text, which every envelope has.
///
/// Most idle connections are of IPv4: those of IPv6 pay for their longer texts with a box.
#[derive(Clone, Debug)]
pub(crate) enum ClientIp {
    V4(Ipv4Addr, Text<{ Self::V4_BYTES_MAX }>),
    V6(Box<(Ipv6Addr, Text<{ Self::V6_BYTES_MAX }>)>),
}

/// A short text, ASCII.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<const BYTES: usize> {
    octets: [u8; BYTES],
    filled: u8,
}

impl<const BYTES: usize> Text<BYTES> {
    fn of(value: impl std::fmt::Display) -> Self {
        use std::io::Write;
        let mut text = Self { octets: [0; BYTES], filled: 0 };
        let mut room = text.octets.as_mut_slice();
        // The longest text fits by definition of BYTES, so that this cannot fail.
        if write!(room, "{value}").is_ok() {
            let left = room.len();
            text.filled = u8::try_from(BYTES - left).unwrap_or(0);
        }
        text
    }

    fn as_octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.filled)).unwrap_or_default()
    }
}

impl ClientIp {
    const V4_BYTES_MAX: usize = 15;
    /// An IPv6 address with an embedded IPv4 one.
    const V6_BYTES_MAX: usize = 45;

    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address, Text::of(address)),
            IpAddr::V6(address) => Self::V6(Box::new((address, Text::of(address)))),
        }
    }

    /// The address; one of IPv4 whether or not it came by IPv6.
    pub(crate) fn address(&self) -> IpAddr {
        match self {
            Self::V4(address, _) => IpAddr::V4(*address),
            Self::V6(both) => IpAddr::V6(both.0),
        }
    }

    /// Its text, ASCII.
    pub(crate) fn as_octets(&self) -> &[u8] {
        match self {
            Self::V4(_, text) => text.as_octets(),
            Self::V6(both) => both.1.as_octets(),
        }
    }
}

impl Facts {
    /// Who connected.
    pub(crate) fn peer(&self) -> IpAddr {
        self.via.as_ref().map_or_else(|| self.client.address(), |via| via.peer)
    }

    /// Among whose connections this one counts: whoever connected, or was named by its PROXY
    /// header.
    pub(crate) fn origin(&self) -> IpAddr {
        self.via.as_ref().map_or_else(|| self.client.address(), |via| via.origin)
    }
}

/// By which way a connection came.
#[derive(Debug)]
pub(crate) enum Way {
    /// Plain, to be served.
    Plain,
    /// Plain, to be sent to `https`.
    Redirect(Arc<Redirect>),
    /// With TLS; nothing is known before the handshake is done.
    Tls(Option<Box<Secured>>),
}

impl Way {
    /// Whether it has TLS.
    pub(crate) const fn is_secured(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

/// What the driver remembers of a connection for its judge.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Whose requests come.
    pub(crate) client: ClientIp,
    /// The number of the listener it came by.
    pub(crate) listener: u16,
    /// What a proxy says about that, or may say.
    pub(crate) via: Option<Box<Via>>,
    /// Whether the connection counts among those of its address.
    pub(crate) counted: bool,
    /// By which way it came.
    pub(crate) way: Way,
    /// What belongs to the present exchange, from its head on.
    pub(crate) exchange: Option<Box<Exchange>>,
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
    /// A PROXY header is whole: whoever it speaks for is let in, or not.
    fn announce(&mut self, facts: &mut Facts, source: Source) -> Result<(), Rejection>;
    /// Drops a request that nobody waits for any more.
    fn forget(&mut self, hub: &mut Hub, facts: &mut Facts, ticket: Ticket, why: Void);
    /// Takes note of a TLS handshake that finished, so long after the connection came.
    fn secure(&mut self, facts: &Facts, took_us: u64);
    /// Takes note of an exchange that is over.
    fn finish(&mut self, facts: &mut Facts, id: ConnId, summary: &Summary, now: Instant);
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
    scratch: &mut Scratch,
    now: Instant,
) -> Pumped {
    let mut budget = PUMP_BYTES_MAX;
    loop {
        let Some(mut at) = hub.at(link.id) else { return Pumped::Settled };
        let mut answering = false;
        while let Some(action) = at.poll_action() {
            match action {
                Action::Dispatch { ticket, envelope, deadline } => {
                    answering |= judge.dispatch(&link.facts, ticket, envelope, deadline);
                    continue;
                }
                // By reference: it is the longest of all actions.
                Action::Finished(ref summary) => {
                    judge.finish(&mut link.facts, link.id, summary, now);
                    continue;
                }
                Action::Route => judge.route(hub, link.id, &mut link.facts, now),
                Action::Forget { ticket, why } => judge.forget(hub, &mut link.facts, ticket, why),
                Action::Shut => shut(link, hub, now),
                Action::Close { reset } => return close(link, hub, scratch, reset),
            }
            let Some(again) = hub.at(link.id) else { return Pumped::Settled };
            at = again;
        }
        if answering {
            // More will be done at once: what settling does now it would undo then.
            return Pumped::Settled;
        }
        if link.transport.begins() {
            match shake(link, hub, judge, scratch, now) {
                Going::On => continue,
                Going::Nowhere => break,
                Going::Later => return Pumped::Unfinished,
            }
        }
        if budget == 0 {
            at.settle();
            return Pumped::Unfinished;
        }
        match move_octets(link, &mut at, scratch, now) {
            Some(bytes) => budget = budget.saturating_sub(bytes),
            None => {
                at.settle();
                return Pumped::Settled;
            }
        }
    }
    hub.settle(link.id);
    Pumped::Settled
}

/// Ends our side of the stream.
#[cold]
fn shut<S: Stream>(link: &mut Link<S>, hub: &mut Hub, now: Instant) {
    if link.transport.end(&mut link.stream).is_err() {
        hub.handle_peer_gone(link.id, now);
    }
}

/// The connection is over.
#[cold]
fn close<S: Stream>(link: &mut Link<S>, hub: &Hub, scratch: &mut Scratch, reset: bool) -> Pumped {
    scratch.handshakes_ended += u32::from(link.transport.owes_handshake());
    if reset && hub.stage() == Stage::Serving && link.transport.awaits_header() {
        scratch.rejected.push(Rejection::Proxy(ProxyFault::TooSlow));
    }
    if !reset {
        link.transport.part(&mut link.stream);
    }
    Pumped::Closed { reset }
}

/// Where a handshake leads.
enum Going {
    /// It is over, or the core has to decide.
    On,
    /// Nowhere before an event.
    Nowhere,
    /// On in another turn.
    Later,
}

/// Goes on with what comes before requests.
fn shake<S: Stream>(
    link: &mut Link<S>,
    hub: &mut Hub,
    judge: &mut impl Judge,
    scratch: &mut Scratch,
    now: Instant,
) -> Going {
    let session = match link.transport.beginning() {
        Some(Beginning::Handshake(session)) => session,
        Some(Beginning::Header) => return read_header(link, hub, judge, scratch, now),
        None => return Going::On,
    };
    let end_announced = link.end_announced;
    let shaken = session.shake(&mut link.stream, &mut link.readable, end_announced, scratch);
    match shaken {
        Shaken::Secured => {
            scratch.handshakes_ended += 1;
            link.readable |= session.holds_more();
            link.facts.way = Way::Tls(session.take_secured());
            let came = hub.entered(link.id).unwrap_or(now);
            judge.secure(&link.facts, now.micros_since(came));
            hub.handle_secured(link.id, now);
        }
        Shaken::Waiting => return Going::Later,
        Shaken::Starved | Shaken::Stuffed => {
            link.writable &= shaken != Shaken::Stuffed;
            return await_event(link, hub, now);
        }
        Shaken::Failed(why) => {
            scratch.handshakes_ended += 1;
            hub.handle_handshake_failed(link.id, why, now);
        }
        Shaken::Eof => hub.handle_peer_eof(link.id, now),
        Shaken::Gone => hub.handle_peer_gone(link.id, now),
    }
    Going::On
}

/// Nothing goes on before an event, unless the last one said that the connection is broken.
fn await_event<S: Stream>(link: &mut Link<S>, hub: &mut Hub, now: Instant) -> Going {
    if std::mem::take(&mut link.broken) {
        hub.handle_peer_gone(link.id, now);
        return Going::On;
    }
    Going::Nowhere
}

/// Goes on with a PROXY header.
#[cold]
fn read_header<S: Stream>(
    link: &mut Link<S>,
    hub: &mut Hub,
    judge: &mut impl Judge,
    scratch: &mut Scratch,
    now: Instant,
) -> Going {
    let Transport::Prefaced(preface) = &mut link.transport else { return Going::On };
    let prefaced = preface.read(&mut link.stream, &mut link.readable, link.end_announced);
    let admitted = match prefaced {
        Prefaced::Whole(source) => judge.announce(&mut link.facts, source),
        Prefaced::Failed(fault) => Err(Rejection::Proxy(fault)),
        Prefaced::Starved => return await_event(link, hub, now),
        Prefaced::Eof => {
            hub.handle_peer_eof(link.id, now);
            return Going::On;
        }
        Prefaced::Gone => {
            hub.handle_peer_gone(link.id, now);
            return Going::On;
        }
    };
    match admitted {
        Ok(()) => {
            link.readable |= link.transport.go_behind_header();
            hub.handle_announced(link.id, now);
        }
        Err(why) => {
            link.transport.give_up_header();
            scratch.rejected.push(why);
            hub.handle_turned_away(link.id, now);
        }
    }
    Going::On
}

/// Moves octets once, what is promised first; how many, or `None` when nothing moves before an
/// event.
#[inline(always)]
fn move_octets<S: Stream>(
    link: &mut Link<S>,
    at: &mut At<'_>,
    scratch: &mut Scratch,
    now: Instant,
) -> Option<usize> {
    // Asked here, because most rounds have nothing to send, or nothing to receive.
    let outlook = at.outlook();
    let promised = if link.writable { outlook.unsent_bytes } else { 0 };
    let sent = if promised > 0 { send(link, at, scratch, promised, now) } else { 0 };
    // Who tried to send in vain may have learned that nobody is there any more.
    let wants_read = if promised == 0 { outlook.wants_read } else { at.outlook().wants_read };
    let moved = match sent {
        0 if link.readable && wants_read => receive(link, at, scratch, now),
        0 => find_broken(link, at, now),
        bytes => Some(bytes),
    };
    moved.or_else(|| flush(link, at, now).then_some(0))
}

/// Sends the octets that are `promised`; how many of them left.
#[inline(always)]
fn send<S: Stream>(
    link: &mut Link<S>,
    at: &mut At<'_>,
    scratch: &mut Scratch,
    promised: u64,
    now: Instant,
) -> usize {
    match link.transport.send(&mut link.stream, at.unsent(), scratch) {
        Moved::Bytes(bytes) => {
            link.writable = link.transport.may_take_more(bytes as u64 == promised);
            at.handle_sent(bytes, now);
            bytes
        }
        Moved::Blocked => {
            link.writable = false;
            0
        }
        Moved::Eof | Moved::Gone => {
            link.writable = false;
            at.handle_peer_gone(now);
            1
        }
    }
}

/// Sends what the transport has to say beside the core, once that has nothing to say; true when the
/// connection turned out to be broken.
#[inline]
fn flush<S: Stream>(link: &mut Link<S>, at: &mut At<'_>, now: Instant) -> bool {
    if !link.writable {
        return false;
    }
    match link.transport.flush(&mut link.stream) {
        Moved::Bytes(_) => false,
        Moved::Blocked => {
            link.writable = false;
            false
        }
        Moved::Eof | Moved::Gone => {
            link.writable = false;
            at.handle_peer_gone(now);
            true
        }
    }
}

/// When nobody reads, nobody but the last event says that the connection is broken; `None` when
/// there is nothing to do until another one.
#[inline]
fn find_broken<S: Stream>(link: &mut Link<S>, at: &mut At<'_>, now: Instant) -> Option<usize> {
    std::mem::take(&mut link.broken).then(|| {
        at.handle_peer_gone(now);
        0
    })
}

/// Receives what the core has room for; `None` when there is nothing to do until an event.
#[inline(always)]
fn receive<S: Stream>(
    link: &mut Link<S>,
    at: &mut At<'_>,
    scratch: &mut Scratch,
    now: Instant,
) -> Option<usize> {
    let space = at.recv_space();
    let room = space.len();
    match link.transport.receive(&mut link.stream, space, scratch) {
        Moved::Bytes(bytes) => {
            link.readable = link.transport.may_have_more(bytes == room) || link.end_announced;
            at.handle_received(bytes, now);
            Some(bytes)
        }
        Moved::Blocked => {
            link.readable = false;
            None
        }
        Moved::Eof => {
            link.readable = false;
            at.handle_peer_eof(now);
            Some(0)
        }
        Moved::Gone => {
            link.readable = false;
            at.handle_peer_gone(now);
            Some(0)
        }
    }
}
