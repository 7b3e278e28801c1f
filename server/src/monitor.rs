//! Who watches the server is served here: metrics and health, on an address and a thread of their
//! own.
//!
//! The connections are those of the server's core, with its limits and deadlines, only fewer and
//! shorter: who reads slowly, sends garbage or opens many connections is refused as he would be
//! there, and holds up nobody else. No loop of the server has a part in it.

mod answers;
mod pulses;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fezz_parser::HeadLimits;
use fezz_proto::{ConnId, Hub, Instant, Limits, PaceLimits};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Waker};

use self::answers::Answers;
use crate::clock::Clock;
use crate::error::{StartError, Task};
use crate::link::{ClientIp, Facts, Link, Pumped, Way, pump};
use crate::listen::{self, Accepted, Door, Listener};
use crate::log;
use crate::server::Handle;
use crate::token::{self, WAKE, of_listener};
use crate::transport::{Scratch, Transport};

/// Connections at once. A few scrapers, probes and people; beyond it the oldest idle one leaves.
const CONNECTIONS_MAX: u32 = 64;
/// Connections taken in one turn.
const ACCEPTS_PER_TURN_MAX: usize = 16;
/// Events taken from the kernel in one turn.
const EVENTS_PER_TURN_MAX: usize = 128;
/// Octets of a head: those who ask here have little to say.
const HEAD_BYTES_MAX: u32 = 4 * 1024;
/// Milliseconds for a head, and for a new connection to begin one.
const HEAD_MS_MAX: u32 = 5_000;
/// Milliseconds between requests: scrapers come once a minute at the latest.
const IDLE_MS_MAX: u32 = 75_000;
/// How slowly a page may be read.
const WRITE_PACE: PaceLimits = PaceLimits {
    grace_ms: 10_000,
    rate_bytes_per_s_min: 4_096,
    ceiling_ms: 60_000,
    idle_ms: 5_000,
};

/// The listener and its connections.
pub(crate) struct Monitor {
    address: SocketAddr,
    poll: Poll,
    waker: Arc<Waker>,
    listener: Listener,
    hub: Hub,
    /// By the place of the connection.
    links: Vec<Option<Link<TcpStream>>>,
    ready: Vec<ConnId>,
    closed: Vec<(ConnId, bool)>,
    answers: Answers,
    scratch: Scratch,
    clock: Clock,
    date_second: u64,
}

/// Ends the monitor's thread.
pub(crate) struct Stop {
    over: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: JoinHandle<()>,
}

impl Stop {
    /// Ends it, and waits until it has.
    pub(crate) fn stop(self) {
        self.over.store(true, Ordering::Release);
        // Fails only when the thread is gone already.
        drop(self.waker.wake());
        drop(self.thread.join());
    }
}

impl Monitor {
    /// Listens at the socket.
    ///
    /// # Errors
    ///
    /// What the operating system refused.
    pub(crate) fn open(socket: std::net::TcpListener, handle: Handle) -> Result<Self, StartError> {
        let system = |error| StartError::System { doing: Task::Poll, error };
        let address = socket.local_addr().map_err(system)?;
        listen::begin(&socket).map_err(|error| StartError::Listen { address, error })?;
        let mut socket = TcpListener::from_std(socket);
        let poll = Poll::new().map_err(system)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(system)?);
        let registry = poll.registry();
        registry.register(&mut socket, of_listener(0), Interest::READABLE).map_err(system)?;
        let limits = limits().check();
        debug_assert!(limits.is_ok(), "constants that agree");
        let limits = limits.or_else(|_| Limits::default().check());
        let limits = limits
            .map_err(|error| StartError::Config(vec![crate::config::ConfigError::Limits(error)]))?;
        Ok(Self {
            address,
            poll,
            waker,
            listener: Listener::new(0, Arc::new(socket), Door::Plain, Arc::default()),
            hub: Hub::new(limits),
            links: Vec::new(),
            ready: Vec::new(),
            closed: Vec::new(),
            clock: handle.place.clock,
            answers: Answers::new(handle),
            scratch: Scratch::default(),
            date_second: 0,
        })
    }

    /// What it accepts on.
    pub(crate) const fn socket(&self) -> &Arc<TcpListener> {
        &self.listener.socket
    }

    /// Where it listens, with the port that the system chose.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves on a thread of its own.
    ///
    /// # Errors
    ///
    /// The operating system's reason why a thread cannot be had.
    pub(crate) fn start(mut self) -> io::Result<Stop> {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, waker) = (Arc::clone(&over), Arc::clone(&self.waker));
        let serve = move || {
            let mut events = Events::with_capacity(EVENTS_PER_TURN_MAX);
            while !ends.load(Ordering::Acquire) {
                if let Err(error) = self.turn(&mut events) {
                    log::line("fezz::monitor", format_args!("metrics are over: {error}"));
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("fezz-monitor".to_owned()).spawn(serve)?;
        Ok(Stop { over, waker, thread })
    }

    /// One turn: wait, mark who is ready, accept, look at deadlines, pump, release.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let now = self.clock.now();
        // The listener makes no new event for those that wait already.
        let works = !self.ready.is_empty() || self.listener.is_due(now);
        let patience = if works { Some(Duration::ZERO) } else { self.patience(now) };
        match self.poll.poll(events, patience) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = self.clock.now();
        self.tell_date(now);
        for event in events.iter() {
            if token::listener_of(event.token()).is_some() {
                self.listener.pending = true;
            } else if event.token() != WAKE {
                let id = token::conn_of(event.token());
                let Some(link) = self.link(id) else { continue };
                link.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                link.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
                link.end_announced |= event.is_read_closed();
                link.broken |= event.is_error() || event.is_write_closed();
                self.list(id);
            }
        }
        self.accept(now);
        let mut late = Vec::new();
        self.hub.handle_timeouts(now, &mut late);
        late.into_iter().for_each(|id| self.list(id));
        self.pump_ready(now);
        self.release();
        // What happens here is not part of what is told here.
        self.hub.clear_notices();
        Ok(())
    }

    fn patience(&self, now: Instant) -> Option<Duration> {
        let next = [self.hub.next_deadline(), self.listener.next_try()].into_iter().flatten().min();
        next.map(|at| Duration::from_micros(at.micros_since(now)))
    }

    fn tell_date(&mut self, now: Instant) {
        let second = now.as_micros() / 1_000_000 + 1;
        if second != self.date_second {
            self.date_second = second;
            self.hub.set_date(fezz_parser::imf_fixdate(Clock::unix_seconds()));
        }
    }

    fn accept(&mut self, now: Instant) {
        if self.answers.is_handed_over() {
            // Whoever comes now is the successor's, who waits at the same socket.
            self.listener.pending = false;
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            if !self.listener.is_due(now) {
                return;
            }
            let full = !self.hub.has_room();
            if full && !self.hub.can_shed(now) {
                return self.listener.pause(now);
            }
            match self.listener.accept(now) {
                Accepted::Stream(stream, peer) => {
                    if full && let Some(leaving) = self.hub.handle_full(now) {
                        self.list(leaving);
                    }
                    self.welcome(stream, peer, now);
                }
                Accepted::Empty => return,
                Accepted::Fault(_) => {}
            }
        }
    }

    fn welcome(&mut self, mut stream: TcpStream, peer: SocketAddr, now: Instant) {
        let Some(id) = self.hub.handle_accepted(false, now) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut stream, token::of_conn(id), interest).is_err() {
            self.hub.handle_peer_gone(id, now);
        }
        let facts = Facts {
            client: ClientIp::of(peer.ip()),
            listener: 0,
            via: None,
            counted: false,
            way: Way::Plain,
            exchange: None,
        };
        let link = Link {
            stream,
            transport: Transport::Plain,
            id,
            facts,
            readable: false,
            writable: true,
            end_announced: false,
            broken: false,
            listed: false,
        };
        let place = id.index as usize;
        if place >= self.links.len() {
            self.links.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.links.get_mut(place) {
            *slot = Some(link);
        }
        self.list(id);
    }

    fn pump_ready(&mut self, now: Instant) {
        let ready = std::mem::take(&mut self.ready);
        for id in ready {
            let Some(Some(link)) = self.links.get_mut(id.index as usize) else { continue };
            if link.id != id {
                continue;
            }
            link.listed = false;
            match pump(link, &mut self.hub, &mut self.answers, &mut self.scratch, now) {
                Pumped::Settled => {}
                Pumped::Unfinished => self.list(id),
                Pumped::Closed { reset } => self.closed.push((id, reset)),
            }
        }
    }

    fn release(&mut self) {
        for (id, reset) in std::mem::take(&mut self.closed) {
            let slot = self.links.get_mut(id.index as usize);
            if let Some(link) = slot.and_then(Option::take)
                && reset
            {
                // A reset is wanted, not needed: without it the peer gets an orderly end.
                drop(socket2::SockRef::from(&link.stream).set_linger(Some(Duration::ZERO)));
            }
            self.hub.remove(id);
            self.listener.resume();
        }
    }

    fn link(&mut self, id: ConnId) -> Option<&mut Link<TcpStream>> {
        let link = self.links.get_mut(id.index as usize)?.as_mut()?;
        (link.id == id).then_some(link)
    }

    fn list(&mut self, id: ConnId) {
        let Some(link) = self.link(id) else { return };
        if !std::mem::replace(&mut link.listed, true) {
            self.ready.push(id);
        }
    }
}

fn limits() -> Limits {
    let defaults = Limits::default();
    Limits {
        head: HeadLimits {
            request_line_bytes_max: HEAD_BYTES_MAX / 2,
            field_line_bytes_max: HEAD_BYTES_MAX / 2,
            field_section_bytes_max: HEAD_BYTES_MAX / 2,
            ..defaults.head
        },
        connections_max: CONNECTIONS_MAX,
        head_ms_max: HEAD_MS_MAX,
        idle_ms_max: IDLE_MS_MAX,
        write_pace: WRITE_PACE,
        ..defaults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_agree() {
        assert!(limits().check().is_ok(), "{:?}", limits().check());
    }
}
