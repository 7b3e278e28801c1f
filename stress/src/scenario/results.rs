//! What a run came to: figures held against their budgets, as a table, as JSON, as a page.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::budget::{EVERY, Figure, Row};
use super::catalog::SCENARIOS;
use super::failure::{Failure, Result};
use crate::bench::machine::Machine;

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// When it began.
    pub date: String,
    /// The command line.
    pub command: String,
    /// Where it ran.
    pub machine: Machine,
    /// How long it took.
    pub seconds: f64,
    /// What was played, in its order.
    pub plays: Vec<Play>,
    /// Every figure with its budget.
    pub verdicts: Vec<Verdict>,
}

/// One scenario that was played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Play {
    /// Its name.
    pub scenario: String,
    /// How long it took.
    pub seconds: f64,
    /// Why it came to no end, if it did not.
    pub failure: Option<String>,
    /// Whether that is the server's fault.
    pub blames_server: bool,
    /// Ids of figures of all scenarios that make no sense in this one.
    pub without: Vec<String>,
    /// Ids of figures that no budget is about.
    pub unbudgeted: Vec<String>,
    /// What was measured.
    pub figures: Vec<Figure>,
}

/// A budget, and what became of it in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The scenario, also where the row is about all.
    pub scenario: String,
    /// The row.
    pub row: Row,
    /// The figure; `None` when the scenario came to no end before it.
    pub figure: Option<Figure>,
    /// Whether it is what it should be.
    pub met: bool,
}

/// What a run ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All promises are kept.
    Kept,
    /// A promise is broken.
    Broken,
    /// Something could not be run, and nothing that could broke a promise.
    Unrun,
}

impl Play {
    /// Holds its figures against the rows that are about it.
    #[must_use]
    pub fn judge(&self, rows: &[Row]) -> Vec<Verdict> {
        let applies = |row: &Row| !self.without.contains(&row.id);
        let about =
            |row: &&Row| row.scenario == self.scenario || row.scenario == EVERY && applies(row);
        rows.iter().filter(about).map(|row| self.judge_row(row)).collect()
    }

    fn judge_row(&self, row: &Row) -> Verdict {
        let figure = self.figures.iter().find(|figure| figure.id == row.id).cloned();
        let met = figure.as_ref().is_some_and(|figure| row.budget.is_met(figure));
        Verdict { scenario: self.scenario.clone(), row: row.clone(), figure, met }
    }

    /// Finds the figures that no row is about.
    pub fn find_unbudgeted(&mut self, rows: &[Row]) {
        let has =
            |figure: &&Figure| rows.iter().any(|row| row.is_about(&self.scenario, &figure.id));
        let without = self.figures.iter().filter(|figure| !has(figure));
        self.unbudgeted = without.map(|figure| figure.id.clone()).collect();
    }

    /// Whether it could not be played, for reasons that are not the server's.
    #[must_use]
    pub fn is_unrun(&self) -> bool {
        self.failure.is_some() && !self.blames_server
    }
}

impl Verdict {
    /// One word or two.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.figure, self.met) {
            (None, _) => "not measured",
            (_, true) => "met",
            (_, false) if self.row.promised => "BROKEN",
            (_, false) => "missed",
        }
    }
}

impl Results {
    /// What all of it comes to. What could not be measured in a scenario that was played to its end
    /// is broken.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let unrun =
            |name: &str| self.plays.iter().any(|play| play.scenario == name && play.is_unrun());
        let broken = |verdict: &Verdict| {
            verdict.row.promised
                && !verdict.met
                && (verdict.figure.is_some() || !unrun(&verdict.scenario))
        };
        let blamed = self.plays.iter().any(|play| play.failure.is_some() && play.blames_server);
        let unjudged = self.plays.iter().any(|play| !play.unbudgeted.is_empty());
        if blamed || unjudged || self.verdicts.iter().any(broken) {
            Outcome::Broken
        } else if self.plays.iter().any(Play::is_unrun) {
            Outcome::Unrun
        } else {
            Outcome::Kept
        }
    }

    /// The table of all budgets, headings first.
    #[must_use]
    pub fn table(&self) -> Vec<[String; 6]> {
        let headings = ["scenario", "figure", "measured", "budget", "verdict", "remark"];
        let mut table = vec![headings.map(str::to_owned)];
        for verdict in &self.verdicts {
            let figure = verdict.figure.as_ref();
            table.push([
                verdict.scenario.clone(),
                verdict.row.id.clone(),
                figure.map_or_else(String::new, |figure| figure.to_string().trim().to_owned()),
                verdict.row.budget.to_string().trim().to_owned(),
                verdict.word().to_owned(),
                figure.map_or_else(String::new, |figure| figure.remark.clone()),
            ]);
        }
        table
    }

    /// Reads a saved run.
    ///
    /// # Errors
    /// When the file cannot be read, or is none.
    pub fn load(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|error| Failure::file(file, error))?;
        serde_json::from_str(&text).map_err(Failure::Saved)
    }

    /// Writes the run to `file`, or to one named by its date below `stress/results`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, file: Option<&Path>) -> Result<PathBuf> {
        let named = || PathBuf::from(format!("stress/results/stress-{}.json", self.date));
        let file = file.map_or_else(named, Path::to_owned);
        let text = serde_json::to_string_pretty(self).map_err(Failure::Saved)?;
        fs::write(&file, text + "\n").map_err(|error| Failure::file(&file, error))?;
        Ok(file)
    }

    /// The page about the scenarios, with the table of this run.
    #[must_use]
    pub fn page(&self, saved: &Path) -> String {
        let mut page = String::from(
            "# Scenarios\n\n\
             <!-- Written by ci/stress --scale full, or ci/stress --render FILE. -->\n\n\
             What `ci/stress` does to a server, and what came of it. Each starts the real\n\
             binary; honest clients ask all the while, and every answer of theirs is compared.\n\n\
             | number | scenario | what happens |\n|---|---|---|\n",
        );
        for (index, scenario) in SCENARIOS.iter().enumerate() {
            // Writing to a String cannot fail.
            let _written =
                writeln!(page, "| {} | `{}` | {} |", index + 1, scenario.name, scenario.about);
        }
        let Machine { processor, cpus, kernel, commit, .. } = &self.machine;
        let _written = write!(
            page,
            "\n## The last run\n\n    {}\n\n{processor} ({cpus} CPUs), Linux {kernel}, \
             sources {commit}, {}, {:.0} s, `{}`.\nFigures that every scenario has are shown \
             once, with the worst of them.\n\n",
            self.command,
            self.date,
            self.seconds,
            saved.display()
        );
        page.push_str(&self.rows_of_page());
        page
    }

    /// Of the verdicts about one row the worst, the first of them where several are; what was not
    /// measured is worst of all.
    fn worst_of_each_row(&self) -> Vec<&Verdict> {
        let value = |one: &Verdict| one.figure.as_ref().map_or(f64::MAX, |figure| figure.value);
        let mut worst: Vec<&Verdict> = Vec::new();
        for (place, verdict) in self.verdicts.iter().enumerate() {
            let same = |other: &&Verdict| other.row == verdict.row;
            let (before, after) = self.verdicts.split_at(place);
            let earlier = before.iter().filter(same).all(|other| value(other) < value(verdict));
            let later = after.iter().filter(same).all(|other| value(other) <= value(verdict));
            if earlier && later {
                worst.push(verdict);
            }
        }
        worst
    }

    fn rows_of_page(&self) -> String {
        let mut text =
            String::from("| scenario | figure | measured | budget | verdict | remark |\n");
        text.push_str("|---|---|---|---|---|---|\n");
        for verdict in self.worst_of_each_row() {
            let figure = verdict.figure.as_ref();
            let _written = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                verdict.row.scenario,
                verdict.row.figure,
                figure.map_or_else(String::new, |figure| figure.to_string().trim().to_owned()),
                verdict.row.budget.to_string().trim(),
                verdict.word(),
                figure.map_or("", |figure| figure.remark.as_str()).replace('|', "/"),
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::*;
    use crate::budgets::Bound;

    fn row(id: &str, scenario: &str, promised: bool) -> Row {
        let budget = Budget { bound: Bound::AtMost, number: 1.0, unit: String::new() };
        let [id, scenario, figure] = [id, scenario, "words"].map(str::to_owned);
        Row { id, scenario, figure, budget, promised }
    }

    fn play(figures: &[(&str, f64)], failure: Option<&str>, blames_server: bool) -> Play {
        let figure = |&(id, value): &(&str, f64)| Figure {
            id: id.to_owned(),
            value,
            unit: String::new(),
            remark: String::new(),
        };
        Play {
            scenario: "s".to_owned(),
            seconds: 1.0,
            failure: failure.map(str::to_owned),
            blames_server,
            without: vec!["n".to_owned()],
            unbudgeted: Vec::new(),
            figures: figures.iter().map(figure).collect(),
        }
    }

    fn outcome(play: Play, rows: &[Row]) -> Outcome {
        let verdicts = play.judge(rows);
        Results { plays: vec![play], verdicts, ..Results::default() }.outcome()
    }

    #[test]
    fn a_run_is_what_its_worst_promise_is() {
        let rows = [
            row("a", "s", true),
            row("b", EVERY, true),
            row("c", "s", false),
            row("n", EVERY, true),
        ];
        let good = play(&[("a", 1.0), ("b", 0.0), ("c", 9.0)], None, false);
        assert_eq!(outcome(good, &rows), Outcome::Kept);
        let over = play(&[("a", 1.1), ("b", 0.0), ("c", 0.0)], None, false);
        assert_eq!(outcome(over, &rows), Outcome::Broken);
        let missing = play(&[("a", 1.0), ("c", 0.0)], None, false);
        assert_eq!(outcome(missing, &rows), Outcome::Broken);
        let unrun = play(&[("a", 1.0)], Some("no descriptors"), false);
        assert_eq!(outcome(unrun, &rows), Outcome::Unrun);
        let died = play(&[("a", 1.0)], Some("it died"), true);
        assert_eq!(outcome(died, &rows), Outcome::Broken);
        let both = play(&[("a", 2.0)], Some("no descriptors"), false);
        assert_eq!(outcome(both, &rows), Outcome::Broken);
    }

    #[test]
    fn a_figure_without_a_row_is_found() {
        let rows = [row("a", EVERY, true), row("x", "t", true)];
        let mut play = play(&[("a", 1.0), ("x", 1.0)], None, false);
        play.find_unbudgeted(&rows);
        assert_eq!(play.unbudgeted, ["x"]);
        assert_eq!(outcome(play, &rows), Outcome::Broken);
    }

    #[test]
    fn results_survive_json_and_become_a_page() {
        let play = play(&[("a", 1.0)], None, false);
        let verdicts = play.judge(&[row("a", "s", true)]);
        let results = Results { plays: vec![play], verdicts, ..Results::default() };
        let json = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&json).unwrap(), results);
        assert!(results.page(Path::new("x.json")).contains("| s | words | 1 | ≤ 1 | met |  |"));
        assert_eq!(results.table()[1][..5], ["s", "a", "1", "≤ 1", "met"]);
    }
}
