//! The loop of a driver with pipes in place of sockets: it obeys the core and decides nothing.
//!
//! One turn: what the workers finished, verdicts and handshakes that are due, events (they only
//! mark), accepts, passed deadlines, then everybody on the ready list is pumped until blocked or
//! over budget, and what is closed is removed.

mod judge;
mod pump;
mod quiet;

use std::collections::VecDeque;

use fezz_proto::{ConnId, Hub, Instant, Phase, Stage};

use crate::accounts::Accounts;
use crate::channel::Channel;
use crate::crew::{Crew, Marker};
use crate::oracle::{Ledger, Rule, Tally, Violation};
use crate::pipe::{Pipe, Side};
use crate::plan::{Canary, Handshake, Plan};
use crate::reader::date_of;
use crate::rng::Rng;
use crate::trace::Trace;

/// What the driver touches and does not own.
#[derive(Debug)]
pub struct Scene<'p> {
    /// What was planned.
    pub plan: &'p Plan,
    /// One stream for each client.
    pub pipes: Vec<Pipe>,
    /// What stands before each of them at the server; empty when nothing does.
    pub channels: Vec<Box<dyn Channel>>,
    /// What the oracle is told.
    pub ledger: Ledger,
    /// What the core says of exchanges that are over.
    pub accounts: Accounts,
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
            if !self.hub.has_room() && self.accepts() {
                let shed = self.hub.handle_full(now);
                if shed.is_none() {
                    self.full_until_us = now_us + FULL_PAUSE_US;
                    return;
                }
                self.list_all(shed);
            }
            let handshake = scene.plan.scripts[client].handshake;
            let secured = !scene.channels.is_empty();
            let shakes = secured || handshake != Handshake::None;
            let Some(id) = self.hub.handle_accepted(shakes, now) else { return };
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
                    _ if secured => None,
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
