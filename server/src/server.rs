//! What a host program needs: bind, run, drain, observe.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use fezz_abi::host::Function;
use fezz_proto::Hub;
use mio::net::TcpListener;
use mio::{Interest, Poll, Waker};

use crate::clock::Clock;
use crate::control::Control;
use crate::counters::{Counters, Counting, Snapshot};
use crate::crew::{self, Callee, Inbound, Outbound, Workplace};
use crate::dispatch::{Dispatcher, Site};
use crate::error::{StartError, Task};
use crate::listen::{self, Listener};
use crate::observe::Observer;
use crate::report::DrainReport;
use crate::settings::Settings;
use crate::token::{WAKE, of_listener};
use crate::turn::{Ended, Lists, Loop};

/// Loops that one server may have.
pub const EVENT_LOOPS_MAX: usize = 64;

/// A server that has its sockets and threads' worth of state, and does not serve yet.
pub struct Server {
    loops: Vec<Loop>,
    addresses: Vec<SocketAddr>,
    workplace: Arc<Workplace>,
    workers: usize,
    handle: Handle,
}

/// The server's remote control: cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Handle {
    controls: Arc<Vec<(Arc<Control>, Arc<Outbound>)>>,
    counters: Arc<Vec<Arc<Counters>>>,
}

impl Handle {
    /// Ends the server in order: no new connections, present requests are answered.
    pub fn drain(&self) {
        for (control, outbound) in self.controls.iter() {
            control.drain();
            outbound.wake();
        }
    }

    /// Ends the server now.
    pub fn kill(&self) {
        for (control, outbound) in self.controls.iter() {
            control.kill();
            outbound.wake();
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counted(&self) -> Snapshot {
        Snapshot::of(&self.counters)
    }
}

impl Server {
    /// Opens the sockets and makes the loops.
    ///
    /// # Errors
    ///
    /// The first thing the operating system refused.
    pub fn bind(settings: Settings) -> Result<Self, StartError> {
        let clock = Clock::start();
        let event_loops = settings.event_loops.clamp(1, EVENT_LOOPS_MAX);
        let workers = settings.workers.max(1);
        let (addresses, mut sockets) = open_all(&settings.listen, event_loops)?;
        let site = Arc::new(Site {
            router: settings.router,
            callees: settings.functions.into_iter().map(engage).collect(),
        });
        let inbound =
            Arc::new(Inbound::new(workers, settings.queue_jobs_max, settings.queue_ms_max));
        let counters: Vec<Arc<Counters>> = (0..event_loops).map(|_| Arc::default()).collect();
        let mut loops = Vec::new();
        for (number, counters) in counters.iter().enumerate() {
            let poll = Poll::new().map_err(system)?;
            let waker = Waker::new(poll.registry(), WAKE).map_err(system)?;
            let mut listeners = Vec::new();
            for (place, socket) in sockets.pop().unwrap_or_default().into_iter().enumerate() {
                let mut socket = TcpListener::from_std(socket);
                poll.registry()
                    .register(&mut socket, of_listener(place), Interest::READABLE)
                    .map_err(system)?;
                listeners.push(Listener::new(socket));
            }
            let home = u16::try_from(number).unwrap_or(0);
            loops.push(Loop {
                poll,
                listeners,
                hub: Hub::new(settings.limits),
                dispatcher: Dispatcher::new(home, Arc::clone(&site), Arc::clone(&inbound)),
                outbound: Arc::new(Outbound::new(waker)),
                control: Arc::default(),
                clock,
                drain_delay_ms: settings.drain_delay_ms,
                drain_ms: settings.drain_ms_max,
                observers: vec![Box::new(Counting(Arc::clone(counters)))],
                lists: Lists::default(),
            });
        }
        let controls =
            loops.iter().map(|one| (Arc::clone(&one.control), Arc::clone(&one.outbound))).collect();
        let workplace = Arc::new(Workplace {
            clock,
            inbound,
            outbound: loops.iter().map(|one| Arc::clone(&one.outbound)).collect(),
            response_limits: settings.response_limits,
            queue_ms_max: settings.queue_ms_max,
        });
        let handle = Handle { controls: Arc::new(controls), counters: Arc::new(counters) };
        Ok(Self { loops, addresses, workplace, workers, handle })
    }

    /// Where the server listens, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The number of event loops.
    #[must_use]
    pub fn event_loops(&self) -> usize {
        self.loops.len()
    }

    /// The number of workers.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// The remote control.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Adds one observer to every loop, made by `make` with the loop's number.
    pub fn observe(&mut self, make: impl Fn(usize) -> Box<dyn Observer>) {
        for (number, one) in self.loops.iter_mut().enumerate() {
            one.observers.push(make(number));
        }
    }

    /// Serves until drained or killed.
    ///
    /// # Errors
    ///
    /// When threads cannot be had, or a loop cannot wait for events.
    pub fn run(self) -> io::Result<DrainReport> {
        crew::hire(self.workers, &self.workplace)?;
        let mut threads = Vec::new();
        for (number, one) in self.loops.into_iter().enumerate() {
            let name = format!("fezz-loop-{number}");
            let end_all = EndAll(Some(self.handle.clone()));
            let thread = thread::Builder::new().name(name).spawn(move || drive(one, end_all));
            match thread {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    self.handle.kill();
                    return Err(error);
                }
            }
        }
        let mut report = DrainReport::default();
        let mut failure = None;
        for thread in threads {
            match thread.join() {
                Ok(Ok(ended)) => {
                    report.cut += ended.cut;
                    report.abandoned += ended.abandoned;
                    report.took = report.took.max(ended.took);
                }
                Ok(Err(error)) => failure = Some(error),
                Err(_) => failure = Some(io::Error::other("an event loop panicked: a bug of ours")),
            }
        }
        self.workplace.inbound.close();
        report.served = self.handle.counted().served();
        failure.map_or(Ok(report), Err)
    }
}

/// One loop that cannot serve ends all: half a server is worse than a restart.
struct EndAll(Option<Handle>);

impl Drop for EndAll {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.kill();
        }
    }
}

fn drive(mut one: Loop, mut end_all: EndAll) -> io::Result<Ended> {
    let ended = one.run()?;
    end_all.0 = None;
    Ok(ended)
}

/// Artifacts are never unloaded, so that whatever points to one lives as long as the process.
fn engage((name, function): (String, Arc<Function>)) -> &'static Callee {
    Box::leak(Box::new(Callee::new(function, name)))
}

const fn system(error: io::Error) -> StartError {
    StartError::System { doing: Task::Poll, error }
}

type Sockets = Vec<std::net::TcpListener>;

/// One socket per loop and address; the addresses as bound.
fn open_all(
    listen: &[SocketAddr],
    event_loops: usize,
) -> Result<(Vec<SocketAddr>, Vec<Sockets>), StartError> {
    let mut addresses = Vec::new();
    let mut sockets: Vec<Sockets> = (0..event_loops).map(|_| Vec::new()).collect();
    for &address in listen {
        let failed = |error| StartError::Listen { address, error };
        let mut bound = address;
        for (number, one) in sockets.iter_mut().enumerate() {
            let socket = listen::open(bound, event_loops > 1).map_err(failed)?;
            if number == 0 {
                bound = socket.local_addr().map_err(failed)?;
            }
            one.push(socket);
        }
        addresses.push(bound);
    }
    Ok((addresses, sockets))
}
