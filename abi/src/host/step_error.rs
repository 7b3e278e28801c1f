//! Why a loaded function does not get traffic: which step before the first request failed, and
//! what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use fezz_wire::WireError;

use super::CallError;
use crate::version::Stage;

/// A failed step of one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError<F> {
    path: PathBuf,
    fault: F,
}

/// `fezz_init_v1` did not succeed.
pub type InitError = StepError<InitFault>;
/// Host and function do not fit, or the function did not say whether they do.
pub type HandshakeError = StepError<HandshakeFault>;
/// The function found something wrong with itself, or did not say that there is nothing.
pub type SelfCheckError = StepError<SelfCheckFault>;

impl<F: StepFault> StepError<F> {
    pub(super) fn new(path: &Path, fault: F) -> Self {
        Self { path: path.to_path_buf(), fault }
    }

    /// The file, as it was named by the caller.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> &F {
        &self.fault
    }

    /// The stage that failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.fault.stage()
    }

    /// The stable name of the reason.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.fault.name()
    }
}

impl<F: StepFault> fmt::Display for StepError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, expected) = (self.fault.found(), self.fault.expected());
        let (path, remedy) = (self.path.display(), self.fault.remedy());
        write!(f, "{path}: found {found}; expected {expected}; remedy: {remedy}")
    }
}

impl<F: StepFault + fmt::Debug> std::error::Error for StepError<F> {}

/// What every reason can say about itself.
pub trait StepFault {
    /// The stage that failed.
    fn stage(&self) -> Stage;
    /// The stable name.
    fn name(&self) -> &'static str;
    /// What was found.
    fn found(&self) -> String;
    /// What was expected.
    fn expected(&self) -> String;
    /// What to do about it.
    fn remedy(&self) -> String;
}

/// Why `fezz_init_v1` did not succeed. The function has logged more, if it logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitFault {
    /// It returned another number than 0.
    Refused {
        /// That number.
        code: i32,
    },
}

impl StepFault for InitFault {
    fn stage(&self) -> Stage {
        Stage::Load
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "init_refused",
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Refused { code } => format!("fezz_init_v1 returning {code}"),
        }
    }

    fn expected(&self) -> String {
        "0".to_owned()
    }

    fn remedy(&self) -> String {
        "look for what the function logged, and at its settings".to_owned()
    }
}

/// Why a handshake failed. The author of the function can act on each, and where versions and
/// capabilities do not fit, the operator by choosing another build of either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeFault {
    /// The answer is not memory the host may read.
    Answer(CallError),
    /// The answer is not an envelope.
    Envelope(WireError),
    /// The version of `handle` is not among those offered.
    Version {
        /// The version the function chose, or speaks without a handshake.
        found: u64,
        /// The lowest version offered.
        min: u64,
        /// The highest version offered.
        max: u64,
    },
    /// The function cannot do without capabilities the host does not have.
    Capabilities {
        /// Those the host lacks.
        missing: Vec<String>,
        /// Those it has.
        offered: Vec<String>,
    },
    /// The word for a fallback that no host knows.
    Fallback {
        /// That word.
        found: String,
    },
    /// The answer expires the moment it is given.
    Expired,
}

impl StepFault for HandshakeFault {
    fn stage(&self) -> Stage {
        Stage::Handshake
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Answer(error) => error.name(),
            Self::Envelope(error) => error.name(),
            Self::Version { .. } => "version",
            Self::Capabilities { .. } => "capabilities",
            Self::Fallback { .. } => "fallback",
            Self::Expired => "expired",
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Answer(error) => format!("no readable answer to the handshake: {error}"),
            Self::Envelope(error) => format!("an answer that is no envelope: {error}"),
            Self::Version { found, .. } => format!("version {found} of handle"),
            Self::Capabilities { missing, .. } => {
                format!("a function that needs {}", quoted(missing))
            }
            Self::Fallback { found } => format!("the fallback {found:?}"),
            Self::Expired => "an answer with a time to live of 0 ms".to_owned(),
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Answer(_) | Self::Envelope(_) => {
                "an answer as wire/FORMAT.md describes it".to_owned()
            }
            Self::Version { min, max, .. } => format!("one of {min} to {max}"),
            Self::Capabilities { offered, .. } if offered.is_empty() => {
                "a function that needs no capability".to_owned()
            }
            Self::Capabilities { offered, .. } => {
                format!("a function that needs nothing beyond {}", quoted(offered))
            }
            Self::Fallback { .. } => quoted(&super::optional::FALLBACKS),
            Self::Expired => "1 ms or more, or null for ever".to_owned(),
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Answer(_) | Self::Envelope(_) | Self::Fallback { .. } | Self::Expired => {
                "correct fezz_handshake_v1 of the function".to_owned()
            }
            Self::Version { found, max, .. } if found > max => {
                "use a newer host, or build the function with an older SDK".to_owned()
            }
            Self::Version { .. } => "build the function with a newer SDK".to_owned(),
            Self::Capabilities { .. } => {
                "use a host that has them, or a build of the function that can do without"
                    .to_owned()
            }
        }
    }
}

/// Why a self-check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfCheckFault {
    /// The verdict is not memory the host may read.
    Answer(CallError),
    /// The verdict is not an envelope.
    Envelope(WireError),
    /// The function found something.
    Failed {
        /// What it found, in its own words; one or more.
        failures: Vec<String>,
    },
}

impl StepFault for SelfCheckFault {
    fn stage(&self) -> Stage {
        Stage::SelfCheck
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Answer(error) => error.name(),
            Self::Envelope(error) => error.name(),
            Self::Failed { .. } => "failed",
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Answer(error) => format!("no readable verdict: {error}"),
            Self::Envelope(error) => format!("a verdict that is no envelope: {error}"),
            Self::Failed { failures } => {
                format!("{} of its checks failed: {}", failures.len(), quoted(failures))
            }
        }
    }

    fn expected(&self) -> String {
        "a verdict without failures".to_owned()
    }

    fn remedy(&self) -> String {
        match self {
            Self::Answer(_) | Self::Envelope(_) => {
                "correct fezz_selfcheck_v1 of the function".to_owned()
            }
            Self::Failed { .. } => "see to what the function says".to_owned(),
        }
    }
}

/// Words of a function or about one; what cannot be printed is escaped.
fn quoted<S: fmt::Debug>(words: &[S]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    words.join(", ")
}
