//! Why a benchmark, or one contender's part in it, cannot go on.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::budgets::BudgetError;

/// What went wrong.
#[derive(Debug)]
pub enum BenchError {
    /// A file of the benchmark's own cannot be read or written.
    File {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A program cannot be started.
    Spawn {
        /// Its name.
        program: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// Pinning or another request to the operating system failed.
    Os(io::Error),
    /// A server did not accept connections in time, or ended before it did.
    NotReady {
        /// How it was started.
        command: String,
        /// The end of what it wrote.
        said: String,
    },
    /// The load generator found nothing but faults.
    Load {
        /// What it wrote.
        said: String,
    },
    /// The certificate of the benchmark cannot be made.
    Certificate(rcgen::Error),
    /// C of the benchmark's own that does not compile.
    Native {
        /// The file.
        source: &'static str,
        /// What the compiler wrote.
        said: String,
    },
    /// A measuring tool's output has no figure in it.
    NoFigure {
        /// The tool.
        tool: &'static str,
        /// The end of what it wrote.
        said: String,
    },
    /// Event loops were rescued from calls more or less often than a figure allows for.
    Rescues {
        /// How often, at least, they should have been; zero is never.
        expected: usize,
        /// How often they were.
        found: usize,
    },
    /// Not as many workers were given up as a figure needs.
    GivenUp {
        /// How many should have been.
        expected: usize,
        /// How many were.
        found: usize,
    },
    /// A budget that cannot be read.
    Budget(BudgetError),
    /// A saved result that cannot be read or written.
    Json(serde_json::Error),
    /// No such workload.
    UnknownWorkload {
        /// What was asked for.
        name: String,
    },
}

impl BenchError {
    pub(super) fn file(file: &Path, error: io::Error) -> Self {
        Self::File { file: file.to_path_buf(), error }
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Spawn { program, error } => write!(f, "{program} does not start: {error}"),
            Self::Os(error) => error.fmt(f),
            Self::NotReady { command, said } => {
                write!(f, "`{command}` does not accept connections: {said}")
            }
            Self::Load { said } => write!(f, "the load generator gave up: {said}"),
            Self::Certificate(error) => write!(f, "no certificate: {error}"),
            Self::Native { source, said } => write!(f, "{source} does not compile: {said}"),
            Self::NoFigure { tool, said } => write!(f, "no figure from {tool}: {said}"),
            Self::Rescues { expected, found } => {
                write!(f, "{found} rescues of event loops where {expected} belong")
            }
            Self::GivenUp { expected, found } => {
                write!(f, "{found} workers were given up where {expected} should have been")
            }
            Self::Budget(error) => write!(f, "stress/BUDGETS.md: {error}"),
            Self::Json(error) => error.fmt(f),
            Self::UnknownWorkload { name } => {
                write!(f, "no workload is called `{name}`; `stress/bench --help` lists them")
            }
        }
    }
}

impl std::error::Error for BenchError {}

impl From<io::Error> for BenchError {
    fn from(error: io::Error) -> Self {
        Self::Os(error)
    }
}

impl From<serde_json::Error> for BenchError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}
