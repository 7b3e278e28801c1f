//! What one exchange came to: how it ended, how long each step took, how many octets it moved.
//!
//! An exchange begins with the first octet of a head and is told of exactly once, whatever its end.

use crate::phase::{Event, Phase};
use crate::refusal::Refusal;
use crate::time::Instant;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// All of a reply or a refusal was sent, or promised with others that leave together.
    Said,
    /// The peer left before.
    PeerLeft,
    /// The peer did not take the reply in time.
    TimedOut,
    /// The server ended the connection.
    #[default]
    Killed,
}

impl End {
    /// What an event that ends an exchange makes of it.
    pub(crate) const fn of(event: Event) -> Self {
        match event {
            Event::SentKeep | Event::SentClose => Self::Said,
            Event::PeerEof | Event::PeerGone => Self::PeerLeft,
            Event::Expired => Self::TimedOut,
            Event::Secured
            | Event::Started
            | Event::HeadDone
            | Event::Admitted
            | Event::AdmittedBody
            | Event::BodyDone
            | Event::Refused
            | Event::Replied
            | Event::Drain
            | Event::Kill => Self::Killed,
        }
    }
}

/// One exchange that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its number, from 1, never the same twice in one hub; that of its ticket if it had one.
    pub exchange: u64,
    /// Which of its connection's requests it is, from 1.
    pub request: u32,
    /// The status that was said, or was to be; 0 when it did not come to that.
    pub status: u16,
    /// How it ended.
    pub end: End,
    /// Whether its head became whole and was valid.
    pub has_head: bool,
    /// Why no function answered it, where it was refused.
    pub refusal: Option<Refusal>,
    /// When its first octet was looked at.
    pub began: Instant,
    /// Microseconds from there to the end of its head.
    pub head_us: u64,
    /// Microseconds from there until it was handed over or answered: verdict and content.
    pub body_us: u64,
    /// Microseconds from the hand-over to the answer.
    pub handle_us: u64,
    /// Microseconds from the answer until all of it was sent or promised.
    pub write_us: u64,
    /// Octets received of its head and content, framing and leading empty lines included. What
    /// came behind a request that was given up belongs to none, but for what was read together
    /// with the octet that broke a rule of chunks.
    pub received_bytes: u64,
    /// Octets sent for it, or promised behind others that are leaving.
    pub sent_bytes: u64,
}

impl Summary {
    pub(crate) fn begin(exchange: u64, request: u32, now: Instant) -> Self {
        Self { exchange, request, began: now, ..Self::default() }
    }

    /// A phase took so long.
    #[inline]
    pub(crate) const fn took(&mut self, phase: Phase, micros: u64) {
        match phase {
            Phase::Head => self.head_us += micros,
            Phase::Route | Phase::Body => self.body_us += micros,
            Phase::Handle => self.handle_us += micros,
            Phase::Write => self.write_us += micros,
            Phase::Handshake | Phase::Idle | Phase::Linger | Phase::Closed => {}
        }
    }

    /// Microseconds from the first octet to the end.
    #[must_use]
    pub const fn total_us(&self) -> u64 {
        self.head_us + self.body_us + self.handle_us + self.write_us
    }
}
