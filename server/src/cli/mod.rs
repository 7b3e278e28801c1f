//! The command line: words in, one verb run, an exit code out. No decision about serving is made
//! here.
//!
//! Exit codes: 0 done, 1 configuration or a negative answer, 2 usage, 70 a function broke the
//! contract of the boundary, 71 the operating system refused something.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod check;
mod check_file;
mod config;
mod flags;
mod inspect;
mod invoke;
mod life_flags;
mod log_flags;
mod message;
mod operator;
mod reload;
mod serve;
mod signals;
mod tls_flags;
mod verbs;

use crate::error::{EXIT_OK, EXIT_USAGE};

/// Fezz: an HTTP server that runs functions.
#[derive(Debug, Parser)]
#[command(name = "fezz", version, about, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve functions over HTTP until told to stop
    Serve(Box<flags::ServeFlags>),
    /// Say what a server is doing
    Status(verbs::StatusFlags),
    /// Let a server read its configuration again
    Reload(verbs::ReloadFlags),
    /// Let a server end in order
    Drain(verbs::DrainFlags),
    /// Let another binary take a server's place
    Upgrade(verbs::UpgradeFlags),
    /// Call a function once, without a socket
    Invoke(invoke::InvokeFlags),
    /// Try what a function may do wrong, in processes of its own
    Check(check::CheckFlags),
    /// Try one thing, in this process; `check` starts it
    #[command(hide = true)]
    CheckProbe(check::ProbeFlags),
    /// Say what is configured and where, and what a key means
    Config(config::ConfigFlags),
    /// Say what an artifact is; nothing of it is executed
    Inspect(inspect::InspectFlags),
}

/// Runs the verb on the command line.
#[must_use]
pub fn main() -> ExitCode {
    let code = match Line::try_parse() {
        Ok(Line { verb: Verb::Serve(flags) }) => serve::serve(*flags),
        Ok(Line { verb: Verb::Status(flags) }) => verbs::status(&flags),
        Ok(Line { verb: Verb::Reload(flags) }) => verbs::reload(&flags),
        Ok(Line { verb: Verb::Drain(flags) }) => verbs::drain(&flags),
        Ok(Line { verb: Verb::Upgrade(flags) }) => verbs::upgrade(&flags),
        Ok(Line { verb: Verb::Invoke(flags) }) => invoke::invoke(&flags),
        Ok(Line { verb: Verb::Check(flags) }) => check::check(&flags),
        Ok(Line { verb: Verb::CheckProbe(flags) }) => check::probe(&flags),
        Ok(Line { verb: Verb::Config(flags) }) => config::config(&flags),
        Ok(Line { verb: Verb::Inspect(flags) }) => inspect::inspect(&flags),
        Err(error) => {
            // Help and version arrive here too, and are no errors.
            let code = if error.use_stderr() { EXIT_USAGE } else { EXIT_OK };
            // A closed terminal is no reason for another code.
            drop(error.print());
            code
        }
    };
    ExitCode::from(code)
}

/// One or more lines on standard error. Nobody to read them is not our failure.
fn say(line: impl Display) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// What was wrong, on standard error, and the code to end with.
fn fail(code: u8, what: impl Display) -> u8 {
    say(format_args!("fezz: {what}"));
    code
}

/// Octets to standard output.
///
/// # Errors
/// What the system said, for example that the reader has gone.
fn print(octets: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(octets)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn every_verb_has_an_example() {
        for verb in Line::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Examples:\n  fezz "), "{}", verb.get_name());
        }
    }
}
