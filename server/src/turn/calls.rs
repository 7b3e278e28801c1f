//! Requests go to the workers, or become calls that the loop's thread makes itself; answers come
//! back.

use fezz_proto::{Instant, Refusal, Reply, Ticket};

use super::{Loop, NAP_MS_MIN};
use crate::crew::{Completion, Job};
use crate::dispatch::Unserved;

impl Loop {
    /// The next call that this thread makes itself, if there is one.
    pub(crate) fn next_call(&mut self) -> Option<Job> {
        loop {
            match self.dispatcher.next_call()? {
                Ok(job) => return Some(job),
                Err(ticket) => self.list_holder(ticket),
            }
        }
    }

    /// A call that this thread made ended at `now`.
    pub(crate) fn handle_call(
        &mut self,
        ticket: Ticket,
        outcome: Result<Reply, Refusal>,
        now: Instant,
    ) {
        self.dispatcher.set_now(now);
        self.answer(Completion { ticket, outcome }, now);
    }

    /// A call that this thread made failed at `now`, and another function answers instead.
    pub(crate) fn handle_redirected(&mut self, job: Job, now: Instant) {
        self.dispatcher.set_now(now);
        self.list_holder(job.ticket);
        self.dispatcher.redirect(job);
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
            self.dispatcher.rouse(&mut self.lists.unserved);
            self.answer_unserved(now);
        }
        for completion in completions.drain(..) {
            self.answer(completion, now);
        }
        self.lists.completions = completions;
    }

    /// Answers a request, if somebody still waits for that. Who does not was counted when its
    /// ticket became void.
    pub(super) fn answer(&mut self, completion: Completion, now: Instant) {
        if let Some(id) = self.hub.handle_reply(completion.ticket, completion.outcome, now) {
            self.dispatcher.answered();
            self.list(id);
        }
    }

    pub(super) fn submit(&mut self, now: Instant) {
        let waiting = self.dispatcher.is_waiting();
        if self.dispatcher.submit(&mut self.lists.unserved) {
            self.lists.nap_ms = NAP_MS_MIN;
            if !waiting {
                self.lists.stirred = now;
            }
        }
        self.answer_unserved(now);
        self.lists.unfinished.append(&mut self.lists.ready);
    }

    /// Answers what no function will.
    pub(super) fn answer_unserved(&mut self, now: Instant) {
        let mut unserved = std::mem::take(&mut self.lists.unserved);
        for Unserved { ticket, outcome, reply } in unserved.drain(..) {
            let Some(id) = self.hub.holder(ticket) else { continue };
            match (outcome, reply) {
                (Err(why), Some(reply)) => {
                    self.hub.handle_refused(id, why, Some(reply), now);
                    self.dispatcher.answered();
                    self.list(id);
                }
                (outcome, _) => self.answer(Completion { ticket, outcome }, now),
            }
        }
        self.lists.unserved = unserved;
    }
}
