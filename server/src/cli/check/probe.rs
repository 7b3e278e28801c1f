//! What is tried, in the order in which it is tried.

use clap::ValueEnum;

/// One thing to try, in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Probe {
    /// Map the artifact and run its constructors.
    Load,
    /// Agree on versions and capabilities.
    Handshake,
    /// Let the function check itself.
    Selfcheck,
    /// The least request there is.
    Get,
    /// A request with a body.
    Post,
    /// Every octet that a field value and a body may hold.
    Octets,
    /// The largest body that the server accepts by default.
    LargeBody,
    /// HEAD, OPTIONS and a method nobody knows.
    Methods,
    /// The same request three times.
    Repeat,
    /// The request cannot be written, ends where memory ends, and is gone after the call.
    RequestMemory,
    /// An answer is held while another call runs.
    AnswerMemory,
    /// Calls from several threads.
    Threads,
    /// Many calls, with an eye on memory.
    Growth,
    /// Brought to an end and begun again.
    Renewal,
}

impl Probe {
    /// Every probe.
    pub(super) const ALL: [Self; 14] = [
        Self::Load,
        Self::Handshake,
        Self::Selfcheck,
        Self::Get,
        Self::Post,
        Self::Octets,
        Self::LargeBody,
        Self::Methods,
        Self::Repeat,
        Self::RequestMemory,
        Self::AnswerMemory,
        Self::Threads,
        Self::Growth,
        Self::Renewal,
    ];

    /// The stable name; the child is told it on its command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Handshake => "handshake",
            Self::Selfcheck => "selfcheck",
            Self::Get => "get",
            Self::Post => "post",
            Self::Octets => "octets",
            Self::LargeBody => "large-body",
            Self::Methods => "methods",
            Self::Repeat => "repeat",
            Self::RequestMemory => "request-memory",
            Self::AnswerMemory => "answer-memory",
            Self::Threads => "threads",
            Self::Growth => "growth",
            Self::Renewal => "renewal",
        }
    }

    /// Whether it makes the request of `get` again, so that what is wrong with that is known.
    pub(super) const fn builds_upon_get(self) -> bool {
        match self {
            Self::Repeat
            | Self::RequestMemory
            | Self::AnswerMemory
            | Self::Threads
            | Self::Growth
            | Self::Renewal => true,
            Self::Load
            | Self::Handshake
            | Self::Selfcheck
            | Self::Get
            | Self::Post
            | Self::Octets
            | Self::LargeBody
            | Self::Methods => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_understands_every_name() {
        for probe in Probe::ALL {
            assert_eq!(Probe::from_str(probe.name(), false), Ok(probe));
        }
        assert_eq!(Probe::ALL.len(), Probe::value_variants().len());
    }
}
