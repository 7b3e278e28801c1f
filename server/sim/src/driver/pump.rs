//! Octets move: actions first, then what is promised and what arrives, until blocked or over
//! budget.

use fezz_proto::{Action, ConnId, Hub, Instant, Stage};

use super::{Driver, Scene, Step};
use crate::channel::{Channel, Shaken, Wire};
use crate::oracle::{Rule, Violation};
use crate::pipe::Moved;
use crate::plan::{Canary, Odds};

impl Driver {
    pub(super) fn pump(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
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
            match self.shake(id, scene, now_us) {
                Going::On => continue,
                Going::Nowhere => break,
                Going::Through => {}
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
            match moved {
                Some(bytes) => budget = budget.saturating_sub(bytes),
                None if self.flush(id, scene, now_us) => {}
                None => break,
            }
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
                Action::Forget { ticket, why: _ } => {
                    scene.tally.add("forgotten", "", 1);
                    let unrun = scene.rng.chance(scene.plan.odds.forgotten_unrun);
                    self.crew.forget(ticket, unrun);
                    self.pending.retain(|pending| pending.id.index != ticket.index);
                }
                Action::Finished(summary) => {
                    scene.trace.note(now_us, "finished", id.index as usize, summary.total_us());
                    let lost = scene.plan.canary == Some(Canary::LostExchange);
                    if !(lost && scene.rng.chance(20)) {
                        scene.accounts.finished(client, summary, now_us)?;
                    }
                }
                Action::Shut => {
                    if self.hub.unsent(id).iter().any(|octets| !octets.is_empty()) {
                        return Err(Violation::at(client, Rule::ShutBeforeSent));
                    }
                    scene.trace.note(now_us, "shut", id.index as usize, 0);
                    match wire(scene, client) {
                        None => scene.pipes[client].end(),
                        Some((channel, mut wire)) => {
                            if !channel.end(&mut wire) {
                                self.hub.handle_peer_gone(id, Instant::from_micros(now_us));
                            }
                        }
                    }
                }
                Action::Close { reset } => {
                    scene.trace.note(now_us, "close", id.index as usize, u64::from(reset));
                    scene.tally.add("released", if reset { "reset" } else { "orderly" }, 1);
                    if let (false, Some((channel, mut wire))) = (reset, wire(scene, client)) {
                        channel.part(&mut wire);
                    }
                    let destroys = scene.rng.chance(scene.plan.odds.reset_destroys);
                    scene.pipes[client].release(reset, destroys);
                    scene.accounts.closed(client, self.hub.unsent(id)[0].len());
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

    /// Sends what is promised; `None` when there is nothing to send or no room.
    fn send(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Step<Option<usize>> {
        let Some(Some(link)) = self.links.get_mut(id.index as usize) else { return Ok(None) };
        let mut unsent = self.hub.unsent(id);
        let promised = unsent.iter().map(|octets| octets.len()).sum::<usize>();
        if !link.writable || promised == 0 {
            return Ok(None);
        }
        let Odds { blocked, write_bytes_max, .. } = scene.plan.odds;
        if blocked > 0 && scene.rng.chance(blocked) {
            link.writable = false;
            scene.pipes[link.client].event_writable = true;
            return Ok(None);
        }
        if let Some((channel, mut wire)) = wire(scene, link.client) {
            let moved = channel.send(&mut wire, unsent);
            let more = channel.may_take_more();
            return Ok(self.sent(id, moved, more, scene, now_us));
        }
        let (pipe, rng) = (&mut scene.pipes[link.client], &mut scene.rng);
        let bytes_max = if rng.chance(200) { 1 } else { write_bytes_max };
        let changed = changed_tail(scene.plan.canary, &self.hub, unsent[2]);
        if let Some(changed) = &changed {
            unsent[2] = changed;
        }
        let moved = pipe.write(unsent, bytes_max);
        if let Moved::Bytes(bytes) = moved {
            match scene.plan.canary {
                Some(Canary::LostOctet) if rng.chance(20) => pipe.lose_octet(),
                Some(Canary::RepeatedOctets) if rng.chance(20) => {
                    pipe.write(unsent, bytes);
                }
                _ => {}
            }
        }
        Ok(self.sent(id, moved, true, scene, now_us))
    }

    /// Tells the core what left; `more` says whether there is room for more.
    fn sent(
        &mut self,
        id: ConnId,
        moved: Moved,
        more: bool,
        scene: &mut Scene<'_>,
        now_us: u64,
    ) -> Option<usize> {
        let link = self.links.get_mut(id.index as usize)?.as_mut()?;
        match moved {
            Moved::Bytes(bytes) => {
                link.writable = more;
                scene.tally.sent += bytes as u64;
                scene.accounts.sent(link.client, bytes);
                scene.trace.note(now_us, "sent", id.index as usize, bytes as u64);
                self.hub.handle_sent(id, bytes, Instant::from_micros(now_us));
                Some(bytes)
            }
            Moved::Blocked => {
                link.writable = false;
                None
            }
            Moved::Eof | Moved::Gone => {
                link.writable = false;
                self.hub.handle_peer_gone(id, Instant::from_micros(now_us));
                Some(0)
            }
        }
    }

    /// Goes on with a handshake, where one is under way.
    fn shake(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Going {
        let Some(Some(link)) = self.links.get_mut(id.index as usize) else { return Going::Nowhere };
        let Some((channel, mut wire)) = wire(scene, link.client) else { return Going::Through };
        if !channel.is_handshaking() {
            return Going::Through;
        }
        let waits = wire.rng.chance(100);
        let now = Instant::from_micros(now_us);
        match channel.shake(&mut wire, &mut link.readable, waits) {
            Shaken::Secured => {
                link.readable |= channel.may_have_more();
                self.hub.handle_secured(id, now);
            }
            Shaken::Waiting => {
                self.unfinished.push(id);
                return Going::Nowhere;
            }
            Shaken::Blocked(writes) => {
                link.writable &= !writes;
                return Going::Nowhere;
            }
            Shaken::Failed(why) => self.hub.handle_handshake_failed(id, why, now),
            Shaken::Eof => self.hub.handle_peer_eof(id, now),
            Shaken::Gone => self.hub.handle_peer_gone(id, now),
        }
        Going::On
    }

    /// Sends what a transport has to say; true when the connection turned out to be broken.
    fn flush(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> bool {
        let Some(Some(link)) = self.links.get_mut(id.index as usize) else { return false };
        let Some((channel, mut wire)) = wire(scene, link.client) else { return false };
        if !link.writable {
            return false;
        }
        let moved = channel.flush(&mut wire);
        link.writable = matches!(moved, Moved::Bytes(_));
        let gone = matches!(moved, Moved::Eof | Moved::Gone);
        if gone {
            self.hub.handle_peer_gone(id, Instant::from_micros(now_us));
        }
        gone
    }

    /// Receives what the core has room for; `None` when there is nothing to receive.
    fn receive(&mut self, id: ConnId, scene: &mut Scene<'_>, now_us: u64) -> Step<Option<usize>> {
        let Some(Some(link)) = self.links.get_mut(id.index as usize) else { return Ok(None) };
        if !link.readable || !self.hub.wants_read(id) {
            return Ok(None);
        }
        let now = Instant::from_micros(now_us);
        let Odds { blocked, read_bytes_max, .. } = scene.plan.odds;
        let space = self.hub.recv_space(id);
        if space.is_empty() {
            return Err(Violation::at(link.client, Rule::NoSpace));
        }
        if blocked > 0 && scene.rng.chance(blocked) {
            link.readable = false;
            scene.pipes[link.client].event_readable = true;
            return Ok(None);
        }
        let (moved, more) = match wire(scene, link.client) {
            None => (scene.pipes[link.client].read(space, read_bytes_max), true),
            Some((channel, mut wire)) => {
                let moved = channel.receive(&mut wire, space);
                (moved, channel.may_have_more())
            }
        };
        let rng = &mut scene.rng;
        match moved {
            Moved::Bytes(bytes) => {
                link.readable = more;
                if scene.plan.canary == Some(Canary::ChangedContent) && rng.chance(5) {
                    space[0] ^= 1;
                }
                scene.tally.received += bytes as u64;
                scene.accounts.received(link.client, bytes);
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
}

/// Where a handshake leads.
enum Going {
    /// There is none, or it is done.
    Through,
    /// The core has to decide.
    On,
    /// Nowhere in this turn.
    Nowhere,
}

/// What stands before a client's stream, and the stream as that sees it.
fn wire<'s>(scene: &'s mut Scene<'_>, client: usize) -> Option<(&'s mut dyn Channel, Wire<'s>)> {
    let Scene { plan, pipes, channels, rng, .. } = scene;
    let channel = channels.get_mut(client)?;
    Some((&mut **channel, Wire { pipe: &mut pipes[client], rng, odds: plan.odds }))
}

/// The planted bug of the prototype: a tail that is computed when it is sent, not when it is
/// promised, so that a drain in the middle of it changes the rest.
fn changed_tail(canary: Option<Canary>, hub: &Hub, tail: &[u8]) -> Option<Vec<u8>> {
    const LAST: &[u8] = b"date: Sun, 06 Nov 1994 00:00:00 GMT\r\nconnection: close\r\n\r\n";
    let changes = canary == Some(Canary::ChangedTail) && hub.stage() == Stage::Draining;
    let from = LAST.len().checked_sub(tail.len())?;
    (changes && !tail.is_empty()).then(|| LAST[from..].to_vec())
}
