//! What the operator asked for, in the units of the core: the one place where the two meet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fezz_parser::HeadLimits;
use fezz_proto::roster::RosterLimits;
use fezz_proto::{Checked, Limits, LimitsError, PaceLimits};
use fezz_wire::WireLimits;

use crate::assemble::Functions;
use crate::config::{Config, ListenAddress, Propagate, Serves};
use crate::listen::Door;
use crate::peer::Trust;
use crate::plugin::Router;
use crate::plugin::registry::Entry;
use crate::redirect::Redirect;
use crate::site::Rulebook;
use crate::tls::{Gates, wishes};

/// An address to listen on, and who is let in there.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The listener's name in logs and metrics.
    pub name: String,
    /// The address.
    pub address: ListenAddress,
    /// How.
    pub(crate) door: Door,
    /// Who may speak for others there.
    pub(crate) trust: Arc<Trust>,
}

/// Keys of limits and timeouts that only a restart changes: the first four size buffers, the others
/// belong to the workers.
pub const RESTART_KEYS: [&str; 9] = [
    "limits.request_line",
    "limits.header_line",
    "limits.headers",
    "limits.header_count",
    "limits.response_body",
    "timeouts.queue",
    "workers.threads",
    "workers.queue",
    "workers.abandon_max",
];

/// What a reload may change in each loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Limits of its connections; what is stated for the process is divided among the loops.
    pub limits: Checked,
    /// Handshakes under way at once.
    pub handshakes_max: u32,
    /// Connections of one address, over all loops.
    pub connections_per_ip_max: u32,
    /// Milliseconds between the order to drain and the end of accepting.
    pub drain_delay_ms: u64,
    /// Milliseconds from the end of accepting to the forced end.
    pub drain_ms_max: u64,
}

impl Tuning {
    /// What `config` says, for so many loops in a process that may hold `descriptors` descriptors.
    ///
    /// # Errors
    ///
    /// A limit that the core cannot obey.
    pub fn of(config: &Config, descriptors: u64, event_loops: u32) -> Result<Self, LimitsError> {
        Ok(Self {
            limits: limits(config, descriptors, event_loops.max(1)).check()?,
            handshakes_max: config.tls.handshakes_max,
            connections_per_ip_max: config.limits.connections_per_ip_max.unwrap_or(u32::MAX),
            drain_delay_ms: u64::from(millis(config.drain.delay)),
            drain_ms_max: u64::from(millis(config.drain.grace)),
        })
    }
}

/// What a server is made of.
pub struct Settings {
    /// Where to listen, at most [`crate::LISTENERS_MAX`]; port 0 lets the system choose.
    pub listen: Vec<Opening>,
    /// Where `/metrics`, `/healthz` and `/readyz` are.
    pub monitor: Option<SocketAddr>,
    /// Whether the server counts for [`crate::Handle::counted`]. A program that does without may
    /// count with an [`crate::Observer`] of its own.
    pub counts: bool,
    /// Who is let in with TLS.
    pub(crate) gates: Option<Arc<Gates>>,
    /// What a reload may change.
    pub tuning: Tuning,
    /// Field lines of every reply with TLS.
    pub secured_fields: Vec<u8>,
    /// Event loops, each with its own thread.
    pub event_loops: usize,
    /// How many workers there are, and how much may wait for them.
    pub roster: RosterLimits,
    /// Whether requests get their place in a trace.
    pub traces: bool,
    /// Limits of what functions answer.
    pub response_limits: WireLimits,
    /// Routes to functions by their place in `functions`.
    pub router: Router,
    /// What routes demand.
    pub(crate) book: Rulebook,
    /// Loaded functions.
    pub functions: Vec<Entry>,
}

impl Settings {
    /// The settings for `config`, its loaded `functions`, and a process that may hold `descriptors`
    /// descriptors. What is stated for the process is divided among its loops.
    ///
    /// # Errors
    ///
    /// A limit that the core cannot obey.
    pub fn of(
        config: &Config,
        functions: Functions,
        descriptors: u64,
    ) -> Result<Self, LimitsError> {
        let event_loops = config.event_loops.max(1);
        let tuning = Tuning::of(config, descriptors, event_loops)?;
        let response_limits = WireLimits {
            body_bytes_max: bytes(config.limits.response_body_bytes_max),
            ..WireLimits::default()
        };
        if let Some(gates) = &functions.gates {
            gates.wish(functions.registry.iter().map(|(_, entry)| wishes(entry.options.tls)));
        }
        let functions_by_number =
            functions.registry.iter().map(|(_, entry)| entry.clone()).collect();
        Ok(Self {
            counts: true,
            monitor: config.metrics.listen,
            listen: openings(config, functions.gates.as_ref()),
            gates: functions.gates.clone(),
            tuning,
            secured_fields: secured_fields(config),
            event_loops: event_loops as usize,
            roster: RosterLimits {
                workers: config.workers.threads.max(1),
                jobs_max: config.workers.queue_jobs_max,
                queue_us_max: u64::from(millis(config.timeouts.queue)) * 1_000,
                abandoned_max: config.workers.abandoned_max,
            },
            traces: config.tracing.propagate == Propagate::W3c,
            response_limits,
            router: functions.router,
            book: functions.book,
            functions: functions_by_number,
        })
    }
}

/// All openings of a configuration, in the order of [`Config::addresses`].
fn openings(config: &Config, gates: Option<&Arc<Gates>>) -> Vec<Opening> {
    let mut all = Vec::new();
    for listener in &config.listeners {
        let door = match &listener.serves {
            Serves::Plain => Door::Plain,
            Serves::Tls => match gates.and_then(|all| all.gate(listener.client_ca.as_ref())) {
                Some(gate) => Door::Tls(gate),
                None => continue,
            },
            Serves::Redirect { https_port, acme_dir } => Door::Redirect(Arc::new(Redirect {
                https_port: *https_port,
                acme_dir: acme_dir.clone(),
                gates: gates.cloned(),
            })),
        };
        let trust = Arc::new(Trust::of(listener));
        let opening = |address| {
            let (name, door) = (listener.name.clone(), door.clone());
            Opening { name, address, door, trust: Arc::clone(&trust) }
        };
        all.extend(listener.addresses.iter().cloned().map(opening));
    }
    all
}

/// RFC 6797 §6.1.
fn secured_fields(config: &Config) -> Vec<u8> {
    let line = |seconds| format!("strict-transport-security: max-age={seconds}\r\n").into_bytes();
    config.tls.hsts_s.map_or_else(Vec::new, line)
}

fn limits(config: &Config, descriptors: u64, event_loops: u32) -> Limits {
    let (sizes, times) = (&config.limits, &config.timeouts);
    let pace = |idle: Duration| PaceLimits {
        grace_ms: millis(times.pace_grace),
        rate_bytes_per_s_min: narrow(sizes.rate_bytes_per_s_min),
        ceiling_ms: millis(times.pace_ceiling),
        idle_ms: millis(idle),
    };
    Limits {
        head: HeadLimits {
            request_line_bytes_max: narrow(sizes.request_line_bytes_max),
            field_line_bytes_max: narrow(sizes.field_line_bytes_max),
            field_section_bytes_max: narrow(sizes.field_section_bytes_max),
            field_count_max: u16::try_from(sizes.field_count_max).unwrap_or(u16::MAX),
        },
        body_bytes_total_max: (sizes.buffered_bytes_max / u64::from(event_loops)).max(1),
        connections_max: config.connections_max(descriptors).div_ceil(event_loops).max(1),
        requests_per_connection_max: sizes.requests_per_connection_max,
        connection_age_ms_max: u64::from(millis(times.connection_age)),
        proxy_header_ms_max: millis(times.proxy_header),
        handshake_ms_max: millis(times.tls_handshake),
        head_ms_max: millis(times.request_header),
        idle_ms_max: millis(times.keep_alive),
        handle_ms_max: millis(times.handler),
        body_pace: pace(times.body_idle),
        write_pace: pace(times.write_idle),
        linger_ms_max: millis(times.linger),
        linger_bytes_max: narrow(sizes.linger_bytes_max),
        ..Limits::default()
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
