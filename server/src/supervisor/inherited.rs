//! What this process was given when it was started: sockets that listen already, the way to a
//! supervisor, and the server whose place it is to take.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::Socket;

use super::Notify;
use crate::sockets::{Handed, HandedFault};
use crate::sys::{environment, handed, unix};

/// Names the descriptor of the line to the server that started this one to take its place.
pub(crate) const READY_VARIABLE: &str = "FEZZ_UPGRADE_FD";

/// Variables that are read and taken away.
const VARIABLES: [&str; 7] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    READY_VARIABLE,
];

/// The most descriptors that can be handed over.
const DESCRIPTORS_MAX: usize = 4_096;

/// What this process was given.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    pub(crate) handed: Handed,
    pub(crate) notify: Notify,
    /// How often the supervisor wants to hear that this process is alive.
    pub(crate) watchdog: Option<Duration>,
    /// The line to the server whose place this one takes, and its process.
    pub(crate) predecessor: Option<(UnixStream, u32)>,
}

/// Why what was given cannot be used.
#[derive(Debug)]
pub enum InheritedFault {
    /// A variable says something that it cannot mean.
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// A descriptor is not what it should be.
    Handed {
        /// Its name.
        name: String,
        /// Why.
        why: HandedFault,
    },
    /// What the system said.
    System(io::Error),
}

impl Inherited {
    /// Takes everything. To be called before this process opens anything, with one thread.
    ///
    /// # Errors
    /// The first thing that cannot be used.
    pub(crate) fn take() -> Result<Self, InheritedFault> {
        let taken = environment::take(&VARIABLES).map_err(InheritedFault::System)?;
        let Ok([process, count, names, notify, watchdog_process, watchdog, line]) =
            <[Option<OsString>; 7]>::try_from(taken)
        else {
            return Ok(Self::default());
        };
        let is_ours = |text: &Option<OsString>| {
            text.as_ref().is_some_and(|it| it.to_str() == Some(&std::process::id().to_string()))
        };
        let line = number("LISTEN_FDS", line)?;
        // A predecessor cannot know our number when it writes the variables.
        let count = if line.is_some() || is_ours(&process) { count } else { None };
        let count = number("LISTEN_FDS", count)?.unwrap_or(0);
        let (handed, predecessor) = descriptors(count, names, line)?;
        let watchdog = if watchdog_process.is_none() || is_ours(&watchdog_process) {
            number("WATCHDOG_USEC", watchdog)?
        } else {
            None
        };
        Ok(Self {
            handed,
            notify: Notify::to(notify).map_err(InheritedFault::System)?,
            watchdog: watchdog.map(|it| Duration::from_micros(it as u64)),
            predecessor,
        })
    }
}

type Given = (Handed, Option<(UnixStream, u32)>);

/// The sockets, and behind them the line to a predecessor.
fn descriptors(
    count: usize,
    names: Option<OsString>,
    line: Option<usize>,
) -> Result<Given, InheritedFault> {
    let wrong = |name, text: String| Err(InheritedFault::Variable { name, text });
    if count > DESCRIPTORS_MAX {
        return wrong("LISTEN_FDS", count.to_string());
    }
    let behind = usize::try_from(handed::FIRST).unwrap_or(0) + count;
    if line.is_some_and(|line| line != behind) {
        return wrong(READY_VARIABLE, line.unwrap_or(0).to_string());
    }
    let all = count + usize::from(line.is_some());
    if all == 0 {
        return Ok((Handed::default(), None));
    }
    let mut taken = handed::take(all).map_err(InheritedFault::System)?;
    let predecessor = match line {
        Some(_) => taken.pop().map(|it| (UnixStream::from(it), unix::parent())),
        None => None,
    };
    let names = names.unwrap_or_default().to_string_lossy().into_owned();
    let names = names.split(':').map(str::to_owned);
    // Whoever gives no name means this one (sd_listen_fds_with_names(3)).
    let names = names.chain(std::iter::repeat_with(|| "unknown".to_owned()));
    let named = |(name, descriptor): (String, OwnedFd)| (name, Socket::from(descriptor));
    let sockets = names.zip(taken).map(named).collect();
    let handed = Handed::of(sockets).map_err(|(name, why)| InheritedFault::Handed { name, why })?;
    Ok((handed, predecessor))
}

fn number(name: &'static str, text: Option<OsString>) -> Result<Option<usize>, InheritedFault> {
    let Some(text) = text else { return Ok(None) };
    let text = text.to_string_lossy().into_owned();
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(InheritedFault::Variable { name, text }),
    }
}

impl fmt::Display for InheritedFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, text } => {
                write!(out, "the variable {name}='{text}' cannot be what a supervisor has said")
            }
            Self::Handed { name, why } => {
                write!(out, "what was handed over as '{name}' is not usable: {why}")
            }
            Self::System(error) => {
                write!(out, "what was handed over to this process cannot be taken: {error}")
            }
        }
    }
}
