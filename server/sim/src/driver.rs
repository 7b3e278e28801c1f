//! The loop of a driver with pipes in place of sockets: it obeys the core and decides nothing.
//!
//! One turn: what the workers finished, verdicts and handshakes that are due, events (they only
//! mark), accepts, passed deadlines, then everybody on the ready list is pumped until blocked or
//! over budget, and what is closed is removed.

use std::collections::VecDeque;

use fezz_proto::{Action, Admission, ConnId, Hub, Instant, Phase, Refusal, Reply, Stage, Ticket};

use crate::crew::{Crew, Marker};
use crate::oracle::{Ledger, Rule, Tally, Violation};
use crate::pipe::{Moved, Pipe, Side};
use crate::plan::{Canary, Handshake, Odds, Plan};
use crate::reader::date_of;
use crate::request::{Outcome, Verdict};
use crate::rng::Rng;
use crate::trace::Trace;

/// What the driver touches and does not own.
#[derive(Debug)]
pub struct Scene<'p> {
    /// What was planned.
    pub plan: &'p Plan,
    /// One stream for each client.
    pub pipes: Vec<Pipe>,
    /// What the oracle is told.
    pub ledger: Ledger,
    /// What happened how often.
    pub tally: Tally,
    /// Choices made on the way.
    pub rng: Rng,
    /// What happened.
    pub trace: Trace,
}

#[derive(Debug)]
struct Link {
    id: ConnId,
    client: usize,
    readable: bool,
    writable: bool,
    break_seen: bool,
    listed: bool,
    closed: bool,
    accepted_us: u64,
    secured_us: Option<u64>,
}

/// How long a full driver does not accept.
const FULL_PAUSE_US: u64 = 100_000;

/// A verdict about a head that takes its time.
#[derive(Debug)]
struct Pending {
    id: ConnId,
    marker: Marker,
    due_us: u64,
}

/// The driver.
#[derive(Debug)]
pub struct Driver {
    hub: Hub,
    crew: Crew,
    links: Vec<Option<Link>>,
    ready: Vec<ConnId>,
    unfinished: Vec<ConnId>,
    closed: Vec<ConnId>,
    pending: Vec<Pending>,
    backlog: VecDeque<usize>,
    /// There was no room: not to be tried before, unless a connection is removed.
    full_until_us: u64,
    /// Whether a kill, not only a drain, was asked for.
    stops: Option<bool>,
    date_second: u64,
}

type Step<T> = Result<T, Violation>;

impl Driver {
    /// A driver with an empty hub.
    ///
    /// # Errors
    ///
    /// The limits of the plan contradict each other.
    pub fn new(plan: &Plan) -> Step<Self> {
        let limits = plan.limits.check().map_err(|_| Violation::of(Rule::Limits))?;
        let mut hub = Hub::new(limits);
        hub.set_date(date_of(0));
        Ok(Self {
            hub,
            crew: Crew::new(plan.odds.jobs_max),
            links: Vec::new(),
            ready: Vec::new(),
            unfinished: Vec::new(),
            closed: Vec::new(),
            pending: Vec::new(),
            backlog: VecDeque::new(),
            full_until_us: 0,
            stops: None,
            date_second: 0,
        })
    }

    /// The core.
    #[must_use]
    pub const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// A client connects: it waits to be accepted.
    pub fn connect(&mut self, client: usize) {
        self.backlog.push_back(client);
    }

    /// The clients that wait to be accepted and never will be.
    pub fn turn_away(&mut self) -> impl Iterator<Item = usize> {
        let draining = self.hub.stage() == Stage::Draining;
        let count = if draining { self.backlog.len() } else { 0 };
        self.backlog.drain(..count)
    }

    /// The server is to drain, or to kill what is left, in its next turn.
    pub fn stop(&mut self, kill: bool) {
        self.stops = Some(kill || self.stops == Some(true));
    }

    /// Whether there is something to do without anybody else doing something first.
    #[must_use]
    pub fn has_work(&self, scene: &Scene<'_>) -> bool {
        let event = |link: &Link| {
            let pipe = &scene.pipes[link.client];
            !link.closed && (pipe.event_readable || pipe.event_writable)
        };
        let accepts = self.accepts() && self.hub.has_room();
        accepts || !self.ready.is_empty() || !self.unfinished.is_empty() || self.links().any(event)
    }

    fn accepts(&self) -> bool {
        !self.backlog.is_empty() && self.hub.stage() == Stage::Serving
    }

    /// When the driver wants to turn at the latest.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        let verdict = self.pending.iter().map(|pending| pending.due_us).min();
        let secured = self.links().filter_map(|link| link.secured_us).min();
        let deadline = self.hub.next_deadline().map(Instant::as_micros);
        let full = self.accepts().then_some(self.full_until_us);
        [verdict, secured, deadline, full, self.crew.next_us()].into_iter().flatten().min()
    }

    /// One turn.
    ///
    /// # Errors
    ///
    /// What the core did against its contract.
    pub fn turn(&mut self, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
        self.tell_date(now_us);
        self.take_answers(scene, now_us)?;
        self.take_verdicts(scene, now_us)?;
        self.take_events(scene, now_us);
        self.obey(scene, now_us);
        self.accept(scene, now_us);
        self.time_out(now_us);
        let mut ready = std::mem::take(&mut self.ready);
        ready.append(&mut self.unfinished);
        for &id in &ready {
            self.pump(id, scene, now_us)?;
        }
        self.remove(scene);
        self.report(scene)
    }

    fn tell_date(&mut self, now_us: u64) {
        let second = now_us / 1_000_000;
        if second != self.date_second {
            self.date_second = second;
            self.hub.set_date(date_of(second));
        }
    }

    fn take_answers(&mut self, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
        let invented = scene.plan.odds.invented;
        for mut done in self.crew.finish(now_us, invented, &mut scene.rng, &mut self.hub) {
            if scene.plan.canary == Some(Canary::WrongTicket)
                && invented == 0
                && scene.rng.chance(100)
                && let Some(other) = self.crew.another_ticket(done.ticket)
            {
                done.ticket = other;
            }
            let status = match &done.answer {
                Ok(reply) => reply.status,
                Err(Refusal::BadHandler) => 502,
                Err(_) => 500,
            };
            let refused = done.answer.is_err();
            let now = Instant::from_micros(now_us);
            let Some(id) = self.hub.handle_reply(done.ticket, done.answer, now) else { continue };
            scene.trace.note(now_us, "reply", id.index as usize, u64::from(status));
            let marker = done.marker.ok_or(Violation::of(Rule::InventedReplyTaken))?;
            scene.ledger.answered(marker, status, refused)?;
            self.list(id);
        }
        Ok(())
    }

    fn take_verdicts(&mut self, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
        let due = |pending: &mut Pending| pending.due_us <= now_us;
        let due = self.pending.extract_if(.., due).collect::<Vec<_>>();
        for pending in due {
            self.judge(pending.id, pending.marker, scene, now_us)?;
            self.list(pending.id);
        }
        let now = Instant::from_micros(now_us);
        for link in self.links.iter_mut().flatten() {
            if link.secured_us.is_some_and(|secured_us| secured_us <= now_us) {
                link.secured_us = None;
                if self.hub.phase(link.id) == Some(Phase::Handshake) {
                    self.hub.handle_secured(link.id, now);
                }
                if !std::mem::replace(&mut link.listed, true) {
                    self.ready.push(link.id);
                }
            }
        }
        Ok(())
    }

    fn take_events(&mut self, scene: &mut Scene<'_>, now_us: u64) {
        let odds = &scene.plan.odds;
        let now = Instant::from_micros(now_us);
        for link in self.links.iter_mut().flatten().filter(|link| !link.closed) {
            let pipe = &mut scene.pipes[link.client];
            let mut readable = std::mem::take(&mut pipe.event_readable);
            let mut writable = std::mem::take(&mut pipe.event_writable);
            if scene.plan.canary == Some(Canary::LostEvent) && scene.rng.chance(20) {
                continue;
            }
            if odds.spurious > 0 && scene.rng.chance(odds.spurious) {
                (readable, writable) = (true, true);
            }
            if !readable && !writable {
                continue;
            }
            link.readable |= readable;
            link.writable |= writable;
            let breaks = pipe.client() == Side::Reset && !link.break_seen;
            if breaks && scene.rng.chance(odds.gone_seen) {
                link.break_seen = true;
                let phase = self.hub.phase(link.id).unwrap_or(Phase::Closed);
                scene.tally.add("gone", phase.name(), 1);
                self.hub.handle_peer_gone(link.id, now);
            }
            if !std::mem::replace(&mut link.listed, true) {
                self.ready.push(link.id);
            }
        }
    }

    fn obey(&mut self, scene: &mut Scene<'_>, now_us: u64) {
        let Some(kill) = self.stops.take() else { return };
        let what = if kill { "killed" } else { "drained" };
        for phase in self.links().filter_map(|link| self.hub.phase(link.id)) {
            scene.tally.add(what, phase.name(), 1);
        }
        let now = Instant::from_micros(now_us);
        let mut ready = Vec::new();
        if kill {
            self.hub.handle_kill(now, &mut ready);
        } else {
            self.hub.handle_drain(now, &mut ready);
        }
        self.list_all(ready);
    }

    fn accept(&mut self, scene: &mut Scene<'_>, now_us: u64) {
        let now = Instant::from_micros(now_us);
        if self.full_until_us > now_us {
            return;
        }
        for _ in 0..scene.plan.odds.accepts_per_turn {
            let Some(&client) = self.backlog.front() else { return };
            let handshake = scene.plan.scripts[client].handshake;
            let Some(id) = self.hub.handle_accepted(handshake != Handshake::None, now) else {
                if self.accepts() {
                    self.full_until_us = now_us + FULL_PAUSE_US;
                    let shed = self.hub.handle_full(now);
                    self.list_all(shed);
                }
                return;
            };
            self.backlog.pop_front();
            scene.trace.note(now_us, "accept", id.index as usize, client as u64);
            let link = Link {
                id,
                client,
                readable: true,
                writable: true,
                break_seen: false,
                listed: false,
                closed: false,
                accepted_us: now_us,
                secured_us: match handshake {
                    Handshake::Done(after_us) => Some(now_us + after_us),
                    Handshake::None | Handshake::Never => None,
                },
            };
            let place = id.index as usize;
            if place >= self.links.len() {
                self.links.resize_with(place + 1, || None);
            }
            self.links[place] = Some(link);
            self.list(id);
        }
    }

    fn time_out(&mut self, now_us: u64) {
        let mut late = Vec::new();
        self.hub.handle_timeouts(Instant::from_micros(now_us), &mut late);
        self.list_all(late);
    }

    fn pump(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
        let Some(link) = self.link(id) else { return Ok(()) };
        link.listed = false;
        if link.closed {
            return Ok(());
        }
        let odds = scene.plan.odds;
        let mut budget = odds.pump_bytes_max;
        loop {
            if self.act(id, scene, now_us)? {
                return Ok(());
            }
            if budget == 0 {
                self.unfinished.push(id);
                break;
            }
            let moved = if odds.reads_first {
                match self.receive(id, scene, now_us)? {
                    None => self.send(id, scene, now_us)?,
                    moved => moved,
                }
            } else {
                match self.send(id, scene, now_us)? {
                    None => self.receive(id, scene, now_us)?,
                    moved => moved,
                }
            };
            let Some(bytes) = moved else { break };
            budget = budget.saturating_sub(bytes);
        }
        if scene.plan.canary != Some(Canary::UnarmedDeadline) {
            self.hub.settle(id);
        }
        Ok(())
    }

    /// Obeys the core until it has no more to ask; true when the connection is over.
    fn act(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Step<bool> {
        let Some(client) = self.link(id).map(|link| link.client) else { return Ok(true) };
        while let Some(action) = self.hub.poll_action(id) {
            match action {
                Action::Route => self.route(id, client, scene, now_us)?,
                Action::Dispatch { ticket, envelope, deadline } => {
                    let late_us = deadline.as_micros().saturating_sub(now_us);
                    self.dispatch(id, ticket, envelope, late_us, scene, now_us)?;
                }
                Action::Forget(ticket) => {
                    scene.tally.add("forgotten", "", 1);
                    let unrun = scene.rng.chance(scene.plan.odds.forgotten_unrun);
                    self.crew.forget(ticket, unrun);
                    self.pending.retain(|pending| pending.id.index != ticket.index);
                }
                Action::Shut => {
                    if self.hub.unsent(id).iter().any(|octets| !octets.is_empty()) {
                        return Err(Violation::at(client, Rule::ShutBeforeSent));
                    }
                    scene.trace.note(now_us, "shut", id.index as usize, 0);
                    scene.pipes[client].end();
                }
                Action::Close { reset } => {
                    scene.trace.note(now_us, "close", id.index as usize, u64::from(reset));
                    scene.tally.add("released", if reset { "reset" } else { "orderly" }, 1);
                    let destroys = scene.rng.chance(scene.plan.odds.reset_destroys);
                    scene.pipes[client].release(reset, destroys);
                    if let Some(link) = self.link(id) {
                        link.closed = true;
                    }
                    self.closed.push(id);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn route(&mut self, id: ConnId, client: usize, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
        let head = self.hub.head(id).ok_or(Violation::at(client, Rule::NoHead))?;
        let marker = Marker::of_path(head.path()).ok_or(Violation::at(client, Rule::NoHead))?;
        let script = scene.plan.scripts.get(marker.client);
        let planned = script.and_then(|script| script.requests.get(marker.request));
        let Some(request) = planned.filter(|_| marker.client == client) else {
            return Err(Violation::at(client, Rule::StrangeRequest));
        };
        if head.method() != request.method {
            return Err(Violation::at(client, Rule::StrangeRequest));
        }
        scene.trace.note(now_us, "route", id.index as usize, marker.request as u64);
        scene.ledger.routed(marker)?;
        if request.verdict_ms == 0 {
            return self.judge(id, marker, scene, now_us);
        }
        let due_us = now_us + u64::from(request.verdict_ms) * 1_000;
        self.pending.push(Pending { id, marker, due_us });
        Ok(())
    }

    fn judge(
        &mut self,
        id: ConnId,
        marker: Marker,
        scene: &mut Scene<'_>,
        now_us: u64,
    ) -> Step<()> {
        let now = Instant::from_micros(now_us);
        let request = &scene.plan.scripts[marker.client].requests[marker.request];
        let path = self.hub.head(id).map(|head| Marker::of_path(head.path()));
        if path != Some(Some(marker)) {
            return Err(Violation::at(marker.client, Rule::NoHead));
        }
        let refusal = match request.verdict {
            Verdict::Take => {
                let mut envelope = self.hub.buffer();
                marker.write(&mut envelope);
                let admission = Admission {
                    envelope,
                    body_bytes_max: request.content_bytes_max,
                    handle_ms_max: request.handle_ms_max,
                };
                self.hub.handle_admitted(id, admission, now);
                return Ok(());
            }
            Verdict::NoRoute => Refusal::NoRoute,
            Verdict::NoMethod => Refusal::NoMethod,
            Verdict::Misdirected => Refusal::Misdirected,
            Verdict::BadPath => Refusal::BadPath,
            Verdict::Busy => Refusal::Busy,
        };
        scene.ledger.refused(marker, request.verdict.status())?;
        let reply = (refusal == Refusal::NoMethod).then(|| {
            let octets = b"HTTP/1.1 405 No\r\nallow: GET\r\ncontent-length: 4\r\nno.\n".to_vec();
            let head_bytes = u32::try_from(octets.len() - 4).unwrap_or(0);
            Reply { octets, head_bytes, status: 405 }
        });
        self.hub.handle_refused(id, refusal, reply, now);
        Ok(())
    }

    fn dispatch(
        &mut self,
        id: ConnId,
        ticket: Ticket,
        envelope: Vec<u8>,
        late_us: u64,
        scene: &mut Scene<'_>,
        now_us: u64,
    ) -> Step<()> {
        let (marker, content) =
            Marker::of_envelope(&envelope).ok_or(Violation::of(Rule::StrangeRequest))?;
        let request = &scene.plan.scripts[marker.client].requests[marker.request];
        scene.trace.note(now_us, "dispatch", id.index as usize, content.len() as u64);
        if content != request.content {
            return Err(Violation::by(marker, Rule::ContentChanged));
        }
        if late_us > u64::from(request.handle_ms_max) * 1_000 {
            return Err(Violation::by(marker, Rule::DeadlineTooLate));
        }
        if self.hub.holder(ticket) != Some(id) {
            return Err(Violation::by(marker, Rule::TicketUnknown));
        }
        scene.ledger.dispatched(marker)?;
        if self.crew.submit(ticket, marker, request, envelope, now_us) {
            let hangs = matches!(request.job.outcome, Outcome::Never);
            scene.tally.hung += u64::from(hangs);
            return Ok(());
        }
        scene.ledger.refused(marker, Verdict::Busy.status())?;
        let now = Instant::from_micros(now_us);
        match self.hub.handle_reply(ticket, Err(Refusal::Busy), now) {
            Some(_) => Ok(()),
            None => Err(Violation::by(marker, Rule::TicketUnknown)),
        }
    }

    /// Sends what is promised; `None` when there is nothing to send or no room.
    fn send(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Step<Option<usize>> {
        let Some(Some(link)) = self.links.get_mut(id.index as usize) else { return Ok(None) };
        let mut unsent = self.hub.unsent(id);
        let promised = unsent.iter().map(|octets| octets.len()).sum::<usize>();
        if !link.writable || promised == 0 {
            return Ok(None);
        }
        let Odds { blocked, write_bytes_max, .. } = scene.plan.odds;
        let (pipe, rng) = (&mut scene.pipes[link.client], &mut scene.rng);
        if blocked > 0 && rng.chance(blocked) {
            link.writable = false;
            pipe.event_writable = true;
            return Ok(None);
        }
        let bytes_max = if rng.chance(200) { 1 } else { write_bytes_max };
        let changed = changed_tail(scene.plan.canary, &self.hub, unsent[2]);
        if let Some(changed) = &changed {
            unsent[2] = changed;
        }
        match pipe.write(unsent, bytes_max) {
            Moved::Bytes(bytes) => {
                match scene.plan.canary {
                    Some(Canary::LostOctet) if rng.chance(20) => pipe.lose_octet(),
                    Some(Canary::RepeatedOctets) if rng.chance(20) => {
                        pipe.write(unsent, bytes);
                    }
                    _ => {}
                }
                scene.tally.sent += bytes as u64;
                scene.trace.note(now_us, "sent", id.index as usize, bytes as u64);
                self.hub.handle_sent(id, bytes, Instant::from_micros(now_us));
                Ok(Some(bytes))
            }
            Moved::Blocked => {
                link.writable = false;
                Ok(None)
            }
            Moved::Eof | Moved::Gone => {
                link.writable = false;
                self.hub.handle_peer_gone(id, Instant::from_micros(now_us));
                Ok(Some(0))
            }
        }
    }

    /// Receives what the core has room for; `None` when there is nothing to receive.
    fn receive(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Step<Option<usize>> {
        let Some(Some(link)) = self.links.get_mut(id.index as usize) else { return Ok(None) };
        if !link.readable || !self.hub.wants_read(id) {
            return Ok(None);
        }
        let now = Instant::from_micros(now_us);
        let Odds { blocked, read_bytes_max, .. } = scene.plan.odds;
        let (pipe, rng) = (&mut scene.pipes[link.client], &mut scene.rng);
        let space = self.hub.recv_space(id);
        if space.is_empty() {
            return Err(Violation::at(link.client, Rule::NoSpace));
        }
        if blocked > 0 && rng.chance(blocked) {
            link.readable = false;
            pipe.event_readable = true;
            return Ok(None);
        }
        match pipe.read(space, read_bytes_max) {
            Moved::Bytes(bytes) => {
                if scene.plan.canary == Some(Canary::ChangedContent) && rng.chance(5) {
                    space[0] ^= 1;
                }
                scene.tally.received += bytes as u64;
                scene.trace.note(now_us, "received", id.index as usize, bytes as u64);
                self.hub.handle_received(id, bytes, now);
                Ok(Some(bytes))
            }
            Moved::Blocked => {
                link.readable = false;
                Ok(None)
            }
            Moved::Eof => {
                link.readable = false;
                self.hub.handle_peer_eof(id, now);
                Ok(Some(0))
            }
            Moved::Gone => {
                link.readable = false;
                self.hub.handle_peer_gone(id, now);
                Ok(Some(0))
            }
        }
    }

    fn remove(&mut self, scene: &Scene<'_>) {
        if scene.plan.canary == Some(Canary::LeakedConnection) {
            return self.closed.clear();
        }
        for id in self.closed.drain(..) {
            self.links[id.index as usize] = None;
            self.hub.remove(id);
            self.full_until_us = 0;
        }
    }

    fn report(&mut self, scene: &mut Scene<'_>) -> Step<()> {
        let (notices, dropped) = self.hub.notices();
        for notice in notices {
            scene.trace.say(&format_args!("{notice:?}"));
            scene.tally.count(notice)?;
        }
        if dropped > 0 {
            return Err(Violation::of(Rule::NoticesDropped));
        }
        self.hub.clear_notices();
        Ok(())
    }

    /// What must hold whenever nothing can move: nobody was forgotten.
    ///
    /// # Errors
    ///
    /// Whoever was.
    pub fn check_quiet(&self, scene: &Scene<'_>, now_us: u64) -> Step<()> {
        let mut holds = false;
        for link in self.links() {
            let fail = |rule| Err(Violation::at(link.client, rule));
            let pipe = &scene.pipes[link.client];
            let phase = self.hub.phase(link.id).unwrap_or(Phase::Closed);
            let unsent = self.hub.unsent(link.id).iter().any(|octets| !octets.is_empty());
            if unsent && pipe.is_writable() {
                return fail(Rule::ForgottenWriter);
            }
            if self.hub.wants_read(link.id) && pipe.is_readable() {
                return fail(Rule::ForgottenReader);
            }
            if phase == Phase::Closed {
                return fail(Rule::ClosedAndKept);
            }
            holds |= matches!(phase, Phase::Body | Phase::Handle);
            let Some(deadline) = self.hub.deadline(link.id) else {
                return fail(Rule::NoDeadline);
            };
            let wakes = self.hub.next_deadline();
            let late_us = deadline.as_micros() + fezz_proto::TICK_US;
            if wakes.is_none_or(|wakes| wakes.as_micros() > late_us) {
                return fail(Rule::DeadlineNotArmed);
            }
            let life_us = life_us_max(scene.plan, link.client);
            if scene.plan.odds.leap == 0 && now_us - link.accepted_us > life_us {
                return fail(Rule::LivesTooLong);
            }
        }
        if !holds && self.hub.body_bytes_held() != 0 {
            return Err(Violation::of(Rule::MemoryHeld));
        }
        Ok(())
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().flatten()
    }

    fn link(&mut self, id: ConnId) -> Option<&mut Link> {
        self.links.get_mut(id.index as usize)?.as_mut().filter(|link| link.id == id)
    }

    fn list(&mut self, id: ConnId) {
        if let Some(link) = self.link(id)
            && !std::mem::replace(&mut link.listed, true)
        {
            self.ready.push(id);
        }
    }

    fn list_all(&mut self, ids: impl IntoIterator<Item = ConnId>) {
        for id in ids {
            self.list(id);
        }
    }
}

/// The planted bug of the prototype: a tail that is computed when it is sent, not when it is
/// promised, so that a drain in the middle of it changes the rest.
fn changed_tail(canary: Option<Canary>, hub: &Hub, tail: &[u8]) -> Option<Vec<u8>> {
    const LAST: &[u8] = b"date: Sun, 06 Nov 1994 00:00:00 GMT\r\nconnection: close\r\n\r\n";
    let changes = canary == Some(Canary::ChangedTail) && hub.stage() == Stage::Draining;
    let from = LAST.len().checked_sub(tail.len())?;
    (changes && !tail.is_empty()).then(|| LAST[from..].to_vec())
}

/// The sum of everything a connection may legally wait for, in microseconds.
fn life_us_max(plan: &Plan, client: usize) -> u64 {
    let limits = &plan.limits;
    let script = &plan.scripts[client];
    let handle_ms = script.requests.iter().map(|request| request.handle_ms_max).max().unwrap_or(0);
    let one_ms = u64::from(limits.idle_ms_max)
        + 2 * u64::from(limits.head_ms_max)
        + u64::from(limits.handle_ms_max)
        + u64::from(handle_ms)
        + u64::from(limits.body_pace.ceiling_ms)
        + u64::from(limits.write_pace.ceiling_ms);
    let rest_ms = u64::from(limits.handshake_ms_max) + u64::from(limits.linger_ms_max);
    let rounds = script.requests.len() as u64 + 1;
    // Every phase may be noticed one tick late, and storms are spread over turns.
    (one_ms * rounds + rest_ms + rounds * 8 * 20 + 1_000) * 1_000
}
