//! Octets move: actions first, then what is promised and what arrives, until blocked or over
//! budget.

use fezz_proto::{Action, ConnId, Hub, Instant, Stage};

use super::{Driver, Scene, Step};
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
                    scene.pipes[client].end();
                }
                Action::Close { reset } => {
                    scene.trace.note(now_us, "close", id.index as usize, u64::from(reset));
                    scene.tally.add("released", if reset { "reset" } else { "orderly" }, 1);
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
                scene.accounts.sent(link.client, bytes);
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

/// The planted bug of the prototype: a tail that is computed when it is sent, not when it is
/// promised, so that a drain in the middle of it changes the rest.
fn changed_tail(canary: Option<Canary>, hub: &Hub, tail: &[u8]) -> Option<Vec<u8>> {
    const LAST: &[u8] = b"date: Sun, 06 Nov 1994 00:00:00 GMT\r\nconnection: close\r\n\r\n";
    let changes = canary == Some(Canary::ChangedTail) && hub.stage() == Stage::Draining;
    let from = LAST.len().checked_sub(tail.len())?;
    (changes && !tail.is_empty()).then(|| LAST[from..].to_vec())
}
