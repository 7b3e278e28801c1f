//! What happened, for observers: small, copyable, no strings.

use crate::phase::{Forbidden, Phase};
use crate::refusal::Refusal;

/// One thing that happened in the core, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection was taken.
    Accepted,
    /// An idle connection was told to leave so that a new one fits.
    Shed,
    /// A TLS handshake finished.
    Secured,
    /// A whole, valid head arrived.
    HeadDone,
    /// A request got no answer from a function.
    Refused(Refusal),
    /// A request was handed over.
    Dispatched,
    /// A reply came for a waiting exchange.
    Replied {
        /// Its status.
        status: u16,
        /// Microseconds since the request was handed over.
        handle_us: u32,
    },
    /// The driver answered a request itself.
    Answered {
        /// The reply's status.
        status: u16,
    },
    /// A reply came for nobody: its exchange was over.
    StaleReply,
    /// The one deadline passed in this phase.
    TimedOut(Phase),
    /// Octets were received, head and content and framing.
    Received {
        /// How many.
        bytes: u32,
    },
    /// Octets left.
    Sent {
        /// How many.
        bytes: u32,
    },
    /// An exchange ended and its connection stays.
    Kept,
    /// A connection ended in this phase.
    Closed(Phase),
    /// The core was used against its table: our bug.
    Forbidden(Forbidden),
}

const _: () = assert!(size_of::<Notice>() <= 32);
