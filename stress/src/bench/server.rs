//! Runs servers: pinned to their cores, on free ports, ended with the benchmark.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::args::Args;
use super::bodies;
use super::contender::{CONSTANT_BODY, Contender, Places};
use super::error::BenchError;
use super::many;
use super::peers::{H2O_FILES, H2O_INDEX};
use super::secure;
use super::workload::Role;
use crate::clock::Clock;

/// A thousand functions are loaded one after another.
const READY_SECONDS_MAX: f64 = 60.0;
/// Under valgrind everything takes its time.
const READY_SECONDS_MAX_SLOW: f64 = 240.0;
const END_SECONDS_MAX: f64 = 5.0;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What the log of ours says when a loop is taken from a thread that a call keeps.
pub(super) const RESCUED: &str = "kept the thread of an event loop";
/// What it says about each worker that is lost.
pub(super) const GIVEN_UP: &str = "its thread is given up";
/// How much of a log an error quotes.
const QUOTE_BYTES_MAX: usize = 400;

/// What all measurements share.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) args: Args,
    pub(super) places: Places,
    /// CPUs of this machine.
    pub(super) cpus: usize,
    /// Those that were found and are wanted.
    pub(super) contenders: Vec<Contender>,
    /// Those that are wanted and missing, with the reason.
    pub(super) missing: Vec<(Contender, String)>,
}

impl Bench {
    pub(super) fn new(args: &Args) -> Result<Self, BenchError> {
        let program = std::env::current_exe()?;
        let bin = program.parent().unwrap_or(Path::new(".")).to_path_buf();
        let scratch = std::env::temp_dir().join(format!("fezz-bench-{}", std::process::id()));
        let places = Places { bin, scratch };
        let cpus = thread::available_parallelism()?.get();
        let mut bench =
            Self { args: args.clone(), places, cpus, contenders: Vec::new(), missing: Vec::new() };
        for contender in Contender::all(&args.contender) {
            if !args.wants(&contender.name) {
                continue;
            }
            match contender.missing(&bench.places) {
                None => bench.contenders.push(contender),
                Some(reason) => bench.missing.push((contender, reason)),
            }
        }
        let files = bench.places.scratch.join(H2O_FILES);
        let made = fs::create_dir_all(&files);
        made.and_then(|()| fs::write(files.join(H2O_INDEX), CONSTANT_BODY))
            .map_err(|error| BenchError::file(&files, error))?;
        Ok(bench)
    }

    /// CPUs that the load of one event loop runs on.
    pub(super) fn load_cpus(&self) -> Vec<usize> {
        vec![self.args.load_cpu.min(self.cpus - 1)]
    }

    pub(super) fn server_cpus(&self) -> Vec<usize> {
        vec![self.args.server_cpu.min(self.cpus - 1)]
    }

    /// Starts `contender` on the servers' core and waits until it accepts connections. `None`
    /// when it cannot play the role.
    pub(super) fn start(
        &self,
        contender: &Contender,
        role: Role,
    ) -> Result<Option<Server>, BenchError> {
        self.start_under(&[], contender, role, &self.server_cpus())
    }

    /// Like [`Bench::start`], on other cores or as the argument of a tool such as valgrind.
    pub(super) fn start_under(
        &self,
        tool: &[String],
        contender: &Contender,
        role: Role,
        cpus: &[usize],
    ) -> Result<Option<Server>, BenchError> {
        let address = free_address()?;
        let place = address.to_string();
        let Some(command) = contender.command(role, &self.places, &place) else {
            return Ok(None);
        };
        if role.is_secure() {
            secure::prepare(&self.places.scratch)?;
        }
        if matches!(role, Role::Functions(_) | Role::Routes(_)) {
            many::prepare(&self.places.bin, &self.places.scratch)?;
        }
        if role.is_bulk() {
            bodies::prepare(&self.places.scratch)?;
        }
        if let Some((file, text)) = contender.configuration(role, &self.places, &place) {
            fs::write(&file, text).map_err(|error| BenchError::file(&file, error))?;
        }
        let words = [tool, &command].concat();
        // Each its own: two servers of one contender may run at the same time.
        let log = self.places.scratch.join(format!("{}-{}.log", contender.name, address.port()));
        let output = fs::File::create(&log).map_err(|error| BenchError::file(&log, error))?;
        let mut process = Command::new(&words[0]);
        process.args(&words[1..]).stdin(Stdio::null());
        process.stdout(output.try_clone()?).stderr(output);
        let child = spawn_on(cpus, &mut process)
            .map_err(|error| BenchError::Spawn { program: words[0].clone(), error })?;
        let command = self.shown(&words, &place);
        let mut server = Server { child, address, command, log, ready_seconds: 0.0 };
        let patience = if tool.is_empty() { READY_SECONDS_MAX } else { READY_SECONDS_MAX_SLOW };
        server.wait_until_ready(patience)?;
        Ok(Some(server))
    }

    /// A command as a person elsewhere could give it.
    fn shown(&self, words: &[String], address: &str) -> String {
        let port = address.rsplit_once(':').map_or("", |(_, port)| port);
        words
            .join(" ")
            .replace(&self.places.bin.display().to_string(), "target/release")
            .replace(&self.places.scratch.display().to_string(), "$SCRATCH")
            .replace(address, "127.0.0.1:PORT")
            .replace(&format!("-{port}.toml"), ".toml")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.places.scratch) {
            eprintln!("{} is left behind: {error}", self.places.scratch.display());
        }
    }
}

/// A running server; ended when dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
    /// How it was started, without what is different each time.
    pub(super) command: String,
    /// From its start to the first connection that it took, in seconds.
    pub(super) ready_seconds: f64,
    log: PathBuf,
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self, seconds_max: f64) -> Result<(), BenchError> {
        let clock = Clock::start();
        while clock.seconds() < seconds_max {
            if self.child.try_wait()?.is_some() {
                break;
            }
            match TcpStream::connect(self.address) {
                Ok(_) => {
                    self.ready_seconds = clock.seconds();
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.into()),
            }
            thread::sleep(LOOK_EVERY);
        }
        let said = tail(&fs::read_to_string(&self.log).unwrap_or_default());
        Err(BenchError::NotReady { command: self.command.clone(), said })
    }

    /// How many lines of what the server wrote contain `words`.
    pub(super) fn said(&self, words: &str) -> Result<usize, BenchError> {
        let text = fs::read(&self.log).map_err(|error| BenchError::file(&self.log, error))?;
        Ok(String::from_utf8_lossy(&text).lines().filter(|line| line.contains(words)).count())
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        Ok(pid.map_or(Ok(()), |pid| kill_process(pid, signal))?)
    }

    /// Ends the server by force: it has calls that do not come back.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// Asks the server to end and waits for that; after five seconds it is killed.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        end(&mut self.child, Signal::TERM)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{}: {error}", self.command);
        }
    }
}

/// Ends a child of ours with `signal`, and by force when it does not listen.
pub(super) fn end(child: &mut Child, signal: Signal) -> io::Result<()> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal)?;
    }
    let clock = Clock::start();
    while clock.seconds() < END_SECONDS_MAX {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait().map(|_| ())
}

/// Starts `command` on `cpus`: a child inherits the mask of the thread that makes it.
pub(super) fn spawn_on(cpus: &[usize], command: &mut Command) -> io::Result<Child> {
    let before = sched_getaffinity(None)?;
    pin_to(cpus)?;
    let child = command.spawn();
    sched_setaffinity(None, &before)?;
    child
}

/// Keeps the current thread to `cpus`.
pub(super) fn pin_to(cpus: &[usize]) -> io::Result<()> {
    let mut mask = CpuSet::new();
    for &cpu in cpus {
        mask.set(cpu);
    }
    Ok(sched_setaffinity(None, &mask)?)
}

/// An address that nobody listens on at the moment.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// The end of what a program wrote, on one line.
pub(super) fn tail(text: &str) -> String {
    let mut start = text.len().saturating_sub(QUOTE_BYTES_MAX);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let line = text[start..].trim().replace('\n', " / ");
    if line.is_empty() { "it said nothing".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_short_and_on_one_line() {
        assert_eq!(tail("a\nb\n"), "a / b");
        assert_eq!(tail(""), "it said nothing");
        assert!(tail(&"ü".repeat(500)).len() <= QUOTE_BYTES_MAX);
    }

    /// What is looked for in the log is what the server writes there.
    #[test]
    fn the_server_speaks_of_rescues_and_losses_in_these_words() {
        assert!(include_str!("../../../server/src/watch/yard.rs").contains(RESCUED));
        assert!(include_str!("../../../server/src/crew/sweep.rs").contains(GIVEN_UP));
    }

    #[test]
    fn what_a_server_said_is_counted_by_lines_and_it_can_be_killed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, b"a\nthe function kept the thread of an event loop, kept\n\xff kept\n")
            .unwrap();
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let address = free_address().unwrap();
        let command = "sleep 600".to_owned();
        let mut server = Server { child, address, command, log, ready_seconds: 0.0 };
        assert_eq!((server.said(RESCUED).unwrap(), server.said("kept").unwrap()), (1, 2));
        server.kill().unwrap();
        assert!(server.child.try_wait().unwrap().is_some());
    }

    #[test]
    fn a_child_runs_where_it_is_put() {
        let output = Command::new("true").spawn().and_then(|mut child| child.wait()).unwrap();
        assert!(output.success());
        let mut command = Command::new("grep");
        command.args(["Cpus_allowed_list", "/proc/self/status"]).stdout(Stdio::piped());
        let child = spawn_on(&[0], &mut command).unwrap();
        let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(said.split_whitespace().nth(1), Some("0"));
    }
}
