//! What the core asks of its driver, and what the driver answers to a head.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::output::Reply;
use crate::summary::Summary;
use crate::ticket::Ticket;
use crate::time::Instant;

/// A request that the driver takes.
#[derive(Debug)]
pub struct Admission {
    /// The envelope up to its content, which the core appends.
    pub envelope: Vec<u8>,
    /// Octets of content that the route takes.
    pub body_bytes_max: u64,
    /// Milliseconds from the complete request to the reply.
    pub handle_ms_max: u32,
    /// What is said in place of the refusal's own octets when the reply does not come in time.
    pub late: Option<Box<Reply>>,
}

/// Why nobody waits for an answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// The deadline passed, and the peer was told so.
    Late,
    /// The peer is gone.
    PeerGone,
    /// The server ends.
    Killed,
}

/// What the driver is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Judge the head: [`crate::Hub::head`], then admit or refuse.
    Route,
    /// Hand the envelope to a worker and bring the reply back with the ticket.
    Dispatch {
        /// The right to answer.
        ticket: Ticket,
        /// The whole envelope.
        envelope: Vec<u8>,
        /// When the answer is too late.
        deadline: Instant,
    },
    /// The ticket is void: whoever holds the request may drop it.
    Forget {
        /// The right that is no more.
        ticket: Ticket,
        /// What ended it.
        why: Void,
    },
    /// An exchange that began is over, whatever its end. Each is told of once, before the next
    /// [`Action::Route`] or [`Action::Close`] of its connection and behind its own
    /// [`Action::Forget`].
    Finished(Summary),
    /// Close our side of the stream; everything promised has been taken by it.
    Shut,
    /// Release the socket.
    Close {
        /// With a reset, because the peer does not deserve or get an orderly end.
        reset: bool,
    },
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// With a TLS handshake, whose end is said with
    /// [`Hub::handle_secured`](crate::Hub::handle_secured).
    pub secure: bool,
    /// With a PROXY header before everything else, whose end is said with
    /// [`Hub::handle_announced`](crate::Hub::handle_announced).
    pub proxied: bool,
}
