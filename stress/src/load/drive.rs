//! The driver: one thread, one `mio::Poll`, two system calls per request on a kept connection.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::answer::{Checker, Fault};
use super::gaps::Gaps;
use super::link::{Link, Standing, Taken};
use super::pace::Pace;
use super::report::{Report, Tally};
use super::windows::Windows;
use super::{Plan, Progress, Until};
use crate::clock::{Clock, duration_nanos};
use crate::procfs::usage_of_self;

const EVENTS_PER_POLL: usize = 1024;
const INBOX_BYTES: usize = 256 * 1024;
/// Faults without a right answer in between after which a run is pointless.
const FAULTS_IN_A_ROW_MAX: u64 = 1000;
const SECOND_NANOS: u64 = 1_000_000_000;
/// Progress that no terminal shows is written this often.
const LINE_NANOS: u64 = 5 * SECOND_NANOS;
const MILLISECOND_NANOS: u64 = 1_000_000;
/// The clock of a quiet run is looked at this often.
const POLL_NANOS_MAX: u64 = 100 * MILLISECOND_NANOS;

/// Why a run was given up.
#[derive(Debug)]
pub enum RunError {
    /// The operating system refused something the client itself needs.
    Os(io::Error),
    /// The latency histogram could not be made.
    Histogram(hdrhistogram::CreationError),
    /// Nothing was answered for as long as the plan allows.
    Stalled {
        /// The plan's patience in seconds.
        seconds: f64,
        /// Right answers before that.
        answers: u64,
    },
    /// Nothing but faults.
    Hopeless {
        /// The last one.
        fault: Fault,
        /// Faults in all.
        faults: u64,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(error) => write!(f, "the load generator failed: {error}"),
            Self::Histogram(error) => write!(f, "no histogram: {error}"),
            Self::Stalled { seconds, answers } => {
                write!(f, "no answer for {seconds} s (after {answers} right ones)")
            }
            Self::Hopeless { fault, faults } => {
                write!(f, "given up after {faults} faults; the last one: {fault}")
            }
        }
    }
}

impl std::error::Error for RunError {}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Os(error)
    }
}

impl From<hdrhistogram::CreationError> for RunError {
    fn from(error: hdrhistogram::CreationError) -> Self {
        Self::Histogram(error)
    }
}

/// Carries a plan out.
///
/// # Errors
/// When nothing can be measured at all: see [`RunError`]. Single faults are counted in the report.
pub fn run(plan: &Plan) -> Result<Report, RunError> {
    let before = usage_of_self();
    let mut drive = Drive::new(plan)?;
    drive.start()?;
    let mut events = Events::with_capacity(EVENTS_PER_POLL);
    while !drive.is_over() {
        let patience = drive.poll_timeout();
        match drive.poll.poll(&mut events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => outcome?,
        }
        drive.look(duration_nanos(patience));
        for event in &events {
            drive.handle(event)?;
        }
        drive.turn()?;
    }
    if plan.progress == Progress::Live {
        eprint!("\r\x1b[K");
    }
    let mut report = drive.report();
    report.client = usage_of_self() - before;
    Ok(report)
}

struct Drive<'p> {
    plan: &'p Plan,
    poll: Poll,
    clock: Clock,
    /// Nanoseconds on `clock` when it was last looked at.
    now: u64,
    gaps: Gaps,
    links: Vec<Link>,
    /// Links that wait for something to send.
    free: VecDeque<usize>,
    pace: Pace,
    checker: Checker,
    tally: Tally,
    windows: Windows,
    /// The request, once for each place in a batch.
    requests: Vec<u8>,
    inbox: Vec<u8>,
    due: Vec<u64>,
    taken: Taken,
    counted_from: Option<u64>,
    answers_of_warmup: u64,
    /// When something was sent or answered last.
    last_progress: u64,
    faults_in_a_row: u64,
    progress_at: u64,
}

impl<'p> Drive<'p> {
    fn new(plan: &'p Plan) -> Result<Self, RunError> {
        let count = match plan.until {
            Until::Answered(count) => Some(count),
            Until::Elapsed(_) => None,
        };
        let pace = plan.rate.map_or_else(|| Pace::closed(count), |rate| Pace::open(rate, count));
        Ok(Self {
            plan,
            poll: Poll::new()?,
            clock: Clock::start(),
            now: 0,
            gaps: Gaps::default(),
            links: (0..plan.connections).map(|_| Link::default()).collect(),
            free: VecDeque::with_capacity(plan.connections),
            pace,
            checker: Checker::new(plan.expectation.clone()),
            tally: Tally::new()?,
            windows: Windows::default(),
            requests: plan.request.repeat(plan.depth),
            inbox: vec![0; INBOX_BYTES],
            due: Vec::with_capacity(plan.depth),
            taken: Vec::with_capacity(plan.depth),
            counted_from: plan.warmup.is_zero().then_some(0),
            answers_of_warmup: 0,
            last_progress: 0,
            faults_in_a_row: 0,
            progress_at: SECOND_NANOS,
        })
    }

    /// Opens all connections (those of `fresh` are opened one per request) and hands out.
    fn start(&mut self) -> Result<(), RunError> {
        if !self.plan.fresh {
            for index in 0..self.links.len() {
                self.connect(index)?;
            }
        }
        self.clock = Clock::start();
        self.gaps.restart(0);
        self.free.extend(0..self.links.len());
        self.hand_out()
    }

    /// Looks at the clock, `waited` nanoseconds of which the driver meant to wait.
    fn look(&mut self, waited: u64) {
        self.now = self.clock.nanos();
        self.gaps.look(self.now, waited);
    }

    fn handle(&mut self, event: &Event) -> Result<(), RunError> {
        let Token(index) = event.token();
        if event.is_writable() {
            self.send(index)?;
        }
        if !event.is_readable() {
            return Ok(());
        }
        let ended = event.is_read_closed();
        let link = &mut self.links[index];
        let outcome = link.read(&mut self.inbox, &mut self.checker, ended, &mut self.taken);
        if let Some(resumed) = link.take_handshake() {
            self.tally.shook(resumed);
        }
        self.look(0);
        self.count_taken()?;
        match outcome {
            Err(fault) => self.fault(index, fault),
            Ok(Standing::Waiting) => Ok(()),
            Ok(Standing::Free) if !self.plan.fresh => self.offer(index).map(|_| ()),
            // A fresh connection has served when its server has closed it.
            Ok(Standing::Free | Standing::Over) if self.plan.fresh => {
                if self.links[index].is_open() { Ok(()) } else { self.offer(index).map(|_| ()) }
            }
            Ok(Standing::Free | Standing::Over) => self.replace(index),
        }
    }

    /// What is due whether or not something happened: requests of a timetable, warm-up, progress.
    fn turn(&mut self) -> Result<(), RunError> {
        self.look(0);
        if self.plan.rate.is_some() {
            self.hand_out()?;
        }
        if self.counted_from.is_none() && self.now >= duration_nanos(self.plan.warmup) {
            self.counted_from = Some(self.now);
            self.answers_of_warmup = self.tally.answers();
            self.tally.restart();
            self.windows.restart(self.now);
        }
        if self.plan.progress != Progress::Quiet && self.now >= self.progress_at {
            self.show_progress();
        }
        let silent = self.now.saturating_sub(self.last_progress);
        let owing = self.free.len() < self.links.len();
        if owing && silent > duration_nanos(self.plan.patience) {
            let seconds = self.plan.patience.as_secs_f64();
            return Err(RunError::Stalled { seconds, answers: self.tally.answers() });
        }
        Ok(())
    }

    /// Writes how far it is, and when to do so again.
    fn show_progress(&mut self) {
        let answers = self.tally.answers() + self.answers_of_warmup;
        let (seconds, faults) = (self.clock.seconds(), self.tally.faults());
        let p99 = self.tally.micros(0.99);
        #[expect(clippy::cast_precision_loss, reason = "answers of one run are below 2^53")]
        let rate = answers as f64 / seconds;
        let line = format!(
            "{seconds:.0} s: {answers} answers, {rate:.0}/s, p99 {p99:.0} µs, {faults} faults"
        );
        let after = if self.plan.progress == Progress::Live {
            eprint!("\r{line}\x1b[K");
            SECOND_NANOS
        } else {
            eprintln!("{line}");
            LINE_NANOS
        };
        self.progress_at = self.now + after;
    }

    fn is_over(&self) -> bool {
        match self.plan.until {
            Until::Answered(count) => self.tally.settled() + self.answers_of_warmup >= count,
            Until::Elapsed(time) => self
                .counted_from
                .is_some_and(|start| self.now.saturating_sub(start) >= duration_nanos(time)),
        }
    }

    fn poll_timeout(&self) -> Duration {
        let wake_at = self.pace.wake_at().filter(|_| !self.free.is_empty());
        let nanos = wake_at.map_or(POLL_NANOS_MAX, |moment| moment.saturating_sub(self.now));
        // epoll waits in whole milliseconds: what is due sooner is waited for by looking again.
        if nanos < MILLISECOND_NANOS {
            return Duration::ZERO;
        }
        Duration::from_millis(nanos.min(POLL_NANOS_MAX) / MILLISECOND_NANOS)
    }

    /// Gives free links something to send, as long as something is due.
    fn hand_out(&mut self) -> Result<(), RunError> {
        for _ in 0..self.free.len() {
            let Some(index) = self.free.pop_front() else { break };
            if !self.offer(index)? {
                break;
            }
        }
        Ok(())
    }

    /// Sends the next batch on `index`, or sets it aside: then the answer is `false`.
    fn offer(&mut self, index: usize) -> Result<bool, RunError> {
        self.due.clear();
        self.pace.grant(self.now, self.plan.depth, &mut self.due);
        if self.due.is_empty() {
            self.free.push_back(index);
            return Ok(false);
        }
        self.last_progress = self.now;
        self.links[index].owe(&self.due);
        if !self.links[index].is_open() {
            self.connect(index)?;
        }
        self.send(index)?;
        Ok(true)
    }

    /// A kept connection that the server closed as announced: what is owed is sent on a new one
    /// (RFC 9112 §9.3.2).
    fn replace(&mut self, index: usize) -> Result<(), RunError> {
        self.tally.reconnected();
        self.connect(index)?;
        if self.links[index].owed() > 0 {
            return self.send(index);
        }
        // A link that was set aside is on the list already.
        if self.free.contains(&index) { Ok(()) } else { self.offer(index).map(|_| ()) }
    }

    fn connect(&mut self, index: usize) -> Result<(), RunError> {
        self.links[index].connect(self.plan, self.poll.registry(), Token(index))?;
        Ok(())
    }

    fn send(&mut self, index: usize) -> Result<(), RunError> {
        match self.links[index].send(&self.requests, self.plan.request.len()) {
            Ok(()) => Ok(()),
            Err(fault) => self.fault(index, fault),
        }
    }

    fn count_taken(&mut self) -> Result<(), RunError> {
        for (octets, due) in self.taken.drain(..) {
            let nanos = (!self.gaps.excuse(due)).then(|| self.now.saturating_sub(due));
            self.tally.answered(octets, nanos);
            if let Some(nanos) = nanos.filter(|_| self.plan.rate.is_some()) {
                self.windows.record(due, nanos)?;
            }
            self.last_progress = self.now;
            self.faults_in_a_row = 0;
        }
        Ok(())
    }

    /// Counts a fault; the connection is given up and a new one made on the next turn's offer.
    fn fault(&mut self, index: usize, fault: Fault) -> Result<(), RunError> {
        let lost = self.links[index].give_up();
        self.tally.fault(fault, lost);
        self.faults_in_a_row += 1;
        if self.faults_in_a_row >= FAULTS_IN_A_ROW_MAX {
            return Err(RunError::Hopeless { fault, faults: self.tally.faults() });
        }
        if self.free.contains(&index) {
            return Ok(());
        }
        self.offer(index).map(|_| ())
    }

    fn report(&mut self) -> Report {
        let from = self.counted_from.unwrap_or(self.now);
        #[expect(clippy::cast_precision_loss, reason = "runs are shorter than 2^53 nanoseconds")]
        let seconds = (self.now - from) as f64 / 1e9;
        let mut report = self.tally.report(seconds);
        report.answers_with_warmup += self.answers_of_warmup;
        let under_way: usize = self.links.iter().map(Link::owed).sum();
        report.unanswered = under_way as u64;
        report.windows_us = self.windows.report();
        if self.plan.rate.is_some() {
            self.due.clear();
            self.pace.grant(self.now, usize::MAX, &mut self.due);
            report.unanswered += self.due.len() as u64;
        }
        report
    }
}
