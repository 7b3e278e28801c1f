//! Files are watched by looking at them: that survives renames, links and network file systems,
//! and costs a few system calls every other second.

use std::io;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::gate::Gates;
use crate::config::LogLevel;
use crate::log;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Watches the files on a thread of its own, as long as somebody else has the gates.
///
/// # Errors
///
/// When there can be no thread.
pub(crate) fn watch(gates: &Arc<Gates>) -> io::Result<()> {
    let gates = Arc::downgrade(gates);
    let work = move || {
        let mut last = None;
        loop {
            thread::sleep(LOOK_EVERY);
            let Some(gates) = Weak::upgrade(&gates) else { return };
            let (now, taken) = gates.stamps();
            // Whoever writes two files is not done when the first has changed: both have to rest
            // between two looks. What failed once is not tried again until something changes.
            if now != taken && last.as_ref().is_some_and(|(seen, tried)| *seen == now && !tried) {
                say(&gates);
                last = Some((now, true));
            } else {
                let tried = matches!(&last, Some((seen, true)) if *seen == now);
                last = Some((now, tried));
            }
        }
    };
    thread::Builder::new().name("fezz-certs".to_owned()).spawn(work).map(drop)
}

/// Reloads, and says in one line what came of it.
fn say(gates: &Gates) {
    match gates.reload() {
        Ok(()) => log::line("fezz::tls", format_args!("certificates changed and are in use")),
        Err(wrong) => {
            let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            let all = all.join("; ");
            let message = format_args!("certificates changed, the old ones stay: {all}");
            log::event(LogLevel::Error, "fezz::tls", &[], message);
        }
    }
}
