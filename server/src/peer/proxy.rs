//! The header with which a proxy says whom it speaks for, as a pure function of the octets so far.
//!
//! Both versions of the PROXY protocol begin differently from each other and from everything else
//! that is served here. The verdict does not depend on how the octets were cut: what is refused
//! with some of them is refused, for the same reason, with more.

mod v1;
mod v2;

use std::fmt;
use std::net::IpAddr;

pub(crate) use v1::V1_BYTES_MAX;
pub(crate) use v2::V2_BYTES_MAX;

/// Octets that can be part of a header.
pub(crate) const HEADER_BYTES_MAX: usize =
    if V1_BYTES_MAX > V2_BYTES_MAX { V1_BYTES_MAX } else { V2_BYTES_MAX };

/// Who is at the other end of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The proxy itself: it asks on its own behalf, for instance how we are.
    Itself,
    /// Somebody whose address the proxy does not know, or that is no Internet address.
    Unknown,
    /// Somebody with this address and port.
    Address(IpAddr, u16),
}

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Octets of the header. What is behind them belongs to whoever it speaks for.
    pub(crate) bytes: usize,
    /// Whom it speaks for.
    pub(crate) source: Source,
}

/// Why a connection that must begin with a header does not. The proxy's fault, or its operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// The first octets are those of neither version: probably somebody who is no proxy.
    NoHeader,
    /// A line of version 1 does not end within its 107 octets.
    LineTooLong,
    /// A line of version 1 has a CR or LF that is not part of its CRLF.
    LineEnd,
    /// The protocol of version 1 is none of TCP4, TCP6 and UNKNOWN.
    Protocol,
    /// A line of version 1 has too many parts, or too few.
    Parts,
    /// An address of version 1 is none of its protocol.
    Address,
    /// A port of version 1 is no plain number up to 65535.
    Port,
    /// The second version's signature, and another version behind it.
    Version,
    /// The command of version 2 is neither LOCAL nor PROXY.
    Command,
    /// The family or the transport of version 2 is unknown.
    Family,
    /// A header of version 2 announces more octets than are taken.
    TooLong,
    /// A header of version 2 ends inside its addresses.
    AddressesCut,
    /// An extension of version 2 ends outside of its header, or has an impossible length.
    Extension,
    /// The checksum of version 2 is not that of its header.
    Checksum,
    /// The connection ended inside the header.
    Cut,
    /// The header was not whole in time.
    TooSlow,
}

impl ProxyFault {
    /// Every fault, in counting order.
    pub const ALL: [Self; 16] = [
        Self::NoHeader,
        Self::LineTooLong,
        Self::LineEnd,
        Self::Protocol,
        Self::Parts,
        Self::Address,
        Self::Port,
        Self::Version,
        Self::Command,
        Self::Family,
        Self::TooLong,
        Self::AddressesCut,
        Self::Extension,
        Self::Checksum,
        Self::Cut,
        Self::TooSlow,
    ];

    /// The stable reason word in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoHeader => "no_header",
            Self::LineTooLong => "line_too_long",
            Self::LineEnd => "line_end",
            Self::Protocol => "protocol",
            Self::Parts => "parts",
            Self::Address => "address",
            Self::Port => "port",
            Self::Version => "version",
            Self::Command => "command",
            Self::Family => "family",
            Self::TooLong => "too_long",
            Self::AddressesCut => "addresses_cut",
            Self::Extension => "extension",
            Self::Checksum => "checksum",
            Self::Cut => "cut",
            Self::TooSlow => "too_slow",
        }
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Looks for a whole header at the start of `octets`, which is everything received so far.
///
/// `Ok(None)`: right so far, and more octets are needed; never with [`HEADER_BYTES_MAX`] of them.
///
/// # Errors
///
/// The first thing that is wrong, as soon as an octet shows it.
pub(crate) fn look(octets: &[u8]) -> Result<Option<Announced>, ProxyFault> {
    if begins(octets, v2::SIGNATURE) {
        v2::look(octets)
    } else if begins(octets, v1::SIGNATURE) {
        v1::look(octets)
    } else {
        Err(ProxyFault::NoHeader)
    }
}

/// Whether `octets` begin with `signature`, as far as they go.
fn begins(octets: &[u8], signature: &[u8]) -> bool {
    octets.iter().zip(signature).all(|(octet, wanted)| octet == wanted)
}

#[cfg(test)]
mod tests;
