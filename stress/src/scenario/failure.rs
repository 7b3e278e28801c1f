//! Why a scenario could not be carried through; what it measures and finds bad is no failure.

use std::io;
use std::path::{Path, PathBuf};
use std::{fmt, result};

use super::strict::Flaw;
use crate::budgets::BudgetError;

/// What most of this folder returns.
pub(super) type Result<T> = result::Result<T, Failure>;

/// Why a scenario, or the whole run, could not be carried through.
#[derive(Debug)]
pub enum Failure {
    /// The operating system refused something the clients need.
    Os(io::Error),
    /// A file cannot be read or written.
    File {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A program cannot be started.
    Program {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A scenario that does not exist.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The budgets cannot be read.
    Budgets(BudgetError),
    /// The server did not become ready.
    NotReady {
        /// The end of its log.
        log: String,
    },
    /// The server ended by itself.
    Died {
        /// Its exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// Something did not come true in time.
    Never {
        /// What was waited for.
        what: &'static str,
        /// How long, in seconds.
        seconds: f64,
        /// What was found at last, for whoever has to find out why.
        found: String,
    },
    /// The page of metrics cannot be read.
    Page {
        /// The line that is no sample.
        line: String,
    },
    /// One of the descriptors' limits is too low for the scenario.
    Descriptors {
        /// The hard limit.
        limit: u64,
        /// What is needed.
        needed: u64,
    },
    /// An operator's verb did not do what it should.
    Operator {
        /// The verb.
        verb: &'static str,
        /// What it said.
        said: String,
    },
    /// No certificate could be made.
    Certificate(rcgen::Error),
    /// TLS cannot be set up.
    Tls(rustls::Error),
    /// A peer of the scenario's own was treated in a way that makes the rest meaningless.
    Peer {
        /// What the peer was about.
        what: &'static str,
        /// What it saw.
        flaw: Flaw,
    },
    /// A thread of the clients panicked.
    Panicked,
    /// A histogram could not be made.
    Histogram(hdrhistogram::CreationError),
    /// Saved results cannot be read or written.
    Saved(serde_json::Error),
}

impl Failure {
    pub(super) fn file(file: &Path, error: io::Error) -> Self {
        Self::File { file: file.to_owned(), error }
    }

    /// Whether the server is to blame, and not the machine, the clients or whoever started them.
    #[must_use]
    pub fn blames_server(&self) -> bool {
        matches!(
            self,
            Self::Died { .. }
                | Self::Never { .. }
                | Self::Page { .. }
                | Self::Operator { .. }
                | Self::Peer { .. }
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(error) => error.fmt(f),
            Self::File { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Program { program, error } => {
                write!(f, "{} does not start: {error}", program.display())
            }
            Self::Unknown { name } => write!(f, "no scenario `{name}`; --list names them"),
            Self::Budgets(error) => write!(f, "stress/BUDGETS.md: {error}"),
            Self::NotReady { log } => write!(f, "the server did not become ready: {log}"),
            Self::Died { status, log } => write!(f, "the server ended with {status}: {log}"),
            Self::Never { what, seconds, found } => {
                write!(f, "{what}: not within {seconds} s, but {found}")
            }
            Self::Page { line } => write!(f, "the page of metrics has the line `{line}`"),
            Self::Descriptors { limit, needed } => write!(
                f,
                "{needed} descriptors are needed, and the hard limit is {limit} (ulimit -Hn)"
            ),
            Self::Operator { verb, said } => write!(f, "fezz {verb}: {said}"),
            Self::Certificate(error) => write!(f, "no certificate: {error}"),
            Self::Tls(error) => error.fmt(f),
            Self::Peer { what, flaw } => write!(f, "{what}: {flaw}"),
            Self::Panicked => f.write_str("a thread of the clients panicked"),
            Self::Histogram(error) => write!(f, "no histogram: {error}"),
            Self::Saved(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Os(error)
    }
}

impl From<rustls::Error> for Failure {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}
