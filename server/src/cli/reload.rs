//! SIGHUP: what the flags name is read again and served from then on, or nothing changes. On a
//! thread of its own, so that no signal waits for a slow artifact.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use crate::assemble::Functions;
use crate::config::Config;
use crate::log;
use crate::plugin::registry::Registry;
use crate::server::Handle;
use crate::sys::signal::Signals;

/// Octets of stack of the thread that loads: constructors and `init` of functions may count on as
/// much as their calls.
const STACK_BYTES: usize = 4 * 1024 * 1024;

/// Where a reload is asked for.
pub(super) struct Reloads {
    /// Room for one: who asks while one is waiting is served by that one.
    orders: SyncSender<()>,
    state: Arc<State>,
}

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

#[derive(Default)]
struct State {
    draining: AtomicBool,
    /// Whether it was said that a reload is waiting.
    told: AtomicBool,
}

/// Does it.
struct Reloader {
    config: Config,
    handle: Handle,
    present: Registry,
    state: Arc<State>,
    loading: Loading,
}

impl Reloads {
    /// Starts the thread. `present` is what serves, loaded for `config`.
    ///
    /// # Errors
    ///
    /// The operating system's reason why a thread cannot be had.
    pub(super) fn start(
        config: &Config,
        present: Registry,
        handle: Handle,
        loading: &Loading,
    ) -> io::Result<Self> {
        let (orders, taken) = sync_channel(1);
        let state = Arc::new(State::default());
        let (config, shared) = (config.clone(), Arc::clone(&state));
        let reloader =
            Reloader { config, handle, present, state: shared, loading: loading.clone() };
        thread::Builder::new()
            .name("fezz-reload".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || reloader.work(&taken))?;
        Ok(Self { orders, state })
    }

    /// Asks for a reload that begins after this moment. Never waits.
    pub(super) fn ask(&self) {
        if self.state.draining.load(Ordering::Acquire) {
            return log::say("fezz reload: nothing changed: the server is draining");
        }
        match self.orders.try_send(()) {
            Ok(()) => {}
            Err(TrySendError::Full(())) => {
                if !self.state.told.swap(true, Ordering::AcqRel) {
                    log::say("fezz reload: one is waiting already, which is enough");
                }
            }
            Err(TrySendError::Disconnected(())) => {
                log::say(
                    "fezz reload: nothing changed: the thread for it has ended: a bug of ours",
                );
            }
        }
    }

    /// The server drains: what it serves does not change any more.
    pub(super) fn close(&self) {
        self.state.draining.store(true, Ordering::Release);
    }
}

impl Reloader {
    fn work(mut self, orders: &Receiver<()>) {
        while let Ok(()) = orders.recv() {
            self.state.told.store(false, Ordering::Release);
            self.reload();
        }
    }

    fn reload(&mut self) {
        self.loading.set(true);
        let functions = Functions::reload(&self.config, &self.present);
        if let Err(error) = Signals::restore() {
            log::say(format_args!("fezz reload: cannot take signals over again: {error}"));
        }
        self.loading.set(false);
        let functions = match functions {
            Ok(functions) => functions,
            Err(complaints) => {
                for complaint in complaints {
                    log::say(format_args!("fezz reload: nothing changed: {complaint}"));
                }
                return self.handle.note_reload(false);
            }
        };
        if self.state.draining.load(Ordering::Acquire) {
            // What was loaded for nothing ends with the process.
            return log::say("fezz reload: nothing changed: the server is draining");
        }
        let registry = functions.registry.clone();
        for (_, entry) in registry.iter().filter(|(_, it)| !self.present.holds(&it.function)) {
            for caution in entry.function.inspection().cautions() {
                let fields =
                    [("function", log::Value::Shown(entry)), ("caution", caution.name().into())];
                log::warn("fezz::load", &fields, caution);
            }
        }
        let report = self.handle.publish(functions);
        self.present = registry;
        self.handle.note_reload(true);
        log::say(report);
    }
}
