//! One turn of the loop, in a fixed order. Events only mark; all work is done once per turn.

mod accept;
mod calls;
mod door;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fezz_proto::{ConnId, Hub, Instant, Stage, TICK_US, Ticket};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Poll};

use self::calls::Spell;
use crate::clock::Clock;
use crate::control::Control;
use crate::crew::{Completion, Outbound};
use crate::dispatch::Dispatcher;
use crate::link::{Link, Pumped, pump};
use crate::listen::Listener;
use crate::settings::Tuning;
use crate::token;
use crate::transport::Scratch;

/// Events taken from the kernel in one turn.
pub(crate) const EVENTS_PER_TURN_MAX: usize = 1_024;
/// Handshakes begun in one turn: one costs as much as fifty requests, and those who are here wait.
/// A flood has as many turns as it needs, and a turn costs little beside a handshake
/// (`handshakes` of `ci/stress`).
const HANDSHAKES_PER_TURN_MAX: u32 = 1;
/// Connections that are pumped before their calls are made. With more of them, what belongs to the
/// first is cold before its call comes (512 pipelining connections at once: a sixth more time).
/// With fewer, the instructions are, which alternate sooner (groups of 16: a twentieth more time;
/// of one: a quarter).
const GROUP_CONNECTIONS_MAX: usize = 64;
/// Milliseconds of calls in one turn, after which events and deadlines are looked at: as long as a
/// tick of the timers.
const CALLS_MS_MAX: u64 = 10;
const _: () = assert!(CALLS_MS_MAX * 1_000 <= TICK_US);
/// Milliseconds of the first wait for workers that may owe a wake; doubled while nothing comes.
const NAP_MS_MIN: u64 = 1;
/// Milliseconds of the longest such wait.
const NAP_MS_MAX: u64 = 1_024;

/// Everything one loop owns. Nothing here is shared but the queues to the workers and the control.
pub(crate) struct Loop {
    pub(crate) poll: Poll,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) hub: Hub,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) control: Arc<Control>,
    /// How every loop of this server is reached.
    pub(crate) all: Arc<Vec<(Arc<Control>, Arc<Outbound>)>>,
    pub(crate) clock: Clock,
    /// Its limits in force, but for those that the hub holds back.
    pub(crate) tuning: Tuning,
    pub(crate) events: Events,
    pub(crate) lists: Lists,
}

/// The loop's working lists; each is empty at the end of the step that uses it.
#[derive(Default)]
pub(crate) struct Lists {
    /// By the place of the connection.
    links: Vec<Option<Link<TcpStream>>>,
    /// To be pumped in this turn; who is left of one that ended early comes first in the next.
    ready: Vec<ConnId>,
    /// So many of them were.
    pumped: usize,
    /// To be pumped in the next one.
    unfinished: Vec<ConnId>,
    /// To be released at the end of the turn.
    closed: Vec<(ConnId, bool)>,
    /// Answered by this thread in this round of calls: to be pumped when it is over.
    answered: Vec<ConnId>,
    /// What the present group had of this turn.
    spell: Spell,
    /// When the others whose requests are called have to wait for the next turn.
    calls_end: Instant,
    completions: Vec<Completion>,
    /// Jobs that nobody takes.
    failed: Vec<Completion>,
    date_second: u64,
    nap_ms: u64,
    /// When jobs last came back, or went out while none was out: a steady stream of new ones must
    /// not hide that nothing comes back.
    stirred: Instant,
    /// The listener that is asked first in this turn.
    accept_first: usize,
    drain_began: Option<Instant>,
    /// The next step of the drain, while there is one.
    drain_next: Option<Instant>,
    cut: u64,
    scratch: Scratch,
    /// Handshakes under way.
    handshaking: u32,
}

impl Lists {
    /// Room for as many links as there may be connections.
    pub(crate) fn with_places(places: usize) -> Self {
        Self { links: Vec::with_capacity(places), ..Self::default() }
    }

    #[inline]
    fn link(&mut self, id: ConnId) -> Option<&mut Link<TcpStream>> {
        let link = self.links.get_mut(id.index as usize)?.as_mut()?;
        (link.id == id).then_some(link)
    }
}

/// How a loop ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Connections ended by force.
    pub(crate) cut: u64,
    /// From the begin of the drain to its end.
    pub(crate) took: Duration,
}

impl Loop {
    /// Whether everything is drained or killed.
    pub(crate) fn is_over(&self) -> bool {
        self.hub.stage() != Stage::Serving && self.hub.is_empty()
    }

    /// What there is to say when it is over.
    pub(crate) fn end(&mut self) -> Ended {
        let now = self.clock.now();
        self.report(now);
        self.control.finish(now);
        let began = self.lists.drain_began.unwrap_or(now);
        Ended { cut: self.lists.cut, took: Duration::from_micros(now.micros_since(began)) }
    }

    /// One turn, up to the connections:
    ///
    /// 1. wait for events, until the next deadline, or not at all when work is left;
    /// 2. read the clock: all that follows happens at that moment;
    /// 3. take what the workers finished;
    /// 4. mark who is ready;
    /// 5. accept within the budget;
    /// 6. look at the deadlines that passed.
    ///
    /// Whoever drives the loop then asks it to [`Self::pump_on`] until nobody is left, makes the
    /// calls that come of it, each with the loop given away, and finishes the turn.
    ///
    /// # Errors
    ///
    /// What the operating system said when it could not wait for events: nothing can be served.
    pub(crate) fn begin_turn(&mut self) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let waited = self.wait(&mut events);
        let now = self.clock.now();
        self.tell_date(now);
        self.dispatcher.set_now(now);
        self.collect(now);
        for event in events.iter() {
            self.mark(event);
        }
        self.events = events;
        waited?;
        self.lists.scratch.handshakes_left = HANDSHAKES_PER_TURN_MAX;
        self.accept(now);
        self.time_out(now);
        self.lists.ready.drain(..std::mem::take(&mut self.lists.pumped));
        self.lists.ready.append(&mut self.lists.unfinished);
        self.lists.calls_end = now.plus_millis(CALLS_MS_MAX);
        Ok(())
    }

    /// The moment up to which everything is done.
    pub(crate) const fn now(&self) -> Instant {
        self.dispatcher.now()
    }

    /// Which loop this is.
    pub(crate) const fn home(&self) -> u16 {
        self.dispatcher.home()
    }

    /// The middle of the turn:
    ///
    /// 7. pump everybody on the ready list until blocked or over budget, in groups, each followed
    ///    by the calls that come of it.
    ///
    /// True when there are such calls; false when nobody is left, or their time is up.
    pub(crate) fn pump_on(&mut self) -> bool {
        let now = self.dispatcher.now();
        while now < self.lists.calls_end
            && let Some(id) = self.lists.ready.get(self.lists.pumped)
        {
            self.lists.pumped += 1;
            self.pump(*id, now);
            let is_group = self.lists.pumped.is_multiple_of(GROUP_CONNECTIONS_MAX);
            if is_group && self.dispatcher.has_calls() {
                break;
            }
        }
        self.lists.spell = Spell::default();
        self.dispatcher.has_calls()
    }

    /// The rest of the turn:
    ///
    /// 8. obey the control: a drain finds idle only who has sent nothing;
    /// 9. submit the requests of this turn to the workers, unless a call of the loop's own came
    ///    behind them: they do not wait for that;
    /// 10. release what is closed: places are reusable only from here on, so that no event of this
    ///     turn meets a stranger;
    /// 11. hand the notices to the observers.
    pub(crate) fn end_turn(&mut self) {
        let now = self.dispatcher.now();
        self.obey(now);
        self.submit(now);
        self.count_handshakes();
        self.release();
        self.report_rejected(now);
        self.report(now);
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let now = self.clock.now();
        self.dispatcher.end_turn(now, self.hub.body_bytes_held());
        let patience = if self.has_work(now) { Some(Duration::ZERO) } else { self.patience(now) };
        match self.poll.poll(events, patience) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether something can be done without waiting. Falls asleep, as far as the workers are
    /// concerned, when not.
    fn has_work(&self, now: Instant) -> bool {
        !self.lists.unfinished.is_empty()
            || self.lists.pumped < self.lists.ready.len()
            || self.dispatcher.has_calls()
            || self.accepts() && self.listeners.iter().any(|listener| listener.is_due(now))
            || self.dispatcher.is_waiting() && !self.outbound.fall_asleep()
    }

    /// How long nothing will have to be done; `None` is for ever.
    fn patience(&mut self, now: Instant) -> Option<Duration> {
        let mut next = self.hub.next_deadline();
        let mut sooner = |at: Option<Instant>| {
            next = match (next, at) {
                (Some(next), Some(at)) => Some(next.min(at)),
                (next, at) => next.or(at),
            };
        };
        for listener in &self.listeners {
            sooner(listener.next_try());
        }
        sooner(self.lists.drain_next);
        if self.dispatcher.is_waiting() {
            // A worker may owe us a wake while it makes short calls; one of them may turn out long.
            let nap_ms = self.lists.nap_ms.max(NAP_MS_MIN);
            sooner(Some(now.plus_millis(nap_ms)));
            self.lists.nap_ms = (nap_ms * 2).min(NAP_MS_MAX);
        }
        next.map(|at| Duration::from_micros(at.micros_since(now)))
    }

    fn tell_date(&mut self, now: Instant) {
        let second = now.as_micros() / 1_000_000 + 1;
        if second != self.lists.date_second {
            self.lists.date_second = second;
            self.hub.set_date(fezz_parser::imf_fixdate(Clock::unix_seconds()));
            self.dispatcher.audience.set_wall(now, Clock::wall());
        }
    }

    fn mark(&mut self, event: &Event) {
        let token = event.token();
        if token == token::WAKE {
            return;
        }
        if let Some(number) = token::listener_of(token) {
            if let Some(listener) = self.listeners.get_mut(number) {
                listener.pending = true;
            }
            return;
        }
        let id = token::conn_of(token);
        let Some(link) = self.lists.link(id) else { return };
        link.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        link.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        link.end_announced |= event.is_read_closed();
        link.broken |= event.is_error() || event.is_write_closed();
        if !std::mem::replace(&mut link.listed, true) {
            self.lists.ready.push(id);
        }
    }

    fn time_out(&mut self, now: Instant) {
        if self.hub.next_deadline().is_none_or(|next| next > now) {
            return;
        }
        let mut late = Vec::new();
        self.hub.handle_timeouts(now, &mut late);
        self.list_all(late);
    }

    fn pump(&mut self, id: ConnId, now: Instant) {
        let Some(Some(link)) = self.lists.links.get_mut(id.index as usize) else { return };
        if link.id != id {
            return;
        }
        link.listed = false;
        let scratch = &mut self.lists.scratch;
        match pump(link, &mut self.hub, &mut self.dispatcher, scratch, now) {
            Pumped::Settled => {}
            Pumped::Unfinished => {
                link.listed = true;
                self.lists.unfinished.push(id);
            }
            Pumped::Closed { reset } => self.lists.closed.push((id, reset)),
        }
    }

    /// Handshakes are over, one way or the other.
    fn count_handshakes(&mut self) {
        let ended = std::mem::take(&mut self.lists.scratch.handshakes_ended);
        if ended == 0 {
            return;
        }
        let was_full = self.lists.handshaking >= self.tuning.handshakes_max;
        self.lists.handshaking = self.lists.handshaking.saturating_sub(ended);
        if was_full {
            self.listeners.iter_mut().for_each(Listener::resume);
        }
    }

    fn release(&mut self) {
        if self.lists.closed.is_empty() {
            return;
        }
        let mut closed = std::mem::take(&mut self.lists.closed);
        for (id, reset) in closed.drain(..) {
            let slot = self.lists.links.get_mut(id.index as usize);
            if let Some(link) = slot.and_then(Option::take) {
                if link.facts.counted {
                    self.dispatcher.headcount.leave(link.facts.origin());
                }
                if reset {
                    // A reset is wanted, not needed: without it the peer gets an orderly end.
                    drop(socket2::SockRef::from(&link.stream).set_linger(Some(Duration::ZERO)));
                }
            }
            self.hub.remove(id);
        }
        self.lists.closed = closed;
        for listener in &mut self.listeners {
            listener.resume();
        }
    }

    fn report(&mut self, now: Instant) {
        let (usual, (notices, dropped)) = (self.hub.usual(), self.hub.notices());
        if notices.is_empty() && usual.is_none() {
            return;
        }
        self.dispatcher.audience.notices(now, usual, notices, dropped);
        self.hub.clear_notices();
    }

    fn list(&mut self, id: ConnId) {
        let Some(link) = self.lists.link(id) else { return };
        if !std::mem::replace(&mut link.listed, true) {
            self.lists.ready.push(id);
        }
    }

    fn list_holder(&mut self, ticket: Ticket) {
        if let Some(id) = self.hub.holder(ticket) {
            self.list(id);
        }
    }

    fn list_all(&mut self, ids: Vec<ConnId>) {
        for id in ids {
            self.list(id);
        }
    }
}
