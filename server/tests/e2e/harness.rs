//! A server for a test, artifacts for it, and the plainest client there is.
//!
//! Every server that a test ran is checked when the test lets go of it: each accepted connection
//! ended, each exchange that began was told of, and the core was never used against its table.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use fezz_proto::{Instant, Notice};
use fezz_server::assemble::Functions;
use fezz_server::config::{
    Config, FunctionConfig, FunctionOptions, ListenerConfig, RouteConfig, Target,
};
use fezz_server::plugin::pattern::Pattern;
use fezz_server::report::DrainReport;
use fezz_server::{Handle, Observer, Outcome, Record, Server, Settings, Snapshot, Steps};

/// How long a client waits for a single octet before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// `--user` with whoever runs the tests: whoever stays root says so, or is warned.
pub(crate) fn present_user() -> [String; 2] {
    use std::os::unix::fs::MetadataExt as _;
    let user = std::fs::metadata("/proc/self").expect("we are a process").uid();
    ["--user".to_owned(), user.to_string()]
}

/// Sends a signal to a process, by way of the thread that reads signals where there is one: to the
/// kernel it is the same, but a sanitizer's runtime keeps a signal back from a thread that waits
/// without its knowledge, as the main thread does.
pub(crate) fn signal(process: u32, name: &str) {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let is_reader = |thread: &PathBuf| {
        std::fs::read_to_string(thread.join("comm")).is_ok_and(|it| it.trim() == "fezz-signals")
    };
    let reader = threads.flatten().map(|thread| thread.path()).find(is_reader);
    let whom = reader.as_deref().and_then(Path::file_name).map(OsStr::to_owned);
    let whom = whom.unwrap_or_else(|| process.to_string().into());
    let status = Command::new("kill").args(["-s", name]).arg(whom).status().expect("kill runs");
    assert!(status.success(), "{name} is sent");
}

/// Builds the example functions once and gives the path of one of them. `FEZZ_EXAMPLES` names a
/// directory where they stand built already, with flags of the caller's choice (ci/sanitize).
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        if let Some(directory) = std::env::var_os("FEZZ_EXAMPLES") {
            return PathBuf::from(directory);
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("functions");
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--target-dir"])
            .arg(&target)
            .args(["-p", "example-hello", "-p", "example-echo", "-p", "example-axum-app"])
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the example functions build");
        let status = Command::new("make")
            .arg("-C")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello-c"))
            .arg(format!("OUT={}", target.join("debug").display()))
            .status()
            .expect("make runs");
        assert!(status.success(), "the example in C builds");
        target.join("debug")
    });
    directory.join(format!("lib{name}.so"))
}

/// Compiles a function written in C. The file is new, so that tests do not meet in it.
pub(crate) fn c_function(name: &str, body: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c").join(name);
    std::fs::create_dir_all(&directory).expect("a directory for the artifact");
    let (source, artifact) = (directory.join("function.c"), directory.join("libfunction.so"));
    let text = format!(
        "#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include \"fezz.h\"\n{body}"
    );
    std::fs::write(&source, text).expect("the source is written");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../abi/include");
    let status = Command::new("gcc")
        .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-I"])
        .arg(include)
        .arg("-o")
        .args([&artifact, &source])
        .status()
        .expect("gcc runs");
    assert!(status.success(), "{name} compiles");
    artifact
}

/// A configuration that listens on a port of the system's choice and serves `artifact` everywhere.
pub(crate) fn serving(artifact: PathBuf) -> Config {
    let mut config = Config {
        listeners: vec![ListenerConfig::plain(SocketAddr::from(([127, 0, 0, 1], 0)))],
        event_loops: 1,
        ..Config::default()
    };
    route(&mut config, "main", artifact, "/{*rest}");
    config
}

/// Adds a function and its route.
pub(crate) fn route(config: &mut Config, name: &str, artifact: PathBuf, pattern: &str) {
    let function = config.functions.len();
    let name = Some(name.to_owned());
    let options = FunctionOptions::default();
    config.functions.push(FunctionConfig { name, version: None, artifact, options });
    let pattern = Pattern::parse(pattern).expect("a pattern");
    config.routes.push(RouteConfig::new(pattern, Target::Function(function)));
}

/// What a record said.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) began: SystemTime,
    pub(crate) listener: String,
    pub(crate) connection: u64,
    pub(crate) request: u32,
    pub(crate) client: IpAddr,
    pub(crate) peer: IpAddr,
    pub(crate) secured: bool,
    /// The texts, separated by spaces; empty when there are none.
    pub(crate) said: String,
    pub(crate) method: Option<&'static str>,
    pub(crate) minor_version: Option<u8>,
    pub(crate) status: u16,
    pub(crate) route: Option<String>,
    pub(crate) function: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) refusal: Option<String>,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) took: Steps,
    pub(crate) tls: Option<String>,
}

impl Seen {
    fn of(record: &Record<'_>) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let said = record.said.as_ref().map(|said| {
            let optional =
                [said.authority, Some(said.path), said.query, said.user_agent, said.referer];
            let optional = optional.map(|part| part.map_or_else(|| "-".to_owned(), text));
            format!("{} {}", text(said.method), optional.join(" "))
        });
        let tls = record
            .tls
            .map(|(version, cipher, name)| format!("{version} {cipher} {}", name.unwrap_or("-")));
        Self {
            began: record.began,
            listener: record.listener.to_owned(),
            connection: record.connection,
            request: record.request,
            client: record.client,
            peer: record.peer,
            secured: record.secured,
            said: said.unwrap_or_default(),
            method: record.method,
            minor_version: record.minor_version,
            status: record.status,
            route: record.route.map(str::to_owned),
            function: record.function.map(|(name, version)| match version {
                Some(version) => format!("{name}@{version}"),
                None => name.to_owned(),
            }),
            outcome: record.outcome,
            refusal: record.refusal.map(|refusal| refusal.name().to_owned()),
            received_bytes: record.received_bytes,
            sent_bytes: record.sent_bytes,
            took: record.took,
            tls,
        }
    }
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<Seen>>>);

impl Observer for Witness {
    fn notice(&mut self, _at: Instant, _what: &Notice) {}

    fn wants_words(&self) -> bool {
        true
    }

    fn exchange(&mut self, _at: Instant, record: &Record<'_>) {
        self.0.lock().expect("nobody panics").push(Seen::of(record));
    }
}

/// A server on threads of this process.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// All of them, in the order of the listeners.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) handle: Handle,
    watched: Option<SocketAddr>,
    witness: Witness,
    thread: Option<JoinHandle<std::io::Result<DrainReport>>>,
}

impl Running {
    pub(crate) fn start(config: &Config) -> Self {
        Self::with(config, Functions::load(config).expect("the artifacts load"))
    }

    /// A server of functions that are loaded already.
    pub(crate) fn with(config: &Config, functions: Functions) -> Self {
        let settings = Settings::of(config, functions, 4_096).expect("the limits agree");
        let mut server = Server::bind(settings).expect("the sockets open");
        let watched = server.metrics_address();
        let witness = Witness::default();
        server.observe(|_| Box::new(witness.clone()));
        let (addresses, handle) = (server.addresses().to_vec(), server.handle());
        let thread = Some(std::thread::spawn(move || server.run()));
        Self { address: addresses[0], addresses, handle, watched, witness, thread }
    }

    /// Where its metrics are.
    pub(crate) fn watched(&self) -> SocketAddr {
        self.watched.expect("a metrics address was configured")
    }

    /// The exchanges that are over.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.witness.0.lock().expect("nobody panics").clone()
    }

    /// Sends `octets`, ends our side, and gives everything that came back.
    pub(crate) fn talk(&self, octets: &[u8]) -> String {
        let mut client = Client::to(self.address);
        client.send(octets);
        client.end();
        client.rest()
    }

    /// Waits until what was counted satisfies `until`.
    pub(crate) fn wait(&self, what: &str, until: impl Fn(&Snapshot) -> bool) {
        for _ in 0..3_000 {
            if until(&self.handle.counted()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{what} did not come true: {:?}", self.handle.counted());
    }

    /// Waits for the end of a drain that somebody ordered.
    pub(crate) fn join(&mut self) -> DrainReport {
        let thread = self.thread.take().expect("joined once");
        thread.join().expect("no loop panics").expect("no loop fails")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.handle.kill();
            self.join();
        }
        if std::thread::panicking() {
            return;
        }
        let counted = self.handle.counted();
        assert_eq!(counted.forbidden, 0, "{counted:?}");
        assert_eq!(counted.accepted, counted.closed.values().sum::<u64>(), "{counted:?}");
        let seen = self.seen();
        let heads = seen.iter().filter(|one| one.method.is_some()).count() as u64;
        assert_eq!(heads, counted.heads, "{counted:?}");
        let octets: u64 = seen.iter().map(|one| one.sent_bytes).sum();
        assert!(octets >= counted.sent_bytes, "{counted:?} {seen:#?}");
    }
}

/// A client that sends octets and reads octets.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Self(stream)
    }

    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.0.write_all(octets).expect("the server takes it");
    }

    pub(crate) fn end(&mut self) {
        self.0.shutdown(Shutdown::Write).expect("our side ends");
    }

    /// Everything until the server's end; a reset ends it as well.
    pub(crate) fn rest(&mut self) -> String {
        let mut octets = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut octets) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "after {}", octets.len());
        }
        String::from_utf8(octets).expect("text")
    }

    /// One reply with a content-length: its head and its content.
    pub(crate) fn reply(&mut self) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            self.0.read_exact(&mut octet).unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&head));
            });
            head.push(octet[0]);
        }
        let head = String::from_utf8(head).expect("a head is text");
        let length = field(&head, "content-length").map_or(0, |text| text.parse().expect("digits"));
        let mut content = vec![0; length];
        self.0.read_exact(&mut content).expect("the content is whole");
        (head, content)
    }
}

/// The value of a field in a head.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The statuses of all replies in a text, which have no content that looks like one.
pub(crate) fn statuses(text: &str) -> Vec<u16> {
    text.match_indices("HTTP/1.1 ")
        .filter_map(|(at, line)| text.get(at + line.len()..at + line.len() + 3)?.parse().ok())
        .collect()
}
