//! Figures of ours beside a function that does not come back: what it costs the others.
//!
//! Each round has a fresh server, because such a function stays where it is, and the server is
//! ended by force. A round counts only if the log says that what was provoked did happen.

use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::calls::{Call, Crowd};
use super::client::{Client, load, words};
use super::contender::Contender;
use super::error::BenchError;
use super::native::SPIN;
use super::results::Results;
use super::rounds::{FOREIGN_MAX, Turn, WARMUP_SHARE, leave_out};
use super::server::{Bench, GIVEN_UP, RESCUED, Server};
use super::stats::Spread;
use super::workload::{Broken, Workload};
use crate::clock::Clock;
use crate::load::Report;

/// Requests per second of the function that is well, where latencies are compared: far from what
/// the server can do, so that they are not those of a queue.
const PACE: u32 = 5_000;
const PACED_CONNECTIONS: u32 = 16;
/// Connections where requests per second are compared.
const CONNECTIONS: u32 = 64;

/// The call that the loop has to be rescued from begins so long after the load's process.
const RESCUE_AFTER: Duration = Duration::from_millis(350);
/// The windows of the load in which it does, since that has its connections to open first.
const RESCUE_WINDOWS: Range<usize> = 2..4;
const SLEEP_PATH: &str = "/delay/10000";

const ENDLESS_CLIENTS: usize = 100;
/// Longer than a round.
const ENDLESS_PATH: &str = "/delay/60000";
/// Beyond the turn, so that deadline, replacement and quarantine fall into what is measured.
const ENDLESS_MARGIN_SECONDS: f64 = 2.0;

const WORKERS: usize = 4;
const SPIN_PATH: &str = "/spin";
/// Calls that come back, after which the server takes a function for a short one and lets it have
/// every worker.
const SHORT_CALLS: u32 = 200;
const SHORT_PATH: &str = "/";
/// Turns of a server that lost its workers in one round, and of the one beside it that did not.
const TURNS_OF_EACH: usize = 3;
const NO_TWIN: &str = "a second server cannot be started";
const GIVEN_UP_SECONDS_MAX: f64 = 5.0;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What one round found.
#[derive(Debug)]
struct Round {
    /// In the unit of the workload.
    figure: f64,
    /// The measurements behind it.
    shown: String,
    /// Share of the machine that others used before anything was broken.
    foreign: f64,
}

/// Measures `broken` for all that can take part in it.
pub(super) fn measure(
    bench: &Bench,
    workload: &Workload,
    broken: Broken,
    results: &mut Results,
) -> Result<(), BenchError> {
    if broken == Broken::Spinning
        && let Err(error) = SPIN.compile(Path::new("."), &bench.places.scratch)
    {
        results.warn(format!("{}: {error}", workload.name));
        return Ok(());
    }
    for contender in &bench.contenders {
        let rounds = (0..bench.args.rounds()).map(|_| round(bench, contender, broken, results));
        let rounds: Result<Option<Vec<Round>>, BenchError> = rounds.collect();
        match rounds {
            Ok(None) => {}
            Ok(Some(rounds)) => {
                let shown: Vec<&str> = rounds.iter().map(|round| round.shown.as_str()).collect();
                let remark = shown.join(", ");
                let figures = rounds.iter().map(|round| round.figure).collect();
                results.add(workload.name, &contender.name, figures, &remark);
                warn_of_disturbance(workload, &rounds, results);
            }
            Err(error) => leave_out(contender, workload, &error, results),
        }
    }
    Ok(())
}

fn warn_of_disturbance(workload: &Workload, rounds: &[Round], results: &mut Results) {
    let foreign: Vec<f64> = rounds.iter().map(|round| round.foreign).collect();
    if let Some(foreign) = Spread::of(&foreign).filter(|share| share.median > FOREIGN_MAX) {
        let (name, percent) = (workload.name, foreign.median * 100.0);
        results.warn(format!("{name}: disturbed: others used {percent:.0} % of the machine"));
    }
}

/// `Ok(None)`: it cannot take part.
fn round(
    bench: &Bench,
    contender: &Contender,
    broken: Broken,
    results: &mut Results,
) -> Result<Option<Round>, BenchError> {
    let Some(mut server) = bench.start(contender, broken.role())? else { return Ok(None) };
    results.started(&contender.name, &server.command);
    let peace = Peace { bench, contender, broken, server: &server };
    let round = match broken {
        Broken::Rescue => peace.rescue(),
        Broken::Endless => peace.endless(),
        Broken::Stuck => peace.stuck(ENDLESS_PATH),
        Broken::Spinning => peace.stuck(SPIN_PATH),
    };
    server.kill()?;
    round.map(Some)
}

/// The function that is well, and what is done to its server.
#[derive(Clone, Copy)]
struct Peace<'b> {
    bench: &'b Bench,
    contender: &'b Contender,
    broken: Broken,
    server: &'b Server,
}

impl Peace<'_> {
    /// The slowest answer when a call begins to keep the loop's thread.
    fn rescue(&self) -> Result<Round, BenchError> {
        let seconds = self.bench.args.turn().as_secs_f64() + RESCUE_AFTER.as_secs_f64();
        let (quiet, foreign) = self.turn(&self.paced(seconds))?;
        let cpus = self.bench.load_cpus();
        let client = Client::start(self.bench, self.server, &self.paced(seconds), &cpus)?;
        thread::sleep(RESCUE_AFTER);
        let mut call = Call::begin(self.server.address, SLEEP_PATH)?;
        let beside = right(client.finish()?)?;
        let found = self.server.said(RESCUED)?;
        if found != 1 || !call.is_waiting() {
            return Err(BenchError::Rescues { expected: 1, found });
        }
        let (before, figure) = (slowest_ms(&quiet)?, slowest_ms(&beside)?);
        Ok(Round { figure, shown: format!("{before:.2} → {figure:.2} ms"), foreign })
    }

    /// 99th percentile while many call what never answers, to that before.
    fn endless(&self) -> Result<Round, BenchError> {
        let seconds = self.bench.args.turn().as_secs_f64() + ENDLESS_MARGIN_SECONDS;
        let (quiet, foreign) = self.turn(&self.paced(seconds))?;
        let cpus = self.bench.load_cpus();
        let client = Client::start(self.bench, self.server, &self.paced(seconds), &cpus)?;
        let crowd = Crowd::gather(self.server.address, ENDLESS_PATH, ENDLESS_CLIENTS, cpus)?;
        let beside = client.finish();
        let calls = crowd.dismiss()?;
        let beside = right(beside?)?;
        let found = self.server.said(RESCUED)?;
        if found == 0 || calls.ended < ENDLESS_CLIENTS as u64 {
            return Err(BenchError::Rescues { expected: 1, found });
        }
        let (before, after) = (typical_us(&quiet)?, typical_us(&beside)?);
        let (all_before, all_after) = (quiet.latency_us.p99, beside.latency_us.p99);
        let shown = format!(
            "{before:.0} → {after:.0} µs ({all_before:.0} → {all_after:.0} over all windows)"
        );
        Ok(Round { figure: after / before, shown, foreign })
    }

    /// Requests per second after every worker was lost in a call of `path`, to those of a twin that
    /// lost none. They take turns, because no machine is the same for long, and the one whose turn
    /// it is not is stopped.
    fn stuck(&self, path: &str) -> Result<Round, BenchError> {
        let started = self.bench.start(self.contender, self.broken.role())?;
        let Some(twin) = started else { return Err(BenchError::Load { said: NO_TWIN.to_owned() }) };
        let twin = Peace { server: &twin, ..*self };
        self.call_briefly()?;
        twin.call_briefly()?;
        let calls: Result<Vec<Call>, _> =
            (0..WORKERS).map(|_| Call::begin(self.server.address, path)).collect();
        self.wait_until_given_up()?;
        let (mut ratios, mut foreign) = (Vec::new(), 0.0_f64);
        for _ in 0..TURNS_OF_EACH {
            self.server.signal(Signal::STOP)?;
            let (without, others) = twin.turn(&self.busy())?;
            self.server.signal(Signal::CONT)?;
            twin.server.signal(Signal::STOP)?;
            let (with, _) = self.turn(&self.busy())?;
            twin.server.signal(Signal::CONT)?;
            ratios.push((with.per_second / without.per_second, without.per_second));
            foreign = foreign.max(others);
        }
        drop(calls?);
        ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (figure, before) = ratios[ratios.len() / 2];
        let shown = format!("{before:.0} → {:.0} requests/s", figure * before);
        Ok(Round { figure, shown, foreign })
    }

    /// So that the server takes the function for a short one.
    fn call_briefly(&self) -> Result<(), BenchError> {
        let short = words(&format!("--path {SHORT_PATH} --connections 1 --requests {SHORT_CALLS}"));
        right(load(self.bench, self.server, &short)?).map(|_| ())
    }

    fn wait_until_given_up(&self) -> Result<(), BenchError> {
        let clock = Clock::start();
        loop {
            let found = self.server.said(GIVEN_UP)?;
            if found == WORKERS {
                return Ok(());
            }
            if clock.seconds() > GIVEN_UP_SECONDS_MAX {
                return Err(BenchError::GivenUp { expected: WORKERS, found });
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// One load, and the share of the machine that others used meanwhile.
    fn turn(&self, arguments: &[String]) -> Result<(Report, f64), BenchError> {
        let cpus = self.bench.load_cpus();
        let mut turn = Turn::run(self.bench, self.server, arguments, &cpus)?;
        let foreign = turn.sample().foreign;
        let none = || BenchError::Load { said: "no report".to_owned() };
        Ok((right(turn.reports.pop().ok_or_else(none)?)?, foreign))
    }

    /// As many requests as are answered.
    fn busy(&self) -> Vec<String> {
        let seconds = self.bench.args.turn().as_secs_f64();
        let mut arguments = words(&format!(
            "--connections {CONNECTIONS} --seconds {seconds} --warmup {}",
            seconds * WARMUP_SHARE
        ));
        arguments.extend(self.contender.load_arguments(self.broken.role(), &self.bench.places));
        arguments
    }

    /// A fixed number of requests per second.
    fn paced(&self, seconds: f64) -> Vec<String> {
        let mut arguments =
            words(&format!("--connections {PACED_CONNECTIONS} --rate {PACE} --seconds {seconds}"));
        arguments.extend(self.contender.load_arguments(self.broken.role(), &self.bench.places));
        arguments
    }
}

/// The slowest answer around the call that the loop is rescued from. What happens to the machine in
/// the rest of the turn tells nothing of that.
fn slowest_ms(report: &Report) -> Result<f64, BenchError> {
    let windows = report.windows_us.get(RESCUE_WINDOWS).ok_or_else(too_short)?;
    Ok(windows.iter().map(|window| window.max).fold(0.0, f64::max) / 1e3)
}

/// The 99th percentile in the middle one of the windows.
fn typical_us(report: &Report) -> Result<f64, BenchError> {
    report.typical_p99_us().ok_or_else(too_short)
}

fn too_short() -> BenchError {
    BenchError::Load { said: "the turn is too short for windows of latencies".to_owned() }
}

/// The report, if every answer was right.
fn right(report: Report) -> Result<Report, BenchError> {
    if report.faults.is_empty() {
        Ok(report)
    } else {
        Err(BenchError::Load { said: report.to_string() })
    }
}
