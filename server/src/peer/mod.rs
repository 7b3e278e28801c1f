//! Who is at the other end: what proxies say about it, who may say it, and how often it is here.
//!
//! Everything here is a function of octets and addresses; the driver decides when to ask. Whoever
//! connected is the *peer*; a PROXY header may put somebody else in its place for the whole
//! connection, and a forwarding field for one request: that is the *client*.

mod claims;
mod forwarded;
mod headcount;
mod proxy;
mod rejection;
mod trust;
mod via;

pub(crate) use claims::{is_claim, may_say};
use forwarded::client_of;
pub(crate) use headcount::Headcount;
pub use proxy::ProxyFault;
pub(crate) use proxy::{HEADER_BYTES_MAX, Source, look};
pub use rejection::Rejection;
pub(crate) use trust::Trust;
pub(crate) use via::Via;
