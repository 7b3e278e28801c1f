//! What a server is doing at one moment, for the person who looks after it.

mod page;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fezz_proto::roster::Circuit;
use fezz_proto::{Instant, Phase};

use crate::control::{Census, Control};
use crate::crew::{Callee, ImageCounts, Outbound, WorkerCounts, Workplace};
use crate::health::Health;
use crate::server::Handle;

/// Between two looks for the answers of loops.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A server at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Whether it should get requests.
    pub health: Health,
    /// Since it was made.
    pub uptime: Duration,
    /// Its functions, those that are retired and not yet over included.
    pub functions: Vec<FunctionStatus>,
    /// Where it listens.
    pub listeners: Vec<ListenerStatus>,
    /// Its event loops, in the order of their numbers.
    pub loops: Vec<LoopStatus>,
    /// Its workers.
    pub workers: WorkerCounts,
    /// Its loaded images.
    pub images: ImageCounts,
}

/// A function at one moment.
#[derive(Clone, Debug)]
pub struct FunctionStatus {
    /// Its name and version.
    pub name: String,
    /// Its file.
    pub artifact: String,
    /// The digest of that file, in hexadecimal.
    pub sha256: String,
    /// The version of the envelope that was agreed on, where there was a handshake.
    pub agreed: Option<u64>,
    /// How long that holds; nothing when for ever.
    pub expires_in: Option<Duration>,
    /// Whether it was brought to an end because nobody used it; the next call begins it anew.
    pub dormant: bool,
    /// Whether no route leads to it any more.
    pub retired: bool,
    /// Whether calls are admitted.
    pub circuit: CircuitStatus,
    /// Requests that wait for it and calls inside it.
    pub in_flight: u32,
    /// Calls that were given up and have not come back.
    pub abandoned: u32,
    /// Dispatches that failed so far.
    pub errors: u64,
}

/// Whether calls of a function are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitStatus {
    /// They are.
    Closed,
    /// It is in quarantine for so long.
    Open(Duration),
    /// One call is on trial.
    Trial,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerStatus {
    /// The address, with the port that the system chose.
    pub address: SocketAddr,
    /// `http`, `https` or `redirect`.
    pub serves: &'static str,
}

/// One event loop at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopStatus {
    /// From the question to its answer; nothing when there was none in time.
    pub lag: Option<Duration>,
    /// Connections by state; those that were last known when there was no answer in time.
    pub connections: Vec<(&'static str, u32)>,
}

impl Handle {
    /// What the server is doing. Asks every loop, and waits `patience` at most for the answers.
    #[must_use]
    pub fn status(&self, patience: Duration) -> Status {
        let now = self.place.clock.now();
        Status {
            health: self.health(),
            uptime: Duration::from_micros(now.as_micros()),
            functions: self.place.function_status(now),
            listeners: self.listeners.to_vec(),
            loops: self.loops(patience),
            workers: self.place.worker_counts(),
            images: self.place.image_counts(),
        }
    }

    /// Asks every loop who is there, and waits `patience` at most for the answers. A loop that
    /// does not answer is stuck, or has ended.
    #[must_use]
    pub fn loops(&self, patience: Duration) -> Vec<LoopStatus> {
        let clock = self.place.clock;
        let began = clock.now();
        let ask =
            |(control, outbound): &(Arc<Control>, Arc<Outbound>)| Self::ask(control, outbound);
        let questions: Vec<u64> = self.controls.iter().map(ask).collect();
        let mut answers: Vec<LoopStatus> =
            questions.iter().map(|_| LoopStatus { lag: None, connections: Vec::new() }).collect();
        loop {
            let asked = self.controls.iter().zip(&questions).zip(&mut answers);
            for (((control, _), question), answer) in asked.filter(|(_, it)| it.lag.is_none()) {
                if let Some(pulse) = control.pulse(*question) {
                    answer.lag = Some(Duration::from_micros(pulse.at.micros_since(began)));
                    answer.connections = by_state(pulse.census);
                }
            }
            let waited = Duration::from_micros(clock.now().micros_since(began));
            if answers.iter().all(|it| it.lag.is_some()) || waited >= patience {
                return answers;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn by_state(census: Census) -> Vec<(&'static str, u32)> {
    Phase::ALL.iter().map(|phase| phase.name()).zip(census).collect()
}

impl Workplace {
    /// Every function that is served, or was and still has something to do.
    pub(crate) fn function_status(&self, now: Instant) -> Vec<FunctionStatus> {
        let all = self.callees().into_iter().map(|callee| self.status_of(callee, now));
        let over = |it: &FunctionStatus| {
            it.retired && it.dormant && it.in_flight == 0 && it.abandoned == 0
        };
        all.filter(|it| !over(it)).collect()
    }

    fn status_of(&self, callee: &Callee, now: Instant) -> FunctionStatus {
        let (circuit, in_flight, abandoned) = self.inbound.with(|roster| {
            let id = callee.id;
            (roster.circuit(id), roster.in_flight(id), roster.abandoned(id))
        });
        let digits = callee.function.sha256().iter().map(|octet| format!("{octet:02x}"));
        FunctionStatus {
            name: callee.name.clone(),
            artifact: callee.function.path().display().to_string(),
            sha256: digits.collect(),
            agreed: callee.accord.version(),
            expires_in: callee
                .accord
                .expires_at()
                .map(|at| Duration::from_micros(at.micros_since(now))),
            dormant: callee.accord.is_dormant(),
            retired: callee.is_retired(),
            circuit: match circuit {
                Circuit::Open { until } if until > now => {
                    CircuitStatus::Open(Duration::from_micros(until.micros_since(now)))
                }
                // The next call is the trial.
                Circuit::Open { .. } | Circuit::HalfOpen => CircuitStatus::Trial,
                Circuit::Closed => CircuitStatus::Closed,
            },
            in_flight,
            abandoned,
            errors: callee.tally.counts().errors.values().sum(),
        }
    }
}

impl fmt::Display for CircuitStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::Trial => "trial",
        })
    }
}
