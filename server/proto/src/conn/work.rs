//! What a connection needs while it is not idle, in one record that goes round.

use alloc::boxed::Box;

use fezz_parser::Framing;

use crate::body::Sink;
use crate::exchange::Exchange;
use crate::input::Inbox;
use crate::output::{Outbox, Reply};
use crate::summary::Summary;

/// The buffers and facts of a request and its reply.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// What arrived and belongs to nobody yet: heads, and what came behind them.
    pub(super) inbox: Inbox,
    /// The facts of the present request.
    pub(super) exchange: Exchange,
    /// The envelope, from the admission to the dispatch.
    pub(super) sink: Option<Sink>,
    /// Octets of the sink that the hub's budget knows of.
    pub(super) counted: u64,
    /// What is said if the function is late, where the operator has words of its own for that.
    pub(super) late: Option<Box<Reply>>,
    /// Field lines that the reply gets besides its own, whatever it will be.
    pub(super) fields: Option<Box<[u8]>>,
    /// What is promised to the peer.
    pub(super) outbox: Outbox,
    /// What is known of the present exchange so far.
    pub(super) account: Summary,
    /// One before it that is over and was not told of.
    pub(super) earlier: Option<Summary>,
}

impl Work {
    /// Steps over the head in the inbox and its content; false when not all of that is there.
    pub(super) fn skip_request(&mut self) -> bool {
        self.inbox.consume(self.exchange.head_bytes as usize);
        let length = match self.exchange.framing {
            Framing::None => 0,
            Framing::Length(length) => length,
            Framing::Chunked => return false,
        };
        let here = usize::try_from(length).unwrap_or(usize::MAX).min(self.inbox.len());
        self.account.received_bytes += here as u64;
        if here as u64 == length {
            self.inbox.consume(here);
        }
        here as u64 == length
    }

    /// Nothing that arrived is of interest any more.
    pub(super) fn drop_input(&mut self) {
        self.inbox.clear();
        self.sink = None;
    }

    /// Nothing of the connection that had this record is left but memory for the next one.
    #[inline]
    pub(crate) fn reset(&mut self) {
        debug_assert!(self.counted == 0 && self.outbox.is_empty(), "somebody still needs this");
        self.drop_input();
        self.late = None;
        self.fields = None;
        self.exchange = Exchange::default();
        self.earlier = None;
    }
}
