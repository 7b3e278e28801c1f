//! How the cost of a request grows: with its size, its fields, and what else the server has.
//!
//! Each curve is measured twice. User instructions are counted by callgrind and are the same on a
//! busy machine; CPU time has the kernel's part in it and is the median of rounds in which every
//! point has its turn. The server is ours with its function called by a worker.

mod axis;
mod chart;
mod count;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::client::{Idle, load, words};
use super::contender::Contender;
use super::error::BenchError;
use super::machine::Machine;
use super::rounds::{Turn, WARMUP_SHARE};
use super::server::{Bench, Server};
use super::stats::Spread;
use crate::clock::{Clock, date_stamp, unix_seconds};
pub use axis::Axis;

/// Where the page is written.
const PAGE_FILE: &str = "stress/GROWTH.md";
/// Part of a run's rounds that each point has; every point is short, and there are many.
const ROUNDS_MAX: u32 = 5;
/// Part of a turn of the benchmark that a point has.
const TURN_SHARE: f64 = 0.5;

/// All curves of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// When it began, as in the name of its file.
    pub date: String,
    /// What it ran on.
    pub machine: Machine,
    /// Turns of each point.
    pub rounds: u32,
    /// Length of a turn in seconds.
    pub seconds: f64,
    /// The curves.
    pub curves: Vec<Curve>,
    /// What could not be measured.
    pub warnings: Vec<String>,
}

/// One curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What there is more and more of.
    pub axis: Axis,
    /// Its points, from few to many.
    pub points: Vec<Point>,
}

/// What a request costs where there is so much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// How much there is.
    pub x: u32,
    /// User instructions per request.
    pub instructions: Option<f64>,
    /// CPU time per request in microseconds, once per round.
    pub cpu_us: Vec<f64>,
}

impl Point {
    /// CPU time per request in microseconds.
    fn cpu(&self) -> Option<Spread> {
        Spread::of(&self.cpu_us)
    }
}

/// A server at one point of a curve, and the connections that only exist.
#[derive(Debug)]
struct Station {
    server: Server,
    quiet: Option<Idle>,
}

impl Station {
    fn start(
        bench: &Bench,
        contender: &Contender,
        axis: Axis,
        x: u32,
        tool: &[String],
    ) -> Result<Self, BenchError> {
        let started = bench.start_under(tool, contender, axis.role(x), &bench.server_cpus())?;
        let none = || BenchError::Load { said: format!("{} has no such role", contender.name) };
        Ok(Self { server: started.ok_or_else(none)?, quiet: None })
    }

    /// Opens the connections that are not used at this point.
    fn fill(
        &mut self,
        bench: &Bench,
        contender: &Contender,
        axis: Axis,
        x: u32,
    ) -> Result<(), BenchError> {
        let quiet = usize::try_from(axis.quiet(x)).unwrap_or(usize::MAX);
        if quiet > 0 {
            let arguments = contender.load_arguments(axis.role(x), &bench.places);
            self.quiet = Some(Idle::open(bench, &self.server, quiet, &arguments)?);
        }
        Ok(())
    }

    /// Lets go of them.
    fn empty(&mut self) -> Result<(), BenchError> {
        self.quiet.take().map_or(Ok(0), Idle::close).map(|_| ())
    }
}

/// Measures all curves, prints them, and writes results, chart and page.
pub(super) fn run(bench: &Bench) -> Result<(), BenchError> {
    let ours = bench.contenders.iter().find(|contender| contender.name == "ours");
    let none = || BenchError::Load { said: "ours is not built, or not wanted".to_owned() };
    let ours = ours.ok_or_else(none)?;
    let args = &bench.args;
    let mut growth = Growth {
        date: date_stamp(unix_seconds()),
        machine: Machine::look(bench.cpus),
        rounds: args.rounds().min(ROUNDS_MAX),
        seconds: args.turn().as_secs_f64() * TURN_SHARE,
        ..Growth::default()
    };
    for axis in Axis::ALL {
        let clock = Clock::start();
        let mut curve = Curve::empty(axis);
        if let Err(error) = count::instructions(bench, ours, &mut curve) {
            growth.warn(format!("{}: no instructions: {error}", axis.name()));
        }
        if let Err(error) = cpu_times(bench, ours, &growth, &mut curve) {
            growth.warn(format!("{}: no CPU times: {error}", axis.name()));
        }
        page::print(&curve, clock.seconds());
        growth.curves.push(curve);
    }
    if args.no_save {
        return Ok(());
    }
    let saved = growth.save(&args.results)?;
    println!("\nsaved {}", saved.display());
    if args.quick {
        println!("{PAGE_FILE} is left as it is (a quick run)");
        return Ok(());
    }
    page::write(Path::new(PAGE_FILE), &growth, &saved)?;
    println!("wrote {PAGE_FILE}");
    Ok(())
}

/// Writes the page of a saved run, and its chart once more.
pub(super) fn render(saved: &Path) -> Result<(), BenchError> {
    let text = fs::read_to_string(saved).map_err(|error| BenchError::file(saved, error))?;
    let growth: Growth = serde_json::from_str(&text)?;
    chart::draw(&growth).write(saved)?;
    page::write(Path::new(PAGE_FILE), &growth, saved)
}

/// Whether a saved run is one of curves.
pub(super) fn is_growth(saved: &Path) -> bool {
    saved.file_name().is_some_and(|name| name.to_string_lossy().starts_with(FILE_PREFIX))
}

/// What sets the files of curves apart from those of the benchmark.
const FILE_PREFIX: &str = "growth-";

impl Growth {
    fn warn(&mut self, warning: String) {
        eprintln!("  ! {warning}");
        self.warnings.push(warning);
    }

    fn save(&self, folder: &Path) -> Result<PathBuf, BenchError> {
        fs::create_dir_all(folder).map_err(|error| BenchError::file(folder, error))?;
        let file = folder.join(format!("{FILE_PREFIX}{}.json", self.date));
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&file, text + "\n").map_err(|error| BenchError::file(&file, error))?;
        chart::draw(self).write(&file)?;
        Ok(file)
    }
}

impl Curve {
    fn empty(axis: Axis) -> Self {
        let point = |&x: &u32| Point { x, instructions: None, cpu_us: Vec::new() };
        Self { axis, points: axis.places().iter().map(point).collect() }
    }

    /// Instructions of the last point to those of the first.
    #[must_use]
    pub fn growth(&self) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        Some(last.instructions? / first.instructions?)
    }

    /// Instructions for each one more, between the first and the last point.
    #[must_use]
    pub fn slope(&self) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        Some((last.instructions? - first.instructions?) / f64::from(last.x - first.x))
    }
}

/// CPU time at every point, in rounds.
fn cpu_times(
    bench: &Bench,
    contender: &Contender,
    growth: &Growth,
    curve: &mut Curve,
) -> Result<(), BenchError> {
    let axis = curve.axis;
    let mut stations = Vec::new();
    for point in &curve.points {
        if axis.shares_server() && !stations.is_empty() {
            break;
        }
        let mut station = Station::start(bench, contender, axis, point.x, &[])?;
        station.fill(bench, contender, axis, point.x)?;
        stations.push(station);
    }
    for round in 0..growth.rounds {
        let count = curve.points.len();
        for turn in 0..count {
            let index = (turn + round as usize) % count;
            let point = &mut curve.points[index];
            let station = &stations[index.min(stations.len() - 1)];
            let mut arguments = axis.load_arguments(bench, contender, point.x)?;
            let (seconds, warmup) = (growth.seconds, growth.seconds * WARMUP_SHARE);
            arguments.extend(words(&format!("--seconds {seconds} --warmup {warmup}")));
            let turn = Turn::run(bench, &station.server, &arguments, &bench.load_cpus())?;
            let sample = turn.sample();
            if sample.faults > 0 {
                return Err(BenchError::Load { said: format!("{} faults", sample.faults) });
            }
            point.cpu_us.push(sample.cpu_us);
        }
    }
    stations.iter_mut().try_for_each(Station::empty)
}

/// So many requests at a point, none of them counted by the clock.
fn requests(
    bench: &Bench,
    contender: &Contender,
    station: &Station,
    (axis, x): (Axis, u32),
    count: u64,
) -> Result<(), BenchError> {
    let mut arguments = axis.load_arguments(bench, contender, x)?;
    arguments.extend(words(&format!("--requests {count} --patience 60")));
    let report = load(bench, &station.server, &arguments)?;
    let right = report.faults.is_empty() && report.answers >= count;
    if right { Ok(()) } else { Err(BenchError::Load { said: report.to_string() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_and_slope_are_between_the_ends() {
        let mut curve = Curve::empty(Axis::Fields);
        assert_eq!((curve.growth(), curve.slope()), (None, None));
        for point in &mut curve.points {
            point.instructions = Some(1_000.0 + 50.0 * f64::from(point.x));
        }
        assert_eq!(curve.slope(), Some(50.0));
        assert!((curve.growth().unwrap() - 6_000.0 / 1_100.0).abs() < 1e-9);
    }

    #[test]
    fn curves_are_saved_apart_from_results() {
        let folder = tempfile::tempdir().unwrap();
        let growth = Growth { date: "2026-01-01T00-00-00Z".to_owned(), ..Growth::default() };
        let saved = growth.save(folder.path()).unwrap();
        assert!(is_growth(&saved) && !is_growth(Path::new("results/2026-01-01T00-00-00Z.json")));
        assert!(saved.with_extension("png").exists());
        let text = fs::read_to_string(&saved).unwrap();
        assert_eq!(serde_json::from_str::<Growth>(&text).unwrap(), growth);
    }
}
