//! TLS from the socket to the function, with clients that are not ours: curl, OpenSSL, Python's
//! ssl, and rustls in its other flavour.

mod bad_input;
mod clients;
mod files;
pub(crate) mod meta;
pub(crate) mod pki;
mod tokio;
mod trust;
