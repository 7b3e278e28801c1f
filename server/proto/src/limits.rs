//! Every limit of the core, with its unit and what it prices; checked once, then trusted.

use core::fmt;
use core::ops::Deref;

use fezz_parser::{ChunkLimits, HeadLimits};

use crate::pace::PaceLimits;

/// Limits of one hub. Plain data: change what you need, then [`Limits::check`] it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What a head may measure. Prices one inbox: `inbox_bytes` octets a connection that is
    /// receiving a head.
    pub head: HeadLimits,
    /// What chunk framing may measure.
    pub chunk: ChunkLimits,
    /// Octets held by all requests of the hub whose content is arriving or being handled.
    pub body_bytes_total_max: u64,
    /// Connections. Worst-case memory for heads = `connections_max` × `inbox_bytes`.
    pub connections_max: u32,
    /// Requests on one connection before it is closed.
    pub requests_per_connection_max: u32,
    /// Milliseconds after which a connection is closed with its next reply.
    pub connection_age_ms_max: u64,
    /// Milliseconds from accept to the end of a PROXY header.
    pub proxy_header_ms_max: u32,
    /// Milliseconds for a TLS handshake.
    pub handshake_ms_max: u32,
    /// Milliseconds from the first octet of a head to its end; also from accept to that first
    /// octet.
    pub head_ms_max: u32,
    /// Milliseconds between a reply and the next request.
    pub idle_ms_max: u32,
    /// Milliseconds for a verdict about a head; a route's own limit takes over with the admission.
    pub handle_ms_max: u32,
    /// How slowly content may arrive.
    pub body_pace: PaceLimits,
    /// How slowly a reply may leave.
    pub write_pace: PaceLimits,
    /// Milliseconds to wait for the peer's end after ours.
    pub linger_ms_max: u32,
    /// Octets read and dropped after our end.
    pub linger_bytes_max: u32,
    /// Octets of finished replies gathered behind each other before they must be sent.
    pub backlog_bytes_max: u32,
    /// Deadlines looked at in one turn; a storm is spread over several.
    pub timeouts_per_turn_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let pace = PaceLimits {
            grace_ms: 20_000,
            rate_bytes_per_s_min: 500,
            ceiling_ms: 300_000,
            idle_ms: 30_000,
        };
        Self {
            head: HeadLimits::default(),
            chunk: ChunkLimits::default(),
            body_bytes_total_max: 256 * 1024 * 1024,
            connections_max: 65_536,
            requests_per_connection_max: 1_000,
            connection_age_ms_max: 3_600_000,
            proxy_header_ms_max: 5_000,
            handshake_ms_max: 10_000,
            head_ms_max: 10_000,
            idle_ms_max: 75_000,
            handle_ms_max: 30_000,
            body_pace: pace,
            write_pace: pace,
            linger_ms_max: 2_000,
            linger_bytes_max: 64 * 1024,
            backlog_bytes_max: 64 * 1024,
            timeouts_per_turn_max: 10_000,
        }
    }
}

impl Limits {
    /// Octets of one inbox: the largest head that the limits allow.
    #[must_use]
    pub const fn inbox_bytes(&self) -> usize {
        self.head.head_bytes_max()
    }

    /// The limits, proved to agree with each other.
    ///
    /// # Errors
    ///
    /// The first limit that cannot be obeyed.
    pub fn check(self) -> Result<Checked, LimitsError> {
        let zero = [
            ("connections_max", self.connections_max),
            ("requests_per_connection_max", self.requests_per_connection_max),
            ("proxy_header_ms_max", self.proxy_header_ms_max),
            ("handshake_ms_max", self.handshake_ms_max),
            ("head_ms_max", self.head_ms_max),
            ("idle_ms_max", self.idle_ms_max),
            ("handle_ms_max", self.handle_ms_max),
            ("linger_ms_max", self.linger_ms_max),
            ("timeouts_per_turn_max", self.timeouts_per_turn_max),
        ];
        for (name, value) in zero {
            if value == 0 {
                return Err(LimitsError::Zero { name });
            }
        }
        for (name, pace) in [("body_pace", &self.body_pace), ("write_pace", &self.write_pace)] {
            if pace.grace_ms == 0 || pace.idle_ms == 0 {
                return Err(LimitsError::Zero { name });
            }
            if pace.ceiling_ms < pace.grace_ms {
                return Err(LimitsError::CeilingBelowGrace { name });
            }
        }
        if let Err(error) = self.head.check() {
            return Err(LimitsError::Head(error));
        }
        Ok(Checked(self))
    }
}

/// [`Limits`] that passed [`Limits::check`]: the only kind the core takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked(Limits);

impl Checked {
    /// These limits, but with what sizes buffers and what is half read by those of `before`: the
    /// limits of heads and of chunk framing.
    pub(crate) const fn with_sizes_of(self, before: &Self) -> Self {
        Self(Limits { head: before.0.head, chunk: before.0.chunk, ..self.0 })
    }
}

impl Deref for Checked {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        &self.0
    }
}

/// A limit that cannot be obeyed. The operator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitsError {
    /// A limit is zero, which would refuse everything.
    Zero {
        /// The limit's name.
        name: &'static str,
    },
    /// A pace ends before its grace does.
    CeilingBelowGrace {
        /// The pace's name.
        name: &'static str,
    },
    /// The limits of heads contradict each other.
    Head(fezz_parser::LimitsError),
}

impl fmt::Display for LimitsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero { name } => write!(out, "{name} is zero, which would refuse everything"),
            Self::CeilingBelowGrace { name } => {
                write!(out, "the ceiling of {name} is below its grace")
            }
            Self::Head(error) => error.fmt(out),
        }
    }
}

impl core::error::Error for LimitsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_agree_with_each_other() {
        assert!(Limits::default().check().is_ok());
    }

    #[test]
    fn a_zero_is_named() {
        let limits = Limits { idle_ms_max: 0, ..Limits::default() };
        assert_eq!(limits.check(), Err(LimitsError::Zero { name: "idle_ms_max" }));
    }

    #[test]
    fn a_ceiling_below_its_grace_is_named() {
        let mut limits = Limits::default();
        limits.body_pace.ceiling_ms = 1;
        assert_eq!(limits.check(), Err(LimitsError::CeilingBelowGrace { name: "body_pace" }));
    }
}
