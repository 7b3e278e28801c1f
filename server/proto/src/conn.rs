//! One connection: octets, time and replies become events; the table decides; acts are applied.
//!
//! Nothing here chooses a phase: [`crate::phase::next`] does, and [`Conn::fire`] is the only caller.

use alloc::boxed::Box;
use alloc::vec::Vec;

use fezz_parser::{Framing, parse_head};

use crate::body::{Sink, SinkError};
use crate::exchange::Exchange;
use crate::input::Inbox;
use crate::limits::Limits;
use crate::notice::Notice;
use crate::output::{Outbox, Reply, Source};
use crate::pace::Pace;
use crate::phase::{Act, Event, Phase, next};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::ticket::Ticket;
use crate::time::Instant;

/// What a connection needs while it is not idle.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) inbox: Inbox,
    exchange: Exchange,
    sink: Option<Sink>,
    /// Octets of the sink that the hub's budget knows of.
    counted: u64,
    outbox: Outbox,
}

impl Work {
    /// Nothing of the connection that had this record is left but memory for the next one.
    pub(crate) fn reset(&mut self) {
        debug_assert!(self.counted == 0 && self.outbox.is_empty(), "somebody still needs this");
        self.inbox.clear();
        self.exchange = Exchange::default();
        self.sink = None;
    }
}

/// A request that the driver takes.
#[derive(Debug)]
pub struct Admission {
    /// The envelope up to its content, which the core appends.
    pub envelope: Vec<u8>,
    /// Octets of content that the route takes.
    pub body_bytes_max: u64,
    /// Milliseconds from the complete request to the reply.
    pub handle_ms_max: u32,
}

/// What the driver is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Judge the head: [`crate::Hub::head`], then admit or refuse.
    Route,
    /// Hand the envelope to a worker and bring the reply back with the ticket.
    Dispatch {
        /// The right to answer.
        ticket: Ticket,
        /// The whole envelope.
        envelope: Vec<u8>,
        /// When the answer is too late.
        deadline: Instant,
    },
    /// The ticket is void: whoever holds the request may drop it.
    Forget(Ticket),
    /// Close our side of the stream; everything promised has been taken by it.
    Shut,
    /// Release the socket.
    Close {
        /// With a reset, because the peer does not deserve or get an orderly end.
        reset: bool,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    route: bool,
    dispatch: bool,
    shut: bool,
    close: bool,
    reset: bool,
}

/// What stands ready to be said.
struct Staged {
    source: Source,
    head_bytes: usize,
    closes: bool,
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) generation: u32,
    handle_ms: u32,
    served: u32,
    phase: Phase,
    keep: bool,
    eof: bool,
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
    pub(crate) const fn open(generation: u32, secure: bool, now: Instant) -> Self {
        Self {
            generation,
            handle_ms: 0,
            served: 0,
            phase: if secure { Phase::Handshake } else { Phase::Idle },
            keep: true,
            eof: false,
            pending: Pending {
                route: false,
                dispatch: false,
                shut: false,
                close: false,
                reset: false,
            },
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

    /// When the present phase began.
    pub(crate) const fn entered(&self) -> Instant {
        self.pace.entered()
    }

    pub(crate) fn inbox(&self) -> &[u8] {
        self.work.as_ref().map_or(&[], |work| work.inbox.filled())
    }

    pub(crate) fn unsent(&self) -> [&[u8]; 4] {
        self.work.as_ref().map_or([&[]; 4], |work| work.outbox.unsent())
    }

    pub(crate) const fn wants_read(&self) -> bool {
        match self.phase {
            Phase::Idle | Phase::Head | Phase::Body | Phase::Linger => !self.eof,
            Phase::Handshake | Phase::Route | Phase::Handle | Phase::Write | Phase::Closed => false,
        }
    }

    /// The one deadline: a function of the phase and its progress.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let flat = |millis: u32| Some(self.pace.entered().plus_millis(u64::from(millis)));
        match self.phase {
            Phase::Handshake => flat(limits.handshake_ms_max),
            Phase::Idle if self.served == 0 => flat(limits.head_ms_max),
            Phase::Idle => flat(limits.idle_ms_max),
            Phase::Head => flat(limits.head_ms_max),
            Phase::Route => flat(limits.handle_ms_max),
            Phase::Body => Some(self.pace.deadline(&limits.body_pace)),
            Phase::Handle => flat(self.handle_ms),
            Phase::Write => Some(self.pace.deadline(&limits.write_pace)),
            Phase::Linger => flat(limits.linger_ms_max),
            Phase::Closed => None,
        }
    }

    // ---- what happens ----

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
                    self.fire(Event::Expired, None, shared, now);
                }
            }
            Phase::Handshake | Phase::Route | Phase::Handle | Phase::Write | Phase::Closed => {
                debug_assert!(bytes == 0, "received octets without room for them");
            }
        }
        self.advance(shared, now);
    }

    pub(crate) fn handle_secured(&mut self, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Secured);
        self.fire(Event::Secured, None, shared, now);
    }

    /// The end of input is noted and reported only when more octets are needed: a client that sends
    /// three requests and half-closes gets three replies.
    pub(crate) fn handle_peer_eof(&mut self, shared: &mut Shared, now: Instant) {
        self.eof = true;
        self.advance(shared, now);
    }

    pub(crate) fn handle_event(&mut self, event: Event, shared: &mut Shared, now: Instant) {
        self.fire(event, None, shared, now);
        self.advance(shared, now);
    }

    pub(crate) fn handle_admitted(
        &mut self,
        admission: Admission,
        shared: &mut Shared,
        now: Instant,
    ) {
        let Some(work) = self.work.as_mut() else { return };
        let exchange = work.exchange;
        if let Framing::Length(length) = exchange.framing
            && length > admission.body_bytes_max
        {
            shared.pool.keep_buffer(admission.envelope);
            return self.handle_refused(Refusal::BodyTooLarge, None, shared, now);
        }
        let held = shared.body_bytes_held;
        if exchange.framing != Framing::None && held >= shared.limits.body_bytes_total_max {
            shared.pool.keep_buffer(admission.envelope);
            return self.handle_refused(Refusal::NoMemory, None, shared, now);
        }
        self.handle_ms = admission.handle_ms_max;
        work.inbox.consume(exchange.head_bytes as usize);
        let ahead = shared.limits.inbox_bytes();
        let (sink, event) = match exchange.framing {
            Framing::None | Framing::Length(0) => {
                (Sink::by_length(admission.envelope, 0), Event::Admitted)
            }
            Framing::Length(length) => {
                (Sink::by_length(admission.envelope, length), Event::AdmittedBody)
            }
            Framing::Chunked => {
                let sink = Sink::by_chunks(admission.envelope, admission.body_bytes_max, ahead);
                (sink, Event::AdmittedBody)
            }
        };
        work.sink = Some(sink);
        if event == Event::AdmittedBody && exchange.expects_continue && work.inbox.is_empty() {
            // RFC 9110 §10.1.1: only while none of the content has arrived.
            work.outbox.promise(fezz_parser::CONTINUE);
        }
        self.fire(event, None, shared, now);
        if self.phase == Phase::Body {
            self.body_behind_head(shared, now);
        }
        self.advance(shared, now);
    }

    /// The request is refused, with the refusal's own octets or with a reply that says more.
    pub(crate) fn handle_refused(
        &mut self,
        why: Refusal,
        reply: Option<Reply>,
        shared: &mut Shared,
        now: Instant,
    ) {
        self.refuse(why, reply, shared, now);
        self.advance(shared, now);
    }

    pub(crate) fn handle_reply(&mut self, reply: Reply, shared: &mut Shared, now: Instant) {
        let handle_us = u32::try_from(now.micros_since(self.entered())).unwrap_or(u32::MAX);
        shared.notice(Notice::Replied { status: reply.status, handle_us });
        let staged = Staged {
            head_bytes: reply.head_bytes as usize,
            source: Source::Owned(reply.octets),
            closes: false,
        };
        self.fire(Event::Replied, Some(staged), shared, now);
        self.advance(shared, now);
    }

    pub(crate) fn handle_sent(&mut self, bytes: usize, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Sent { bytes: u32::try_from(bytes).unwrap_or(u32::MAX) });
        let Some(work) = self.work.as_mut() else { return };
        work.outbox.sent(bytes);
        if self.phase == Phase::Write {
            self.pace.advance(bytes, now);
            if work.outbox.is_staged_sent() {
                if let Some(buffer) = work.outbox.finish() {
                    shared.pool.keep_buffer(buffer);
                }
                let event = if self.keep { Event::SentKeep } else { Event::SentClose };
                self.fire(event, None, shared, now);
            }
        }
        self.advance(shared, now);
    }

    pub(crate) fn handle_timeout(&mut self, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::TimedOut(self.phase));
        self.fire(Event::Expired, None, shared, now);
        self.advance(shared, now);
    }

    pub(crate) fn poll_action(&mut self, index: u32, limits: &Limits) -> Option<Action> {
        let ticket = Ticket { index, exchange: self.exchange };
        let pending = &mut self.pending;
        if self.forgotten != 0 {
            let exchange = core::mem::take(&mut self.forgotten);
            return Some(Action::Forget(Ticket { index, exchange }));
        }
        if core::mem::take(&mut pending.close) {
            return Some(Action::Close { reset: pending.reset });
        }
        if core::mem::take(&mut pending.route) {
            return Some(Action::Route);
        }
        if core::mem::take(&mut pending.dispatch) {
            let deadline = self.deadline(limits)?;
            let envelope = self.work.as_mut()?.sink.take()?.finish();
            return Some(Action::Dispatch { ticket, envelope, deadline });
        }
        if pending.shut && self.work.as_ref().is_none_or(|work| work.outbox.is_empty()) {
            pending.shut = false;
            return Some(Action::Shut);
        }
        None
    }

    /// Gives back what is not needed until the next octet.
    pub(crate) fn settle(&mut self, shared: &mut Shared) {
        let Some(work) = self.work.as_mut() else { return };
        if let Some(buffer) = work.inbox.give_back() {
            shared.pool.keep_inbox(buffer);
        }
        let over = matches!(self.phase, Phase::Idle | Phase::Linger | Phase::Closed);
        if over && work.inbox.is_empty() && work.outbox.is_empty() {
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

    /// Goes on as far as the octets that are here allow.
    fn advance(&mut self, shared: &mut Shared, now: Instant) {
        loop {
            match self.phase {
                Phase::Idle if self.has_input() => self.fire(Event::Started, None, shared, now),
                Phase::Head => {
                    if !self.read_head(shared, now) {
                        break;
                    }
                }
                _ => break,
            }
        }
        let needs_octets = matches!(
            self.phase,
            Phase::Handshake | Phase::Idle | Phase::Head | Phase::Body | Phase::Linger
        );
        if self.eof && needs_octets && self.nothing_unsent() {
            self.fire(Event::PeerEof, None, shared, now);
        }
    }

    fn has_input(&self) -> bool {
        self.work.as_ref().is_some_and(|work| !work.inbox.is_empty())
    }

    fn nothing_unsent(&self) -> bool {
        self.work.as_ref().is_none_or(|work| work.outbox.is_empty())
    }

    /// Looks at the head; false when it is not whole yet.
    fn read_head(&mut self, shared: &mut Shared, now: Instant) -> bool {
        let Some(work) = self.work.as_mut() else { return false };
        let inbox = &mut work.inbox;
        let mut resume = inbox.resume;
        let read = parse_head(inbox.filled(), &shared.limits.head, &mut resume, &mut shared.index);
        inbox.resume = resume;
        shared.index_exchange = 0;
        match read {
            Ok(None) => false,
            Ok(Some(head_bytes)) => {
                let head = fezz_parser::Head::new(inbox.filled(), &shared.index);
                work.exchange = Exchange::of(&head, head_bytes);
                inbox.resume = fezz_parser::Resume::default();
                self.exchange = shared.next_exchange();
                shared.index_exchange = self.exchange;
                self.served += 1;
                shared.notice(Notice::HeadDone);
                self.fire(Event::HeadDone, None, shared, now);
                true
            }
            Err(error) => {
                work.exchange = Exchange::of_part(inbox.filled());
                self.refuse(Refusal::Head(error), None, shared, now);
                true
            }
        }
    }

    fn body_received(&mut self, bytes: usize, shared: &mut Shared, now: Instant) {
        self.pace.advance(bytes, now);
        let Some(work) = self.work.as_mut() else { return };
        let Some(sink) = work.sink.as_mut() else { return };
        let (inbox, pool) = (&mut work.inbox, &mut shared.pool);
        let inbox_bytes = shared.limits.inbox_bytes();
        let taken = sink.received(bytes, &shared.limits.chunk, |surplus| {
            if surplus.is_empty() {
                return;
            }
            if !inbox.has_buffer() {
                inbox.lend(pool.inbox(inbox_bytes));
            }
            if let Some(room) = inbox.space().get_mut(..surplus.len()) {
                room.copy_from_slice(surplus);
                inbox.grow(surplus.len());
            }
        });
        self.body_progress(taken, shared, now);
    }

    fn body_behind_head(&mut self, shared: &mut Shared, now: Instant) {
        let Some(work) = self.work.as_mut() else { return };
        let Some(sink) = work.sink.as_mut() else { return };
        let taken = sink.take(work.inbox.filled(), &shared.limits.chunk);
        let done = taken.map(|taken| {
            work.inbox.consume(taken.consumed);
            taken.done
        });
        self.body_progress(done, shared, now);
    }

    fn body_progress(&mut self, done: Result<bool, SinkError>, shared: &mut Shared, now: Instant) {
        let done = done.and_then(|done| {
            if !done && let Some(sink) = self.work.as_mut().and_then(|work| work.sink.as_mut()) {
                sink.make_room()?;
            }
            Ok(done)
        });
        self.count_held(shared);
        let over = shared.body_bytes_held > shared.limits.body_bytes_total_max;
        match done {
            Ok(true) => self.fire(Event::BodyDone, None, shared, now),
            Ok(false) if over => self.refuse(Refusal::NoMemory, None, shared, now),
            Ok(false) => {}
            Err(SinkError::Chunk(error)) => self.refuse(Refusal::Chunk(error), None, shared, now),
            Err(SinkError::NoMemory) => self.refuse(Refusal::NoMemory, None, shared, now),
        }
    }

    /// Tells the hub's budget what this request holds.
    fn count_held(&mut self, shared: &mut Shared) {
        let Some(work) = self.work.as_mut() else { return };
        let held = work.sink.as_ref().map_or(0, |sink| sink.held() as u64);
        shared.body_bytes_held = shared.body_bytes_held + held - work.counted;
        work.counted = held;
    }

    fn release_counted(&mut self, shared: &mut Shared) {
        if let Some(work) = self.work.as_mut() {
            shared.body_bytes_held -= work.counted;
            work.counted = 0;
        }
    }

    fn refuse(&mut self, why: Refusal, reply: Option<Reply>, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Refused(why));
        let unread = self.skip_request(self.phase);
        let (source, head_bytes) = match reply {
            Some(reply) => (Source::Owned(reply.octets), reply.head_bytes as usize),
            None => {
                let (octets, head_bytes) = why.reply();
                (Source::Fixed(octets), head_bytes)
            }
        };
        let staged = Staged { source, head_bytes, closes: unread || why.closes() };
        self.fire(Event::Refused, Some(staged), shared, now);
    }

    /// Steps over a request that no function will see; true when octets of it are still to come.
    fn skip_request(&mut self, phase: Phase) -> bool {
        let Some(work) = self.work.as_mut() else { return false };
        match phase {
            Phase::Route => {
                work.inbox.consume(work.exchange.head_bytes as usize);
                let length = match work.exchange.framing {
                    Framing::None => 0,
                    Framing::Length(length) => length,
                    Framing::Chunked => return true,
                };
                match usize::try_from(length) {
                    Ok(length) if length <= work.inbox.len() => {
                        work.inbox.consume(length);
                        false
                    }
                    _ => true,
                }
            }
            Phase::Handle => false,
            _ => true,
        }
    }

    /// The one place where the phase changes.
    fn fire(&mut self, event: Event, staged: Option<Staged>, shared: &mut Shared, now: Instant) {
        match next(self.phase, event) {
            Ok((phase, act)) => {
                let from = self.phase;
                if phase != self.phase {
                    if phase == Phase::Closed {
                        shared.notice(Notice::Closed(self.phase));
                    }
                    self.pace = Pace::start(now);
                    self.phase = phase;
                }
                self.apply(act, from, staged, shared, now);
            }
            Err(forbidden) => {
                shared.notice(Notice::Forbidden(forbidden));
                debug_assert!(false, "forbidden: {forbidden:?}");
                if event != Event::Kill {
                    self.fire(Event::Kill, None, shared, now);
                }
            }
        }
    }

    fn apply(
        &mut self,
        act: Act,
        from: Phase,
        staged: Option<Staged>,
        shared: &mut Shared,
        now: Instant,
    ) {
        match act {
            Act::Enter => {}
            Act::Route => self.pending.route = true,
            Act::Dispatch => {
                shared.notice(Notice::Dispatched);
                self.pending.dispatch = true;
            }
            Act::Say => {
                if let Some(staged) = staged {
                    self.say(staged, shared, now);
                }
            }
            Act::SayTimeout => {
                if from == Phase::Head
                    && let Some(work) = self.work.as_mut()
                {
                    work.exchange = Exchange::of_part(work.inbox.filled());
                }
                self.say_fixed(Refusal::TooSlow, true, shared, now);
            }
            Act::SayLate => {
                self.forgotten = self.exchange;
                let unread = self.skip_request(from);
                self.say_fixed(Refusal::Late, unread, shared, now);
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
                self.pending.shut = true;
            }
            Act::Close => self.pending.close = true,
            Act::Reset => {
                self.pending.close = true;
                self.pending.reset = true;
            }
            Act::ForgetReset => {
                self.forgotten = self.exchange;
                self.pending.close = true;
                self.pending.reset = true;
            }
            Act::NoKeep => self.keep = false,
        }
    }

    fn say_fixed(&mut self, why: Refusal, closes: bool, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Refused(why));
        let (octets, head_bytes) = why.reply();
        let staged =
            Staged { source: Source::Fixed(octets), head_bytes, closes: closes || why.closes() };
        self.say(staged, shared, now);
    }

    /// The staged reply becomes the outbox. What it says about the connection is decided here, once.
    fn say(&mut self, staged: Staged, shared: &mut Shared, now: Instant) {
        self.release_counted(shared);
        let limits = &shared.limits;
        let aged = now.micros_since(self.opened) / 1_000 >= limits.connection_age_ms_max;
        let last = staged.closes || aged || self.served >= limits.requests_per_connection_max;
        let pool = &mut shared.pool;
        let work = self.work.get_or_insert_with(|| pool.work());
        self.keep &= !last;
        self.keep &= work.exchange.persistence != fezz_parser::Persistence::Close;
        let ending = work.exchange.ending(self.keep);
        let with_content = !work.exchange.head_only;
        work.outbox.stage(staged.source, staged.head_bytes, with_content, &shared.date, ending);
        if !self.keep {
            return self.drop_input();
        }
        let gather = !work.inbox.is_empty() && work.outbox.can_absorb(limits.backlog_bytes_max);
        if gather {
            if let Some(buffer) = work.outbox.absorb() {
                shared.pool.keep_buffer(buffer);
            }
            self.fire(Event::SentKeep, None, shared, now);
        }
    }

    /// Nothing behind a last reply is ever looked at.
    fn drop_input(&mut self) {
        if let Some(work) = self.work.as_mut() {
            work.inbox.clear();
            work.sink = None;
        }
    }
}
