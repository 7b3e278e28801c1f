//! Octets that have arrived are read: as far as they go, heads become requests.

use fezz_parser::parse_head;

use super::{Conn, Due};
use crate::exchange::Exchange;
use crate::notice::Notice;
use crate::phase::{Event, Phase};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::time::Instant;

impl Conn {
    /// Goes on as far as the octets that are here allow. Most of what happens to a connection
    /// leaves nothing to go on with.
    #[inline]
    pub(super) fn advance(&mut self, shared: &mut Shared, now: Instant) {
        let reads = matches!(self.phase, Phase::Idle | Phase::Head) && self.has_input();
        if reads || self.eof {
            self.advance_on_input(shared, now);
        }
    }

    /// Leaves the head that may wait behind an answered request to whoever looks after the
    /// connection next. There is one index of a head: were the heads of several connections read
    /// before the first of them is judged, all but the last would have to be read again.
    #[inline]
    pub(super) fn advance_later(&mut self, shared: &mut Shared, now: Instant) {
        if self.phase == Phase::Idle && self.has_input() {
            self.pending.add(Due::ReadOn);
        } else {
            self.advance(shared, now);
        }
    }

    /// Reads what was left for later, as of the moment when that was.
    #[inline]
    pub(super) fn read_on(&mut self, shared: &mut Shared) {
        if self.pending.take(Due::ReadOn) && self.phase == Phase::Idle {
            self.advance(shared, self.entered());
        }
    }

    #[inline(never)]
    fn advance_on_input(&mut self, shared: &mut Shared, now: Instant) {
        loop {
            match self.phase {
                Phase::Idle if self.has_input() => self.begin_exchange(shared, now),
                Phase::Head => {
                    if !self.read_head(shared, now) {
                        break;
                    }
                }
                _ => break,
            }
        }
        let needs_octets = matches!(
            self.phase,
            Phase::Handshake | Phase::Idle | Phase::Head | Phase::Body | Phase::Linger
        );
        if self.eof && needs_octets && self.nothing_unsent() {
            self.fire(Event::PeerEof, shared, now);
        }
    }

    fn has_input(&self) -> bool {
        self.work.as_ref().is_some_and(|work| !work.inbox.is_empty())
    }

    fn nothing_unsent(&self) -> bool {
        self.work.as_ref().is_none_or(|work| work.outbox.is_empty())
    }

    /// Looks at the head; false when it is not whole yet.
    #[inline]
    fn read_head(&mut self, shared: &mut Shared, now: Instant) -> bool {
        let Some(work) = self.work.as_mut() else { return false };
        let inbox = &mut work.inbox;
        let mut resume = inbox.resume;
        let read = parse_head(inbox.filled(), &shared.limits.head, &mut resume, &mut shared.index);
        inbox.resume = resume;
        shared.index_exchange = 0;
        match read {
            Ok(None) => false,
            Ok(Some(head_bytes)) => {
                let head = fezz_parser::Head::new(inbox.filled(), &shared.index);
                work.exchange = Exchange::of(&head, head_bytes);
                work.late = None;
                work.account.has_head = true;
                work.account.received_bytes = head_bytes as u64;
                work.fields = None;
                shared.index_exchange = self.exchange;
                shared.notice(Notice::HeadDone);
                self.fire(Event::HeadDone, shared, now);
                true
            }
            Err(error) => {
                // What stands behind the wrong octet must not matter: it may not have arrived yet.
                let right = usize::try_from(error.offset()).unwrap_or(usize::MAX);
                let right = right.min(inbox.len());
                work.exchange = Exchange::of_part(inbox.filled().get(..right).unwrap_or_default());
                work.account.received_bytes = right as u64;
                self.refuse(Refusal::Head(error), None, shared, now);
                true
            }
        }
    }
}
