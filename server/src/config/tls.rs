//! What the operator asked for about TLS, as plain data.

use std::path::PathBuf;
use std::time::Duration;

/// What listeners that speak TLS offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates and their keys; the first is the default.
    pub certificates: Vec<CertificateFiles>,
    /// Whether a certificate for development is made.
    pub self_signed: bool,
    /// What a client gets that asks for a name without a certificate.
    pub unknown_sni: UnknownSni,
    /// The oldest version.
    pub version_min: TlsVersion,
    /// Seconds for which browsers are told to come with TLS only.
    pub hsts_s: Option<u64>,
    /// Handshakes under way at once in one event loop.
    pub handshakes_max: u32,
    /// Whether clients can come back without a whole handshake. The gate obeys it.
    pub tickets: Tickets,
}

/// A certificate with its chain, and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The server's own certificate, then its issuers.
    pub chain: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// What a client gets that asks for a name without a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownSni {
    /// An alert.
    #[default]
    Reject,
    /// The first certificate.
    Default,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    V12,
    /// 1.3.
    V13,
}

/// Whether clients can come back without a whole handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tickets {
    /// They cannot.
    Off,
    /// They can, with a ticket that only this process can read.
    On {
        /// How long one key makes tickets; it can read them for as long again.
        rotate: Duration,
    },
}

/// The shortest time that one key makes tickets: below it hardly a client could come back.
pub const TICKETS_ROTATE_MIN: Duration = Duration::from_secs(60);
/// How long one key makes tickets, unless said otherwise, and at most: whoever has the key reads
/// what was said with its tickets.
pub const TICKETS_ROTATE: Duration = Duration::from_secs(6 * 3_600);

impl Default for Tickets {
    fn default() -> Self {
        Self::On { rotate: TICKETS_ROTATE }
    }
}

/// Whose client certificates count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCa {
    /// The authorities, in PEM.
    pub file: PathBuf,
    /// Whether a client without a certificate is refused.
    pub required: bool,
}

/// Handshakes under way at once in one event loop, unless said otherwise.
pub const HANDSHAKES_MAX: u32 = 256;
/// The port of `https` (RFC 9110 §4.2.2).
pub const HTTPS_PORT: u16 = 443;

impl Tls {
    /// Whether anything here can be served with.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        self.self_signed || !self.certificates.is_empty()
    }
}
