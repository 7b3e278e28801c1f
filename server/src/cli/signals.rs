//! Signals become orders, on a thread of its own, until the process ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::operator::Bridge;
use crate::config::LogLevel;
use crate::error::EXIT_SYSTEM;
use crate::log;
use crate::sys::exit;
use crate::sys::signal::{Signal, Signals};

/// How long loops may take to obey the second signal, before the process ends without them.
const KILL_MAX: Duration = Duration::from_secs(3);

/// How long the last lines may take to be written.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// Starts the thread.
///
/// # Errors
/// The operating system's reason why a thread cannot be had.
pub(super) fn watch(mut signals: Signals, bridge: Arc<Bridge>) -> io::Result<()> {
    let watch = move || {
        // Without signals nobody could end this process in order: better now than never.
        if let Err(error) = obey(&mut signals, &bridge) {
            bridge.handle.drain();
            let message = "signals cannot be waited for any more, and nobody could end this \
                           process in order later: it drains now";
            let fields = [("why", log::Value::Shown(&error))];
            log::event(LogLevel::Error, "fezz", &fields, message);
        }
    };
    std::thread::Builder::new().name("fezz-signals".to_owned()).spawn(watch).map(drop)
}

/// The first signal to stop drains, the second ends everything now. Said through the log's queue,
/// so that no signal waits for whoever reads our lines.
fn obey(signals: &mut Signals, bridge: &Bridge) -> io::Result<()> {
    let first = next_stop(signals, bridge)?.name();
    if !bridge.drain(first) {
        log::say(format_args!("fezz drains already: {first}; a second signal ends it now"));
    }
    let second = next_stop(signals, bridge)?.name();
    log::say(format_args!("fezz ending now: {second}"));
    bridge.handle.kill();
    // The loops end the process within a moment, unless a function took away what wakes them.
    std::thread::sleep(KILL_MAX);
    log::flush(LAST_WORDS);
    exit::end_now(EXIT_SYSTEM)
}

/// The next signal that asks to stop; obeys others meanwhile.
fn next_stop(signals: &mut Signals, bridge: &Bridge) -> io::Result<Signal> {
    loop {
        match signals.wait(None)? {
            Some(signal) if signal.stops() => return Ok(signal),
            Some(Signal::Hangup) => bridge.reloads.ask(),
            Some(Signal::User1) => {
                log::say("logs: files are opened anew");
                log::reopen();
            }
            Some(_) | None => {}
        }
    }
}
