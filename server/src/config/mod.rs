//! What the operator asked for, as plain data. Reading flags is the command line's business,
//! opening sockets and files the server's; here is only what can be wrong between two values.

mod error;
pub mod file;
mod grammar;
mod listener;
mod nearest;
mod observe;
mod option_flag;
mod options;
mod policy;
mod process;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use error::{ConfigError, ListenFault, TlsFlagFault};
pub use grammar::{FunctionFault, FunctionFlag, RouteFlag, parse_listen};
pub use listener::{Forwarded, ListenAddress, ListenerConfig, Serves};
pub(crate) use nearest::nearest;
pub use observe::{
    AccessFormat, AccessLog, AuditLog, Log, LogFormat, LogLevel, LogOutput, METRICS_PORT, Metrics,
    Propagate, Tracing,
};
pub(crate) use option_flag::parse_digest;
pub use option_flag::{OPTION_KEYS, OptionFault, OptionFlag, resolve};
pub use options::{
    Abi, Change, FUNCTION_ABANDON_MAX, Fallback, FunctionOptions, Placement, QUARANTINE, TlsWish,
};
pub use policy::{Auth, Cors, PolicyConfig, RateKey, RateLimit};
pub use process::{Admin, Sandbox};
pub use tls::{
    CertificateFiles, ClientCa, HANDSHAKES_MAX, HTTPS_PORT, TICKETS_ROTATE, TICKETS_ROTATE_MIN,
    Tickets, Tls, TlsVersion, UnknownSni,
};

use crate::plugin::pattern::Pattern;
use crate::plugin::version::{Selector, Version};

/// Everything `serve` needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listeners: Vec<ListenerConfig>,
    /// What listeners with TLS have in common.
    pub tls: Tls,
    /// Artifacts to load.
    pub functions: Vec<FunctionConfig>,
    /// A directory of functions, each served below `/rpc/<name>/<version>/`.
    pub root: Option<PathBuf>,
    /// What is said about functions by name, those below the root included.
    pub options: Vec<OptionFlag>,
    /// Which requests go to which function.
    pub routes: Vec<RouteConfig>,
    /// What routes may demand of requests.
    pub policies: Vec<PolicyConfig>,
    /// Event loops, each with a thread of its own.
    pub event_loops: u32,
    /// The threads that call functions.
    pub workers: Workers,
    /// How much.
    pub limits: Limits,
    /// How long.
    pub timeouts: Timeouts,
    /// How to stop.
    pub drain: Drain,
    /// The page for monitoring.
    pub metrics: Metrics,
    /// The server's own log.
    pub log: Log,
    /// A line for each request, if wanted.
    pub access_log: Option<AccessLog>,
    /// A line for each request that asked a function, if wanted.
    pub audit_log: Option<AuditLog>,
    /// What goes along with a request through everybody who works on it.
    pub tracing: Tracing,
    /// The operator's interface.
    pub admin: Admin,
    /// What the process gives up.
    pub sandbox: Sandbox,
}

/// An artifact to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfig {
    /// Its name here; the artifact's own if nothing is said.
    pub name: Option<String>,
    /// Its version here; the artifact's own if nothing is said.
    pub version: Option<Version>,
    /// The file.
    pub artifact: PathBuf,
    /// What [`Config::options`] begins with for it.
    pub options: FunctionOptions,
}

/// A route and who answers on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConfig {
    /// The requests it takes.
    pub pattern: Pattern,
    /// The function that answers.
    pub target: Target,
    /// What else a request must say to be taken; preferred to a route without.
    pub when: Option<HeaderMatch>,
    /// The policy's place in [`Config::policies`].
    pub policy: Option<usize>,
    /// From dispatch to the answer; unset: the function's own, else [`Timeouts::handler`].
    pub handler: Option<Duration>,
    /// Octets of a request's body; unset: [`Limits::body_bytes_max`].
    pub body_bytes_max: Option<u64>,
}

/// A field that a request must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// Its name, in lower case.
    pub name: String,
    /// Its value, to the octet.
    pub value: String,
}

impl RouteConfig {
    /// A route on the common terms.
    #[must_use]
    pub const fn new(pattern: Pattern, target: Target) -> Self {
        Self { pattern, target, when: None, policy: None, handler: None, body_bytes_max: None }
    }
}

/// How a route names its function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By its place in [`Config::functions`].
    Function(usize),
    /// By name and version, among everything that is loaded.
    Selector(Selector),
    /// One of several, each with its share of a hundred.
    Split(Vec<(Selector, u32)>),
}

/// The threads that call functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// Threads.
    pub threads: u32,
    /// Requests that may wait for one; beyond it 503.
    pub queue_jobs_max: u32,
    /// Calls that may be abandoned at once: each leaves a thread behind and is replaced by one.
    pub abandoned_max: u32,
}

/// How much of everything. Sizes are in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The request line; beyond it 414.
    pub request_line_bytes_max: u64,
    /// One field line; beyond it 431.
    pub field_line_bytes_max: u64,
    /// All field lines; beyond it 431.
    pub field_section_bytes_max: u64,
    /// Field lines of one head; beyond it 431.
    pub field_count_max: u32,
    /// A request's body; beyond it 413.
    pub body_bytes_max: u64,
    /// A function's response body; beyond it 502.
    pub response_body_bytes_max: u64,
    /// All request bodies held at once; beyond it 503.
    pub buffered_bytes_max: u64,
    /// Octets read and dropped after the last reply of a connection.
    pub linger_bytes_max: u64,
    /// The slowest a body may arrive, and a reply leave, in octets per second.
    pub rate_bytes_per_s_min: u64,
    /// Connections at once; nothing: as many as descriptors allow, see [`Config::connections_max`].
    pub connections_max: Option<u32>,
    /// Connections at once of one address (IPv4) or one /64 (IPv6), except loopback and trusted
    /// proxies; nothing: no limit of its own. The accepting side obeys it.
    pub connections_per_ip_max: Option<u32>,
    /// Requests on one connection.
    pub requests_per_connection_max: u32,
}

/// How long everything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From accept to the end of a PROXY header; then closed. The accepting side obeys it.
    pub proxy_header: Duration,
    /// From accept to the end of a TLS handshake; then reset.
    pub tls_handshake: Duration,
    /// From accept or first octet to the end of a head; then 408.
    pub request_header: Duration,
    /// Without a single octet of a body; then 408.
    pub body_idle: Duration,
    /// Before the minimum rate of a body, or of a reply, counts.
    pub pace_grace: Duration,
    /// For a whole body, or a whole reply, whatever its rate.
    pub pace_ceiling: Duration,
    /// Waiting for a worker; then 503.
    pub queue: Duration,
    /// From dispatch to a function's answer; then 504.
    pub handler: Duration,
    /// Without a single octet of a reply leaving; then reset.
    pub write_idle: Duration,
    /// Between a reply and the next request; then closed.
    pub keep_alive: Duration,
    /// For the peer's end after ours; then closed.
    pub linger: Duration,
    /// From accept to the last request of a connection.
    pub connection_age: Duration,
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Between the signal and the end of accepting.
    pub delay: Duration,
    /// For requests under way before their connections are cut.
    pub grace: Duration,
}

impl Default for Config {
    /// The defaults of the documentation: no function, one listener on loopback.
    fn default() -> Self {
        Self {
            listeners: vec![ListenerConfig::plain(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))],
            tls: Tls { handshakes_max: HANDSHAKES_MAX, ..Tls::default() },
            functions: Vec::new(),
            root: None,
            options: Vec::new(),
            routes: Vec::new(),
            policies: Vec::new(),
            event_loops: processors().min(LOOPS_MAX),
            workers: Workers::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            drain: Drain::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            access_log: None,
            audit_log: None,
            tracing: Tracing::default(),
            admin: Admin::default(),
            sandbox: Sandbox::default(),
        }
    }
}

impl Default for Workers {
    fn default() -> Self {
        Self { threads: processors(), queue_jobs_max: 256, abandoned_max: 4 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line_bytes_max: 8 << 10,
            field_line_bytes_max: 8 << 10,
            field_section_bytes_max: 16 << 10,
            field_count_max: 100,
            body_bytes_max: 1 << 20,
            response_body_bytes_max: 16 << 20,
            buffered_bytes_max: 256 << 20,
            linger_bytes_max: 64 << 10,
            rate_bytes_per_s_min: 500,
            connections_max: None,
            connections_per_ip_max: Some(256),
            requests_per_connection_max: 1_000,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            proxy_header: Duration::from_secs(5),
            tls_handshake: Duration::from_secs(10),
            request_header: Duration::from_secs(10),
            body_idle: Duration::from_secs(30),
            pace_grace: Duration::from_secs(20),
            pace_ceiling: Duration::from_secs(300),
            queue: Duration::from_secs(5),
            handler: Duration::from_secs(30),
            write_idle: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            linger: Duration::from_secs(2),
            connection_age: Duration::from_secs(3_600),
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { delay: Duration::ZERO, grace: Duration::from_secs(25) }
    }
}

/// The most connections when nobody asks for another number.
pub const CONNECTIONS_MAX_AUTO: u32 = 65_536;
/// Descriptors kept back for everything that is not a connection.
pub const DESCRIPTORS_RESERVED: u64 = 256;
/// The most event loops.
pub const LOOPS_MAX: u32 = 64;
const _: () = assert!(LOOPS_MAX as usize == crate::EVENT_LOOPS_MAX);
/// The most threads of one kind.
pub const THREADS_MAX: u32 = 1_024;

/// The processors this process may use.
#[must_use]
pub fn processors() -> u32 {
    let found = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(found).unwrap_or(THREADS_MAX).min(THREADS_MAX)
}

impl Config {
    /// The connections to hold at once, when the process may hold so many descriptors: what was
    /// asked for, else all but [`DESCRIPTORS_RESERVED`], at most [`CONNECTIONS_MAX_AUTO`].
    #[must_use]
    pub fn connections_max(&self, descriptors: u64) -> u32 {
        self.limits.connections_max.unwrap_or_else(|| {
            let free = descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(1);
            u32::try_from(free).unwrap_or(u32::MAX).min(CONNECTIONS_MAX_AUTO)
        })
    }

    /// Every address to be bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().flat_map(ListenerConfig::sockets).collect()
    }

    /// Whether a listener speaks TLS.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.listeners.iter().any(|listener| listener.serves == Serves::Tls)
    }

    /// What is wrong between values that are each right.
    #[must_use]
    pub fn complaints(&self) -> Vec<ConfigError> {
        let mut found = Vec::new();
        let listeners = self.addresses();
        let leads = |one: &ListenerConfig| matches!(one.serves, Serves::Redirect { .. });
        if self.listeners.iter().all(leads) {
            found.push(ConfigError::NoListener);
        }
        if listeners.len() > crate::LISTENERS_MAX {
            found.push(ConfigError::TooManyListeners { max: crate::LISTENERS_MAX });
        }
        for (index, address) in listeners.iter().enumerate() {
            if address.port() != 0 && listeners[..index].contains(address) {
                found.push(ConfigError::RepeatedListener { address: *address });
            }
        }
        if self.speaks_tls() && !self.tls.has_certificate() {
            found.push(ConfigError::NoCertificate);
        }
        if self.functions.is_empty() && self.root.is_none() {
            found.push(ConfigError::NoFunction);
        }
        let limits = &self.limits;
        let sizes = [
            (limits.field_line_bytes_max, "--limit-header-line"),
            (limits.field_section_bytes_max, "--limit-headers"),
            (limits.body_bytes_max, "--limit-body"),
            (limits.buffered_bytes_max, "--limit-buffered"),
        ];
        for pair in [[0, 1], [2, 3]].map(|[low, high]| [sizes[low], sizes[high]]) {
            if pair[0].0 > pair[1].0 {
                found.push(ConfigError::Order { low: pair[0].1, high: pair[1].1 });
            }
        }
        if self.timeouts.pace_grace > self.timeouts.pace_ceiling {
            found.push(ConfigError::Order { low: "--timeout-grace", high: "--timeout-ceiling" });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_follow_the_descriptors() {
        let mut config = Config::default();
        assert_eq!(config.connections_max(1_024), 768);
        assert_eq!(config.connections_max(100), 1);
        assert_eq!(config.connections_max(u64::MAX), CONNECTIONS_MAX_AUTO);
        config.limits.connections_max = Some(7);
        assert_eq!(config.connections_max(1_024), 7);
    }

    #[test]
    fn values_that_contradict_each_other_are_all_named() {
        let mut config = Config::default();
        config.listeners.push(config.listeners[0].clone());
        config.limits.field_line_bytes_max = 32 << 10;
        config.limits.body_bytes_max = 1 << 30;
        config.timeouts.pace_grace = Duration::from_secs(301);
        let names: Vec<&str> = config.complaints().iter().map(ConfigError::name).collect();
        assert_eq!(names, ["repeated_listener", "no_function", "order", "order", "order"]);
        config.listeners.clear();
        assert_eq!(config.complaints()[0].name(), "no_listener");
    }
}
