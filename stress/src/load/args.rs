//! The command line of `fezz-load`, and the plan that it means.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, fs, io};

use clap::Parser;

use super::answer::{Expectation, ExpectedBody};
use super::report::Report;
use super::secure::{Group, Security, SecurityError, Trust};
use super::template::{Template, TemplateError};
use super::threshold::Threshold;
use super::{Plan, Progress, Until};

const EXAMPLES: &str = "Examples:
  fezz-load --connect 127.0.0.1:8080                          64 connections for one second
  fezz-load --connect 127.0.0.1:8080 --depth 16 --seconds 5   16 requests in each write
  fezz-load --connect 127.0.0.1:8080 --template post --path /echo --expect-echo
  fezz-load --connect 127.0.0.1:8080 --fresh -c 16            a connection for each request
  fezz-load --connect 127.0.0.1:8080 --rate 20000 --json      open loop, latency from due time
  fezz-load --connect 127.0.0.1:8080 --rate 20000 --fail-if 'p99 > 5ms' --fail-if 'errors > 0'
  fezz-load --connect 127.0.0.1:8443 --tls --tls-ca ca.pem --fresh -c 16    full handshakes
  fezz-load --connect 127.0.0.1:8080 --idle 5000              held until standard input ends

Exit codes: 0 good, 1 a condition of --fail-if holds, an error was seen, or nothing could be
measured, 2 usage.";

/// Sends requests, verifies every answer, reports rate and latencies.
#[derive(Clone, Debug, Parser)]
#[command(name = "fezz-load", after_help = EXAMPLES)]
pub struct Args {
    /// The server's address.
    #[arg(long, value_name = "ADDR")]
    pub connect: SocketAddr,
    /// Connections held open at the same time.
    #[arg(short, long, default_value = "64", value_name = "N")]
    pub connections: NonZeroUsize,
    /// Requests sent in one write before their answers are awaited.
    #[arg(long, default_value = "1", value_name = "N")]
    pub depth: NonZeroUsize,
    /// `get`, `browser`, `post`, or a file with the octets of one request.
    #[arg(long, default_value = "get", value_name = "NAME|FILE")]
    pub template: String,
    /// Path of the request target.
    #[arg(long, default_value = "/")]
    pub path: String,
    /// A new connection for each request; the server has to close it.
    #[arg(long, conflicts_with = "depth")]
    pub fresh: bool,
    /// Length of the run.
    #[arg(long, default_value = "1", value_name = "S", value_parser = seconds)]
    pub seconds: Duration,
    /// Number of requests, in place of a length of time.
    #[arg(long, value_name = "N", conflicts_with_all = ["seconds", "warmup"])]
    pub requests: Option<u64>,
    /// Time before the run that is not counted.
    #[arg(long, default_value = "0", value_name = "S", value_parser = seconds)]
    pub warmup: Duration,
    /// Open loop: requests per second, whatever the server does.
    #[arg(long, value_name = "N", value_parser = rate, conflicts_with = "fresh")]
    pub rate: Option<f64>,
    /// Open so many connections, one request on each, and hold them until standard input ends.
    #[arg(long, value_name = "N", conflicts_with_all = ["fresh", "rate", "requests"])]
    pub idle: Option<NonZeroUsize>,
    /// Speak TLS; each connection has a full handshake.
    #[arg(long)]
    pub tls: bool,
    /// Authority of the server's certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "insecure_for_loopback")]
    pub tls_ca: Option<PathBuf>,
    /// Believe every certificate; only from a server on this machine.
    #[arg(long, requires = "tls")]
    pub insecure_for_loopback: bool,
    /// Name that is asked for and that the certificate has to have.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    pub tls_name: String,
    /// The only key exchange that is offered.
    #[arg(long, value_name = "GROUP", requires = "tls")]
    pub tls_group: Option<Group>,
    /// Resume what an earlier connection began.
    #[arg(long, requires = "tls")]
    pub tls_resume: bool,
    /// Status that every answer must have.
    #[arg(long, default_value = "200", value_name = "CODE")]
    pub expect_status: u16,
    /// Body that every answer must have; without it, the body of the first answer.
    #[arg(long, value_name = "TEXT", conflicts_with = "expect_echo")]
    pub expect_body: Option<String>,
    /// Every answer must have the body of the request.
    #[arg(long)]
    pub expect_echo: bool,
    /// How long the server may be silent before the run is given up.
    #[arg(long, default_value = "10", value_name = "S", value_parser = seconds)]
    pub patience: Duration,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub json: bool,
    /// A condition under which the run has failed, such as 'p99 > 5ms'; may be repeated.
    ///
    /// Names: mean, min, p50, p90, p99, p99.9, max (with us, ms or s); errors, failed, unanswered,
    /// reconnects, answers, rate. Without one about errors, any error fails the run.
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<Threshold>,
    /// No progress on standard error.
    #[arg(long)]
    pub quiet: bool,
}

/// Why a command line means nothing that can be run.
#[derive(Debug)]
pub enum ArgsError {
    /// The file of a custom request cannot be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The request cannot be made.
    Template(TemplateError),
    /// Connections cannot be secured that way.
    Security(SecurityError),
    /// With TLS somebody has to be believed.
    NobodyTrusted,
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Template(error) => error.fmt(f),
            Self::Security(error) => error.fmt(f),
            Self::NobodyTrusted => f.write_str(
                "--tls needs --tls-ca FILE, or --insecure-for-loopback and a server on loopback",
            ),
        }
    }
}

impl std::error::Error for ArgsError {}

impl Args {
    /// The plan that the command line describes.
    ///
    /// # Errors
    /// When the request cannot be made of the template and the path.
    pub fn plan(&self) -> Result<Plan, ArgsError> {
        let template = match self.template.as_str() {
            "get" => Template::Get,
            "browser" => Template::Browser,
            "post" => Template::Post,
            file => {
                let read = fs::read(file);
                let file = PathBuf::from(file);
                Template::Custom(read.map_err(|error| ArgsError::Unreadable { file, error })?)
            }
        };
        let request = template.request(&self.path, self.fresh).map_err(ArgsError::Template)?;
        let body = match &self.expect_body {
            _ if self.expect_echo => ExpectedBody::Exactly(template.body()),
            Some(text) => ExpectedBody::Exactly(text.clone().into_bytes()),
            None => ExpectedBody::LikeFirst,
        };
        Ok(Plan {
            server: self.connect,
            security: self.security()?,
            connections: self.idle.unwrap_or(self.connections).get(),
            depth: self.depth.get(),
            fresh: self.fresh,
            request,
            expectation: Expectation { status: self.expect_status, body },
            until: self.requests.map_or(Until::Elapsed(self.seconds), Until::Answered),
            warmup: self.warmup,
            rate: self.rate,
            patience: self.patience,
            progress: self.progress(),
        })
    }
}

impl Args {
    fn progress(&self) -> Progress {
        match io::stderr().is_terminal() {
            _ if self.quiet => Progress::Quiet,
            true => Progress::Live,
            false => Progress::Lines,
        }
    }

    /// What in `report` makes the run a failed one, in words; nothing when it is good.
    #[must_use]
    pub fn failures(&self, report: &Report) -> Vec<String> {
        let crossed = self.fail_if.iter().filter(|one| one.is_crossed(report));
        let mut failures: Vec<String> = crossed.map(ToString::to_string).collect();
        if !report.faults.is_empty() && !self.fail_if.iter().any(Threshold::is_about_errors) {
            failures.push("errors > 0".to_owned());
        }
        failures
    }

    fn security(&self) -> Result<Option<Security>, ArgsError> {
        if !self.tls {
            return Ok(None);
        }
        let trust = match &self.tls_ca {
            Some(file) => Trust::Authority(file.clone()),
            None if self.insecure_for_loopback && self.connect.ip().is_loopback() => Trust::Anybody,
            None => return Err(ArgsError::NobodyTrusted),
        };
        let security = Security::new(&trust, &self.tls_name, self.tls_group, self.tls_resume);
        security.map(Some).map_err(ArgsError::Security)
    }
}

/// A number of seconds, with a fraction if need be.
///
/// # Errors
/// A sentence for the user when `text` is not one.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=1e9).contains(&rate) => Ok(rate),
        _ => Err("not a rate between 0.001 and 1000000000 per second".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        let words = ["fezz-load", "--connect", "127.0.0.1:1"].into_iter();
        Args::try_parse_from(words.chain(line.split_whitespace())).unwrap()
    }

    #[test]
    fn the_command_line_becomes_a_plan() {
        let plan = args("--template post --path /echo --expect-echo --requests 9 -c 2").plan();
        let plan = plan.unwrap();
        assert_eq!((plan.connections, plan.depth, plan.until), (2, 1, Until::Answered(9)));
        assert_eq!(plan.expectation.body, ExpectedBody::Exactly(Template::Post.body()));
        assert!(plan.request.starts_with(b"POST /echo "));
        assert_eq!(args("--idle 5000").plan().unwrap().connections, 5000);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let refused = args("--template /nowhere/request").plan().unwrap_err();
        assert!(refused.to_string().starts_with("/nowhere/request: "), "{refused}");
    }

    #[test]
    fn with_tls_somebody_is_believed() {
        assert!(args("").plan().unwrap().security.is_none());
        assert!(matches!(args("--tls").plan(), Err(ArgsError::NobodyTrusted)));
        let plan = args("--tls --insecure-for-loopback --tls-group x25519").plan().unwrap();
        assert!(plan.security.is_some());
        let far = ["fezz-load", "--connect", "192.0.2.1:1", "--tls", "--insecure-for-loopback"];
        let far = Args::try_parse_from(far).unwrap();
        assert!(matches!(far.plan(), Err(ArgsError::NobodyTrusted)));
    }

    #[test]
    fn conditions_decide_whether_a_run_has_failed() {
        let mut report = Report { answers: 1, per_second: 5.0, ..Report::default() };
        assert!(args("").failures(&report).is_empty());
        let slow = Args::try_parse_from([
            "fezz-load",
            "--connect",
            "127.0.0.1:1",
            "--fail-if",
            "rate < 9",
            "--fail-if=p99 > 1s",
        ]);
        let slow = slow.unwrap();
        assert_eq!(slow.failures(&report), ["rate < 9"]);
        report.faults.insert("framing".to_owned(), 2);
        assert_eq!(args("").failures(&report), ["errors > 0"]);
        assert_eq!(slow.failures(&report), ["rate < 9", "errors > 0"]);
        let words = ["fezz-load", "--connect", "127.0.0.1:1", "--fail-if", "errors > 2"];
        assert!(Args::try_parse_from(words).unwrap().failures(&report).is_empty());
        let words = ["fezz-load", "--connect", "127.0.0.1:1", "--fail-if", "p99 > 5"];
        assert!(Args::try_parse_from(words).is_err());
    }

    #[test]
    fn numbers_are_checked() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert!(seconds("-1").is_err() && seconds("x").is_err());
        assert!(rate("0").is_err() && rate("nan").is_err() && rate("20000").is_ok());
    }
}
