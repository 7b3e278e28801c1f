//! Another binary takes the place of this process, without a moment in which nobody listens.
//!
//! The new process is given the listening sockets and one end of a line. It loads everything, binds
//! what is new, and says `ready`; only when it hears `go` does it begin to accept, and says
//! `serving`; only then does this one drain. Whatever happens before leaves this server as it was.

use std::ffi::{CString, OsString};
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::server::Handle;
use crate::supervisor::READY_VARIABLE;
use crate::sys::{handed, spawn};

/// How long the new process may take from `go` to `serving`: it has nothing to do but begin.
const BEGIN_MAX: Duration = Duration::from_secs(10);
/// Octets of what a new process may say of its failure.
const WORDS_BYTES_MAX: usize = 16 * 1024;

const READY: &str = "ready";
const GO: &str = "go";
const SERVING: &str = "serving";
const FAILED: &str = "failed: ";

/// What it takes to start another process like this one.
#[derive(Debug)]
pub(crate) struct Upgrader {
    /// The binary of this process, by its path: what lies there now may be another one.
    pub(crate) binary: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Variables beside those of this process.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    under_way: AtomicBool,
}

/// Why nothing changed.
#[derive(Debug)]
pub(crate) enum UpgradeFault {
    /// Another one is under way, or is done.
    UnderWay,
    /// This server is on its way to its end.
    Draining,
    /// The binary cannot be started.
    Start { binary: PathBuf, error: io::Error },
    /// The new process said why it cannot serve.
    Refused { why: String },
    /// The new process ended without a word.
    Ended { how: String },
    /// The new process did not become ready in time.
    TimedOut(Duration),
    /// What the system said.
    System(io::Error),
}

impl Upgrader {
    pub(crate) fn new(
        binary: PathBuf,
        arguments: Vec<OsString>,
        variables: Vec<(&'static str, OsString)>,
    ) -> Self {
        Self { binary, arguments, variables, under_way: AtomicBool::new(false) }
    }

    /// Lets `binary` take over, or says why not; the number of the new process. The caller drains
    /// this one.
    ///
    /// # Errors
    /// Why nothing changed. The new process, if there was one, has ended.
    pub(crate) fn upgrade(
        &self,
        handle: &Handle,
        binary: Option<&Path>,
        patience: Duration,
    ) -> Result<u32, UpgradeFault> {
        if self.under_way.swap(true, Ordering::AcqRel) {
            return Err(UpgradeFault::UnderWay);
        }
        let done = self.attempt(handle, binary.unwrap_or(&self.binary), patience);
        if done.is_err() {
            self.under_way.store(false, Ordering::Release);
        }
        done
    }

    fn attempt(
        &self,
        handle: &Handle,
        binary: &Path,
        patience: Duration,
    ) -> Result<u32, UpgradeFault> {
        if handle.health().draining {
            return Err(UpgradeFault::Draining);
        }
        let (names, sockets) = sockets(handle)?;
        let (ours, theirs) = UnixStream::pair()?;
        let mut descriptors: Vec<BorrowedFd<'_>> = sockets.iter().map(|it| it.as_fd()).collect();
        descriptors.push(theirs.as_fd());
        let environment = self.environment(&names)?;
        let arguments = self.arguments.iter().map(|word| spawn::text(word));
        let arguments = arguments.collect::<io::Result<Vec<CString>>>()?;
        let child = spawn::start(binary, &arguments, &environment, &descriptors)
            .map_err(|error| UpgradeFault::Start { binary: binary.to_owned(), error })?;
        drop((theirs, sockets));
        let line = Line { stream: BufReader::new(ours), clock: Clock::start() };
        match talk(line, patience) {
            Ok(()) => Ok(child),
            Err(fault) => {
                // It must not accept anything any more before we go on.
                drop(spawn::kill(child));
                let how = spawn::reap(child).unwrap_or_default();
                Err(match fault {
                    UpgradeFault::Ended { .. } => UpgradeFault::Ended { how },
                    fault => fault,
                })
            }
        }
    }

    fn environment(&self, names: &[String]) -> io::Result<Vec<CString>> {
        let count = names.len();
        let line = usize::try_from(handed::FIRST).unwrap_or(0) + count;
        let own = [
            ("LISTEN_FDS", OsString::from(count.to_string())),
            ("LISTEN_FDNAMES", names.join(":").into()),
            (READY_VARIABLE, line.to_string().into()),
        ];
        let others = self.variables.iter().cloned().chain(own);
        let others = others.map(|(name, value)| (OsString::from(name), value));
        let mut all = Vec::new();
        for (mut name, value) in std::env::vars_os().chain(others) {
            name.push("=");
            name.push(value);
            all.push(spawn::text(&name)?);
        }
        Ok(all)
    }
}

/// The listening sockets under their names, each opened once more.
fn sockets(handle: &Handle) -> Result<(Vec<String>, Vec<OwnedFd>), UpgradeFault> {
    let (mut names, mut sockets) = (Vec::new(), Vec::new());
    for (name, socket) in handle.accepting.get().into_iter().flatten() {
        let socket = socket.upgrade().ok_or(UpgradeFault::Draining)?;
        sockets.push(socket.as_fd().try_clone_to_owned()?);
        names.push(name.clone());
    }
    Ok((names, sockets))
}

fn talk(mut line: Line, patience: Duration) -> Result<(), UpgradeFault> {
    line.expect(READY, patience)?;
    line.stream.get_mut().write_all(format!("{GO}\n").as_bytes()).map_err(ended)?;
    line.expect(SERVING, BEGIN_MAX)
}

fn ended(_: io::Error) -> UpgradeFault {
    UpgradeFault::Ended { how: String::new() }
}

/// Our end.
struct Line {
    stream: BufReader<UnixStream>,
    clock: Clock,
}

impl Line {
    /// The next word is `word`, within `patience`.
    fn expect(&mut self, word: &str, patience: Duration) -> Result<(), UpgradeFault> {
        let said = self.hear(patience)?;
        match said.strip_prefix(FAILED) {
            Some(why) => Err(UpgradeFault::Refused { why: why.replace('\r', "\n") }),
            None if said == word => Ok(()),
            None => Err(UpgradeFault::Refused { why: format!("it said '{said}'") }),
        }
    }

    fn hear(&mut self, patience: Duration) -> Result<String, UpgradeFault> {
        let began = self.clock.now();
        let mut line = Vec::new();
        loop {
            let waited = Duration::from_micros(self.clock.now().micros_since(began));
            let Some(left) = patience.checked_sub(waited).filter(|it| !it.is_zero()) else {
                return Err(UpgradeFault::TimedOut(patience));
            };
            self.stream.get_ref().set_read_timeout(Some(left))?;
            let read = match self.stream.fill_buf() {
                Ok([]) => return Err(UpgradeFault::Ended { how: String::new() }),
                Ok(octets) => {
                    let end = octets.iter().position(|it| *it == b'\n');
                    line.extend_from_slice(
                        octets.get(..end.unwrap_or(octets.len())).unwrap_or(&[]),
                    );
                    (end.map_or(octets.len(), |end| end + 1), end.is_some())
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ended(error)),
            };
            let (bytes, whole) = read;
            self.stream.consume(bytes);
            if whole || line.len() > WORDS_BYTES_MAX {
                line.truncate(WORDS_BYTES_MAX);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
        }
    }
}

/// The end of the new process.
#[derive(Debug)]
pub(crate) struct Successor {
    stream: UnixStream,
    pub(crate) predecessor: u32,
}

impl Successor {
    pub(crate) const fn new(stream: UnixStream, predecessor: u32) -> Self {
        Self { stream, predecessor }
    }

    /// Everything is there; waits until the old server lets this one begin.
    ///
    /// # Errors
    /// When it does not, or is gone.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        self.say(READY)?;
        let mut said = String::new();
        BufReader::new(&self.stream).read_line(&mut said)?;
        if said.trim_end() == GO { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }

    /// The loops accept.
    pub(crate) fn serving(&mut self) -> io::Result<()> {
        self.say(SERVING)
    }

    /// It cannot serve.
    pub(crate) fn fail(&mut self, why: impl fmt::Display) {
        // Line ends travel as what no message has. When nobody hears it, nobody wants to.
        let why = why.to_string().replace('\n', "\r");
        drop(self.say(&format!("{FAILED}{why}")));
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(format!("{line}\n").as_bytes())
    }
}

impl From<io::Error> for UpgradeFault {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl UpgradeFault {
    /// The stable reason word.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::UnderWay => "upgrade_under_way",
            Self::Draining => "draining",
            Self::Start { .. } => "upgrade_start",
            Self::Refused { .. } => "upgrade_refused",
            Self::Ended { .. } => "upgrade_ended",
            Self::TimedOut(_) => "upgrade_timed_out",
            Self::System(_) => "upgrade_system",
        }
    }
}

impl fmt::Display for UpgradeFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => out.write_str("an upgrade is under way already"),
            Self::Draining => out.write_str("this server is on its way to its end"),
            Self::Start { binary, error } => {
                write!(out, "{} cannot be started: {error}", binary.display())
            }
            Self::Refused { why } => write!(out, "the new process does not serve: {why}"),
            Self::Ended { how } => {
                write!(
                    out,
                    "the new process ended before it was ready ({how}); its last lines are"
                )?;
                out.write_str(" where the server's go")
            }
            Self::TimedOut(patience) => write!(
                out,
                "the new process was not ready within {} s, and was ended",
                patience.as_secs_f32()
            ),
            Self::System(error) => error.fmt(out),
        }
    }
}
