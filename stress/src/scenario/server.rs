//! The server under stress: a process of its own, watched through its log, its metrics and `/proc`.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::failure::{Failure, Result};
use super::page::Page;
use crate::clock::Clock;
use crate::procfs;

const READY_SECONDS_MAX: f64 = 30.0;
/// Longer than `drain.grace`.
const END_SECONDS_MAX: f64 = 40.0;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How much of a log a failure quotes.
const QUOTE_BYTES_MAX: usize = 600;
/// How long an operator's verb may take.
const VERB_SECONDS_MAX: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    folder: PathBuf,
    /// Where HTTP is spoken.
    pub(super) plain: SocketAddr,
    /// Where HTTPS is spoken.
    pub(super) secure: SocketAddr,
    /// Where its metrics are.
    pub(super) metrics: SocketAddr,
    /// What it had when it was ready.
    pub(super) before: Holdings,
}

/// What a process holds that it should give back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Holdings {
    pub(super) descriptors: usize,
    pub(super) threads: usize,
}

/// What the last lines of a log say about the end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Drained {
    /// Exchanges in the server's life.
    pub(super) served: u64,
    /// Connections that were cut.
    pub(super) cut: u64,
    /// Calls that were given up.
    pub(super) abandoned: u64,
}

impl Server {
    /// Starts `words` with the configuration in `folder` and waits until it is ready.
    pub(super) fn start(words: &[String], folder: &Path) -> Result<Self> {
        let log = folder.join("server.log");
        let output = fs::File::create(&log).map_err(|error| Failure::file(&log, error))?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("serve").arg("--config").arg(folder.join("fezz.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let program = || PathBuf::from(&words[0]);
        let child =
            command.spawn().map_err(|error| Failure::Program { program: program(), error })?;
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self {
            child,
            folder: folder.to_owned(),
            plain: nowhere,
            secure: nowhere,
            metrics: nowhere,
            before: Holdings { descriptors: 0, threads: 0 },
        };
        server.wait_until_ready()?;
        server.before = server.holdings();
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let clock = Clock::start();
        while clock.seconds() < READY_SECONDS_MAX && self.child.try_wait()?.is_none() {
            if let Some(line) = self.log().lines().find(|line| line.contains("\"ready: ")) {
                let address = |scheme: &str| {
                    let (_, rest) = line.split_once(scheme)?;
                    rest.split([' ', '"']).next()?.parse().ok()
                };
                let all = (address(" http://"), address(" https://"), address(" metrics:http://"));
                if let (Some(plain), Some(secure), Some(metrics)) = all {
                    (self.plain, self.secure, self.metrics) = (plain, secure, metrics);
                    return Ok(());
                }
            }
            thread::sleep(LOOK_EVERY);
        }
        Err(Failure::NotReady { log: tail(&self.log()) })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it said so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    /// Lines of the log that are warnings or errors and have none of `words` in them.
    pub(super) fn warnings(&self, words: &[&str]) -> Vec<String> {
        let log = self.log();
        let bad = |line: &&str| {
            (line.contains("\"level\":\"warn\"") || line.contains("\"level\":\"error\""))
                && !words.iter().any(|word| line.contains(word))
        };
        log.lines().filter(bad).map(str::to_owned).collect()
    }

    pub(super) fn page(&self) -> Result<Page> {
        Page::fetch(self.metrics)
    }

    /// Looks at the page of metrics until it is as wanted, or the time is over: the last page.
    pub(super) fn page_when(
        &mut self,
        seconds: f64,
        wanted: impl Fn(&Page) -> bool,
    ) -> Result<Page> {
        let clock = Clock::start();
        loop {
            self.alive()?;
            let page = self.page()?;
            if wanted(&page) || clock.seconds() > seconds {
                return Ok(page);
            }
            // A page is made anew ten times a second.
            thread::sleep(Duration::from_millis(60));
        }
    }

    pub(super) fn holdings(&self) -> Holdings {
        let count = |what: &str| {
            let entries = fs::read_dir(format!("/proc/{}/{what}", self.child.id()));
            entries.map_or(0, Iterator::count)
        };
        Holdings { descriptors: count("fd"), threads: count("task") }
    }

    /// Resident memory in octets; 0 when it is gone.
    pub(super) fn resident_bytes(&self) -> u64 {
        procfs::resident_bytes(self.child.id()).unwrap_or(0)
    }

    /// Seconds of processor time that its threads used.
    pub(super) fn cpu_seconds(&self) -> f64 {
        procfs::usage_of(self.child.id()).cpu_seconds
    }

    /// That it has not ended.
    pub(super) fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                Err(Failure::Died { status: status.to_string(), log: tail(&self.log()) })
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, signal).map_err(|error| Failure::Os(error.into()))?;
        }
        Ok(())
    }

    /// Waits for the end: the exit code if there is one, and what the log says about it.
    pub(super) fn wait(&mut self) -> Result<(Option<i32>, Option<Drained>)> {
        let clock = Clock::start();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status.code(), drained(&self.log())));
            }
            if clock.seconds() > END_SECONDS_MAX {
                let log = self.log();
                let found = format!("it said last: {}", log.lines().last().unwrap_or_default());
                return Err(Failure::Never { what: "the end", seconds: END_SECONDS_MAX, found });
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Asks the operator's socket: whether it was done, and what was said.
    pub(super) fn operator(&self, request: &str) -> Result<(bool, String)> {
        let mut stream = UnixStream::connect(self.folder.join("admin.sock"))?;
        stream.set_read_timeout(Some(VERB_SECONDS_MAX))?;
        writeln!(stream, "{request}")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok((said.starts_with("ok\n"), said))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone by now.
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// `drained: served=2 cut=0 abandoned=0 took=0ms`
fn drained(log: &str) -> Option<Drained> {
    let (_, rest) = log.split_once("drained: ")?;
    let number = |name: &str| {
        let (_, rest) = rest.split_once(name)?;
        rest.split([' ', '"']).next()?.parse().ok()
    };
    Some(Drained {
        served: number("served=")?,
        cut: number("cut=")?,
        abandoned: number("abandoned=")?,
    })
}

fn tail(log: &str) -> String {
    let from = log.len().saturating_sub(QUOTE_BYTES_MAX);
    let from = (from..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
    log[from..].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read() {
        let log = "{\"message\":\"draining: SIGTERM\"}\n\
                   {\"message\":\"drained: served=22 cut=1 abandoned=0 took=0ms\"}\n";
        assert_eq!(drained(log), Some(Drained { served: 22, cut: 1, abandoned: 0 }));
        assert_eq!(drained("{\"message\":\"draining: SIGTERM\"}"), None);
    }
}
