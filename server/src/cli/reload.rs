//! Reloads: what the configuration names is read again and served from then on, or nothing changes.
//! One path for SIGHUP and for the operator's verb, on a thread of its own, so that no signal waits
//! for a slow artifact.

mod outcome;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::assemble::Functions;
use crate::clock::Clock;
use crate::config::file::changed_keys;
use crate::config::{Config, ConfigError};
use crate::log;
use crate::plugin::registry::Registry;
use crate::server::Handle;
use crate::supervisor::Notify;
use crate::sys::signal::Signals;

pub(super) use outcome::{Changes, ReloadReport, Unchanged};

/// Octets of stack of the thread that loads: constructors and `init` of functions may count on as
/// much as their calls.
const STACK_BYTES: usize = 4 * 1024 * 1024;

/// Reads the configuration again.
pub(super) type Source = Box<dyn Fn() -> Result<Config, Vec<ConfigError>> + Send>;

/// Where a reload is asked for.
#[derive(Clone)]
pub(super) struct Reloads(Arc<Desk>);

/// Whether artifacts are being loaded now.
#[derive(Clone, Default)]
pub(super) struct Loading(Arc<AtomicBool>);

impl Loading {
    pub(super) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, under_way: bool) {
        self.0.store(under_way, Ordering::Release);
    }
}

/// Where those who ask and the one who does it meet.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the last reload that was asked for. Those who ask while one is waiting are
    /// served by that one.
    wanted: u64,
    /// The number of the last one that began.
    begun: u64,
    last: Option<Arc<ReloadReport>>,
    draining: bool,
    /// Whether it was said that one is waiting.
    told: bool,
}

/// Does it.
struct Reloader {
    source: Source,
    /// What the process was started with: what needs a restart stays as it says.
    started: Config,
    present: Config,
    handle: Handle,
    registry: Registry,
    desk: Arc<Desk>,
    loading: Loading,
    notify: Arc<Notify>,
    descriptors: u64,
}

/// What it takes to read a configuration again.
pub(super) struct Terms {
    pub(super) source: Source,
    /// What serves, and what it was loaded for.
    pub(super) config: Config,
    pub(super) registry: Registry,
    pub(super) handle: Handle,
    pub(super) loading: Loading,
    pub(super) notify: Arc<Notify>,
    /// Descriptors that the process may hold.
    pub(super) descriptors: u64,
}

impl Reloads {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The operating system's reason why a thread cannot be had.
    pub(super) fn start(terms: Terms) -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let Terms { source, config, registry, handle, loading, notify, descriptors } = terms;
        let reloader = Reloader {
            source,
            started: config.clone(),
            present: config,
            handle,
            registry,
            desk: Arc::clone(&desk),
            loading,
            notify,
            descriptors,
        };
        thread::Builder::new()
            .name("fezz-reload".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || reloader.work())?;
        Ok(Self(desk))
    }

    /// Asks for a reload that begins after this moment, and says so where that changes nothing.
    /// Never waits.
    pub(super) fn ask(&self) {
        match self.request() {
            Some((_, true)) => log::say("fezz reload: one is waiting already, which is enough"),
            Some((_, false)) => {}
            None => log::say(ReloadReport::draining()),
        }
    }

    /// Asks for a reload that begins after this moment, and waits `patience` at most for its end.
    pub(super) fn ask_and_wait(&self, patience: Duration) -> Arc<ReloadReport> {
        let Some((number, _)) = self.request() else { return Arc::new(ReloadReport::draining()) };
        let is_there =
            |last: &Option<Arc<ReloadReport>>| last.as_ref().is_some_and(|it| it.number >= number);
        let state = self.0.lock();
        let waiting = self.0.changed.wait_timeout_while(state, patience, |it| !is_there(&it.last));
        let (state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let last = state.last.clone().filter(|it| it.number >= number);
        last.unwrap_or_else(|| Arc::new(ReloadReport::late(number, patience)))
    }

    /// The number of the reload to wait for, and whether it has just become one that more than one
    /// waits for; nothing while the server drains.
    fn request(&self) -> Option<(u64, bool)> {
        let mut state = self.0.lock();
        if state.draining {
            return None;
        }
        let waits = state.wanted > state.begun;
        if !waits {
            state.wanted = state.begun + 1;
            self.0.changed.notify_all();
        }
        let first = waits && !std::mem::replace(&mut state.told, true);
        Some((state.wanted, first))
    }

    /// The last one that is over.
    pub(super) fn last(&self) -> Option<Arc<ReloadReport>> {
        self.0.lock().last.clone()
    }

    /// The server drains: what it serves does not change any more.
    pub(super) fn close(&self) {
        self.0.lock().draining = true;
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next reload, once somebody wants one.
    fn next(&self) -> u64 {
        let state = self.lock();
        let waiting = self.changed.wait_while(state, |it| it.wanted == it.begun);
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        state.begun = state.wanted;
        state.told = false;
        state.begun
    }
}

impl Reloader {
    fn work(mut self) {
        loop {
            let number = self.desk.next();
            let clock = Clock::start();
            self.notify.reloading();
            let outcome = self.reload();
            self.handle.note_reload(outcome.is_ok());
            let took = Duration::from_micros(clock.now().as_micros());
            let at_s = Clock::unix_seconds();
            let report = ReloadReport { number, at_s, took, outcome };
            self.notify.ready(report.summary());
            report.log();
            self.desk.lock().last = Some(Arc::new(report));
            self.desk.changed.notify_all();
        }
    }

    fn reload(&mut self) -> Result<Changes, Unchanged> {
        let config = (self.source)().map_err(Unchanged::Config)?;
        self.loading.set(true);
        let functions = Functions::reload(&config, &self.registry);
        if let Err(error) = Signals::restore() {
            log::say(format_args!("fezz reload: cannot take signals over again: {error}"));
        }
        self.loading.set(false);
        let functions = functions.map_err(Unchanged::Config)?;
        if self.desk.lock().draining {
            // What was loaded for nothing ends with the process.
            return Err(Unchanged::Draining);
        }
        let registry = functions.registry.clone();
        for (_, entry) in registry.iter().filter(|(_, it)| !self.registry.holds(&it.function)) {
            for caution in entry.function.inspection().cautions() {
                let fields =
                    [("function", log::Value::Shown(entry)), ("caution", caution.name().into())];
                log::warn("fezz::load", &fields, caution);
            }
        }
        if let Err(error) = self.handle.set_limits(&config, self.descriptors) {
            return Err(Unchanged::Config(vec![ConfigError::Limits(error)]));
        }
        let functions = self.handle.publish(functions);
        self.registry = registry;
        // A log that is open takes over the level, and nothing else.
        drop(log::open(&config.log));
        let changes = Changes {
            functions,
            restart: changed_keys(&self.started, &config),
            settings: config != self.present,
        };
        self.present = config;
        Ok(changes)
    }
}
