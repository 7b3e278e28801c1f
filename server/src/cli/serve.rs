//! `fezz serve`: from a configuration to a drained server. The order is the point: what was handed
//! over before anything is opened, signals before any thread; addresses, keys and the operator's
//! socket before rights are given up, and that before any function runs.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::fail;
use super::flags::ServeFlags;
use super::operator::{Bridge, Ending};
use super::reload::{self, Loading, Reloads};
use super::signals::{self, LAST_WORDS};
use crate::access::ExchangeLog;
use crate::admin::{self, AdminSocket};
use crate::assemble::Functions;
use crate::config::{Config, ConfigError, ListenAddress, LogOutput};
use crate::error::{EXIT_OK, StartError, Task};
use crate::log;
use crate::plugin::registry::Registry;
use crate::report::{DrainReport, ReadyReport};
use crate::sandbox::{Given, Plan};
use crate::server::{EVENT_LOOPS_MAX, Server};
use crate::settings::Settings;
use crate::sockets::Sockets;
use crate::supervisor::{Inherited, Notify, feed_while_loops_turn};
use crate::sys::identity::User;
use crate::sys::rlimit::DescriptorLimit;
use crate::sys::signal::Signals;
use crate::sys::{exit, heap, open_standard_descriptors, rlimit};
use crate::tls::{Gates, TlsError};
use crate::upgrade::{Successor, Upgrader};

/// What its operator hears of a server that is root because nobody said anything else.
const ROOT: &str = "this is root, and so is every function: --user NAME (sandbox.user) gives that \
                    up, --user root says that it is meant";

pub(super) fn serve(flags: ServeFlags) -> u8 {
    let mut host = Host { flags: Arc::new(flags), loading: Loading::default(), successor: None };
    match host.run() {
        Ok(report) => {
            log::say(report);
            log::flush(LAST_WORDS);
            if host.loading.is_under_way() {
                // Leaving in order waits for the dynamic linker, and that for a constructor.
                exit::end_now(EXIT_OK);
            }
            EXIT_OK
        }
        Err(error) => {
            log::flush(LAST_WORDS);
            if let Some(successor) = &mut host.successor {
                successor.fail(&error);
            }
            fail(error.exit_code(), error)
        }
    }
}

/// The process that a server runs in.
struct Host {
    flags: Arc<ServeFlags>,
    loading: Loading,
    /// The line to the server whose place this one takes.
    successor: Option<Successor>,
}

/// What serving begins with.
struct Prepared {
    given: Given,
    functions: Functions,
    sockets: Sockets,
    admin: Option<AdminSocket>,
}

fn refused(doing: Task) -> impl Fn(io::Error) -> StartError {
    move |error| StartError::System { doing, error }
}

fn unopened(output: &LogOutput) -> impl Fn(io::Error) -> StartError {
    let output = output.clone();
    move |error| StartError::Log { output: output.clone(), error }
}

impl Host {
    /// Serves until a signal or an order ends it.
    fn run(&mut self) -> Result<DrainReport, StartError> {
        open_standard_descriptors().map_err(refused(Task::StandardDescriptors))?;
        heap::keep();
        let mut inherited = Inherited::take().map_err(StartError::Inherited)?;
        let predecessor = inherited.predecessor.take();
        self.successor = predecessor.map(|(line, process)| Successor::new(line, process));
        let config = self.flags.read().map_err(StartError::Config)?;
        let descriptors =
            rlimit::raise_descriptor_limit().map_err(refused(Task::DescriptorLimit))?;
        let least = descriptors_least(&config);
        if descriptors.now < least {
            return Err(StartError::Descriptors { found: descriptors.now, least });
        }
        let signals = Signals::install().map_err(refused(Task::Signals))?;
        let plan = Plan::of(&config).map_err(StartError::Sandbox)?;
        let rash = plan.is_rash();
        let Prepared { given, functions, sockets, admin } =
            self.prepare(&config, plan, &mut inherited)?;
        let count = functions.registry.len();
        for name in inherited.handed.names() {
            let fields = [("socket", log::Value::from(&name))];
            log::warn("fezz::listen", &fields, "it was handed over, and no listener names it");
        }
        let registry = functions.registry.clone();
        let settings = Settings::of(&config, functions, descriptors.now)
            .map_err(|error| StartError::Config(vec![ConfigError::Limits(error)]))?;
        // Sockets that nobody wants are closed before connections wait at them.
        drop(std::mem::take(&mut inherited.handed));
        let mut server = Server::bind_on(settings, sockets)?;
        keep_records(&mut server, &config)?;
        let (notify, watchdog) = (Arc::new(inherited.notify), inherited.watchdog);
        let bridge = self.bridge(&server, config, registry, (notify, watchdog), descriptors)?;
        if !given.is_nothing() {
            log::say(given);
        }
        if rash {
            log::warn("fezz::sandbox", &[], ROOT);
        }
        signals::watch(signals, Arc::clone(&bridge)).map_err(refused(Task::Thread))?;
        if let Some(interval) = watchdog.filter(|_| bridge.notify.is_there()) {
            let notify = Arc::clone(&bridge.notify);
            feed_while_loops_turn(server.handle(), interval, move || notify.watchdog())
                .map_err(refused(Task::Thread))?;
        }
        self.go(server, &bridge, admin, count)
    }

    /// Opens everything. Where rights are to be given up, what needs them comes first, and then no
    /// function runs with them; else what is most likely to be wrong comes first.
    fn prepare(
        &self,
        config: &Config,
        plan: Plan,
        inherited: &mut Inherited,
    ) -> Result<Prepared, StartError> {
        let file = self.flags.config_file();
        if !plan.gives_up() {
            let given = plan.carry_out(config, file.as_deref()).map_err(StartError::Sandbox)?;
            log::open(&config.log).map_err(unopened(&config.log.output))?;
            let functions = load(config, Gates::of(config))?;
            let (sockets, admin) = self.open(config, None, inherited)?;
            return Ok(Prepared { given, functions, sockets, admin });
        }
        let complaints = config.complaints();
        if !complaints.is_empty() {
            return Err(StartError::Config(complaints));
        }
        let (sockets, admin) = self.open(config, plan.user(), inherited)?;
        let gates = Gates::of(config);
        let given = plan.carry_out(config, file.as_deref()).map_err(StartError::Sandbox)?;
        log::open(&config.log).map_err(unopened(&config.log.output))?;
        Ok(Prepared { given, functions: load(config, gates)?, sockets, admin })
    }

    /// Opens what may need more rights than serving does; `user` is who will serve, if that is
    /// somebody else.
    fn open(
        &self,
        config: &Config,
        user: Option<&User>,
        inherited: &mut Inherited,
    ) -> Result<(Sockets, Option<AdminSocket>), StartError> {
        let wanted: Vec<ListenAddress> =
            config.listeners.iter().flat_map(|it| it.addresses.iter().cloned()).collect();
        let loops = usize::try_from(config.event_loops).unwrap_or(EVENT_LOOPS_MAX);
        let loops = loops.clamp(1, EVENT_LOOPS_MAX);
        let sockets = Sockets::open(&wanted, config.metrics.listen, loops, &mut inherited.handed)?;
        let admin = config.admin.socket.as_ref().map(|path| {
            let predecessor = self.successor.as_ref().map(|it| it.predecessor);
            let failed = |why| StartError::Admin { path: path.clone(), why };
            let mut socket = AdminSocket::open(path, predecessor).map_err(failed)?;
            if let Some(user) = user {
                let given = socket.give_to(user.user, user.group);
                given.map_err(|error| failed(error.into()))?;
            }
            if predecessor.is_none() {
                // Whoever asks from now on waits for the threads.
                socket.publish().map_err(|error| failed(error.into()))?;
            }
            Ok(socket)
        });
        Ok((sockets, admin.transpose()?))
    }

    fn bridge(
        &self,
        server: &Server,
        config: Config,
        registry: Registry,
        (notify, watchdog): (Arc<Notify>, Option<Duration>),
        descriptors: DescriptorLimit,
    ) -> Result<Arc<Bridge>, StartError> {
        let flags = Arc::clone(&self.flags);
        let reloads = Reloads::start(reload::Terms {
            source: Box::new(move || flags.read()),
            config,
            registry,
            handle: server.handle(),
            loading: self.loading.clone(),
            notify: Arc::clone(&notify),
            descriptors: descriptors.now,
        });
        if descriptors.now > descriptors.before {
            let (before, now) = (descriptors.before, descriptors.now);
            log::say(format_args!("descriptor limit raised from {before} to {now}"));
        }
        let binary = std::env::current_exe().map_err(refused(Task::Program))?;
        let mut variables = Vec::new();
        variables.extend(notify.address().map(|it| ("NOTIFY_SOCKET", OsString::from(it))));
        let watchdog = watchdog.map(|it| OsString::from(it.as_micros().to_string()));
        variables.extend(watchdog.map(|it| ("WATCHDOG_USEC", it)));
        Ok(Arc::new(Bridge {
            handle: server.handle(),
            reloads: reloads.map_err(refused(Task::Thread))?,
            upgrader: Upgrader::new(binary, std::env::args_os().collect(), variables),
            notify,
            ending: Arc::new(Ending::default()),
            draining: AtomicBool::new(false),
            config: self.flags.config_file(),
        }))
    }

    /// Begins to accept, once the predecessor lets go, and serves to the end.
    fn go(
        &mut self,
        server: Server,
        bridge: &Arc<Bridge>,
        mut admin: Option<AdminSocket>,
        functions: usize,
    ) -> Result<DrainReport, StartError> {
        if let Some(successor) = &mut self.successor {
            successor.wait().map_err(|_| StartError::Abandoned)?;
        }
        if let Some(socket) = &admin {
            let listener = socket.listener().map_err(refused(Task::Serve))?;
            let operator = Arc::clone(bridge) as Arc<dyn admin::Operator>;
            admin::start(&listener, operator).map_err(refused(Task::Thread))?;
        }
        let ready = ReadyReport {
            addresses: server.plain_addresses(),
            secured: server.secured_addresses(),
            redirecting: server.redirecting_addresses(),
            metrics: server.metrics_address(),
            functions,
            loops: server.event_loops(),
            workers: server.workers(),
        };
        let serves = || {
            // Not before every thread is there: a predecessor that serves on after all would have
            // lost its own.
            if let Some(Err(error)) = admin.as_mut().map(AdminSocket::publish) {
                let fields = [("why", log::Value::Shown(&error))];
                let message =
                    "the operator's socket cannot be put in its place: verbs reach nobody";
                log::warn("fezz::admin", &fields, message);
            }
            log::say(ready);
            if let Some(successor) = &mut self.successor.take() {
                // When it does not hear us it is gone, and there is nobody to make place.
                drop(successor.serving());
            }
            bridge.notify.ready("Serving");
        };
        let report = server.run_and_tell(serves).map_err(refused(Task::Serve))?;
        bridge.ending.tell(report, LAST_WORDS);
        Ok(report)
    }
}

fn load(
    config: &Config,
    gates: Result<Option<Gates>, Vec<TlsError>>,
) -> Result<Functions, StartError> {
    let functions = Functions::load_behind(config, gates).map_err(StartError::Config)?;
    // What began may have taken signals for itself, or ignored them.
    Signals::restore().map_err(refused(Task::Signals))?;
    for (_, entry) in functions.registry.iter() {
        for caution in entry.function.inspection().cautions() {
            let fields =
                [("function", log::Value::Shown(entry)), ("caution", caution.name().into())];
            log::warn("fezz::load", &fields, caution);
        }
    }
    Ok(functions)
}

fn keep_records(server: &mut Server, config: &Config) -> Result<(), StartError> {
    let loops = server.event_loops();
    if let Some(terms) = &config.access_log {
        let log = ExchangeLog::access(terms, loops).map_err(unopened(&terms.output))?;
        server.observe(|number| log.observer(number));
    }
    if let Some(terms) = &config.audit_log {
        let log = ExchangeLog::audit(terms, loops).map_err(unopened(&terms.output))?;
        server.observe(|number| log.observer(number));
    }
    Ok(())
}

/// Descriptors below which serving makes no sense: for each loop a poll, a waker and a listener
/// per address, and a few for files, functions and connections.
fn descriptors_least(config: &Config) -> u64 {
    let listeners = u64::try_from(config.addresses().len()).unwrap_or(u64::MAX);
    listeners.saturating_add(2).saturating_mul(config.event_loops.into()).saturating_add(32)
}
