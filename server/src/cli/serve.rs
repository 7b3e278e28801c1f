//! `fezz serve`: from a configuration to a drained server. The order is the point: descriptors
//! before anything is opened, signals before any thread, functions before any socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::fail;
use super::flags::ServeFlags;
use super::reload::{Loading, Reloads};
use crate::access::ExchangeLog;
use crate::assemble::Functions;
use crate::config::{Config, ConfigError, LogLevel, LogOutput};
use crate::error::{EXIT_OK, EXIT_SYSTEM, StartError, Task};
use crate::log;
use crate::report::{DrainReport, ReadyReport};
use crate::server::{Handle, Server};
use crate::settings::Settings;
use crate::sys::signal::{Signal, Signals};
use crate::sys::{exit, open_standard_descriptors, rlimit};

/// How long loops may take to obey the second signal, before the process ends without them.
const KILL_MAX: Duration = Duration::from_secs(3);

/// How long the last lines may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) fn serve(flags: &ServeFlags) -> u8 {
    let loading = Loading::default();
    let config = flags.read().map_err(StartError::Config);
    match config.and_then(|config| run(&config, &loading)) {
        Ok(report) => {
            log::say(report);
            log::flush(LAST_WORDS);
            if loading.is_under_way() {
                // Leaving in order waits for the dynamic linker, and that for a constructor.
                exit::end_now(EXIT_OK);
            }
            EXIT_OK
        }
        Err(error) => {
            log::flush(LAST_WORDS);
            fail(error.exit_code(), error)
        }
    }
}

/// Serves until a signal ends it.
fn run(config: &Config, loading: &Loading) -> Result<DrainReport, StartError> {
    let refused = |doing| move |error| StartError::System { doing, error };
    open_standard_descriptors().map_err(refused(Task::StandardDescriptors))?;
    let descriptors = rlimit::raise_descriptor_limit().map_err(refused(Task::DescriptorLimit))?;
    let least = descriptors_least(config);
    if descriptors.now < least {
        return Err(StartError::Descriptors { found: descriptors.now, least });
    }
    let signals = Signals::install().map_err(refused(Task::Signals))?;
    let unopened = |output: &LogOutput| {
        let output = output.clone();
        |error| StartError::Log { output, error }
    };
    log::open(&config.log).map_err(unopened(&config.log.output))?;
    let functions = Functions::load(config).map_err(StartError::Config)?;
    // What began may have taken signals for itself, or ignored them.
    Signals::restore().map_err(refused(Task::Signals))?;
    for (_, entry) in functions.registry.iter() {
        for caution in entry.function.inspection().cautions() {
            let fields =
                [("function", log::Value::Shown(entry)), ("caution", caution.name().into())];
            log::warn("fezz::load", &fields, caution);
        }
    }
    let registry = functions.registry.clone();
    let count = registry.len();
    let settings = Settings::of(config, functions, descriptors.now)
        .map_err(|error| StartError::Config(vec![ConfigError::Limits(error)]))?;
    for address in config.addresses().into_iter().chain(config.metrics.listen) {
        refuse_taken(address).map_err(|error| StartError::Listen { address, error })?;
    }
    let mut server = Server::bind(settings)?;
    let loops = server.event_loops();
    if let Some(terms) = &config.access_log {
        let log = ExchangeLog::access(terms, loops).map_err(unopened(&terms.output))?;
        server.observe(|number| log.observer(number));
    }
    if let Some(terms) = &config.audit_log {
        let log = ExchangeLog::audit(terms, loops).map_err(unopened(&terms.output))?;
        server.observe(|number| log.observer(number));
    }
    let reloads = Reloads::start(config, registry, server.handle(), loading)
        .map_err(refused(Task::Thread))?;
    watch(signals, server.handle(), reloads).map_err(refused(Task::Thread))?;
    if descriptors.now > descriptors.before {
        let (before, now) = (descriptors.before, descriptors.now);
        log::say(format_args!("descriptor limit raised from {before} to {now}"));
    }
    log::say(ReadyReport {
        addresses: server.plain_addresses(),
        secured: server.secured_addresses(),
        redirecting: server.redirecting_addresses(),
        metrics: server.metrics_address(),
        functions: count,
        loops: server.event_loops(),
        workers: server.workers(),
    });
    server.run().map_err(refused(Task::Serve))
}

/// Refuses an address that somebody listens on. Loops share their addresses (SO_REUSEPORT), and
/// so would two servers of the same user, each with a part of the connections.
fn refuse_taken(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())
}

/// Descriptors below which serving makes no sense: for each loop a poll, a waker and a listener
/// per address, and a few for files, functions and connections.
fn descriptors_least(config: &Config) -> u64 {
    let listeners = u64::try_from(config.addresses().len()).unwrap_or(u64::MAX);
    listeners.saturating_add(2).saturating_mul(config.event_loops.into()).saturating_add(32)
}

/// Turns signals into orders on a thread of its own, until the process ends.
fn watch(mut signals: Signals, handle: Handle, reloads: Reloads) -> io::Result<()> {
    let watch = move || {
        // Without signals nobody could end this process in order: better now than never.
        if let Err(error) = obey(&mut signals, &handle, &reloads) {
            handle.drain();
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
fn obey(signals: &mut Signals, handle: &Handle, reloads: &Reloads) -> io::Result<()> {
    let first = next_stop(signals, reloads)?.name();
    reloads.close();
    log::say(format_args!("fezz draining: {first}; a second signal ends the process now"));
    handle.drain();
    let second = next_stop(signals, reloads)?.name();
    log::say(format_args!("fezz ending now: {second}"));
    handle.kill();
    // The loops end the process within a moment, unless a function took away what wakes them.
    std::thread::sleep(KILL_MAX);
    log::flush(LAST_WORDS);
    exit::end_now(EXIT_SYSTEM)
}

/// The next signal that asks to stop; obeys others meanwhile.
fn next_stop(signals: &mut Signals, reloads: &Reloads) -> io::Result<Signal> {
    loop {
        match signals.wait(None)? {
            Some(signal) if signal.stops() => return Ok(signal),
            Some(Signal::Hangup) => reloads.ask(),
            Some(Signal::User1) => {
                log::say("logs: files are opened anew");
                log::reopen();
            }
            Some(_) | None => {}
        }
    }
}
