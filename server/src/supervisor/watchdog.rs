//! The watchdog is fed only while every event loop makes progress: a server whose thread for this
//! is alive and whose loops are not is dead.

use std::io;
use std::thread;
use std::time::Duration;

use crate::log;
use crate::server::Handle;

/// Asks every loop for its pulse, twice within each `interval`, and calls `feed` when all of them
/// answered in time. On a thread of its own, as long as the process lives.
///
/// # Errors
/// The operating system's reason why a thread cannot be had.
pub fn feed_while_loops_turn(
    handle: Handle,
    interval: Duration,
    feed: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let (pause, patience) = (interval / 4, interval / 4);
    let watch = move || {
        let mut told = false;
        loop {
            let loops = handle.loops(patience);
            let stuck = loops.iter().position(|one| one.lag.is_none());
            match stuck {
                None => feed(),
                Some(number) if !told => {
                    let fields = [("loop", log::Value::from(number))];
                    let message = "this event loop does not answer: the watchdog is not fed";
                    log::warn("fezz::watchdog", &fields, message);
                }
                Some(_) => {}
            }
            told = stuck.is_some();
            thread::sleep(pause);
        }
    };
    thread::Builder::new().name("fezz-watchdog".to_owned()).spawn(watch).map(drop)
}
