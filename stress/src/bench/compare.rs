//! What changed since an earlier run: ratios and counts of ours, then and now.
//!
//! Absolute rates belong to the machine and the minute. What is compared is what a figure is to its
//! yardstick in the same round, and what does not depend on the machine's speed at all.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::error::BenchError;
use super::results::{Results, Series, measured_with};
use super::stats::Spread;
use super::workload::{Better, WORKLOADS};

/// Counts and medians that differ by less are the same: the noise of valgrind and of a page.
const SAME_SHARE: f64 = 0.01;

/// All that can be compared with an earlier run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// When the earlier run began.
    pub date: String,
    /// What was measured then.
    pub commit: String,
    /// The figures that both have.
    pub changes: Vec<Change>,
    /// Ids of targets that are met now and were missed.
    pub newly_met: Vec<String>,
    /// Ids of targets that were met and are missed now.
    pub newly_missed: Vec<String>,
}

/// One figure, then and now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The workload, or a series beside it.
    pub workload: String,
    /// Whose figure it is.
    pub contender: String,
    /// What it is a share of; nothing for a figure that stands alone.
    pub of: Option<String>,
    /// Then.
    pub then: Spread,
    /// Now.
    pub now: Spread,
    /// What became of it.
    pub judgement: Judgement,
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The medians lie inside each other's rounds.
    Same,
    /// It changed by more than its spread, to the good.
    Better,
    /// It changed by more than its spread, to the bad.
    Worse,
}

impl Judgement {
    fn of(then: &Spread, now: &Spread, better: Better) -> Self {
        let within = |spread: &Spread, value: f64| (spread.min..=spread.max).contains(&value);
        let same = (now.median - then.median).abs() <= then.median.abs() * SAME_SHARE;
        if same || within(then, now.median) || within(now, then.median) {
            return Self::Same;
        }
        let more = now.median > then.median;
        if more == (better == Better::More) { Self::Better } else { Self::Worse }
    }

    /// One word about it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Better => "better",
            Self::Worse => "WORSE",
        }
    }
}

impl Change {
    /// The change of the median in percent.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.then.median == 0.0 {
            0.0
        } else {
            (self.now.median / self.then.median - 1.0) * 100.0
        }
    }
}

impl Comparison {
    /// Compares what both runs have.
    pub(super) fn of(then: &Results, now: &Results) -> Self {
        let changes = now.series.iter().filter_map(|series| change(then, now, series));
        let turned = |from: bool, to: bool| {
            let was = |id: &str| {
                let earlier = then.verdicts.iter().find(|verdict| verdict.budget.id == id);
                earlier.and_then(|verdict| verdict.met)
            };
            let verdicts = now.verdicts.iter().filter(|verdict| verdict.met == Some(to));
            let ids = verdicts.map(|verdict| &verdict.budget.id);
            ids.filter(|id| was(id) == Some(from)).cloned().collect()
        };
        Self {
            date: then.date.clone(),
            commit: then.machine.commit.clone(),
            changes: changes.collect(),
            newly_met: turned(false, true),
            newly_missed: turned(true, false),
        }
    }
}

fn change(then: &Results, now: &Results, series: &Series) -> Option<Change> {
    let Series { workload: name, contender, .. } = series;
    let workload = WORKLOADS.iter().find(|one| one.name == measured_with(name))?;
    // Peers differ from run to run as the machine does; what they are to ours is in our figures.
    if !["ours", "inline", "auto"].contains(&contender.as_str()) {
        return None;
    }
    let of = workload.is_timed().then(|| workload.yardstick());
    let figure = |results: &Results| {
        let series = results.series(contender, name)?;
        match of {
            None => Spread::of(&series.values),
            Some(of) => Spread::of_ratios(&series.values, &results.series(of, name)?.values),
        }
    };
    let (then, now) = (figure(then)?, figure(now)?);
    let better = if name == workload.name { workload.better() } else { better_beside(name) };
    let judgement = Judgement::of(&then, &now, better);
    let of = of.map(str::to_owned);
    Some(Change { workload: name.clone(), contender: contender.clone(), of, then, now, judgement })
}

/// Series beside workloads are prices, but for requests per second.
fn better_beside(series: &str) -> Better {
    if series.ends_with("_rate") { Better::More } else { Better::Less }
}

/// The newest results that are committed in `folder`, but `except`; with no git, those that lie
/// there.
pub(super) fn newest(folder: &Path, except: &str) -> Option<PathBuf> {
    let listed = Command::new("git").arg("ls-files").arg("--").arg(folder).output();
    let committed = listed.ok().filter(|output| output.status.success()).map(|output| {
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        names.lines().map(PathBuf::from).collect::<Vec<_>>()
    });
    let files = committed.or_else(|| {
        let entries = std::fs::read_dir(folder).ok()?;
        Some(entries.flatten().map(|entry| entry.path()).collect())
    });
    newest_of(files?, except)
}

/// Results are named by their date, and nothing else in the folder is named so.
fn newest_of(files: Vec<PathBuf>, except: &str) -> Option<PathBuf> {
    let dated = files.into_iter().filter(|file| {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        is_json && stem.starts_with(|first: char| first.is_ascii_digit()) && stem != except
    });
    dated.max_by(|one, other| one.file_name().cmp(&other.file_name()))
}

/// Compares `now` with the results in `against`, or else with the newest in `folder`; `None` when
/// there are none.
pub(super) fn look_back(
    against: Option<&Path>,
    folder: &Path,
    now: &Results,
) -> Result<Option<Comparison>, BenchError> {
    let newest = || newest(folder, &now.date);
    let Some(file) = against.map(Path::to_path_buf).or_else(newest) else { return Ok(None) };
    let then = Results::load(&file)?;
    Ok(Some(Comparison::of(&then, now)))
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::*;

    fn run(ours: [f64; 3], instructions: f64) -> Results {
        let mut results = Results::default();
        // The machine was half as fast in the second round.
        results.add("get64", "null", vec![100.0, 50.0, 100.0], "");
        results.add("get64", "ours", ours.to_vec(), "");
        results.add("get64", "nginx", vec![50.0, 60.0, 70.0], "");
        results.add("instructions", "ours", vec![instructions], "");
        let text = "| id | figure | target | status |\n\
            | get64 | GET | `ours:get64 >= 0.80 x null` | promised |\n\
            | count | GET | `ours:instructions <= 3000` | goal |";
        results.judge(&Budget::parse_all(text).unwrap());
        results
    }

    fn judged(then: &Results, now: &Results) -> Vec<(String, Judgement)> {
        let changes = Comparison::of(then, now).changes.into_iter();
        changes.map(|change| (change.workload, change.judgement)).collect()
    }

    #[test]
    fn ratios_are_compared_and_not_rates() {
        let then = run([80.0, 40.0, 82.0], 3000.0);
        let mut now = run([40.0, 20.0, 41.0], 3000.0);
        now.series[0].values = vec![50.0, 25.0, 50.0];
        let comparison = Comparison::of(&then, &now);
        assert_eq!(comparison.changes[0].of.as_deref(), Some("null"));
        assert!(comparison.changes.iter().all(|change| change.judgement == Judgement::Same));
        assert!(comparison.changes[0].percent().abs() < 1e-9);
        // Peers are not ours to compare.
        assert_eq!(comparison.changes.len(), 2);
    }

    #[test]
    fn only_what_changed_by_more_than_its_spread_is_flagged() {
        let then = run([80.0, 42.0, 85.0], 3000.0);
        let inside = judged(&then, &run([81.0, 42.5, 84.0], 3020.0));
        assert!(inside.iter().all(|(_, judgement)| *judgement == Judgement::Same), "{inside:?}");
        let worse = judged(&then, &run([70.0, 36.0, 71.0], 3100.0));
        assert!(worse.iter().all(|(_, judgement)| *judgement == Judgement::Worse), "{worse:?}");
        let better = judged(&then, &run([90.0, 46.0, 95.0], 2900.0));
        assert!(better.iter().all(|(_, judgement)| *judgement == Judgement::Better), "{better:?}");
    }

    #[test]
    fn targets_that_turned_are_named() {
        let comparison = Comparison::of(&run([79.0; 3], 2900.0), &run([300.0; 3], 3100.0));
        assert_eq!(comparison.newly_met, ["get64"]);
        assert_eq!(comparison.newly_missed, ["count"]);
        let back = Comparison::of(&run([300.0; 3], 3100.0), &run([79.0, 39.0, 79.0], 2900.0));
        assert_eq!(back.newly_met, ["count"]);
        assert_eq!(back.newly_missed, ["get64"]);
    }

    #[test]
    fn the_newest_is_the_one_with_the_last_date_in_its_name() {
        let files = [
            "results/2026-11-21T04-03-18Z.json",
            "results/2026-11-21T07-05-54Z.svg",
            "results/2026-11-21T07-05-54Z.json",
            "results/growth-2026-12-01T00-00-00Z.json",
            "results/2026-11-22T00-00-00Z.json",
        ];
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let found = newest_of(files.clone(), "2026-11-22T00-00-00Z").unwrap();
        assert_eq!(found, files[2]);
        assert_eq!(newest_of(Vec::new(), ""), None);
    }

    #[test]
    fn without_an_earlier_run_nothing_is_compared() {
        let folder = tempfile::tempdir().unwrap();
        let now = run([80.0; 3], 3000.0);
        assert_eq!(look_back(None, folder.path(), &now).unwrap(), None);
        let file = folder.path().join("x.json");
        std::fs::write(&file, serde_json::to_string(&now).unwrap()).unwrap();
        let found = look_back(Some(&file), folder.path(), &now).unwrap().unwrap();
        assert_eq!(found.changes.len(), 2);
        assert!(look_back(Some(Path::new("/nowhere.json")), folder.path(), &now).is_err());
    }
}
