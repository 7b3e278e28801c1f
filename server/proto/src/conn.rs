//! One connection: octets, time and replies become events; the table decides; acts are applied.
//!
//! Nothing here chooses a phase: [`crate::phase::next`] does, and [`Conn::fire`] is the only
//! caller.

mod account;
mod content;
mod pending;
mod reading;
mod say;
mod work;

use alloc::boxed::Box;

use self::pending::{Due, Pending};
pub(crate) use self::work::Work;
use crate::action::{Action, Opening, Void};
use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::notice::{Cause, Notice};
use crate::pace::Pace;
use crate::phase::{Act, Event, Forbidden, Phase, next};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::ticket::Ticket;
use crate::time::Instant;

/// Milliseconds in which the first request of a new connection is taken to be on its way.
const NEW_MS: u32 = 1_000;

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) generation: u32,
    handle_ms: u32,
    served: u32,
    phase: Phase,
    keep: bool,
    eof: bool,
    secure: bool,
    /// A PROXY header has to come before anything else.
    unannounced: bool,
    pending: Pending,
    /// Number of the present exchange; zero between them.
    exchange: u64,
    /// Number of the exchange whose ticket became void and was not yet reported; or zero.
    forgotten: u64,
    opened: Instant,
    pace: Pace,
    work: Option<Box<Work>>,
}

impl Conn {
    pub(crate) const fn open(generation: u32, opening: Opening, now: Instant) -> Self {
        let Opening { secure, proxied } = opening;
        Self {
            generation,
            handle_ms: 0,
            served: 0,
            phase: if secure || proxied { Phase::Handshake } else { Phase::Idle },
            keep: true,
            eof: false,
            secure,
            unannounced: proxied,
            pending: Pending::NOTHING,
            exchange: 0,
            forgotten: 0,
            opened: now,
            pace: Pace::start(now),
            work: None,
        }
    }

    // ---- what is true now ----

    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) const fn exchange(&self) -> u64 {
        self.exchange
    }

    /// Whether its exchange is that of a ticket and waits for the answer.
    #[inline]
    pub(crate) fn waits_for(&self, ticket: Ticket) -> bool {
        self.exchange == ticket.exchange && self.phase == Phase::Handle
    }

    /// When the present phase began.
    pub(crate) const fn entered(&self) -> Instant {
        self.pace.entered()
    }

    /// Whether it waits for a request, and is not new.
    pub(crate) const fn is_idle(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Idle) && !self.is_new(now) && !self.pending.is(Due::ReadOn)
    }

    /// Whether it came so lately that its first request is probably on its way.
    const fn is_new(&self, now: Instant) -> bool {
        let young = now.micros_since(self.entered()) < NEW_MS as u64 * 1_000;
        matches!(self.phase, Phase::Idle) && self.served == 0 && young
    }

    pub(crate) fn inbox(&self) -> &[u8] {
        self.work.as_ref().map_or(&[], |work| work.inbox.filled())
    }

    #[inline]
    pub(crate) fn unsent_bytes(&self) -> u64 {
        self.work.as_ref().map_or(0, |work| work.outbox.left())
    }

    #[inline]
    pub(crate) fn unsent(&self) -> [&[u8]; 4] {
        self.work.as_ref().map_or([&[]; 4], |work| work.outbox.unsent())
    }

    pub(crate) const fn wants_read(&self) -> bool {
        let reads = match self.phase {
            Phase::Idle | Phase::Head | Phase::Body | Phase::Linger => true,
            Phase::Handshake | Phase::Route | Phase::Handle | Phase::Write | Phase::Closed => false,
        };
        reads & !self.eof
    }

    /// The one deadline: a function of the phase and its progress.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let flat = |millis: u32| Some(self.pace.entered().plus_millis(u64::from(millis)));
        match self.phase {
            Phase::Handshake if self.unannounced => flat(limits.proxy_header_ms_max),
            Phase::Handshake => flat(limits.handshake_ms_max),
            Phase::Idle if self.served > 0 => flat(limits.idle_ms_max),
            // Drained while it was new: it has as long as it counts as new.
            Phase::Idle if !self.keep => flat(limits.head_ms_max.min(NEW_MS)),
            Phase::Idle => flat(limits.head_ms_max),
            Phase::Head => flat(limits.head_ms_max),
            Phase::Route => flat(limits.handle_ms_max),
            Phase::Body => Some(self.pace.deadline(&limits.body_pace)),
            Phase::Handle => Some(self.handled_by()),
            Phase::Write => Some(self.pace.deadline(&limits.write_pace)),
            Phase::Linger => flat(limits.linger_ms_max),
            Phase::Closed => None,
        }
    }

    /// The deadline of a request that a worker has.
    #[inline]
    const fn handled_by(&self) -> Instant {
        self.pace.entered().plus_millis(self.handle_ms as u64)
    }

    // ---- what happens ----

    #[inline]
    pub(crate) fn recv_space<'a>(&'a mut self, shared: &'a mut Shared) -> &'a mut [u8] {
        if self.eof {
            return &mut [];
        }
        match self.phase {
            Phase::Idle | Phase::Head => {
                let bytes = shared.limits.inbox_bytes();
                let pool = &mut shared.pool;
                let work = self.work.get_or_insert_with(|| pool.work());
                if !work.inbox.has_buffer() {
                    work.inbox.lend(pool.inbox(bytes));
                }
                work.inbox.space()
            }
            Phase::Body => match self.work.as_mut().and_then(|work| work.sink.as_mut()) {
                Some(sink) => sink.space(),
                None => &mut [],
            },
            Phase::Linger => &mut shared.discard,
            Phase::Handshake | Phase::Route | Phase::Handle | Phase::Write | Phase::Closed => {
                &mut []
            }
        }
    }

    #[inline]
    pub(crate) fn handle_received(&mut self, bytes: usize, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Received { bytes: u32::try_from(bytes).unwrap_or(u32::MAX) });
        match self.phase {
            Phase::Idle | Phase::Head => {
                if let Some(work) = self.work.as_mut() {
                    work.inbox.grow(bytes);
                }
            }
            Phase::Body => self.body_received(bytes, shared, now),
            Phase::Linger => {
                self.pace.advance(bytes, now);
                if self.pace.moved_bytes() > u64::from(shared.limits.linger_bytes_max) {
                    self.fire(Event::Expired, shared, now);
                }
            }
            Phase::Handshake | Phase::Route | Phase::Handle | Phase::Write | Phase::Closed => {
                debug_assert!(bytes == 0, "received octets without room for them");
            }
        }
        self.advance(shared, now);
    }

    /// A TLS handshake comes next, with a time of its own; else requests do.
    pub(crate) fn handle_announced(&mut self, shared: &mut Shared, now: Instant) {
        debug_assert!(self.unannounced, "a PROXY header comes once");
        self.unannounced = false;
        if self.secure {
            self.pace = Pace::start(now);
        } else {
            self.fire(Event::Secured, shared, now);
        }
    }

    pub(crate) fn handle_secured(&mut self, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Secured);
        self.fire(Event::Secured, shared, now);
    }

    /// The end of input is noted and reported only when more octets are needed: a client that sends
    /// three requests and half-closes gets three replies.
    pub(crate) fn handle_peer_eof(&mut self, shared: &mut Shared, now: Instant) {
        self.eof = true;
        self.advance(shared, now);
    }

    pub(crate) fn handle_event(&mut self, event: Event, shared: &mut Shared, now: Instant) {
        self.read_on(shared);
        self.fire(event, shared, now);
        self.advance(shared, now);
    }

    /// The server drains. Whoever has just come, or shakes hands, may still ask once: its request
    /// may be here before it learns that it came too late.
    pub(crate) fn handle_drain(&mut self, shared: &mut Shared, now: Instant) {
        self.read_on(shared);
        if self.is_new(now) || self.phase == Phase::Handshake {
            self.keep = false;
        } else {
            self.handle_event(Event::Drain, shared, now);
        }
    }

    #[inline]
    pub(crate) fn handle_sent(&mut self, bytes: usize, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Sent { bytes: u32::try_from(bytes).unwrap_or(u32::MAX) });
        let Some(work) = self.work.as_mut() else { return };
        work.account.sent_bytes += work.outbox.sent(bytes);
        if self.phase == Phase::Write {
            self.pace.advance(bytes, now);
            if work.outbox.is_staged_sent() {
                if let Some(buffer) = work.outbox.finish() {
                    shared.pool.keep_buffer(buffer);
                }
                let event = if self.keep { Event::SentKeep } else { Event::SentClose };
                self.fire(event, shared, now);
            }
        }
        self.advance(shared, now);
    }

    pub(crate) fn handle_timeout(&mut self, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::TimedOut(self.phase));
        self.fire(Event::Expired, shared, now);
        self.advance(shared, now);
    }

    /// The next action, if there is one. More often than not there is none, as a look at two words
    /// tells, and of the others every third is a head to judge.
    #[inline(always)]
    pub(crate) fn poll_action(&mut self, index: u32, shared: &mut Shared) -> Option<Action> {
        if self.forgotten == 0 {
            if !self.pending.is_anything() {
                return None;
            }
            if self.pending.take_only(Due::Route) {
                return Some(Action::Route);
            }
        }
        self.poll_any_action(index, shared)
    }

    #[inline(never)]
    fn poll_any_action(&mut self, index: u32, shared: &mut Shared) -> Option<Action> {
        if self.pending.is(Due::Finished) {
            if let Some(earlier) = self.take_earlier() {
                return Some(Action::Finished(earlier));
            }
            // Where its ticket is void, that is told first.
            if let Some(work) = &self.work
                && work.account.exchange != self.forgotten
            {
                self.pending.take(Due::Finished);
                self.pending.over = false;
                return Some(Action::Finished(work.account));
            }
        }
        self.read_on(shared);
        let ticket = Ticket { index, exchange: self.exchange };
        let pending = &mut self.pending;
        if self.forgotten != 0 {
            let exchange = core::mem::take(&mut self.forgotten);
            let why = pending.void.unwrap_or(Void::Killed);
            return Some(Action::Forget { ticket: Ticket { index, exchange }, why });
        }
        if pending.take(Due::Close) {
            return Some(Action::Close { reset: pending.reset });
        }
        if pending.take(Due::Route) {
            return Some(Action::Route);
        }
        if pending.take(Due::Dispatch) {
            let deadline = self.handled_by();
            let envelope = self.work.as_mut()?.sink.take()?.finish();
            return Some(Action::Dispatch { ticket, envelope, deadline });
        }
        if pending.is(Due::Shut) && self.work.as_ref().is_none_or(|work| work.outbox.is_empty()) {
            pending.take(Due::Shut);
            return Some(Action::Shut);
        }
        None
    }

    /// Gives back what is not needed until the next octet.
    #[inline]
    pub(crate) fn settle(&mut self, shared: &mut Shared) {
        let Some(work) = self.work.as_mut() else { return };
        if let Some(buffer) = work.inbox.give_back() {
            shared.pool.keep_inbox(buffer);
        }
        let over = matches!(self.phase, Phase::Idle | Phase::Linger | Phase::Closed);
        if over
            && work.inbox.is_empty()
            && work.outbox.is_empty()
            && !self.pending.is(Due::Finished)
        {
            work.outbox.trim();
            self.release_counted(shared);
            if let Some(work) = self.work.take() {
                shared.pool.keep_work(work);
            }
        }
    }

    /// The connection is being removed: everything it holds goes back.
    pub(crate) fn dissolve(mut self, shared: &mut Shared) {
        self.release_counted(shared);
        let Some(mut work) = self.work.take() else { return };
        work.inbox.clear();
        if let Some(buffer) = work.inbox.give_back() {
            shared.pool.keep_inbox(buffer);
        }
        if let Some(buffer) = work.outbox.unstage() {
            shared.pool.keep_buffer(buffer);
        }
        if let Some(sink) = work.sink.take() {
            shared.pool.keep_buffer(sink.finish());
        }
    }

    // ---- inside ----

    /// Moves by an event that brings nothing to say.
    #[inline(always)]
    fn fire(&mut self, event: Event, shared: &mut Shared, now: Instant) {
        let from = self.phase;
        let act = self.step(event, shared, now);
        if matches!(act, Act::SayLate | Act::ForgetReset) {
            self.forgotten = self.exchange;
            self.pending.void = Some(match event {
                Event::Expired => Void::Late,
                Event::PeerGone => Void::PeerGone,
                _ => Void::Killed,
            });
        }
        self.apply(act, from, shared, now);
    }

    /// The one place where the phase changes. An event that is forbidden here ends the connection.
    #[inline(always)]
    fn step(&mut self, event: Event, shared: &mut Shared, now: Instant) -> Act {
        match next(self.phase, event) {
            Ok((phase, act)) => {
                if phase != self.phase {
                    if phase == Phase::Closed {
                        shared.notice(Notice::Closed(self.phase, Cause::of(event)));
                    }
                    self.account(phase, event, now);
                    self.pace = Pace::start(now);
                    self.phase = phase;
                }
                act
            }
            Err(forbidden) => self.forbid(forbidden, shared, now),
        }
    }

    #[cold]
    fn forbid(&mut self, forbidden: Forbidden, shared: &mut Shared, now: Instant) -> Act {
        shared.notice(Notice::Forbidden(forbidden));
        debug_assert!(false, "forbidden: {forbidden:?}");
        if forbidden.event == Event::Kill {
            return Act::Enter;
        }
        self.fire(Event::Kill, shared, now);
        Act::Enter
    }

    #[inline(always)]
    fn apply(&mut self, act: Act, from: Phase, shared: &mut Shared, now: Instant) {
        match act {
            // What is said comes with `answer`.
            Act::Enter | Act::Say => {}
            Act::Route => self.pending.add(Due::Route),
            Act::Dispatch => {
                shared.notice(Notice::Dispatched);
                self.pending.add(Due::Dispatch);
            }
            Act::SayTimeout => {
                if from == Phase::Head
                    && let Some(work) = self.work.as_mut()
                {
                    work.exchange = Exchange::of_part(work.inbox.filled());
                    work.account.received_bytes = work.inbox.len() as u64;
                }
                self.say_instead(Refusal::TooSlow, None, true, shared, now);
            }
            Act::SayLate => {
                let unread = self.skip_request(from);
                let reply = self.work.as_mut().and_then(|work| work.late.take());
                self.say_instead(Refusal::Late, reply, unread, shared, now);
            }
            Act::Recycle => {
                shared.notice(Notice::Kept);
                self.exchange = 0;
                if let Some(work) = self.work.as_mut() {
                    work.exchange = Exchange::default();
                }
            }
            Act::Shut => {
                self.drop_input();
                self.pending.add(Due::Shut);
            }
            Act::Close => self.pending.add(Due::Close),
            // What is forgotten was noted before.
            Act::Reset | Act::ForgetReset => {
                self.pending.add(Due::Close);
                self.pending.reset = true;
            }
            Act::NoKeep => self.keep = false,
        }
    }
}
