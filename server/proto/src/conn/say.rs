//! What is said to the peer: a reply or a refusal is staged, and becomes the outbox once.

use alloc::boxed::Box;

use super::Conn;
use crate::notice::Notice;
use crate::output::{Reply, Said, Source};
use crate::phase::{Act, Event, Phase};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::time::Instant;

/// What stands ready to be said.
pub(super) struct Staged {
    source: Source,
    head_bytes: usize,
    status: u16,
    refusal: Option<Refusal>,
    closes: bool,
}

impl Staged {
    /// The refusal's own octets, or a reply that says more.
    fn refusal(why: Refusal, reply: Option<Reply>, closes: bool) -> Self {
        let closes = closes || why.closes();
        match reply {
            Some(reply) => Self { refusal: Some(why), closes, ..Self::reply(reply) },
            None => {
                let (octets, head_bytes) = why.reply();
                let (source, status) = (Source::Fixed(octets), why.status());
                Self { source, head_bytes, status, refusal: Some(why), closes }
            }
        }
    }

    fn reply(reply: Reply) -> Self {
        Self {
            head_bytes: reply.head_bytes as usize,
            source: Source::Owned(reply.octets),
            status: reply.status,
            refusal: None,
            closes: false,
        }
    }
}

impl Conn {
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

    /// The reply to the present request, whoever makes it, gets these field lines too.
    pub(crate) fn set_fields(&mut self, fields: Box<[u8]>) {
        if let Some(work) = self.work.as_mut() {
            work.fields = Some(fields);
        }
    }

    /// The driver answers the request whose head it judged.
    #[inline(never)]
    pub(crate) fn handle_answered(&mut self, reply: Reply, shared: &mut Shared, now: Instant) {
        shared.notice(Notice::Answered { status: reply.status });
        let staged = Staged {
            // RFC 9112 §9.3: what is unread of this request must not be taken for the next one.
            closes: self.skip_request(self.phase()),
            ..Staged::reply(reply)
        };
        self.answer(Event::Replied, staged, shared, now);
        self.advance(shared, now);
    }

    /// The function's reply is here.
    #[inline]
    pub(crate) fn handle_reply(&mut self, reply: Reply, shared: &mut Shared, now: Instant) {
        let handle_us = u32::try_from(now.micros_since(self.entered())).unwrap_or(u32::MAX);
        shared.notice(Notice::Replied { status: reply.status, handle_us });
        self.answer(Event::Replied, Staged::reply(reply), shared, now);
        self.advance_later(shared, now);
    }

    /// Moves by an event that brings something to say, and says it where the table agrees.
    #[inline]
    fn answer(&mut self, event: Event, staged: Staged, shared: &mut Shared, now: Instant) {
        let from = self.phase;
        match self.step(event, shared, now) {
            Act::Say => self.say(staged, shared, now),
            act => self.apply(act, from, shared, now),
        }
    }

    /// Stages a refusal and lets the table decide whether it is said.
    #[inline(never)]
    pub(super) fn refuse(
        &mut self,
        why: Refusal,
        reply: Option<Reply>,
        shared: &mut Shared,
        now: Instant,
    ) {
        shared.notice(Notice::Refused(why));
        let unread = self.skip_request(self.phase);
        let staged = Staged::refusal(why, reply, unread);
        self.answer(Event::Refused, staged, shared, now);
    }

    /// Says what follows from a deadline that passed.
    #[inline(never)]
    pub(super) fn say_instead(
        &mut self,
        why: Refusal,
        reply: Option<Box<Reply>>,
        closes: bool,
        shared: &mut Shared,
        now: Instant,
    ) {
        shared.notice(Notice::Refused(why));
        let staged = Staged::refusal(why, reply.map(|reply| *reply), closes);
        self.say(staged, shared, now);
    }

    /// The staged reply becomes the outbox. What it says about the connection is decided here,
    /// once.
    #[inline(always)]
    pub(super) fn say(&mut self, staged: Staged, shared: &mut Shared, now: Instant) {
        self.release_counted(shared);
        let limits = &shared.limits;
        let aged = now.micros_since(self.opened) / 1_000 >= limits.connection_age_ms_max;
        let last = staged.closes || aged || self.served >= limits.requests_per_connection_max;
        let pool = &mut shared.pool;
        let work = self.work.get_or_insert_with(|| pool.work());
        work.account.status = staged.status;
        work.account.refusal = staged.refusal;
        self.keep &= !last;
        self.keep &= work.exchange.persistence != fezz_parser::Persistence::Close;
        let ending = work.exchange.ending(self.keep);
        let with_content = !work.exchange.head_only;
        let tail = shared.tails.get(self.secure, ending);
        let (mut source, mut head_bytes) = (staged.source, staged.head_bytes);
        if let Some(more) = work.fields.take() {
            source = source.with_fields(head_bytes, &more);
            head_bytes += more.len();
        }
        let reply = Said { source, head_bytes, with_content, tail };
        let gather = self.keep
            && !work.inbox.is_empty()
            && work.outbox.can_gather(&reply, limits.backlog_bytes_max);
        if gather {
            work.account.sent_bytes += reply.bytes();
            if let Some(buffer) = work.outbox.gather(reply) {
                shared.pool.keep_buffer(buffer);
            }
            self.fire(Event::SentKeep, shared, now);
        } else {
            work.outbox.stage(reply);
            if !self.keep {
                self.drop_input();
            }
        }
    }

    /// Steps over a request that no function will see; true when octets of it are still to come.
    pub(super) fn skip_request(&mut self, phase: Phase) -> bool {
        match phase {
            Phase::Route => self.work.as_mut().is_some_and(|work| !work.skip_request()),
            Phase::Handle => false,
            _ => true,
        }
    }

    /// Nothing behind a last reply is ever looked at.
    pub(super) fn drop_input(&mut self) {
        if let Some(work) = self.work.as_mut() {
            work.drop_input();
        }
    }
}
