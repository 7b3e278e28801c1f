//! What happened, for observers: small, copyable, no strings.

use crate::phase::{Event, Forbidden, Phase};
use crate::refusal::Refusal;

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFault {
    /// The peer speaks HTTP without TLS.
    PlainHttp,
    /// What came is not TLS, or breaks its rules.
    Malformed,
    /// The first message is longer than any honest one.
    HelloTooLarge,
    /// No certificate here has the name that was asked for.
    UnknownName,
    /// No version, cipher or key exchange is known to both sides.
    Incompatible,
    /// The client's certificate is missing or not good enough.
    ClientCertificate,
    /// The peer gave up, and said so.
    PeerAlert,
    /// We could not go on: an internal failure.
    Ours,
}

impl HandshakeFault {
    /// Every fault, in counting order.
    pub const ALL: [Self; 8] = [
        Self::PlainHttp,
        Self::Malformed,
        Self::HelloTooLarge,
        Self::UnknownName,
        Self::Incompatible,
        Self::ClientCertificate,
        Self::PeerAlert,
        Self::Ours,
    ];

    /// The stable reason word in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlainHttp => "plain_http",
            Self::Malformed => "malformed",
            Self::HelloTooLarge => "hello_too_large",
            Self::UnknownName => "unknown_name",
            Self::Incompatible => "incompatible",
            Self::ClientCertificate => "client_certificate",
            Self::PeerAlert => "peer_alert",
            Self::Ours => "internal",
        }
    }
}

/// What ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The peer ended its side in order.
    PeerEnded,
    /// The connection broke.
    PeerGone,
    /// Its one deadline passed, or it sent too much after its last reply.
    Expired,
    /// The server drained, or somebody else needed the place.
    Drained,
    /// The server ended it.
    Killed,
}

impl Cause {
    /// Every cause, in counting order.
    pub const ALL: [Self; 5] =
        [Self::PeerEnded, Self::PeerGone, Self::Expired, Self::Drained, Self::Killed];

    /// The stable reason word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerEnded => "peer_ended",
            Self::PeerGone => "peer_gone",
            Self::Expired => "expired",
            Self::Drained => "drained",
            Self::Killed => "killed",
        }
    }

    /// The cause that an event is.
    pub(crate) const fn of(event: Event) -> Self {
        match event {
            Event::PeerEof => Self::PeerEnded,
            Event::PeerGone => Self::PeerGone,
            Event::Expired => Self::Expired,
            Event::Drain => Self::Drained,
            Event::Secured
            | Event::Started
            | Event::HeadDone
            | Event::Admitted
            | Event::AdmittedBody
            | Event::BodyDone
            | Event::Refused
            | Event::Replied
            | Event::SentKeep
            | Event::SentClose
            | Event::Kill => Self::Killed,
        }
    }
}

/// One thing that happened in the core, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection was taken.
    Accepted,
    /// An idle connection was told to leave so that a new one fits.
    Shed,
    /// A TLS handshake finished.
    Secured,
    /// A TLS handshake failed.
    HandshakeFailed(HandshakeFault),
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
    /// A connection ended in this phase, because of that.
    Closed(Phase, Cause),
    /// The core was used against its table: our bug.
    Forbidden(Forbidden),
}

const _: () = assert!(size_of::<Notice>() <= 32);

/// How often happened what every request does: added up where it happens, because a notice of each
/// costs more than all there is to know of most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    /// [`Notice::HeadDone`].
    pub heads: u64,
    /// [`Notice::Dispatched`].
    pub dispatched: u64,
    /// [`Notice::Replied`], by the first digit of the status.
    pub replied: [u64; 6],
    /// [`Notice::Kept`].
    pub kept: u64,
    /// Octets of [`Notice::Received`].
    pub received_bytes: u64,
    /// Octets of [`Notice::Sent`].
    pub sent_bytes: u64,
}

impl Usual {
    /// Whether nothing of the kind happened.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a notice, if it is usual. With the notice a constant, little of this is left.
    #[inline(always)]
    pub(crate) const fn count(&mut self, notice: Notice) -> bool {
        match notice {
            Notice::HeadDone => self.heads += 1,
            Notice::Dispatched => self.dispatched += 1,
            Notice::Replied { status, handle_us: _ } => {
                let class = (status / 100) as usize;
                if class < self.replied.len() {
                    self.replied[class] += 1;
                }
            }
            Notice::Kept => self.kept += 1,
            Notice::Received { bytes } => self.received_bytes += bytes as u64,
            Notice::Sent { bytes } => self.sent_bytes += bytes as u64,
            Notice::Accepted
            | Notice::Shed
            | Notice::Secured
            | Notice::HandshakeFailed(_)
            | Notice::Refused(_)
            | Notice::Answered { .. }
            | Notice::StaleReply
            | Notice::TimedOut(_)
            | Notice::Closed(..)
            | Notice::Forbidden(_) => return false,
        }
        true
    }
}
