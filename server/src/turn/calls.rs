//! Requests go to the workers, or become calls that the loop's thread makes itself; answers come
//! back.

use fezz_proto::{ConnId, Instant, Refusal, Reply, Ticket};

use super::{Loop, NAP_MS_MIN};
use crate::crew::{Completion, Failed, Job, Outcome, Served, Stay, Took};
use crate::envelope;
use crate::exchange::Exchange;

/// Calls for one connection in one turn: the answers to as many pipelined requests leave together.
const ROUNDS_MAX: u32 = 32;
/// Microseconds after which the calls of a group are over, but for the round that is under way: the
/// others wait no longer for a group than for a call, before the loop is rescued from that.
const SPELL_US_MAX: u64 = 1_000;

/// Rounds of calls, one for each connection of a group at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spell {
    rounds: u32,
    began: Instant,
}

impl Spell {
    /// A round begins.
    const fn begin(&mut self, now: Instant) {
        if self.rounds == 0 {
            self.began = now;
        }
        self.rounds += 1;
    }

    /// A round ended; whether another one may follow.
    const fn goes_on(self, now: Instant) -> bool {
        self.rounds < ROUNDS_MAX && now.micros_since(self.began) < SPELL_US_MAX
    }
}

impl Loop {
    /// Whether there are calls that this thread makes itself: a round of them begins. What the loop
    /// did up to now took its own time, and must not be held against the first of them. Requests
    /// for workers do not wait for calls.
    pub(crate) fn begin_calls(&mut self) -> bool {
        let begins = self.dispatcher.has_calls();
        if begins {
            let now = self.clock.now();
            self.dispatcher.set_now(now);
            self.lists.spell.begin(now);
            self.submit(now);
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
        if let Some(id) = self.answer(completion, now) {
            self.lists.answered.push(id);
        }
    }

    /// The round is over. Whoever was answered goes on, which may lead to another round, or comes
    /// in the next turn, behind those who wait.
    pub(crate) fn go_on(&mut self) {
        let now = self.dispatcher.now();
        let goes_on = self.lists.spell.goes_on(now);
        let mut answered = std::mem::take(&mut self.lists.answered);
        if goes_on {
            answered.drain(..).for_each(|id| self.pump(id, now));
        } else {
            self.lists.unfinished.append(&mut answered);
        }
        self.lists.answered = answered;
    }

    /// The thread that made a call for this ticket is kept by it, and the loop was rescued: what is
    /// promised must not wait for the answer any more.
    pub(crate) fn handle_rescued(&mut self, ticket: Ticket) {
        self.dispatcher.set_now(self.clock.now());
        self.lists.ready.append(&mut self.lists.answered);
        self.list_holder(ticket);
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
            if let Some(id) = self.answer(completion, now) {
                self.lists.ready.push(id);
            }
        }
        self.lists.completions = completions;
    }

    /// Answers a request, if somebody still waits for that: the connection that the caller has to
    /// list, unless it is listed. Who does not was counted when its ticket became void.
    fn answer(&mut self, completion: Completion, now: Instant) -> Option<ConnId> {
        let Completion { ticket, took, outcome } = completion;
        let outcome = match outcome {
            Ok(reply) => Ok(reply),
            Err(failed) if self.hub.holder(ticket).is_none() => Err(failed.refusal),
            Err(failed) => self.find_remedy(*failed, took, now)?,
        };
        let id = self.hub.handle_reply(ticket, outcome, now)?;
        self.dispatcher.answered();
        let link = self.lists.link(id)?;
        if let Some(exchange) = link.facts.exchange.as_deref_mut() {
            exchange.note(took);
            // Who waits behind its policy may come, even while the answer leaves.
            exchange.guard = None;
        }
        (!std::mem::replace(&mut link.listed, true)).then_some(id)
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
    }

    /// Answers what nobody takes.
    fn answer_failed(&mut self, now: Instant) {
        let mut all = std::mem::take(&mut self.lists.failed);
        for failed in all.drain(..) {
            if let Some(id) = self.answer(failed, now) {
                self.lists.ready.push(id);
            }
        }
        self.lists.failed = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of a group whose rounds take so long.
    fn rounds(round_us: u64) -> u32 {
        let (mut spell, mut now) = (Spell::default(), Instant::from_micros(77));
        loop {
            spell.begin(now);
            now = Instant::from_micros(now.as_micros() + round_us);
            if !spell.goes_on(now) {
                return spell.rounds;
            }
        }
    }

    #[test]
    fn a_group_has_its_rounds_or_its_time() {
        assert_eq!(rounds(0), ROUNDS_MAX);
        assert_eq!(rounds(1), ROUNDS_MAX);
        assert_eq!(rounds(SPELL_US_MAX / 4), 4);
        assert_eq!(rounds(SPELL_US_MAX - 1), 2);
        assert_eq!(rounds(SPELL_US_MAX), 1, "every call was made once");
    }
}
