//! The flags of `serve` become a configuration, or a list of everything wrong with them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser};

use super::life_flags::LifeFlags;
use super::log_flags::LogFlags;
use super::tls_flags::TlsFlags;
use crate::config::{
    Config, ConfigError, Drain, FunctionConfig, FunctionFlag, FunctionOptions, LOOPS_MAX, Limits,
    ListenerConfig, OptionFault, OptionFlag, RouteConfig, RouteFlag, THREADS_MAX, Target, Timeouts,
    Workers, file, parse_listen, processors,
};
use crate::error::StartError;
use crate::plugin::pattern::Pattern;
use crate::units::{UnitError, parse_count, parse_duration, parse_rate, parse_size};

const EXAMPLES: &str = "\
Examples:
  fezz serve --function ./libhello.so
  fezz serve --config /etc/fezz/fezz.toml
  fezz serve --function hello=./libhello.so@/hello/{*rest} --function ./libecho.so@/{*rest}
  fezz serve --function a@1.2=./a.so --route 'a@1=GET,POST:api.example.org/v1/{*rest}'
  fezz serve --root /srv/fezz --listen '[::]:8080' --limit-body 16MiB --timeout-handler 5s
  fezz serve -f ./a.so --listen-tls '[::]:443' --certificate cert.pem,key.pem
  fezz serve -f a=./a.so --set a.max-concurrency=4 --set a.timeout=2s --set '*.abandon-max=1'

A function:  [NAME[@VERSION]=]PATH[@ROUTE]
A route:     [METHOD[,METHOD]:][HOST]/PATTERN   with {name} for a segment, {*name} for the rest
An option:   NAME[@VERSION].KEY=VALUE or *.KEY=VALUE; the narrower one holds. The keys:
  placement=worker|inline|auto    where calls run
  max-concurrency=N               calls inside it at once
  max-in-flight=N|off             requests waiting and calls inside it; beyond it 503
  timeout=TIME                    from dispatch to its answer; then 504
  abandon-max=N                   abandoned calls before it gets no new ones (default 2) ...
  quarantine=TIME                 ... for so long (default 10s)
  fallback=fail_request|previous|static:STATUS:BODY
                                  what a client gets when it did not answer
  ttl=TIME|off                    unused for so long, it is finished and begins anew
  tls=off|facts|hello             what it is told about the connection's TLS (default off)
  abi=v2|v1                       the boundary it speaks; v1 is for migration
  sha256=HEX                      the digest its artifact must have
  config.K=V                      what it is given when it begins
A duration names its unit (ms, s, m, h), a size too (B, KiB, MiB, GiB).

Signals: SIGTERM or SIGINT drains, a second one ends at once. SIGHUP reads again what --function and
--root name: artifacts that are new or changed are loaded beside, the others go on as before, and
those that are gone finish what they have. When anything is wrong, nothing changes. SIGUSR1 opens
the files of the logs anew.
Exit codes: 0 drained, 1 configuration, 2 usage, 71 operating system.";

/// What `serve` can be told. Values are text here: they are read together, so that everything
/// wrong with them can be said in one run.
#[derive(Args, Debug, PartialEq)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct ServeFlags {
    /// Serve what FILE says; no other flag goes with it
    ///
    /// Without any flag the environment may name it: FEZZ_CONFIG.
    #[arg(short, long, value_name = "FILE", exclusive = true)]
    config: Option<PathBuf>,
    /// Serve the artifact at PATH; without a route anywhere it takes every request
    #[arg(short, long, value_name = "[NAME=]PATH[@ROUTE]")]
    function: Vec<String>,
    /// Send the requests of a route to the newest loaded function that the name selects
    #[arg(short, long, value_name = "NAME[@VERSION]=ROUTE")]
    route: Vec<String>,
    /// Say something about the function NAME, or about all
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    set: Vec<String>,
    /// Serve DIR/functions/<name>/<version>/fezz.so below /rpc/<name>/<version>/
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Listen on ADDRESS:PORT; port 0 lets the system choose
    ///
    /// Without this and --listen-tls: 127.0.0.1:8080.
    #[arg(short, long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Serve /metrics, /healthz and /readyz on ADDRESS:PORT; nowhere without this
    #[arg(long, value_name = "ADDR")]
    metrics: Option<String>,
    /// Event loops, each with a thread; auto: one per processor
    #[arg(long, value_name = "N|auto", default_value = "auto")]
    event_loops: String,
    /// Threads that call functions; auto: one per processor
    #[arg(long, value_name = "N|auto", default_value = "auto")]
    workers: String,
    /// Requests that may wait for a worker; beyond it 503
    #[arg(long, value_name = "N", default_value = "256")]
    queue: String,
    /// Calls that may be abandoned at once; each leaves a thread behind
    #[arg(long, value_name = "N", default_value = "4")]
    abandon_max: String,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    timeouts: TimeoutFlags,
    #[command(flatten)]
    logs: LogFlags,
    #[command(flatten)]
    life: LifeFlags,
    /// Keep accepting for so long after the signal to stop
    #[arg(long, value_name = "TIME|off", default_value = "off")]
    drain_delay: String,
    /// Let requests finish for so long before connections are cut
    #[arg(long, value_name = "TIME", default_value = "25s")]
    drain_grace: String,
}

#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Limits")]
struct LimitFlags {
    /// Octets of a request line; beyond it 414
    #[arg(long, value_name = "SIZE", default_value = "8KiB")]
    limit_request_line: String,
    /// Octets of a field line; beyond it 431
    #[arg(long, value_name = "SIZE", default_value = "8KiB")]
    limit_header_line: String,
    /// Octets of all field lines; beyond it 431
    #[arg(long, value_name = "SIZE", default_value = "16KiB")]
    limit_headers: String,
    /// Field lines; beyond it 431
    #[arg(long, value_name = "N", default_value = "100")]
    limit_header_count: String,
    /// Octets of a request's body; beyond it 413
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    limit_body: String,
    /// Octets of a response's body; beyond it 502
    #[arg(long, value_name = "SIZE", default_value = "16MiB")]
    limit_response_body: String,
    /// Octets of all request bodies held at once; beyond it 503
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    limit_buffered: String,
    /// Octets read and dropped after the last reply of a connection
    #[arg(long, value_name = "SIZE", default_value = "64KiB")]
    limit_linger: String,
    /// The slowest a body may arrive and a reply leave
    #[arg(long, value_name = "RATE", default_value = "500B/s")]
    limit_rate_min: String,
    /// Connections at once; auto: the descriptor limit less 256, at most 65536
    #[arg(long, value_name = "N|auto", default_value = "auto")]
    limit_connections: String,
    /// Requests on one connection
    #[arg(long, value_name = "N", default_value = "1000")]
    limit_requests_per_connection: String,
}

#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Timeouts")]
struct TimeoutFlags {
    /// From accept to the end of a TLS handshake; then reset
    #[arg(long, value_name = "TIME", default_value = "10s")]
    timeout_tls_handshake: String,
    /// From accept or first octet to the end of a head; then 408
    #[arg(long, value_name = "TIME", default_value = "10s")]
    timeout_request_header: String,
    /// Without an octet of a body; then 408
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout_body_idle: String,
    /// Before the minimum rate counts
    #[arg(long, value_name = "TIME", default_value = "20s")]
    timeout_grace: String,
    /// For a whole body or reply, whatever its rate
    #[arg(long, value_name = "TIME", default_value = "300s")]
    timeout_ceiling: String,
    /// Waiting for a worker; then 503
    #[arg(long, value_name = "TIME", default_value = "5s")]
    timeout_queue: String,
    /// From dispatch to a function's answer; then 504
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout_handler: String,
    /// Without an octet of a reply leaving; then reset
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout_write_idle: String,
    /// Between a reply and the next request
    #[arg(long, value_name = "TIME", default_value = "75s")]
    timeout_keep_alive: String,
    /// For the client's end after ours
    #[arg(long, value_name = "TIME", default_value = "2s")]
    timeout_linger: String,
    /// From accept to the last request of a connection
    #[arg(long, value_name = "TIME", default_value = "1h")]
    timeout_connection_age: String,
}

/// The variable that names the file where no flag says anything.
pub(super) const FILE_VARIABLE: &str = "FEZZ_CONFIG";

/// What no flag at all is read as.
#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    flags: ServeFlags,
}

/// The operator's socket of the server with that configuration.
///
/// # Errors
/// Why it is not known.
pub(super) fn admin_of(path: &Path) -> Result<PathBuf, String> {
    let config = file::read(path).map(|loaded| loaded.config);
    let config = config.map_err(|errors| StartError::Config(errors).to_string())?;
    let none = || format!("{}: there is no admin.listen in it", path.display());
    config.admin.socket.ok_or_else(none)
}

impl ServeFlags {
    /// The configuration, from the file that is named or from these flags.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(&self) -> Result<Config, Vec<ConfigError>> {
        match self.config_file() {
            Some(path) => file::read(&path).map(|loaded| loaded.config),
            None => self.to_config(),
        }
    }

    /// The configuration file, if there is one.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.file(std::env::var_os(FILE_VARIABLE).map(PathBuf::from))
    }

    /// The file to be read: the one that is named, else that of the environment if nothing is said.
    fn file(&self, environment: Option<PathBuf>) -> Option<PathBuf> {
        let silent = Defaults::try_parse_from(["fezz"]).is_ok_and(|it| it.flags == *self);
        let environment = environment.filter(|path| silent && !path.as_os_str().is_empty());
        self.config.clone().or(environment)
    }

    /// The configuration these flags ask for. Values that contradict each other are
    /// [`Config::complaints`].
    ///
    /// # Errors
    /// Everything that cannot be read.
    pub(super) fn to_config(&self) -> Result<Config, Vec<ConfigError>> {
        let mut reader = Reader::default();
        let (functions, routes) = reader.functions(&self.function, &self.route);
        let options = reader.options(&self.set);
        let mut config = Config {
            listeners: self.listeners(&mut reader),
            tls: self.tls.read(&mut reader),
            functions,
            root: self.root.clone(),
            options,
            routes,
            event_loops: reader.threads("--event-loops", &self.event_loops, LOOPS_MAX),
            workers: Workers {
                threads: reader.threads("--workers", &self.workers, THREADS_MAX),
                queue_jobs_max: reader.count("--queue", &self.queue, 1 << 20),
                abandoned_max: reader.count("--abandon-max", &self.abandon_max, THREADS_MAX),
            },
            limits: self.limits.read(&mut reader),
            timeouts: self.timeouts.read(&mut reader),
            drain: Drain {
                delay: match self.drain_delay.as_str() {
                    "off" => Duration::ZERO,
                    text => reader.time("--drain-delay", text),
                },
                grace: reader.time("--drain-grace", &self.drain_grace),
            },
            admin: self.life.admin(),
            sandbox: self.life.sandbox(),
            ..Config::default()
        };
        let metrics = self.metrics.as_deref();
        config.metrics.listen = metrics.and_then(|text| reader.listen("--metrics", text));
        self.logs.read(&mut config);
        if reader.complaints.is_empty() { Ok(config) } else { Err(reader.complaints) }
    }

    /// Who says nothing about listeners gets one on loopback.
    fn listeners(&self, reader: &mut Reader) -> Vec<ListenerConfig> {
        let mut all = if self.listen.is_empty() && !self.tls.listens() {
            Config::default().listeners
        } else {
            let plain = self.listen.iter().filter_map(|text| reader.listen("--listen", text));
            plain.map(ListenerConfig::plain).collect()
        };
        all.extend(self.tls.listeners(reader));
        all
    }
}

impl LimitFlags {
    fn read(&self, reader: &mut Reader) -> Limits {
        Limits {
            request_line_bytes_max: reader.size("--limit-request-line", &self.limit_request_line),
            field_line_bytes_max: reader.size("--limit-header-line", &self.limit_header_line),
            field_section_bytes_max: reader.size("--limit-headers", &self.limit_headers),
            field_count_max: reader.count("--limit-header-count", &self.limit_header_count, 256),
            body_bytes_max: reader.size("--limit-body", &self.limit_body),
            response_body_bytes_max: reader
                .size("--limit-response-body", &self.limit_response_body),
            buffered_bytes_max: reader.size("--limit-buffered", &self.limit_buffered),
            linger_bytes_max: reader.size("--limit-linger", &self.limit_linger),
            rate_bytes_per_s_min: reader.value(
                "--limit-rate-min",
                &self.limit_rate_min,
                parse_rate,
            ),
            connections_max: match self.limit_connections.as_str() {
                "auto" => None,
                text => Some(reader.count("--limit-connections", text, 1 << 20)),
            },
            connections_per_ip_max: Limits::default().connections_per_ip_max,
            requests_per_connection_max: reader.count(
                "--limit-requests-per-connection",
                &self.limit_requests_per_connection,
                u32::MAX,
            ),
        }
    }
}

impl TimeoutFlags {
    fn read(&self, reader: &mut Reader) -> Timeouts {
        Timeouts {
            proxy_header: Timeouts::default().proxy_header,
            tls_handshake: reader.time("--timeout-tls-handshake", &self.timeout_tls_handshake),
            request_header: reader.time("--timeout-request-header", &self.timeout_request_header),
            body_idle: reader.time("--timeout-body-idle", &self.timeout_body_idle),
            pace_grace: reader.time("--timeout-grace", &self.timeout_grace),
            pace_ceiling: reader.time("--timeout-ceiling", &self.timeout_ceiling),
            queue: reader.time("--timeout-queue", &self.timeout_queue),
            handler: reader.time("--timeout-handler", &self.timeout_handler),
            write_idle: reader.time("--timeout-write-idle", &self.timeout_write_idle),
            keep_alive: reader.time("--timeout-keep-alive", &self.timeout_keep_alive),
            linger: reader.time("--timeout-linger", &self.timeout_linger),
            connection_age: reader.time("--timeout-connection-age", &self.timeout_connection_age),
        }
    }
}

/// Reads values and keeps the complaints; a value that cannot be read becomes its type's default
/// and is never used.
#[derive(Default)]
pub(super) struct Reader {
    complaints: Vec<ConfigError>,
}

impl Reader {
    fn value<T: Default>(
        &mut self,
        flag: &'static str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, UnitError>,
    ) -> T {
        parse(text).unwrap_or_else(|why| {
            self.complaints.push(ConfigError::Number { flag, text: text.to_owned(), why });
            T::default()
        })
    }

    fn time(&mut self, flag: &'static str, text: &str) -> Duration {
        self.value(flag, text, parse_duration)
    }

    fn size(&mut self, flag: &'static str, text: &str) -> u64 {
        self.value(flag, text, parse_size)
    }

    pub(super) fn complain(&mut self, error: ConfigError) {
        self.complaints.push(error);
    }

    pub(super) fn count(&mut self, flag: &'static str, text: &str, max: u32) -> u32 {
        self.value(flag, text, |text| parse_count(text, max))
    }

    fn threads(&mut self, flag: &'static str, text: &str, max: u32) -> u32 {
        if text == "auto" { processors().min(max) } else { self.count(flag, text, max) }
    }

    pub(super) fn listen(&mut self, flag: &'static str, text: &str) -> Option<SocketAddr> {
        let complain = |why| ConfigError::Listen { flag, text: text.to_owned(), why };
        parse_listen(text).map_err(|why| self.complaints.push(complain(why))).ok()
    }

    /// What is said about functions, each thing once.
    fn options(&mut self, texts: &[String]) -> Vec<OptionFlag> {
        let mut read: Vec<OptionFlag> = Vec::new();
        for text in texts {
            let flag = OptionFlag::parse(text).and_then(|flag| {
                let repeated = read.iter().any(|known| known.repeats(&flag));
                if repeated { Err(OptionFault::Repeated) } else { Ok(flag) }
            });
            match flag {
                Ok(flag) => read.push(flag),
                Err(why) => self.complaints.push(ConfigError::Option { text: text.clone(), why }),
            }
        }
        read
    }

    /// The artifacts to load and the routes to them. The same artifact under the same name, named
    /// again with another route, is loaded once.
    fn functions(
        &mut self,
        functions: &[String],
        routes: &[String],
    ) -> (Vec<FunctionConfig>, Vec<RouteConfig>) {
        let mut loaded: Vec<FunctionConfig> = Vec::new();
        let mut connected = Vec::new();
        for text in functions {
            let flag = match FunctionFlag::parse(text) {
                Ok(flag) => flag,
                Err(why) => {
                    self.complaints.push(ConfigError::Function { text: text.clone(), why });
                    continue;
                }
            };
            let FunctionFlag { name, version, artifact, pattern } = flag;
            let options = FunctionOptions::default();
            let function = FunctionConfig { name, version, artifact, options };
            let known = loaded.iter().position(|it| *it == function);
            let index = known.unwrap_or_else(|| {
                loaded.push(function);
                loaded.len() - 1
            });
            // Who writes no route at all wants everything; who writes --route says it there.
            let everything = || Pattern::parse(Pattern::EVERYTHING).ok();
            let pattern = pattern.or_else(|| everything().filter(|_| routes.is_empty()));
            let target = Target::Function(index);
            connected.extend(pattern.map(|pattern| RouteConfig::new(pattern, target)));
        }
        for text in routes {
            match RouteFlag::parse(text) {
                Ok(RouteFlag { selector, pattern }) => {
                    connected.push(RouteConfig::new(pattern, Target::Selector(selector)));
                }
                Err(why) => self.complaints.push(ConfigError::Route { text: text.clone(), why }),
            }
        }
        (loaded, connected)
    }
}

#[cfg(test)]
mod tests;
