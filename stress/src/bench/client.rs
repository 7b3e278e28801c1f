//! Runs the load generator beside a server and reads its report.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::error::BenchError;
use super::server::{Bench, Server, spawn_on, tail};
use crate::load::Report;

/// A load generator at work.
#[derive(Debug)]
pub(super) struct Client {
    child: Child,
}

impl Client {
    /// Starts a load on `server`, on the given cores.
    pub(super) fn start(
        bench: &Bench,
        server: &Server,
        arguments: &[String],
        cpus: &[usize],
    ) -> Result<Self, BenchError> {
        let mut command = load_command(bench, server, arguments);
        command.stdin(Stdio::null());
        let child = spawn_on(cpus, &mut command).map_err(spawn_error)?;
        Ok(Self { child })
    }

    /// Waits for the end of the load.
    pub(super) fn finish(self) -> Result<Report, BenchError> {
        let output = self.child.wait_with_output()?;
        // Faults make the load generator fail, but its report is there to be shown.
        serde_json::from_slice(&output.stdout)
            .map_err(|_| BenchError::Load { said: tail(&String::from_utf8_lossy(&output.stderr)) })
    }
}

/// One load from start to end, on the load's core.
pub(super) fn load(
    bench: &Bench,
    server: &Server,
    arguments: &[String],
) -> Result<Report, BenchError> {
    Client::start(bench, server, arguments, &bench.load_cpus())?.finish()
}

/// Idle connections, held by a process of their own.
#[derive(Debug)]
pub(super) struct Idle {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Idle {
    /// Opens `count` connections and returns when all of them have had their exchange.
    pub(super) fn open(
        bench: &Bench,
        server: &Server,
        count: usize,
        arguments: &[String],
    ) -> Result<Self, BenchError> {
        let arguments = [arguments, &["--idle".to_owned(), count.to_string()]].concat();
        let mut command = load_command(bench, server, &arguments);
        command.stdin(Stdio::piped());
        let mut child = spawn_on(&bench.load_cpus(), &mut command).map_err(spawn_error)?;
        let Some(stdout) = child.stdout.take() else {
            return Err(BenchError::Load { said: "no output".to_owned() });
        };
        let mut idle = Self { child, lines: BufReader::new(stdout) };
        if idle.number("idle")? == count {
            Ok(idle)
        } else {
            Err(BenchError::Load { said: "fewer connections than asked for".to_owned() })
        }
    }

    /// Lets go of the connections and says how many of them the server still had open.
    pub(super) fn close(mut self) -> Result<usize, BenchError> {
        drop(self.child.stdin.take());
        let open = self.number("still_open")?;
        self.child.wait()?;
        Ok(open)
    }

    /// The number that the next line has under `key`; without one, what the process complained of.
    fn number(&mut self, key: &str) -> Result<usize, BenchError> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        let parsed: Option<serde_json::Value> = serde_json::from_str(&line).ok();
        let number = parsed.and_then(|value| value.get(key)?.as_u64());
        if let Some(number) = number.and_then(|number| usize::try_from(number).ok()) {
            return Ok(number);
        }
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        self.child.wait()?;
        Err(BenchError::Load { said: tail(&said) })
    }
}

fn load_command(bench: &Bench, server: &Server, arguments: &[String]) -> Command {
    let mut command = Command::new(bench.places.bin.join("fezz-load"));
    command.args(["--json", "--quiet", "--connect", &server.address.to_string()]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn spawn_error(error: std::io::Error) -> BenchError {
    BenchError::Spawn { program: "fezz-load".to_owned(), error }
}

/// Splits a line of arguments that has no quotes in it.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
