//! Heads are judged, requests handed to workers, and their answers taken back.

use fezz_proto::{Admission, ConnId, Instant, Phase, Refusal, Reply, Ticket};

use super::{Driver, Pending, Scene, Step};
use crate::crew::Marker;
use crate::oracle::{Rule, Violation};
use crate::plan::Canary;
use crate::request::{Outcome, Verdict};

impl Driver {
    pub(super) fn take_answers(&mut self, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
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

    pub(super) fn take_verdicts(&mut self, scene: &mut Scene<'_>, now_us: u64) -> Step<()> {
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

    pub(super) fn route(
        &mut self,
        id: ConnId,
        client: usize,
        scene: &mut Scene<'_>,
        now_us: u64,
    ) -> Step<()> {
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
        scene.accounts.routed(marker)?;
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
                    late: None,
                };
                self.hub.handle_admitted(id, admission, now);
                return Ok(());
            }
            Verdict::NoRoute => Refusal::NoRoute,
            Verdict::NoMethod => Refusal::NoMethod,
            Verdict::Denied => Refusal::Denied,
            Verdict::Unauthorized => Refusal::Unauthorized,
            Verdict::Limited => Refusal::Limited,
            Verdict::Saturated => Refusal::Saturated,
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

    pub(super) fn dispatch(
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
}
