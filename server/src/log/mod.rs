//! Lines for the operator: written off the loops and workers, bounded, never waited for.
//!
//! An event has a level, a target, a message and pairs beside it, and becomes one line: text for a
//! person, an object for a machine. What finds no room is lost and counted; when lines get through
//! again, one of them says how many were lost.

mod line;
mod sink;
pub(crate) mod stamp;
mod tray;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

pub(crate) use line::{Field, Value};
#[cfg(test)]
pub(crate) use tray::BUFFER_BYTES_MAX;
pub(crate) use writer::{Terms, Writer};

use crate::clock::Clock;
use crate::config::{self, LogFormat, LogLevel};
use crate::escape;
use line::Event;

/// The target of what the server says of itself as a whole.
pub(crate) const SERVER: &str = "fezz";
/// The server log's name among logs.
const NAME: &str = "server";
/// Buffers of 64 KiB that wait to be written: 1 MiB.
const BUFFERS_MAX: usize = 16;
/// Logs that one process may have.
const LOGS_MAX: usize = 64;

/// The server's own log.
struct ServerLog {
    writer: Arc<Writer>,
    json: bool,
}

static SERVER_LOG: OnceLock<Option<ServerLog>> = OnceLock::new();
/// All logs of this process, for those who reopen, flush or count.
static LOGS: Mutex<Vec<Arc<Writer>>> = Mutex::new(Vec::new());
/// The finest level that is written.
static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Info as u8);

/// Opens the log and starts its writer. The first line would do it on default terms otherwise; but
/// while an artifact runs its constructors, threads cannot start (glibc holds the linker's lock).
/// A log that is open stays as it is, but for its level.
///
/// # Errors
/// What the system said.
pub(crate) fn open(terms: &config::Log) -> io::Result<()> {
    LEVEL.store(terms.level as u8, Ordering::Relaxed);
    if SERVER_LOG.get().is_none() {
        let log = start(terms)?;
        SERVER_LOG.get_or_init(|| Some(log));
    }
    Ok(())
}

fn start(terms: &config::Log) -> io::Result<ServerLog> {
    let writer = begin(Terms {
        name: NAME,
        output: terms.output.clone(),
        trays: 1,
        buffers_max: BUFFERS_MAX,
        nap: None,
    })?;
    let json = match terms.format {
        LogFormat::Auto => !writer.is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    Ok(ServerLog { writer, json })
}

/// Starts a log of this process.
///
/// # Errors
/// What the system said.
pub(crate) fn begin(terms: Terms) -> io::Result<Arc<Writer>> {
    let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
    if logs.len() >= LOGS_MAX {
        return Err(io::ErrorKind::QuotaExceeded.into());
    }
    let writer = Writer::start(terms)?;
    logs.push(Arc::clone(&writer));
    Ok(writer)
}

/// Logs one event, if its level is asked for.
pub(crate) fn event(
    level: LogLevel,
    target: &str,
    fields: &[Field<'_>],
    message: impl fmt::Display,
) {
    if level as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let log = SERVER_LOG.get_or_init(|| start(&config::Log::default()).ok());
    let message = message.to_string();
    let at = Clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    let event = Event { at, level, target, fields, message: &message };
    let Some(ServerLog { writer, json }) = log else { return };
    let mut line = Vec::with_capacity(256);
    event.write(&mut line, *json);
    writer.put(0, &line);
}

/// Logs what somebody should look at.
pub(crate) fn warn(target: &str, fields: &[Field<'_>], message: impl fmt::Display) {
    event(LogLevel::Warn, target, fields, message);
}

/// Logs one line without pairs under `target`.
pub(crate) fn line(target: &str, message: fmt::Arguments<'_>) {
    event(LogLevel::Info, target, &[], message);
}

/// What the server says of itself while it serves, as it stands.
pub(crate) fn say(message: impl fmt::Display) {
    let message = message.to_string();
    let rest = message.strip_prefix(SERVER).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    event(LogLevel::Info, SERVER, &[], rest.unwrap_or(&message).trim_start());
}

/// Opens the files of all logs by their names again, soon.
pub(crate) fn reopen() {
    for log in logs() {
        log.reopen();
    }
}

/// Waits until everything logged before is written, `patience` at most: a reader that has stopped
/// reading must not keep the process from ending.
pub(crate) fn flush(patience: Duration) {
    let clock = Clock::start();
    // The server's own log comes last: what the others say of their end goes there.
    let (last, first): (Vec<_>, Vec<_>) = logs().into_iter().partition(|log| log.name == NAME);
    for log in first.into_iter().chain(last) {
        let spent = Duration::from_micros(clock.now().as_micros());
        // In time or not, the process goes on to its end.
        let _in_time = log.flush(patience.saturating_sub(spent));
    }
}

/// Lines lost since the start, by the name of the log.
pub(crate) fn lost() -> BTreeMap<&'static str, u64> {
    let mut lost = BTreeMap::new();
    for log in logs() {
        *lost.entry(log.name).or_default() += log.lost();
    }
    lost
}

fn logs() -> Vec<Arc<Writer>> {
    LOGS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Says on standard error what the log itself cannot say any more.
fn cry(message: &str) {
    let mut line = Vec::new();
    escape::shown(&mut line, message);
    line.push(b'\n');
    // There is nobody else to tell.
    drop(io::stderr().lock().write_all(&line));
}
