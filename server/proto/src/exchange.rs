//! The facts of the current request: they belong to it, never to the connection.

use fezz_parser::{Ending, Framing, Head, Persistence};

/// What must be remembered of a head once its octets are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    /// How long the content is, and how it is marked off.
    pub(crate) framing: Framing,
    /// Octets of the head in the inbox.
    pub(crate) head_bytes: u32,
    /// HEAD: the reply's head stands alone (RFC 9110 §9.3.2).
    pub(crate) head_only: bool,
    /// The client waits for a 100 before it sends content (RFC 9110 §10.1.1).
    pub(crate) expects_continue: bool,
    /// What the head said about the connection (RFC 9112 §9.3).
    pub(crate) persistence: Persistence,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            framing: Framing::None,
            head_bytes: 0,
            head_only: false,
            expects_continue: false,
            persistence: Persistence::Close,
        }
    }
}

impl Exchange {
    pub(crate) fn of(head: &Head<'_>, head_bytes: usize) -> Self {
        Self {
            framing: head.framing(),
            head_bytes: u32::try_from(head_bytes).unwrap_or(u32::MAX),
            head_only: head.method_octets() == b"HEAD",
            expects_continue: head.expects_continue(),
            persistence: head.persistence(),
        }
    }

    /// What is known of a request whose head never became whole, or is wrong.
    pub(crate) fn of_part(octets: &[u8]) -> Self {
        // RFC 9112 §2.2: empty lines may precede the request line.
        let head_only = octets.trim_ascii_start().starts_with(b"HEAD ");
        Self { head_only, ..Self::default() }
    }

    /// How the reply's tail speaks of the connection, given that it stays or ends.
    pub(crate) const fn ending(&self, keep: bool) -> Ending {
        match (keep, self.persistence) {
            (false, _) | (true, Persistence::Close) => Ending::Close,
            (true, Persistence::KeepAlive) => Ending::KeepAlive,
            (true, Persistence::KeepAliveExplicit) => Ending::KeepAliveExplicit,
        }
    }
}
