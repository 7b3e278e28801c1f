//! How a child process ended, and what that means in the words of an operator.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use fezz_abi::Stage;

use super::finding::{Finding, Outcome};
use super::probe::Probe;
use crate::sys::process::signal_name;

/// How the process ended. All but the first two are the function's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// After everything was said, with code 0.
    Regular,
    /// The probe itself could not be made; its last line says why.
    Unmade,
    /// It had to be killed.
    Overdue { after: Duration },
    /// Somebody called `exit` or `_exit`.
    Exit { code: i32 },
    /// A signal ended it.
    Signal { number: i32 },
    /// After everything was said, while destructors ran, it did not end well.
    LateExit { code: i32 },
    /// As before, by a signal.
    LateSignal { number: i32 },
}

/// The reason of a process that ended badly after everything was done. It is said once: every
/// process that loaded the artifact ends like that.
pub(super) const BAD_END: &str = "bad_end";

impl Ending {
    /// What a status means, when the child had `done` all and `unmade` is what it would end with
    /// if it could do nothing.
    pub(super) fn of(status: ExitStatus, done: bool, begun: bool, unmade: u8) -> Self {
        match (status.signal(), status.code().unwrap_or_default(), done) {
            (None, 0, true) => Self::Regular,
            (None, code, true) => Self::LateExit { code },
            (Some(number), _, true) => Self::LateSignal { number },
            (None, code, false) if !begun && code == i32::from(unmade) => Self::Unmade,
            (None, code, false) => Self::Exit { code },
            (Some(number), _, false) => Self::Signal { number },
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Unmade => "unmade",
            Self::Overdue { .. } => "endless",
            Self::Exit { .. } => "exit",
            Self::Signal { number } => match number {
                libc_signal::ABORT => "abort",
                libc_signal::PROCESSOR_TIME => "endless",
                _ => "signal",
            },
            Self::LateExit { .. } | Self::LateSignal { .. } => BAD_END,
        }
    }

    /// What to show; nothing for a regular end.
    pub(super) fn finding(self, probe: Probe) -> Option<Finding> {
        let stage = match (self, probe) {
            (Self::Regular, _) => return None,
            (Self::Unmade | Self::LateExit { .. } | Self::LateSignal { .. }, _) => "",
            (_, Probe::Load) => Stage::Load.name(),
            (_, Probe::Handshake) => Stage::Handshake.name(),
            (_, Probe::Selfcheck) => Stage::SelfCheck.name(),
            (Self::Overdue { .. }, _) => Stage::Timeout.name(),
            (Self::Exit { .. } | Self::Signal { .. }, _) => Stage::Crash.name(),
        };
        Some(Finding {
            outcome: Outcome::Fail,
            reason: self.reason().to_owned(),
            stage: stage.to_owned(),
            text: self.to_string(),
            remedy: self.remedy(probe).to_owned(),
        })
    }

    const fn remedy(self, probe: Probe) -> &'static str {
        match (self, probe) {
            (Self::Regular, _) => "",
            (Self::Unmade, _) => "see the last line; this is about the machine, not the function",
            (Self::Overdue { .. }, Probe::Load) => {
                "do nothing that waits in constructors: the server does not start before they end"
            }
            (Self::Overdue { .. }, Probe::Handshake | Probe::Selfcheck) => {
                "give every wait a bound: the server gives up on a function that does not begin"
            }
            (Self::Overdue { .. }, _) => {
                "give every wait and every loop a bound below the handler timeout; the server \
                 answers 504 and the call keeps its thread until it returns"
            }
            (Self::Exit { .. }, _) => {
                "return a response in place of exit: the process is the server, and all requests \
                 in it end with it"
            }
            (Self::Signal { .. }, Probe::RequestMemory) => {
                "in this probe the request cannot be written, ends where readable memory ends and \
                 is gone after the call: look for a write to it, a read beyond its length, or a \
                 pointer to it that is kept"
            }
            (Self::Signal { .. }, Probe::Threads) => {
                "look for data that several threads use without a lock (-fsanitize=thread finds \
                 it); or declare max_concurrency 1 in the identity"
            }
            (Self::Signal { number: libc_signal::ABORT }, _) => {
                "look at the last line: a failed assertion, memory freed twice or overwritten, or \
                 an exception that left the function; the server ends with it"
            }
            (Self::Signal { number: libc_signal::KILL }, _) => {
                "nobody here killed it: see whether the system ran out of memory"
            }
            (Self::Signal { .. }, _) => {
                "run 'fezz invoke' with the same request under a debugger or compile the function \
                 with -fsanitize=address; the server ends with it"
            }
            (Self::LateExit { .. } | Self::LateSignal { .. }, _) => {
                "look at destructors, atexit and threads of the function: the server cannot end in \
                 order with it"
            }
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Regular => out.write_str("the process ended in order"),
            Self::Unmade => out.write_str("the probe could not be made"),
            Self::Overdue { after } => {
                write!(out, "no end after {} ms; the process was killed", after.as_millis())
            }
            // Also what it looks like from outside when the report has nowhere to go.
            Self::Exit { code: 0 } => out.write_str(
                "the function ended the process with exit(0) or _exit(0), or closed descriptors \
                 that are not its own",
            ),
            Self::Exit { code } => {
                write!(out, "the function ended the process with exit({code}) or _exit({code})")
            }
            Self::Signal { number } => write!(
                out,
                "{} ({number}) ended the process: {}",
                signal_name(number),
                libc_signal::meaning(number)
            ),
            Self::LateExit { code } => {
                write!(out, "when all was done, the process ended with {code} in place of 0")
            }
            Self::LateSignal { number } => write!(
                out,
                "when all was done, {} ({number}) ended the process: {}",
                signal_name(number),
                libc_signal::meaning(number)
            ),
        }
    }
}

/// What signals mean that a function brings upon its process.
mod libc_signal {
    use crate::sys::process::signal_name;

    /// SIGABRT has this number on every system that we know.
    pub(super) const ABORT: i32 = 6;
    /// SIGKILL, too.
    pub(super) const KILL: i32 = 9;
    /// SIGXCPU, too.
    pub(super) const PROCESSOR_TIME: i32 = 24;

    pub(super) fn meaning(number: i32) -> &'static str {
        match signal_name(number) {
            "SIGABRT" => "abort",
            "SIGSEGV" => "segmentation fault, memory that is not there",
            "SIGBUS" => "bus error, memory that has nothing behind it",
            "SIGILL" => "an instruction that this processor does not have",
            "SIGFPE" => "arithmetic, such as a division by zero",
            "SIGKILL" => "killed from outside",
            "SIGSYS" => "a forbidden system call",
            "SIGTRAP" => "a trap, such as a check of the compiler",
            "SIGXCPU" => "too much processor time",
            _ => "nobody here sent it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: i32, done: bool, begun: bool) -> Ending {
        Ending::of(ExitStatus::from_raw(raw), done, begun, 71)
    }

    #[test]
    fn a_status_is_understood() {
        assert_eq!(of(0, true, true), Ending::Regular);
        assert_eq!(of(0, false, true), Ending::Exit { code: 0 });
        assert_eq!(of(3 << 8, false, true), Ending::Exit { code: 3 });
        assert_eq!(of(71 << 8, false, true), Ending::Exit { code: 71 });
        assert_eq!(of(71 << 8, false, false), Ending::Unmade);
        assert_eq!(of(11, false, true), Ending::Signal { number: 11 });
        assert_eq!(of(11, true, true), Ending::LateSignal { number: 11 });
        assert_eq!(of(1 << 8, true, true), Ending::LateExit { code: 1 });
    }

    #[test]
    fn numbers_and_names_belong_together() {
        for (number, name) in [
            (libc_signal::ABORT, "SIGABRT"),
            (libc_signal::KILL, "SIGKILL"),
            (libc_signal::PROCESSOR_TIME, "SIGXCPU"),
        ] {
            assert_eq!(signal_name(number), name);
        }
    }
}
