//! `fezz status`, `reload`, `drain` and `upgrade`: each asks the server that runs, and says what it
//! answered.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{fail, print};
use crate::admin::{self, AskFault, Format, PATIENCE, PATIENCE_MAX, Request, Verb, complaint};
use crate::error::{EXIT_CONFIG, EXIT_OK, EXIT_USAGE};
use crate::units::parse_duration;

/// How much longer than its server a verb waits: whoever waits to the end says what is the matter.
const MARGIN: Duration = Duration::from_secs(10);

const STATUS_EXAMPLES: &str = "\
Examples:
  fezz status --admin /run/fezz/admin.sock
  fezz status --config /etc/fezz/fezz.toml --format json";

const RELOAD_EXAMPLES: &str = "\
Examples:
  fezz reload --admin /run/fezz/admin.sock
  fezz reload --config /etc/fezz/fezz.toml --timeout 2m

Reads the configuration again, with its functions and certificates, and comes back when they are
served, or says why nothing changed. Exit codes: 0 served, 1 nothing changed, 2 usage.";

const DRAIN_EXAMPLES: &str = "\
Examples:
  fezz drain --admin /run/fezz/admin.sock
  fezz drain --admin /run/fezz/admin.sock --wait --timeout 1m

The same as the first SIGTERM: no new connections after the delay, those that are here are served
within the grace. Exit codes: 0 it drains (with --wait: it has ended), 1 not so, 2 usage.";

const UPGRADE_EXAMPLES: &str = "\
Examples:
  fezz upgrade --admin /run/fezz/admin.sock
  fezz upgrade --admin /run/fezz/admin.sock --binary /opt/fezz/2.0/fezz --timeout 30s

Starts the binary with the server's own arguments and hands over its listening sockets. When the
new process is ready the old one drains; when it is not, the old one goes on as if nothing had
been. Exit codes: 0 the new one serves, 1 nothing changed, 2 usage.";

#[derive(Args, Debug)]
struct Place {
    /// The server's socket
    #[arg(long, value_name = "PATH")]
    admin: Option<PathBuf>,
    /// The server's configuration, which names the socket
    #[arg(short, long, value_name = "FILE", conflicts_with = "admin")]
    config: Option<PathBuf>,
    /// How the answer looks
    #[arg(long, value_enum, default_value_t = Shape::Text)]
    format: Shape,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    /// For a person
    Text,
    /// One object
    Json,
}

/// `fezz status`
#[derive(Args, Debug)]
#[command(after_help = STATUS_EXAMPLES, after_long_help = STATUS_EXAMPLES)]
pub(super) struct StatusFlags {
    #[command(flatten)]
    place: Place,
}

/// `fezz reload`
#[derive(Args, Debug)]
#[command(after_help = RELOAD_EXAMPLES, after_long_help = RELOAD_EXAMPLES)]
pub(super) struct ReloadFlags {
    #[command(flatten)]
    place: Place,
    /// How long it may take
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = "60s")]
    timeout: Duration,
}

/// `fezz drain`
#[derive(Args, Debug)]
#[command(after_help = DRAIN_EXAMPLES, after_long_help = DRAIN_EXAMPLES)]
pub(super) struct DrainFlags {
    #[command(flatten)]
    place: Place,
    /// Come back when the server has ended
    #[arg(long)]
    wait: bool,
    /// How long that may take
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = "60s")]
    #[arg(requires = "wait")]
    timeout: Duration,
}

/// `fezz upgrade`
#[derive(Args, Debug)]
#[command(after_help = UPGRADE_EXAMPLES, after_long_help = UPGRADE_EXAMPLES)]
pub(super) struct UpgradeFlags {
    #[command(flatten)]
    place: Place,
    /// What to start; without it what lies where the running binary was started from
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// How long it may take to become ready
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = "60s")]
    timeout: Duration,
}

fn patience(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).map_err(|why| why.to_string())?;
    if time > PATIENCE_MAX {
        return Err(format!("{} s at most", PATIENCE_MAX.as_secs()));
    }
    Ok(time)
}

pub(super) fn status(flags: &StatusFlags) -> u8 {
    flags.place.ask(&flags.place.request(Verb::Status), PATIENCE)
}

pub(super) fn reload(flags: &ReloadFlags) -> u8 {
    let patience = Some(flags.timeout);
    flags.place.ask(&Request { patience, ..flags.place.request(Verb::Reload) }, flags.timeout)
}

pub(super) fn drain(flags: &DrainFlags) -> u8 {
    let patience = flags.wait.then_some(flags.timeout);
    flags.place.ask(&Request { patience, ..flags.place.request(Verb::Drain) }, flags.timeout)
}

pub(super) fn upgrade(flags: &UpgradeFlags) -> u8 {
    let binary = match flags.binary.as_ref().map(|path| path.canonicalize()).transpose() {
        Ok(binary) => binary,
        Err(error) => return fail(EXIT_CONFIG, format_args!("--binary: {error}")),
    };
    let request = flags.place.request(Verb::Upgrade);
    flags.place.ask(&Request { patience: Some(flags.timeout), binary, ..request }, flags.timeout)
}

impl Place {
    fn request(&self, verb: Verb) -> Request {
        Request::new(verb, self.shape())
    }

    const fn shape(&self) -> Format {
        match self.format {
            Shape::Text => Format::Text,
            Shape::Json => Format::Json,
        }
    }

    /// Asks, and prints the answer: what was done to standard output, what was not to standard
    /// error, JSON to standard output always.
    fn ask(&self, request: &Request, patience: Duration) -> u8 {
        let path = match self.path() {
            Ok(path) => path,
            Err(code) => return code,
        };
        let answer = admin::ask(&path, request, patience.saturating_add(MARGIN));
        let (done, body) = match answer {
            Ok(answer) => (answer.done, answer.body),
            // The server ends while it is waited for: what was wanted.
            Err(AskFault::Cut) if request.verb == Verb::Drain => (true, String::new()),
            Err(fault) => {
                let why = format!("{}: {fault}", path.display());
                (false, complaint(request.format, fault.name(), &why))
            }
        };
        if done || request.format == Format::Json {
            // A closed terminal is no reason for another code.
            drop(print(body.as_bytes()));
            return if done { EXIT_OK } else { EXIT_CONFIG };
        }
        fail(EXIT_CONFIG, body.trim_end())
    }

    /// Where the server's socket is.
    fn path(&self) -> Result<PathBuf, u8> {
        match (&self.admin, &self.config) {
            (Some(path), _) => Ok(path.clone()),
            (None, Some(config)) => {
                super::flags::admin_of(config).map_err(|why| fail(EXIT_CONFIG, why))
            }
            (None, None) => {
                Err(fail(EXIT_USAGE, "say which server is meant: --admin PATH or --config FILE"))
            }
        }
    }
}
