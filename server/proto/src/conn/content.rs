//! The content of a request on its way from the stream into the envelope, within the hub's budget.

use fezz_parser::Framing;

use super::Conn;
use crate::action::Admission;
use crate::body::{Sink, SinkError};
use crate::phase::{Event, Phase};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::time::Instant;

impl Conn {
    /// The driver takes the request: what its head announces is received before it is handed over.
    #[inline]
    pub(crate) fn handle_admitted(
        &mut self,
        admission: Admission,
        shared: &mut Shared,
        now: Instant,
    ) {
        let Some(work) = self.work.as_mut() else { return };
        let exchange = work.exchange;
        if let Framing::Length(length) = exchange.framing
            && length > admission.body_bytes_max
        {
            shared.pool.keep_buffer(admission.envelope);
            return self.handle_refused(Refusal::BodyTooLarge, None, shared, now);
        }
        let held = shared.body_bytes_held;
        if exchange.framing != Framing::None && held >= shared.limits.body_bytes_total_max {
            shared.pool.keep_buffer(admission.envelope);
            return self.handle_refused(Refusal::NoMemory, None, shared, now);
        }
        self.handle_ms = admission.handle_ms_max;
        work.late = admission.late;
        work.inbox.consume(exchange.head_bytes as usize);
        let ahead = shared.limits.inbox_bytes();
        let (sink, event) = match exchange.framing {
            Framing::None | Framing::Length(0) => {
                (Sink::by_length(admission.envelope, 0), Event::Admitted)
            }
            Framing::Length(length) => {
                (Sink::by_length(admission.envelope, length), Event::AdmittedBody)
            }
            Framing::Chunked => {
                let sink = Sink::by_chunks(admission.envelope, admission.body_bytes_max, ahead);
                (sink, Event::AdmittedBody)
            }
        };
        work.sink = Some(sink);
        if event == Event::AdmittedBody && exchange.expects_continue && work.inbox.is_empty() {
            // RFC 9110 §10.1.1: only while none of the content has arrived.
            work.outbox.promise(fezz_parser::CONTINUE);
            work.account.sent_bytes += fezz_parser::CONTINUE.len() as u64;
        }
        self.fire(event, shared, now);
        if self.phase == Phase::Body {
            self.body_behind_head(shared, now);
        }
        self.advance(shared, now);
    }

    /// `bytes` octets landed in the envelope.
    pub(super) fn body_received(&mut self, bytes: usize, shared: &mut Shared, now: Instant) {
        self.pace.advance(bytes, now);
        let Some(work) = self.work.as_mut() else { return };
        let Some(sink) = work.sink.as_mut() else { return };
        let (inbox, pool) = (&mut work.inbox, &mut shared.pool);
        let inbox_bytes = shared.limits.inbox_bytes();
        let mut behind = 0;
        let taken = sink.received(bytes, &shared.limits.chunk, |surplus| {
            behind = surplus.len();
            if surplus.is_empty() {
                return;
            }
            if !inbox.has_buffer() {
                inbox.lend(pool.inbox(inbox_bytes));
            }
            if let Some(room) = inbox.space().get_mut(..surplus.len()) {
                room.copy_from_slice(surplus);
                inbox.grow(surplus.len());
            }
        });
        work.account.received_bytes += (bytes - behind) as u64;
        self.body_progress(taken, shared, now);
    }

    /// Content may have come with the head.
    fn body_behind_head(&mut self, shared: &mut Shared, now: Instant) {
        let Some(work) = self.work.as_mut() else { return };
        let Some(sink) = work.sink.as_mut() else { return };
        let taken = sink.take(work.inbox.filled(), &shared.limits.chunk);
        let done = taken.map(|taken| {
            work.inbox.consume(taken.consumed);
            work.account.received_bytes += taken.consumed as u64;
            taken.done
        });
        self.body_progress(done, shared, now);
    }

    /// Goes on to the worker, refuses, or makes room for more.
    fn body_progress(&mut self, done: Result<bool, SinkError>, shared: &mut Shared, now: Instant) {
        let done = done.and_then(|done| {
            if !done && let Some(sink) = self.work.as_mut().and_then(|work| work.sink.as_mut()) {
                sink.make_room()?;
            }
            Ok(done)
        });
        self.count_held(shared);
        let over = shared.body_bytes_held > shared.limits.body_bytes_total_max;
        match done {
            Ok(true) => self.fire(Event::BodyDone, shared, now),
            Ok(false) if over => self.refuse(Refusal::NoMemory, None, shared, now),
            Ok(false) => {}
            Err(SinkError::Chunk(error)) => self.refuse(Refusal::Chunk(error), None, shared, now),
            Err(SinkError::NoMemory) => self.refuse(Refusal::NoMemory, None, shared, now),
        }
    }

    /// Tells the hub's budget what this request holds.
    fn count_held(&mut self, shared: &mut Shared) {
        let Some(work) = self.work.as_mut() else { return };
        let held = work.sink.as_ref().map_or(0, |sink| sink.held() as u64);
        shared.body_bytes_held = shared.body_bytes_held + held - work.counted;
        work.counted = held;
    }

    /// The budget need not know of this request any more.
    pub(super) fn release_counted(&mut self, shared: &mut Shared) {
        if let Some(work) = self.work.as_mut() {
            shared.body_bytes_held -= core::mem::take(&mut work.counted);
        }
    }
}
