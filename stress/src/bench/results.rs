//! What a run of the benchmark found: saved as JSON, compared with the budgets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::args::Args;
use super::budget::{Budget, Target};
use super::compare::Comparison;
use super::error::BenchError;
use super::machine::Machine;
use super::rounds::{BUSY_MIN, FOREIGN_MAX};
use super::server::Bench;
use super::stats::Spread;
use super::table::beside;
use super::workload::WORKLOADS;
use crate::clock::{date_stamp, unix_seconds};

const LOOPS: &str = "loops";
/// The series that stands beside `loops`.
pub(super) const LOOPS_CPU: &str = "loops_cpu";
/// What a load's requests per second are called where its figure is another one.
const RATE_SUFFIX: &str = "_rate";
/// Two for the loops, two for their load.
const LOOPS_CPUS_MIN: usize = 4;

/// The workload that `series` is measured with.
#[must_use]
pub fn measured_with(series: &str) -> &str {
    let owner = WORKLOADS.iter().find(|one| one.name == series || beside(one).contains(&series));
    let owner = owner.map(|workload| workload.name);
    owner.or_else(|| series.strip_suffix(RATE_SUFFIX)).unwrap_or(series)
}

/// All of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// When it began, as in the name of its file.
    pub date: String,
    /// What it ran on.
    pub machine: Machine,
    /// Turns of each contender.
    pub rounds: u32,
    /// Length of a turn in seconds.
    pub seconds: f64,
    /// Who took part.
    pub contenders: Vec<Entry>,
    /// Who could not, and why.
    pub missing: BTreeMap<String, String>,
    /// The figures.
    pub series: Vec<Series>,
    /// What disturbed the run or was left out of it.
    pub warnings: Vec<String>,
    /// The budgets and what became of them.
    pub verdicts: Vec<Verdict>,
    /// What changed since the results before, if there are any.
    #[serde(default)]
    pub comparison: Option<Comparison>,
}

/// A contender that took part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it answers.
    pub remark: String,
    /// The commands that it was started with.
    pub commands: Vec<String>,
}

/// One figure of one contender, once per round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The workload.
    pub workload: String,
    /// The contender.
    pub contender: String,
    /// The figure of each round, in the workload's unit.
    pub values: Vec<f64>,
    /// More about each round of a load.
    pub samples: Vec<Sample>,
    /// Anything to be said beside it.
    pub remark: String,
}

impl Series {
    /// One number of each round's sample.
    pub(super) fn sampled(&self, of: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(of).collect()
    }

    /// Its median.
    pub(super) fn median(&self, of: fn(&Sample) -> f64) -> f64 {
        Spread::of(&self.sampled(of)).map_or(0.0, |spread| spread.median)
    }

    /// Whether the server had less to do than it could: how much it did is up to the load generator
    /// then.
    pub(super) fn waits_for_load(&self) -> bool {
        let alone = self.median(|sample| sample.foreign) < FOREIGN_MAX;
        alone && self.median(|sample| sample.server_busy) < BUSY_MIN
    }
}

/// One turn of one contender under load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Right answers per second.
    pub per_second: f64,
    /// Median latency in microseconds.
    pub p50_us: f64,
    /// 99th percentile in microseconds.
    pub p99_us: f64,
    /// CPU time of the server per answer in microseconds.
    pub cpu_us: f64,
    /// Share of its core that the server used.
    pub server_busy: f64,
    /// Share of the machine that neither server nor load used.
    pub foreign: f64,
    /// Times the server was put off its core, per second.
    pub involuntary_per_second: f64,
    /// Share of the handshakes that resumed an earlier connection; zero without TLS.
    #[serde(default)]
    pub resumed: f64,
    /// Wrong or missing answers.
    pub faults: u64,
}

/// A budget and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The budget.
    pub budget: Budget,
    /// The figure, if it was measured.
    pub figure: Option<Spread>,
    /// Whether the median is what the target asks for.
    pub met: Option<bool>,
}

impl Results {
    pub(super) fn begin(bench: &Bench, args: &Args) -> Self {
        let contenders = bench.contenders.iter().map(|contender| Entry {
            name: contender.name.clone(),
            version: contender.version(&bench.places),
            remark: contender.remark().to_owned(),
            commands: Vec::new(),
        });
        let missing = bench.missing.iter().map(|(one, reason)| (one.name.clone(), reason.clone()));
        Self {
            date: date_stamp(unix_seconds()),
            machine: Machine::look(bench.cpus),
            rounds: args.rounds(),
            seconds: args.turn().as_secs_f64(),
            contenders: contenders.collect(),
            missing: missing.collect(),
            ..Self::default()
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            eprintln!("  ! {warning}");
            self.warnings.push(warning);
        }
    }

    /// Notes how a contender was started.
    pub(super) fn started(&mut self, contender: &str, command: &str) {
        let entry = self.contenders.iter_mut().find(|entry| entry.name == contender);
        if let Some(entry) = entry.filter(|entry| !entry.commands.iter().any(|c| c == command)) {
            entry.commands.push(command.to_owned());
        }
    }

    pub(super) fn add(&mut self, workload: &str, contender: &str, values: Vec<f64>, remark: &str) {
        self.series.push(Series {
            workload: workload.to_owned(),
            contender: contender.to_owned(),
            values,
            samples: Vec::new(),
            remark: remark.to_owned(),
        });
    }

    /// The series of `contender` in `workload`.
    #[must_use]
    pub fn series(&self, contender: &str, workload: &str) -> Option<&Series> {
        self.series.iter().find(|one| one.contender == contender && one.workload == workload)
    }

    /// All series of `workload`, in the order of their measurement.
    pub fn of_workload(&self, workload: &str) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |one| one.workload == workload)
    }

    /// The figure that `target` speaks of.
    #[must_use]
    pub fn figure(&self, target: &Target) -> Option<Spread> {
        let values = self.values(&target.who, &target.workload)?;
        match &target.times {
            None => Spread::of(&values),
            Some(other) => Spread::of_ratios(&values, &self.values(other, &target.workload)?),
        }
    }

    /// The figures of each round; those of `NAME_rate` are the requests per second of a load
    /// `NAME` whose figure is another one, if they are the server's and not the load's.
    fn values(&self, contender: &str, workload: &str) -> Option<Vec<f64>> {
        if let Some(series) = self.series(contender, workload) {
            return Some(series.values.clone());
        }
        let series = self.series(contender, workload.strip_suffix(RATE_SUFFIX)?)?;
        let rates = series.sampled(|sample| sample.per_second);
        (!rates.is_empty() && !series.waits_for_load()).then_some(rates)
    }

    /// Says which rates are not judged, and why.
    fn warn_of_rates_of_loads(&mut self, budgets: &[Budget]) {
        let loads = budgets.iter().filter(|budget| self.figure(&budget.target).is_none());
        let loads = loads.filter_map(|budget| {
            let load = budget.target.workload.strip_suffix(RATE_SUFFIX)?;
            let who = &budget.target.who;
            self.series(who, load)?.waits_for_load().then(|| {
                format!("{load}: {who} waited for the load generator: its rate is not its own")
            })
        });
        let warnings: Vec<String> = loads.collect();
        warnings.into_iter().for_each(|warning| self.warn(warning));
    }

    pub(super) fn judge(&mut self, budgets: &[Budget]) {
        let verdicts = budgets.iter().map(|budget| {
            let figure = self.figure(&budget.target);
            let met = figure.map(|figure| budget.target.is_met(figure.median));
            Verdict { budget: budget.clone(), figure, met }
        });
        self.verdicts = verdicts.collect();
        self.warn_of_rates_of_loads(budgets);
    }

    /// The promises about `workloads` that were missed, or not measured without an excuse.
    #[must_use]
    pub fn broken_promises(&self, workloads: &[&str]) -> Vec<&Verdict> {
        let promises = self.verdicts.iter().filter(|verdict| verdict.budget.promised);
        promises
            .filter(|verdict| match verdict.met {
                Some(met) => !met,
                None => !self.is_excused(&verdict.budget.target, workloads),
            })
            .collect()
    }

    /// Nobody asked for it, the peer of the comparison is not there, or the machine is too small.
    fn is_excused(&self, target: &Target, workloads: &[&str]) -> bool {
        let other = target.times.as_ref();
        !workloads.contains(&measured_with(&target.workload))
            || other.is_some_and(|other| self.missing.contains_key(other))
            || (target.workload == LOOPS && self.machine.cpus < LOOPS_CPUS_MIN)
    }

    pub(super) fn save(&self, folder: &Path) -> Result<PathBuf, BenchError> {
        fs::create_dir_all(folder).map_err(|error| BenchError::file(folder, error))?;
        let file = folder.join(format!("{}.json", self.date));
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&file, text + "\n").map_err(|error| BenchError::file(&file, error))?;
        super::chart::write(&file, self)?;
        Ok(file)
    }

    /// Reads a saved run.
    ///
    /// # Errors
    /// When there is none in that file.
    pub fn load(file: &Path) -> Result<Self, BenchError> {
        let text = fs::read_to_string(file).map_err(|error| BenchError::file(file, error))?;
        Ok(serde_json::from_str(&text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut results = Results::default();
        results.add("get64", "null", vec![100.0, 50.0, 100.0], "");
        results.add("get64", "ours", vec![85.0, 41.0, 79.0], "");
        results
    }

    fn budgets() -> Vec<Budget> {
        let text = "| id | figure | target | status |\n\
            | a | GET | `ours:get64 >= 0.80 x null` | promised |\n\
            | b | GET | `ours:get64 >= 90` | goal |\n\
            | c | idle | `ours:idle <= 400` | promised |";
        Budget::parse_all(text).unwrap()
    }

    #[test]
    fn a_verdict_is_about_the_median_of_the_ratios() {
        let mut results = results();
        results.judge(&budgets());
        let met: Vec<Option<bool>> = results.verdicts.iter().map(|verdict| verdict.met).collect();
        assert_eq!(met, [Some(true), Some(false), None]);
        assert_eq!(results.verdicts[0].figure.unwrap().median, 0.82);
        // A missed goal breaks nothing, nor does a promise that nobody asked about.
        assert!(results.broken_promises(&["get64"]).is_empty());
        assert_eq!(results.broken_promises(&["get64", "idle"])[0].budget.id, "c");
        results.series[1].values = vec![70.0, 35.0, 70.0];
        results.judge(&budgets());
        assert_eq!(results.broken_promises(&["get64"])[0].budget.id, "a");
    }

    #[test]
    fn a_rate_is_judged_unless_it_is_that_of_the_load() {
        let text = "| id | figure | target | status |\n|---|---|---|---|\n\
            | r | up | `ours:up_rate >= 1.0 x nginx` | goal |";
        for (server_busy, met) in [(0.95, Some(true)), (0.6, None)] {
            let mut results = Results::default();
            for (contender, busy, per_second) in [("ours", server_busy, 9.0), ("nginx", 1.0, 8.0)] {
                results.add("up", contender, vec![100.0], "");
                let sample = Sample { server_busy: busy, per_second, ..Sample::default() };
                results.series.last_mut().unwrap().samples.push(sample);
            }
            results.judge(&Budget::parse_all(text).unwrap());
            assert_eq!(results.verdicts[0].met, met);
            assert_eq!(results.warnings.len(), usize::from(met.is_none()), "it says why");
        }
    }

    #[test]
    fn a_peer_that_is_not_installed_excuses_the_comparison_with_it() {
        let mut results = Results::default();
        let text = "| id | figure | target | status |\n\
            | n | new | `ours:newconn >= 1.0 x nginx` | promised |";
        results.judge(&Budget::parse_all(text).unwrap());
        assert_eq!(results.broken_promises(&["newconn"]).len(), 1);
        results.missing.insert("nginx".to_owned(), "not installed".to_owned());
        assert!(results.broken_promises(&["newconn"]).is_empty());
    }

    #[test]
    fn what_is_saved_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut results = results();
        results.date = "2026-01-01T00-00-00Z".to_owned();
        results.judge(&budgets());
        let file = results.save(folder.path()).unwrap();
        assert_eq!(Results::load(&file).unwrap(), results);
        assert!(file.with_extension("svg").exists() && file.with_extension("png").exists());
    }
}
