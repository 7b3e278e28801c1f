//! Why the server did not start: what, whose fault, what to do; one clear line each.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::admin::AdminFault;
use crate::config::{ConfigError, LogOutput};
use crate::sandbox::SandboxFault;
use crate::supervisor::InheritedFault;

/// Exit code: drained, or did what was asked.
pub const EXIT_OK: u8 = 0;
/// Exit code: the configuration is wrong, or the answer is "no".
pub const EXIT_CONFIG: u8 = 1;
/// Exit code: the command line cannot be understood.
pub const EXIT_USAGE: u8 = 2;
/// Exit code: a function broke the contract of the boundary.
pub const EXIT_CONTRACT: u8 = 70;
/// Exit code: the operating system refused something (`EX_OSERR` of sysexits.h).
pub const EXIT_SYSTEM: u8 = 71;

/// A server that did not start, or could not go on.
#[derive(Debug)]
pub enum StartError {
    /// The configuration is wrong, in these ways. The operator's fault.
    Config(Vec<ConfigError>),
    /// The system does not let us listen there.
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// A socket was to be handed over, and was not.
    NotHanded {
        /// Its name.
        name: String,
        /// The names of those that were.
        handed: Vec<String>,
    },
    /// What this process was given when it was started cannot be used.
    Inherited(InheritedFault),
    /// It cannot serve as who it is, or become who it should.
    Sandbox(SandboxFault),
    /// There can be no socket for the operator.
    Admin {
        /// Where.
        path: PathBuf,
        /// Why.
        why: AdminFault,
    },
    /// The server whose place was to be taken does not give it up.
    Abandoned,
    /// There are more sockets to accept on than one loop can watch.
    TooManySockets {
        /// How many.
        found: usize,
    },
    /// The process may hold too few descriptors.
    Descriptors {
        /// How many it may hold.
        found: u64,
        /// How many it needs at least.
        least: u64,
    },
    /// A log cannot be written there.
    Log {
        /// Where.
        output: LogOutput,
        /// What the system said.
        error: io::Error,
    },
    /// The system refused something a server cannot do without.
    System {
        /// What was being done.
        doing: Task,
        /// What the system said.
        error: io::Error,
    },
}

/// What the system can refuse at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Opening the standard descriptors.
    StandardDescriptors,
    /// Reading the descriptor limit.
    DescriptorLimit,
    /// Taking over the signals.
    Signals,
    /// Finding the program's own file.
    Program,
    /// Starting a thread.
    Thread,
    /// Making an event queue.
    Poll,
    /// Serving, after a start that went well.
    Serve,
}

impl Task {
    const fn text(self) -> &'static str {
        match self {
            Self::StandardDescriptors => "open the standard descriptors on /dev/null",
            Self::DescriptorLimit => "read the descriptor limit",
            Self::Signals => "take over the signals",
            Self::Program => "say where this program's file is",
            Self::Thread => "start a thread",
            Self::Poll => "make an event queue",
            Self::Serve => "go on serving",
        }
    }
}

impl StartError {
    /// The stable reason word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Listen { .. } => "listen",
            Self::NotHanded { .. } => "not_handed",
            Self::Inherited(_) => "inherited",
            Self::Sandbox(_) => "sandbox",
            Self::Admin { .. } => "admin",
            Self::Abandoned => "abandoned",
            Self::TooManySockets { .. } => "too_many_sockets",
            Self::Descriptors { .. } => "descriptors",
            Self::Log { .. } => "log",
            Self::System { .. } => "system",
        }
    }

    /// What the process ends with. An address that this machine does not have is configuration;
    /// a port that somebody else holds is the system's present state.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::NotHanded { .. }
            | Self::Inherited(_)
            | Self::Sandbox(_)
            | Self::Admin { .. }
            | Self::TooManySockets { .. } => EXIT_CONFIG,
            Self::Listen { error, .. } if error.kind() == io::ErrorKind::AddrNotAvailable => {
                EXIT_CONFIG
            }
            Self::Log { output: LogOutput::File(_), .. } => EXIT_CONFIG,
            Self::Abandoned
            | Self::Listen { .. }
            | Self::Descriptors { .. }
            | Self::Log { .. }
            | Self::System { .. } => EXIT_SYSTEM,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(complaints) => {
                for (index, complaint) in complaints.iter().enumerate() {
                    let line = if index == 0 { "" } else { "\n" };
                    write!(out, "{line}configuration: {complaint}")?;
                }
                Ok(())
            }
            Self::Listen { address, error } => {
                write!(out, "cannot listen on {address}: ")?;
                let port = address.port();
                match error.kind() {
                    io::ErrorKind::AddrInUse => write!(
                        out,
                        "the port is in use by another process; stop it \
                         ('ss -ltnp sport = :{port}' shows it) or choose another port"
                    ),
                    io::ErrorKind::PermissionDenied => write!(
                        out,
                        "this user may not open port {port}; choose one from 1024 up, or grant \
                         CAP_NET_BIND_SERVICE"
                    ),
                    io::ErrorKind::AddrNotAvailable => write!(
                        out,
                        "this machine has no interface with that address; 'ip address' shows \
                         those it has"
                    ),
                    _ => error.fmt(out),
                }
            }
            Self::NotHanded { name, handed } => {
                write!(
                    out,
                    "no socket called '{name}' was handed over; a socket unit says so with \
                     FileDescriptorName={name}. Handed over were: "
                )?;
                let names = handed.join(", ");
                out.write_str(if handed.is_empty() { "none" } else { &names })
            }
            Self::Inherited(why) => why.fmt(out),
            Self::Sandbox(why) => why.fmt(out),
            Self::Admin { path, why } => write!(out, "--admin {}: {why}", path.display()),
            Self::Abandoned => {
                out.write_str("the server that was to be replaced serves on, or is gone")
            }
            Self::TooManySockets { found } => write!(
                out,
                "there are {found} sockets to accept on, more than the {} that a loop can watch",
                crate::LISTENERS_MAX
            ),
            Self::Descriptors { found, least } => write!(
                out,
                "this process may hold {found} descriptors and needs {least} at least; raise the \
                 hard limit ('ulimit -Hn', LimitNOFILE= in a systemd unit)"
            ),
            Self::Log { output: LogOutput::File(path), error } => write!(
                out,
                "the log {} cannot be opened: {error}; its directory must exist, and this user \
                 must be allowed to write there",
                path.display()
            ),
            Self::Log { error, .. } => {
                write!(out, "a log cannot be written to a standard stream: {error}")
            }
            Self::System { doing, error } => {
                write!(out, "the operating system refused to {}: {error}", doing.text())
            }
        }
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_explained() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let listen = |kind: io::ErrorKind| StartError::Listen { address, error: kind.into() };
        let taken = listen(io::ErrorKind::AddrInUse);
        assert!(taken.to_string().contains("127.0.0.1:80: the port is in use"), "{taken}");
        assert_eq!(taken.exit_code(), EXIT_SYSTEM);
        let denied = listen(io::ErrorKind::PermissionDenied);
        assert!(denied.to_string().contains("CAP_NET_BIND_SERVICE"), "{denied}");
        assert_eq!(denied.exit_code(), EXIT_SYSTEM);
        assert_eq!(listen(io::ErrorKind::AddrNotAvailable).exit_code(), EXIT_CONFIG);
    }

    #[test]
    fn every_complaint_has_its_line() {
        let error = StartError::Config(vec![ConfigError::NoFunction, ConfigError::NoListener]);
        assert_eq!(error.to_string().lines().count(), 2);
        assert_eq!(error.exit_code(), EXIT_CONFIG);
    }
}
