//! Connections come, and stop coming when the server drains.

use std::net::IpAddr;
use std::sync::Arc;

use fezz_proto::{Instant, Opening, Stage};
use mio::Interest;
use mio::net::TcpStream;

use super::Loop;
use crate::control::Order;
use crate::link::{ClientIp, Facts, Link, Way};
use crate::listen::{self, ACCEPTS_PER_TURN_MAX, AcceptFault, Accepted, BACKLOG_CONNECTIONS, Door};
use crate::peer::{Rejection, Trust, Via};
use crate::token;
use crate::transport::{Session, Transport};

/// Somebody who was let in.
pub(super) struct Guest {
    stream: TcpStream,
    peer: IpAddr,
    /// The number of the listener.
    listener: usize,
    door: Door,
    trust: Arc<Trust>,
    /// Whether it counts among the connections of its address.
    counted: bool,
}

impl Loop {
    pub(super) fn obey(&mut self, now: Instant) {
        if let Some(question) = self.control.question() {
            self.control.answer(question, now, self.hub.census());
        }
        self.hear(now);
        let order = self.control.order();
        if order == Order::Serve {
            return;
        }
        let began = *self.lists.drain_began.get_or_insert(now);
        let starts = began.plus_millis(self.tuning.drain_delay_ms);
        let ends = starts.plus_millis(self.tuning.drain_ms_max);
        if self.hub.stage() == Stage::Serving {
            if now < starts && order == Order::Drain {
                self.lists.drain_next = Some(starts);
                return;
            }
            self.accept_rest(now);
            self.listeners.clear();
            self.lists.drain_next = Some(ends);
            let mut ready = Vec::new();
            self.hub.handle_drain(now, &mut ready);
            self.list_all(ready);
        }
        if self.lists.drain_next.is_some() && (now >= ends || order == Order::Kill) {
            self.lists.drain_next = None;
            self.lists.cut += self.hub.busy() as u64;
            let mut ready = Vec::new();
            self.hub.handle_kill(now, &mut ready);
            self.list_all(ready);
        }
    }

    pub(super) fn accepts(&self) -> bool {
        self.hub.stage() == Stage::Serving
    }

    pub(super) fn accept(&mut self, now: Instant) {
        let mut budget = ACCEPTS_PER_TURN_MAX;
        let listeners = self.listeners.len();
        // Another one begins each turn: a flood at one address does not starve the others.
        self.lists.accept_first = (self.lists.accept_first + 1) % listeners.max(1);
        for step in 0..listeners {
            let number = (self.lists.accept_first + step) % listeners;
            while budget > 0 && self.listeners.get(number).is_some_and(|one| one.is_due(now)) {
                budget -= 1;
                if !self.accept_one(number, now) {
                    break;
                }
            }
        }
    }

    /// Takes the connections that are complete before the listeners go: they would be reset.
    pub(super) fn accept_rest(&mut self, now: Instant) {
        for number in 0..self.listeners.len() {
            if let Some(listener) = self.listeners.get_mut(number) {
                listener.pending = true;
            }
            for _ in 0..=BACKLOG_CONNECTIONS {
                let due = self.listeners.get(number).is_some_and(|one| one.is_due(now));
                if !due || !self.accept_one(number, now) {
                    break;
                }
            }
        }
    }

    /// Takes one connection; false when this listener is done for now.
    pub(super) fn accept_one(&mut self, number: usize, now: Instant) -> bool {
        let full = !self.hub.has_room();
        let Some(listener) = self.listeners.get_mut(number) else { return false };
        let shaken_full = self.lists.handshaking >= self.tuning.handshakes_max;
        let over_handshakes = matches!(listener.door, Door::Tls(_)) && shaken_full;
        if over_handshakes || full && !self.hub.can_shed(now) {
            listener.pause(now);
            if full {
                self.reject(Rejection::Limit, now);
            }
            return false;
        }
        match listener.accept(now) {
            Accepted::Stream(stream, peer) => {
                let (door, trust) = (listener.door.clone(), Arc::clone(&listener.trust));
                let listener = listener.number;
                let peer = peer.ip().to_canonical();
                match self.let_in(peer, &trust) {
                    Ok(counted) => {
                        // Only now: nobody leaves for somebody who is not let in.
                        if full && let Some(leaving) = self.hub.handle_full(now) {
                            self.list(leaving);
                        }
                        self.welcome(Guest { stream, peer, listener, door, trust, counted }, now);
                    }
                    Err(why) => self.reject(why, now),
                }
                true
            }
            Accepted::Empty => false,
            Accepted::Fault(why) => {
                self.dispatcher.audience.accept_failed(now, why);
                if why == AcceptFault::NoDescriptor {
                    self.starve(now);
                }
                true
            }
        }
    }

    pub(super) fn welcome(&mut self, guest: Guest, now: Instant) {
        let Guest { mut stream, peer, listener, door, trust, counted } = guest;
        if cfg!(not(target_os = "linux")) {
            // Elsewhere the listener's options are not handed on; failing costs little.
            drop(listen::set_terms((&stream).into()));
        }
        let secure = matches!(door, Door::Tls(_));
        let opening = Opening { secure, proxied: trust.announces };
        let Some(id) = self.hub.handle_opened(opening, now) else {
            if counted {
                self.dispatcher.headcount.leave(peer);
            }
            let serves = self.accepts();
            let why = if serves { Rejection::Limit } else { Rejection::Draining };
            return self.reject(why, now);
        };
        self.dispatcher.audience.accept(listener);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut stream, token::of_conn(id), interest);
        if registered.is_err() {
            self.hub.handle_peer_gone(id, now);
        }
        self.lists.handshaking += u32::from(secure);
        let (gate, way) = match door {
            Door::Plain => (None, Way::Plain),
            Door::Redirect(redirect) => (None, Way::Redirect(redirect)),
            Door::Tls(gate) => (Some(gate), Way::Tls(None)),
        };
        let transport = match gate {
            gate if trust.announces => Transport::prefaced(gate),
            Some(gate) => Transport::Tls(Box::new(Session::new(gate))),
            None => Transport::Plain,
        };
        let link = Link {
            stream,
            transport,
            id,
            facts: Facts {
                client: ClientIp::of(peer),
                via: Via::of(&trust, peer),
                counted,
                listener: u16::try_from(listener).unwrap_or(u16::MAX),
                way,
                exchange: None,
            },
            readable: false,
            writable: true,
            end_announced: false,
            broken: false,
            listed: false,
        };
        let place = id.index as usize;
        if place >= self.lists.links.len() {
            self.lists.links.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.lists.links.get_mut(place) {
            *slot = Some(link);
        }
        if registered.is_err() {
            self.list(id);
        }
    }
}
