//! Why a connection is not served although it came: one word for each reason.

use super::ProxyFault;

/// Why a connection is not served, or not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// There are as many as there may be, and none of them can be spared.
    Limit,
    /// Its address has as many as it may have.
    LimitIp,
    /// No descriptor is left for it.
    Descriptors,
    /// The server is about to end.
    Draining,
    /// Only trusted proxies may come this way, and it is none.
    Denied,
    /// It does not begin with the header that must be there.
    Proxy(ProxyFault),
}

impl Rejection {
    /// The words of all reasons, in counting order.
    pub const NAMES: [&'static str; 6] = ["limit", "limit_ip", "fd", "draining", "denied", "proxy"];

    /// The place of the reason's word.
    #[must_use]
    pub const fn place(self) -> usize {
        match self {
            Self::Limit => 0,
            Self::LimitIp => 1,
            Self::Descriptors => 2,
            Self::Draining => 3,
            Self::Denied => 4,
            Self::Proxy(_) => 5,
        }
    }
}
