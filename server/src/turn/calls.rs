//! Requests go to the workers, or become calls that the loop's thread makes itself; answers come
//! back.

use fezz_proto::{ConnId, Instant, Refusal, Reply, Ticket};

use super::{Loop, NAP_MS_MIN};
use crate::crew::{Completion, Failed, Job, Outcome, Served, Stay, Took};
use crate::envelope;
use crate::exchange::Exchange;

impl Loop {
    /// Whether there are calls that this thread makes itself. What the loop did up to now took its
    /// own time, and must not be held against the first of them.
    pub(crate) fn begin_calls(&mut self) -> bool {
        let begins = self.dispatcher.has_calls();
        if begins {
            self.dispatcher.set_now(self.clock.now());
        }
        begins
    }

    /// The next of them; `stay` is inside its function.
    #[inline]
    pub(crate) fn next_call(&mut self, stay: &mut Stay) -> Option<Job> {
        while let Some(ticket) = self.dispatcher.pass_on(stay) {
            self.list_holder(ticket);
        }
        self.dispatcher.next_call()
    }

    /// A call that this thread made ended at `now`.
    pub(crate) fn handle_call(&mut self, completion: Completion, now: Instant) {
        self.dispatcher.set_now(now);
        self.answer(completion, now);
    }

    /// The thread that made a call for this ticket is kept by it, and the loop was rescued: what is
    /// promised must not wait for the answer any more.
    pub(crate) fn handle_rescued(&mut self, ticket: Ticket) {
        self.dispatcher.set_now(self.clock.now());
        self.list_holder(ticket);
    }

    /// Pumps everybody who was answered since; may lead to more calls.
    pub(crate) fn go_on(&mut self) {
        let now = self.dispatcher.now();
        let mut ready = std::mem::take(&mut self.lists.ready);
        for id in ready.drain(..) {
            self.pump(id, now);
        }
        ready.append(&mut self.lists.ready);
        self.lists.ready = ready;
        self.submit(now);
    }

    pub(super) fn collect(&mut self, now: Instant) {
        if !self.dispatcher.is_waiting() {
            return;
        }
        let mut completions = std::mem::take(&mut self.lists.completions);
        self.outbound.collect(&mut completions);
        if !completions.is_empty() {
            self.lists.nap_ms = NAP_MS_MIN;
            self.lists.stirred = now;
        } else if now.micros_since(self.lists.stirred) >= NAP_MS_MIN * 1_000 {
            self.dispatcher.rouse(&mut self.lists.failed);
            self.answer_failed(now);
        }
        for completion in completions.drain(..) {
            self.answer(completion, now);
        }
        self.lists.completions = completions;
    }

    /// Answers a request, if somebody still waits for that. Who does not was counted when its
    /// ticket became void.
    fn answer(&mut self, completion: Completion, now: Instant) {
        let Completion { ticket, took, outcome } = completion;
        let outcome = match outcome {
            Ok(reply) => Ok(reply),
            Err(failed) if self.hub.holder(ticket).is_none() => Err(failed.refusal),
            Err(failed) => match self.find_remedy(*failed, took, now) {
                Some(outcome) => outcome,
                None => return,
            },
        };
        if let Some(id) = self.hub.handle_reply(ticket, outcome, now) {
            self.dispatcher.answered();
            let Some(link) = self.lists.link(id) else { return };
            if let Some(exchange) = link.facts.exchange.as_deref_mut() {
                exchange.note(took);
                // Who waits behind its policy may come, even while the answer leaves.
                exchange.guard = None;
            }
            if !std::mem::replace(&mut link.listed, true) {
                self.lists.ready.push(id);
            }
        }
    }

    fn exchange(&mut self, id: ConnId) -> Option<&mut Exchange> {
        self.lists.link(id)?.facts.exchange.as_deref_mut()
    }

    /// What is said where a dispatch failed; nothing where it was said here, or another function is
    /// asked.
    #[cold]
    fn find_remedy(
        &mut self,
        mut failed: Failed,
        took: Took,
        now: Instant,
    ) -> Option<Result<Reply, Refusal>> {
        let id = self.hub.holder(failed.job.ticket)?;
        let refusal = failed.refusal;
        let of_route =
            self.exchange(id).and_then(|exchange| exchange.guard.as_ref()?.remedy.clone());
        match failed.fall_back(of_route.as_deref(), now) {
            Outcome::Answer(reply) => {
                if let Some(exchange) = self.exchange(id) {
                    exchange.failed = true;
                }
                return Some(Ok(reply));
            }
            Outcome::Instead(previous) => {
                if let Some(exchange) = self.exchange(id) {
                    exchange.note(took);
                    exchange.served = Some(Served { callee: previous, previous: None });
                }
                self.dispatcher.redirect(failed.job, previous);
            }
            Outcome::Refuse => {
                let Some(until) = failed.until else { return Some(Err(refusal)) };
                let reply = envelope::come_back(until.micros_since(now));
                if let Some(exchange) = self.exchange(id) {
                    exchange.note(took);
                    exchange.guard = None;
                }
                self.hub.handle_refused(id, refusal, Some(reply), now);
                self.dispatcher.answered();
            }
        }
        self.list(id);
        None
    }

    pub(super) fn submit(&mut self, now: Instant) {
        let waiting = self.dispatcher.is_waiting();
        // A job that goes to the version before it is submitted again, once.
        while self.dispatcher.submit(&mut self.lists.failed) {
            self.lists.nap_ms = NAP_MS_MIN;
            if !waiting {
                self.lists.stirred = now;
            }
            self.answer_failed(now);
        }
        self.lists.unfinished.append(&mut self.lists.ready);
    }

    /// Answers what nobody takes.
    fn answer_failed(&mut self, now: Instant) {
        let mut all = std::mem::take(&mut self.lists.failed);
        for failed in all.drain(..) {
            self.answer(failed, now);
        }
        self.lists.failed = all;
    }
}
