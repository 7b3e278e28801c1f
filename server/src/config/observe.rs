//! What is told about the server's work, and where, as plain data.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The page for monitoring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics`, `/healthz` and `/readyz` are; nowhere if unset.
    pub listen: Option<SocketAddr>,
}

/// The address of [`Metrics::listen`] where a file says nothing.
pub const METRICS_PORT: u16 = 9464;

/// The server's own log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// What is worth a line.
    pub level: LogLevel,
    /// How lines look.
    pub format: LogFormat,
    /// Where they go.
    pub output: LogOutput,
}

/// What is worth a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What somebody has to look at.
    Error,
    /// What somebody should look at.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What led to it.
    Debug,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for a terminal, JSON for everything else.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Where lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogOutput {
    /// To standard error.
    #[default]
    Stderr,
    /// To standard output.
    Stdout,
    /// To the end of a file, opened anew on SIGUSR1.
    File(PathBuf),
}

/// A line for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where they go.
    pub output: LogOutput,
    /// How they look.
    pub format: AccessFormat,
    /// Whether query strings are part of them.
    pub query: bool,
    /// Field names whose values are part of them; never one that carries a credential.
    pub headers: Vec<String>,
}

impl Default for AccessLog {
    /// JSON to standard output, without query strings, with `user-agent` and `referer`.
    fn default() -> Self {
        Self {
            output: LogOutput::Stdout,
            format: AccessFormat::Json,
            query: false,
            headers: ["user-agent", "referer"].map(str::to_owned).to_vec(),
        }
    }
}

/// How access lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessFormat {
    /// One flat object.
    #[default]
    Json,
    /// The combined format of other servers.
    Combined,
}

/// A line for each request that asked a function: who, what, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLog {
    /// Where they go.
    pub output: LogOutput,
}

/// What goes along with a request through everybody who works on it. The log's side obeys it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracing {
    /// Which fields are read, made and passed on.
    pub propagate: Propagate,
}

/// Which fields are read, made and passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagate {
    /// None.
    Off,
    /// `traceparent` and `tracestate` (W3C Trace Context).
    #[default]
    W3c,
}
