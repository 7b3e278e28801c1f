//! Who is at the other end: what proxies say about it, who may say it, and how often it is here.
//!
//! Everything here is a function of octets and addresses; the driver decides when to ask. Whoever
//! connected is the *peer*; a PROXY header may put somebody else in its place for the whole
//! connection, and a forwarding field for one request: that is the *client*.

mod claims;
mod forwarded;
mod headcount;
mod proxy;
mod trust;

pub(crate) use claims::{any as has_claims, is_claim, may_say};
pub(crate) use forwarded::client_of;
pub(crate) use headcount::Headcount;
pub use proxy::ProxyFault;
pub(crate) use proxy::{Announced, HEADER_BYTES_MAX, Source, look};
pub(crate) use trust::Trust;
