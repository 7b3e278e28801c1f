//! Who we are to those who connect with TLS: certificates, what is offered, what is remembered.
//!
//! No octet of a connection passes here ([`crate::transport`] moves those): this is the part that
//! is decided before a handshake, and what is known after it.

mod acquire;
mod error;
mod fingerprint;
mod gate;
mod hello;
mod identity;
mod meta;
mod names;
mod offer;
mod present;
mod secured;
mod terms;
mod watch;
mod x509;

pub use error::TlsError;
pub(crate) use gate::{Admitted, Gate, Gates};
pub use gate::{CertificateCount, GateCounts};
pub(crate) use hello::{Hello, Look, look};
pub(crate) use meta::Settled;
pub(crate) use names::authority_host;
#[cfg(test)]
pub(crate) use offer::provider;
pub(crate) use secured::Secured;
pub(crate) use terms::{Wishes, wishes};
pub(crate) use watch::watch;
