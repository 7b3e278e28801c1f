//! The real program, with the shim before it: its start, what can be seen of it, its end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::control::Control;

/// How long anything may take that is not a fault's effect.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(2);

/// Waits for a condition; what it came to, or nothing when it did not come true.
pub(crate) fn until<T>(condition: impl FnMut() -> Option<T>) -> Option<T> {
    within(PATIENCE, condition)
}

/// The same, with another patience.
#[expect(clippy::disallowed_methods, reason = "a test waits, and a look may take long")]
pub(crate) fn within<T>(patience: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let began = std::time::Instant::now();
    loop {
        let found = condition();
        if found.is_some() || began.elapsed() > patience {
            return found;
        }
        std::thread::sleep(LOOK);
    }
}

/// Builds the example function once: it echoes, shows the fields, and takes its time. Stripped,
/// because every start reads all of it.
pub(crate) fn function() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = std::env::var_os("FEZZ_EXAMPLES").map_or_else(build, PathBuf::from);
        let stripped = super::folder("function").join("libecho.so");
        let mut strip = Command::new("strip");
        strip.arg("-o").args([&stripped, &built.join("libecho.so")]);
        assert!(strip.status().expect("strip runs").success(), "the function is stripped");
        stripped
    })
}

fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("functions");
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "-p", "example-echo", "--target-dir"])
        .arg(&target)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the example function builds");
    target.join("debug")
}

/// How long a call of the function `late` may take, in milliseconds.
pub(crate) const LATE_MS: u64 = 20;

/// A configuration with everything that a seed asks for. No deadline but that of late calls is
/// within a client's patience: whoever stalls is silent, on a busy machine as on an idle one.
pub(crate) fn configuration(folder: &Path, more: &str) -> String {
    let user = std::fs::metadata("/proc/self").expect("we are a process").uid();
    let (shown, echo) = (folder.display(), function().display());
    format!(
        "version = 1\n\
         [[listener]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\n\
         [[listener]]\nname = \"tls\"\naddress = \"127.0.0.1:0\"\ntls = true\n\
         [tls]\nself_signed = true\n\
         [[function]]\nname = \"worker\"\nartifact = \"{echo}\"\nplacement = \"worker\"\n\
         [[function]]\nname = \"inline\"\nartifact = \"{echo}\"\nplacement = \"inline\"\n\
         [[function]]\nname = \"late\"\nartifact = \"{echo}\"\nplacement = \"worker\"\n\
         timeout = \"{LATE_MS}ms\"\nabandon_max = 1000\n\
         [[route]]\npath = \"/{{*rest}}\"\nfunction = \"worker\"\n\
         [[route]]\nmatch = {{ header = \"x-way\", value = \"inline\" }}\n\
         path = \"/{{*rest}}\"\nfunction = \"inline\"\n\
         [[route]]\nmatch = {{ header = \"x-way\", value = \"late\" }}\n\
         path = \"/{{*rest}}\"\nfunction = \"late\"\n\
         [workers]\nevent_loops = 2\nthreads = 4\nabandon_max = 1000\n\
         [timeouts]\nlinger = \"60s\"\ntls_handshake = \"60s\"\nrequest_header = \"60s\"\n\
         body_idle = \"60s\"\nbody_min_rate = \"off\"\nwrite_idle = \"60s\"\n\
         keep_alive = \"60s\"\nqueue = \"60s\"\nhandler = \"60s\"\n\
         [metrics]\nlisten = \"127.0.0.1:0\"\n\
         [log]\nformat = \"json\"\noutput = \"{shown}/server.log\"\n\
         [access_log]\noutput = \"{shown}/access.log\"\n\
         [tracing]\npropagate = \"off\"\n\
         [admin]\nlisten = \"unix:{shown}/a.sock\"\n\
         [sandbox]\nuser = \"{user}\"\n{more}"
    )
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: PathBuf,
    pub(crate) control: Control,
    pub(crate) plain: SocketAddr,
    pub(crate) secured: SocketAddr,
    watched: SocketAddr,
}

impl Server {
    /// Starts one in `folder`, without faults.
    pub(crate) fn start(folder: PathBuf, more: &str) -> Self {
        let control = Control::at(folder.join("control"));
        std::fs::write(folder.join("fezz.toml"), configuration(&folder, more)).expect("written");
        let mut child = spawn(&folder, &control);
        let ready = until(|| {
            if child.try_wait().expect("asked").is_some() {
                return Some(Err(()));
            }
            ready(&folder).map(Ok)
        });
        let Some(Ok([plain, secured, watched])) = ready else {
            let said = std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            drop(child.kill());
            panic!("the server does not start: {said}");
        };
        assert!(control.is_attached(), "the shim is in the server");
        Self { child, folder, control, plain, secured, watched }
    }

    /// Whether it still runs, or how it ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("asked")
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(status.success(), "{name} is sent");
    }

    fn process(&self, what: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(what)
    }

    /// What the descriptors that it holds lead to, by kind.
    pub(crate) fn descriptors(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.process("fd")) else { return Vec::new() };
        let kind = |entry: std::io::Result<std::fs::DirEntry>| {
            let target = std::fs::read_link(entry.ok()?.path()).ok()?.display().to_string();
            Some(target.split(":[").next()?.to_owned())
        };
        let mut kinds: Vec<String> = entries.filter_map(kind).collect();
        kinds.sort();
        kinds
    }

    /// Its threads, by name.
    pub(crate) fn threads(&self) -> Vec<String> {
        let Ok(tasks) = std::fs::read_dir(self.process("task")) else { return Vec::new() };
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            let name = std::fs::read_to_string(task.ok()?.path().join("comm")).ok()?;
            Some(name.trim().to_owned())
        };
        let mut names: Vec<String> = tasks.filter_map(name).collect();
        names.sort();
        names
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.process("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// The page for monitoring.
    pub(crate) fn metrics(&self) -> Metrics {
        let mut stream = TcpStream::connect(self.watched).expect("metrics are there");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("asked");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("a whole page");
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        Metrics(page)
    }

    /// Asks it to end in order, and waits for that.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until(|| self.ended()).expect("it ends")
    }

    /// Asks it over the operator's socket: whether it did that, and what it said.
    pub(crate) fn order(&self, line: &str) -> (bool, String) {
        let socket = self.folder.join("a.sock");
        let mut stream = UnixStream::connect(socket).expect("the operator's socket");
        stream.set_read_timeout(Some(2 * PATIENCE)).expect("a timeout");
        stream.write_all(format!("{line}\n").as_bytes()).expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer in time");
        let (word, said) = answer.split_once('\n').expect("two lines");
        assert!(["ok", "failed"].contains(&word), "{answer}");
        (word == "ok", said.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the page for monitoring says.
pub(crate) struct Metrics(String);

impl Metrics {
    /// The sum of all series of a name.
    pub(crate) fn sum(&self, name: &str) -> u64 {
        let series = self.0.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        let sum: f64 = series.filter_map(value).sum();
        // Counts of a test are far below what a float holds.
        format!("{sum:.0}").parse().expect("a count")
    }

    /// The sum of those whose labels do not have `other` in them.
    pub(crate) fn sum_without(&self, name: &str, other: &str) -> u64 {
        let lines = self.0.lines().filter(|line| !line.contains(other));
        Self(lines.collect::<Vec<_>>().join("\n")).sum(name)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// The program, in `folder`, with what `control` says from its first call on.
pub(crate) fn spawn(folder: &Path, control: &Control) -> Child {
    let said = std::fs::File::create(folder.join("stderr")).expect("a file");
    for log in ["server.log", "access.log"] {
        drop(std::fs::remove_file(folder.join(log)));
    }
    Command::new(env!("CARGO_BIN_EXE_fezz"))
        .args(["serve", "--config"])
        .arg(folder.join("fezz.toml"))
        .envs(control.variables())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .expect("fezz starts")
}

/// The addresses of a server that says it is ready: plain, TLS, metrics.
pub(crate) fn ready(folder: &Path) -> Option<[SocketAddr; 3]> {
    let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
    let said = std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
    let line = log
        .lines()
        .chain(said.lines())
        .find(|line| line.contains("\"message\":\"ready: ") || line.contains("fezz ready:"))?
        .to_owned();
    let address = |before: &str| {
        let rest = line.split(before).nth(1)?;
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.' && it != ':');
        rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
    };
    Some([address("http://")?, address("https://")?, address("metrics:http://")?])
}
