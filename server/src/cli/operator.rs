//! What the operator's verbs do to a server that runs: status, reload, drain, upgrade.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::reload::Reloads;
use crate::admin::{Answer, Format, Operator, PATIENCE, Request, Verb};
use crate::json::Object;
use crate::log;
use crate::report::DrainReport;
use crate::server::Handle;
use crate::supervisor::Notify;
use crate::upgrade::Upgrader;

/// How long event loops may take to say who is there.
const PULSE_MAX: Duration = Duration::from_secs(1);

/// Everything that an order needs.
pub(super) struct Bridge {
    pub(super) handle: Handle,
    pub(super) reloads: Reloads,
    pub(super) upgrader: Upgrader,
    pub(super) notify: Arc<Notify>,
    pub(super) ending: Arc<Ending>,
    /// Whether the order to drain was given.
    pub(super) draining: AtomicBool,
    /// The configuration file, if there is one.
    pub(super) config: Option<PathBuf>,
}

/// The end of the server, for those who wait for it.
#[derive(Default)]
pub(super) struct Ending {
    state: Mutex<End>,
    changed: Condvar,
}

#[derive(Default)]
struct End {
    report: Option<DrainReport>,
    /// Answers that have to leave before the process ends.
    owed: usize,
}

impl Ending {
    /// An answer is owed from now on, until it is [`done`](Self::done).
    fn owe(&self) {
        self.lock().owed += 1;
    }

    /// The server has ended. Waits until everybody who asked was answered, `patience` at most.
    pub(super) fn tell(&self, report: DrainReport, patience: Duration) {
        let mut state = self.lock();
        state.report = Some(report);
        self.changed.notify_all();
        // In time or not, the process ends.
        drop(self.changed.wait_timeout_while(state, patience, |it| it.owed > 0));
    }

    fn wait(&self, patience: Duration) -> Option<DrainReport> {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, patience, |it| it.report.is_none());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.report
    }

    /// The answer has left.
    fn done(&self) {
        let mut state = self.lock();
        state.owed = state.owed.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, End> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bridge {
    /// The server begins to end, if it has not before. False when it had.
    pub(super) fn drain(&self, why: &str) -> bool {
        if self.draining.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.reloads.close();
        self.notify.stopping("Draining");
        log::say(format_args!("fezz draining: {why}; a second signal ends the process now"));
        self.handle.drain();
        true
    }

    fn status(&self, format: Format) -> Answer {
        let status = self.handle.status(PULSE_MAX);
        let last = self.reloads.last();
        let body = match format {
            Format::Json => {
                let object = Object::new()
                    .value("ok", true)
                    .text("version", env!("CARGO_PKG_VERSION"))
                    .value("pid", std::process::id())
                    .maybe(
                        "config",
                        self.config.as_ref().map(|it| crate::json::quoted(&it.to_string_lossy())),
                    );
                let object = object.maybe("last_reload", last.map(|it| it.json()));
                status.members(object).end() + "\n"
            }
            Format::Text => {
                let health = &status.health;
                let state = health.reason.map_or("ready", |reason| reason.name());
                let mut page = format!(
                    "fezz      {} pid={} {state} uptime={}s\n",
                    env!("CARGO_PKG_VERSION"),
                    std::process::id(),
                    status.uptime.as_secs()
                );
                if let Some(path) = &self.config {
                    page += &format!("config    {}\n", path.display());
                }
                if let Some(last) = last {
                    for line in last.to_string().lines() {
                        page += &format!("reload    {}: {line}\n", last.number);
                    }
                }
                page + &status.text()
            }
        };
        Answer { done: true, body }
    }

    fn drain_and_wait(&self, request: &Request) -> Answer {
        let began = self.drain("the operator's word");
        let Some(patience) = request.patience else {
            let text = if began { "draining" } else { "draining already" };
            return said(request.format, true, "state", text);
        };
        match self.ending.wait(patience) {
            Some(report) => said(request.format, true, "report", &report.to_string()),
            None => {
                let why = "the server is not at its end yet, and goes on draining";
                Answer::failed(request.format, "late", why)
            }
        }
    }

    fn upgrade(&self, request: &Request) -> Answer {
        let patience = request.patience.unwrap_or(PATIENCE);
        match self.upgrader.upgrade(&self.handle, request.binary.as_deref(), patience) {
            Ok(process) => {
                // Before this one says anything about its end: it is not the service any more.
                self.notify.hand_over(process);
                self.handle.life.hand_over();
                self.drain(&format!("process {process} serves in this one's place"));
                said(request.format, true, "pid", &process.to_string())
            }
            Err(fault) => {
                let fields = [("reason", log::Value::from(fault.name()))];
                log::warn("fezz::upgrade", &fields, &fault);
                let why = format!("nothing changed: {fault}");
                Answer::failed(request.format, fault.name(), why)
            }
        }
    }
}

impl Operator for Bridge {
    fn answer(&self, request: &Request) -> Answer {
        if is_owed(request) {
            self.ending.owe();
        }
        match request.verb {
            Verb::Status => self.status(request.format),
            Verb::Reload => {
                let patience = request.patience.unwrap_or(PATIENCE);
                self.reloads.ask_and_wait(patience).answer(request.format)
            }
            Verb::Drain => self.drain_and_wait(request),
            Verb::Upgrade => self.upgrade(request),
        }
    }

    fn told(&self, request: &Request) {
        if is_owed(request) {
            self.ending.done();
        }
    }
}

/// Whether the answer may be given when the server has ended: after what was asked for, nobody else
/// would give it.
fn is_owed(request: &Request) -> bool {
    match request.verb {
        Verb::Drain => request.patience.is_some(),
        Verb::Upgrade => true,
        Verb::Status | Verb::Reload => false,
    }
}

fn said(format: Format, done: bool, key: &str, text: &str) -> Answer {
    let body = match format {
        Format::Text => format!("{text}\n"),
        Format::Json => Object::new().value("ok", done).text(key, text).end() + "\n",
    };
    Answer { done, body }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn the_end_waits_for_answers_that_are_owed() {
        let ending = Arc::new(Ending::default());
        ending.owe();
        let teller = Arc::clone(&ending);
        let end = thread::spawn(move || teller.tell(DrainReport::default(), PATIENCE));
        assert_eq!(ending.wait(PATIENCE), Some(DrainReport::default()));
        assert!(!end.is_finished(), "an answer has not left");
        ending.done();
        end.join().expect("it ends");
        // More answers than were owed let nobody else's wait be cut short.
        ending.done();
        assert_eq!(ending.lock().owed, 0);
    }

    #[test]
    fn whoever_orders_the_end_is_answered() {
        let owed =
            |verb, patience| is_owed(&Request { patience, ..Request::new(verb, Format::Json) });
        assert!(owed(Verb::Upgrade, None) && owed(Verb::Drain, Some(PATIENCE)));
        assert!(!owed(Verb::Drain, None) && !owed(Verb::Status, None) && !owed(Verb::Reload, None));
    }
}
