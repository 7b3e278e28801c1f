//! What a host program needs: bind, run, drain, observe.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;
use std::time::Duration;

use fezz_proto::roster::Roster;
use fezz_proto::{Hub, LimitsError};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Waker};

use crate::assemble::Functions;
use crate::audience::Audience;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::Control;
use crate::crew::{self, Outbound, Workplace};
use crate::dispatch::Dispatcher;
use crate::error::{StartError, Task};
use crate::health::{Health, Life};
use crate::listen::{Door, Listener};
use crate::metrics::{Board, Reloads, Scribe};
use crate::monitor::Monitor;
use crate::observe::Observer;
use crate::peer::Headcount;
use crate::report::{DrainReport, PublishReport};
use crate::settings::{Opening, Settings, Tuning};
use crate::site::{Present, Site};
use crate::sockets::{self, Handed, Share, Sockets};
use crate::status::ListenerStatus;
use crate::tls::{self, Gates, TlsError, wishes};
use crate::token::{WAKE, of_listener};
use crate::trace::Tracer;
use crate::turn::{EVENTS_PER_TURN_MAX, Lists, Loop};
use crate::watch::{self, Yard};

/// Loops that one server may have.
pub const EVENT_LOOPS_MAX: usize = 64;

/// How long functions may take to hear that the server ends.
const END_MAX: Duration = Duration::from_secs(1);

/// A server that has its sockets and threads' worth of state, and does not serve yet.
pub struct Server {
    loops: Vec<Loop>,
    addresses: Vec<SocketAddr>,
    doors: Vec<Door>,
    place: Arc<Workplace>,
    handle: Handle,
    /// Where the server is watched, if it is.
    monitor: Option<Monitor>,
}

/// Sockets by the names under which they are handed over.
type Accepting = Vec<(String, Weak<TcpListener>)>;

/// The server's remote control: cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Handle {
    pub(crate) controls: Arc<Vec<(Arc<Control>, Arc<Outbound>)>>,
    pub(crate) boards: Arc<[Arc<Board>]>,
    /// The names of the listeners, by number.
    pub(crate) names: Arc<[String]>,
    pub(crate) reloads: Arc<Reloads>,
    pub(crate) place: Arc<Workplace>,
    pub(crate) present: Arc<Present>,
    headcount: Arc<Headcount>,
    pub(crate) gates: Option<Arc<Gates>>,
    pub(crate) life: Arc<Life>,
    pub(crate) listeners: Arc<[ListenerStatus]>,
    /// What can be handed over, under which name, until it is closed.
    pub(crate) accepting: Arc<OnceLock<Accepting>>,
}

impl Handle {
    /// Ends the server in order: no new connections, present requests are answered.
    pub fn drain(&self) {
        self.life.drain();
        for (control, outbound) in self.controls.iter() {
            control.drain();
            outbound.wake();
        }
    }

    /// Ends the server now.
    pub fn kill(&self) {
        self.life.drain();
        for (control, outbound) in self.controls.iter() {
            control.kill();
            outbound.wake();
        }
    }

    /// Asks a loop for its pulse; the number of the question.
    pub(crate) fn ask(control: &Control, outbound: &Outbound) -> u64 {
        let question = control.ask();
        outbound.wake();
        question
    }

    /// Reads certificates and keys again, all of them; those in use stay when one is no good.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub fn reload_certificates(&self) -> Result<(), Vec<TlsError>> {
        self.gates.as_ref().map_or(Ok(()), |gates| gates.reload())
    }

    /// Serves `functions` instead of those that are served now, without dropping a request: what
    /// was sent after this returned is answered by them, what was admitted before by those that
    /// admitted it. Who is in both with equal options goes on as before. An image that comes back
    /// with other options is one more function beside the old one, which is why
    /// [`Functions::reload`] loads such an artifact anew. Images that no entry has any more are
    /// retired, and stay mapped. Certificates that were read with the functions are served to
    /// connections that come after.
    ///
    /// To be called from a thread that serves nobody: it may wait for another publication.
    pub fn publish(&self, functions: Functions) -> PublishReport {
        let Functions { registry, router, book, gates: read } = functions;
        let mut certificates_stay = false;
        if let Some(gates) = &self.gates {
            gates.wish(registry.iter().map(|(_, entry)| wishes(entry.options.tls)));
            certificates_stay = read.is_some_and(|read| !gates.adopt(&read));
        }
        let entries = registry.iter().map(|(_, entry)| entry.clone()).collect();
        let change =
            self.present.replace(|present| present.followed_by(router, book, entries, &self.place));
        for callee in change.leaving {
            self.place.retire(callee);
        }
        PublishReport { certificates_stay, ..change.report }
    }

    /// Obeys the limits and timeouts of `config` from now on, in a process that may hold
    /// `descriptors` descriptors: those who are here, too, as far as they can. Those that
    /// [`RESTART_KEYS`](crate::RESTART_KEYS) names stay as they were at the start; what belongs to
    /// routes comes with [`Self::publish`].
    ///
    /// # Errors
    ///
    /// A limit that cannot be obeyed; nothing is changed.
    pub fn set_limits(&self, config: &Config, descriptors: u64) -> Result<(), LimitsError> {
        let event_loops = u32::try_from(self.controls.len()).unwrap_or(u32::MAX);
        let tuning = Tuning::of(config, descriptors, event_loops)?;
        self.headcount.set_most(tuning.connections_per_ip_max);
        for (control, outbound) in self.controls.iter() {
            control.asks.tune(tuning);
            outbound.wake();
        }
        Ok(())
    }

    /// Whether requests should be sent here.
    #[must_use]
    pub fn health(&self) -> Health {
        let given_up =
            |roster: &Roster<_>| roster.abandoned_total() > 0 && roster.abandon_room() == 0;
        let exhausted = self.place.inbound.with(|roster| given_up(roster));
        self.life.health(exhausted)
    }
}

impl Server {
    /// Opens the sockets and makes the loops.
    ///
    /// # Errors
    ///
    /// The first thing the operating system refused.
    pub fn bind(settings: Settings) -> Result<Self, StartError> {
        let event_loops = settings.event_loops.clamp(1, EVENT_LOOPS_MAX);
        let wanted: Vec<_> = settings.listen.iter().map(|it| it.address.clone()).collect();
        let mut handed = Handed::default();
        let sockets = Sockets::open(&wanted, settings.monitor, event_loops, &mut handed)?;
        Self::bind_on(settings, sockets)
    }

    /// Makes the loops, which accept on sockets that are there already.
    ///
    /// # Errors
    ///
    /// The first thing the operating system refused.
    pub(crate) fn bind_on(settings: Settings, mut sockets: Sockets) -> Result<Self, StartError> {
        let clock = Clock::start();
        let event_loops = settings.event_loops.clamp(1, EVENT_LOOPS_MAX);
        let (addresses, doors) = whereabouts(&sockets, &settings.listen);
        let monitor = sockets.monitor.take();
        let mut shares = sockets.share_out(event_loops)?.into_iter();
        let mut accepting = Vec::new();
        let names: Vec<String> = settings.listen.iter().map(|it| it.name.clone()).collect();
        let boards = Board::for_loops(event_loops, names.len());
        let (polls, outbound) = queues(event_loops).map_err(system)?;
        let (limits, answers) = (settings.roster, settings.response_limits);
        let place = Arc::new(Workplace::new(clock, limits, answers, outbound.clone()));
        let site = Site::of(settings.router, settings.book, settings.functions, &place);
        let present = Arc::new(Present::new(site));
        let headcount = Arc::new(Headcount::new(settings.tuning.connections_per_ip_max));
        let controls: Vec<(Arc<Control>, Arc<Outbound>)> =
            outbound.iter().map(|outbound| (Arc::default(), Arc::clone(outbound))).collect();
        let controls = Arc::new(controls);
        let mut loops = Vec::new();
        for (number, (poll, outbound)) in polls.into_iter().zip(outbound).enumerate() {
            let share = shares.next().unwrap_or_default();
            let listeners = listeners(&poll, share, &settings.listen, &mut accepting)?;
            let home = u16::try_from(number).unwrap_or(0);
            let scribe = boards.get(number).filter(|_| settings.counts).map(Scribe::new);
            let audience = Audience::new(home, scribe, names.clone());
            let mut hub = Hub::new(settings.tuning.limits);
            hub.set_usual(false);
            let fields = hub.set_secured_fields(&settings.secured_fields);
            debug_assert!(fields.is_ok(), "one short line");
            let lists = Lists::with_places(hub.reserve());
            loops.push(Loop {
                poll,
                listeners,
                hub,
                dispatcher: Dispatcher::new(
                    home,
                    audience,
                    settings.traces.then(Tracer::seeded),
                    Arc::clone(&present),
                    Arc::clone(&place),
                    Arc::clone(&headcount),
                ),
                outbound,
                control: Arc::clone(&controls[number].0),
                all: Arc::clone(&controls),
                clock,
                tuning: settings.tuning,
                events: Events::with_capacity(EVENTS_PER_TURN_MAX),
                lists,
            });
        }
        let handle = Handle {
            listeners: statuses(&addresses, &doors),
            controls,
            boards,
            names: names.into(),
            reloads: Arc::default(),
            place: Arc::clone(&place),
            present,
            headcount,
            gates: settings.gates,
            life: Arc::default(),
            accepting: Arc::default(),
        };
        handle.reloads.begin(Clock::unix_seconds());
        let monitor = watched(monitor, &handle, &mut accepting)?;
        handle.accepting.get_or_init(|| accepting);
        Ok(Self { loops, addresses, doors, place, handle, monitor })
    }

    /// Where the server listens, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Those of them where it speaks TLS.
    #[must_use]
    pub fn secured_addresses(&self) -> Vec<SocketAddr> {
        self.addresses_of(|door| matches!(door, Door::Tls(_)))
    }

    /// Those of them from where it leads to TLS.
    #[must_use]
    pub fn redirecting_addresses(&self) -> Vec<SocketAddr> {
        self.addresses_of(|door| matches!(door, Door::Redirect(_)))
    }

    /// Those of them where it serves without TLS.
    #[must_use]
    pub fn plain_addresses(&self) -> Vec<SocketAddr> {
        self.addresses_of(|door| matches!(door, Door::Plain))
    }

    fn addresses_of(&self, wanted: impl Fn(&Door) -> bool) -> Vec<SocketAddr> {
        let doors = self.addresses.iter().zip(&self.doors);
        doors.filter(|(_, door)| wanted(door)).map(|(address, _)| *address).collect()
    }

    /// Where `/metrics`, `/healthz` and `/readyz` are, if anywhere.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.monitor.as_ref().map(Monitor::address)
    }

    /// The number of event loops.
    #[must_use]
    pub fn event_loops(&self) -> usize {
        self.loops.len()
    }

    /// The number of workers.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.place.posts.len()
    }

    /// The remote control.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Adds one observer to every loop, made by `make` with the loop's number.
    pub fn observe(&mut self, make: impl Fn(usize) -> Box<dyn Observer>) {
        for (number, one) in self.loops.iter_mut().enumerate() {
            let observer = make(number);
            if observer.wants_usual() {
                one.hub.set_usual(true);
            }
            one.dispatcher.audience.join(observer);
        }
    }

    /// Serves until drained or killed.
    ///
    /// # Errors
    ///
    /// When threads cannot be had, or a loop cannot wait for events.
    pub fn run(self) -> io::Result<DrainReport> {
        self.run_and_tell(|| {})
    }

    /// [`Self::run`], and says when all loops accept.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub(crate) fn run_and_tell(self, serves: impl FnOnce()) -> io::Result<DrainReport> {
        let Self { loops, place, handle, monitor, .. } = self;
        let monitor = monitor.map(Monitor::start).transpose()?;
        for number in 0..place.posts.len() {
            place.hire(number)?;
        }
        if let Some(gates) = &handle.gates {
            tls::watch(gates)?;
        }
        let (ended, endings) = mpsc::channel();
        let yard = Arc::new(Yard::new(Arc::clone(&place), loops.len(), ended));
        watch::start(&yard)?;
        let mut running = 0;
        let mut failure = None;
        for (number, one) in loops.into_iter().enumerate() {
            let yard = Arc::clone(&yard);
            let thread = thread::Builder::new()
                .name(format!("{}{number}", watch::LOOP_NAME))
                .stack_size(crew::STACK_BYTES)
                .spawn(move || watch::drive(&yard, Box::new(one)));
            match thread {
                Ok(_) => running += 1,
                Err(error) => failure = Some(error),
            }
        }
        handle.life.begin();
        if failure.is_none() {
            serves();
        }
        let mut report = DrainReport::default();
        for _ in 0..running {
            if failure.is_some() {
                // One loop that cannot serve ends all: half a server is worse than a restart.
                handle.kill();
            }
            match endings.recv() {
                Ok(Ok(ended)) => {
                    report.cut += ended.cut;
                    report.took = report.took.max(ended.took);
                }
                Ok(Err(error)) => failure = Some(error),
                Err(_) => failure = Some(io::Error::other("the loops are gone: a bug of ours")),
            }
        }
        if let Some(monitor) = monitor {
            monitor.stop();
        }
        place.inbound.close();
        place.end_all(END_MAX);
        place.alarm.close();
        report.served = handle.counted().served();
        report.abandoned = place.calls_under_way();
        failure.map_or(Ok(report), Err)
    }
}

/// Where each socket is bound, and who is let in there.
fn whereabouts(sockets: &Sockets, openings: &[Opening]) -> (Vec<SocketAddr>, Vec<Door>) {
    let bound = sockets.bound.iter().filter_map(|bound| {
        let opening = openings.get(bound.opening)?;
        Some((bound.address, opening.door.clone()))
    });
    bound.unzip()
}

/// One queue of events per loop, and the way to wake whoever waits for them.
fn queues(event_loops: usize) -> io::Result<(Vec<Poll>, Vec<Arc<Outbound>>)> {
    let (mut polls, mut outbound) = (Vec::new(), Vec::new());
    for _ in 0..event_loops {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        outbound.push(Arc::new(Outbound::new(waker)));
        polls.push(poll);
    }
    Ok((polls, outbound))
}

/// Where the server is watched, if it is; that can be handed over, too.
fn watched(
    socket: Option<(String, std::net::TcpListener)>,
    handle: &Handle,
    accepting: &mut Accepting,
) -> Result<Option<Monitor>, StartError> {
    let Some((name, socket)) = socket else { return Ok(None) };
    let monitor = Monitor::open(socket, handle.clone())?;
    accepting.push((name, Arc::downgrade(monitor.socket())));
    Ok(Some(monitor))
}

/// The listeners of one loop, known to its poll; what can be handed over is noted in `accepting`.
fn listeners(
    poll: &Poll,
    share: Vec<Share>,
    openings: &[Opening],
    accepting: &mut Accepting,
) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for Share { opening: number, socket, original } in share {
        let Some(opening) = openings.get(number) else { continue };
        let mut socket = TcpListener::from_std(socket);
        let token = of_listener(listeners.len());
        poll.registry().register(&mut socket, token, Interest::READABLE).map_err(system)?;
        let socket = Arc::new(socket);
        if original {
            accepting.push((sockets::name_of(&opening.address), Arc::downgrade(&socket)));
        }
        let trust = Arc::clone(&opening.trust);
        listeners.push(Listener::new(number, socket, opening.door.clone(), trust));
    }
    Ok(listeners)
}

/// What is told about listeners.
fn statuses(addresses: &[SocketAddr], doors: &[Door]) -> Arc<[ListenerStatus]> {
    let status =
        |(&address, door): (&SocketAddr, &Door)| ListenerStatus { address, serves: door.serves() };
    addresses.iter().zip(doors).map(status).collect()
}

const fn system(error: io::Error) -> StartError {
    StartError::System { doing: Task::Poll, error }
}
