//! What a request must satisfy before its function is asked, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::Fallback;

/// Terms that routes may share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Its name in routes, logs and metrics.
    pub name: String,
    /// Only these may ask, if any are named; else 403.
    pub allow: Vec<IpNet>,
    /// These may not; 403. Stronger than [`allow`](Self::allow).
    pub deny: Vec<IpNet>,
    /// How a client proves who it is; else 401, or 403 where no field could prove it.
    pub auth: Option<Auth>,
    /// How many requests; beyond it 429.
    pub rate_limits: Vec<RateLimit>,
    /// Requests under way at once; beyond it 503.
    pub concurrency: Option<u32>,
    /// Which pages of other origins may read the answers.
    pub cors: Option<Cors>,
    /// What a client gets when the function did not answer; the function's own option otherwise.
    pub fallback: Option<Fallback>,
}

/// How a client proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By a bearer token (RFC 6750) whose SHA-256 is in a file: lines of `HEX PRINCIPAL`.
    BearerSha256 {
        /// The file.
        file: PathBuf,
    },
    /// By a certificate that its listener has verified.
    ClientCertificate {
        /// The subjects that may ask, as `CN=NAME`, or for certificates without a common name
        /// `URI:`, `DNS:` or `email:` and the first such name; empty: whoever was verified.
        subjects: Vec<String>,
    },
}

/// How many requests in which time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Whose requests are counted together.
    pub key: RateKey,
    /// So many requests ...
    pub requests: u32,
    /// ... in this time, evenly.
    pub per: Duration,
    /// So many more at once after a pause.
    pub burst: u32,
    /// Counts and logs what it would refuse, and lets it pass.
    pub dry_run: bool,
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateKey {
    /// Those of one address (IPv4), one /64 (IPv6).
    ClientIp,
    /// Those of one principal.
    Principal,
    /// Those of one route.
    Route,
    /// Those of one function.
    Function,
}

/// Cross-origin resource sharing (the Fetch standard).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins; `*` alone means every one.
    pub origins: Vec<String>,
    /// Methods beside the simple ones; empty: those of the route.
    pub methods: Vec<String>,
    /// Field names that requests may have.
    pub headers: Vec<String>,
    /// Field names that pages may read.
    pub expose: Vec<String>,
    /// Whether cookies and certificates go along; not with every origin.
    pub credentials: bool,
    /// How long a browser may remember the answer.
    pub max_age: Option<Duration>,
}
