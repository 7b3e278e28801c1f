//! Budgets: the targets of `stress/BUDGETS.md`, read from its table and compared with figures.
//!
//! A target is `WHO:WORKLOAD OP NUMBER`, with ` x OTHER` for "times what OTHER has in the same
//! round": `ours:get64 >= 0.80 x null`, `ours:syscalls <= 2.2`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::budgets::{Bound, BudgetError, rows};

/// The columns by which a budget table is known.
const COLUMNS: [&str; 4] = ["id", "figure", "target", "status"];

/// The columns of the table that says why a target is missed.
const REASON_COLUMNS: [&str; 2] = ["id", "why it is missed"];

/// A target as it should be written.
const EXAMPLE: &str = "who:workload >= 0.8 x other";

/// Why targets are missed, by the ids of their rows; for the page of results.
///
/// # Errors
/// When there is no such table, or a row of it is not whole.
pub fn reasons(markdown: &str) -> Result<BTreeMap<String, String>, BudgetError> {
    let rows = rows(markdown, &REASON_COLUMNS)?;
    Ok(rows.into_iter().map(|row| row.cells.map(str::to_owned).into()).collect())
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Stable name of the row.
    pub id: String,
    /// The figure in words.
    pub figure: String,
    /// What it must be.
    pub target: Target,
    /// A missed promise fails `stress/bench --enforce`; a goal only shows.
    pub promised: bool,
}

/// What a figure must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The contender whose figure it is.
    pub who: String,
    /// The workload, or another measured series.
    pub workload: String,
    /// At least, at most, exactly.
    pub bound: Bound,
    /// The number.
    pub number: f64,
    /// The contender whose figure the number multiplies.
    pub times: Option<String>,
}

impl Budget {
    /// All rows of the tables in `markdown` that have the columns of budgets.
    ///
    /// # Errors
    /// The first row that cannot be read; a budget is never skipped.
    pub fn parse_all(markdown: &str) -> Result<Vec<Self>, BudgetError> {
        let mut budgets: Vec<Self> = Vec::new();
        for row in rows(markdown, &COLUMNS)? {
            let (line, [id, figure, target, status]) = (row.line, row.cells);
            let promised = row.is_promised(status)?;
            let target = Target::parse(target.trim_matches('`'))
                .ok_or(BudgetError::Form { line, example: EXAMPLE })?;
            if budgets.iter().any(|earlier| earlier.id == id) {
                return Err(BudgetError::Twice { line });
            }
            budgets.push(Self { id: id.to_owned(), figure: figure.to_owned(), target, promised });
        }
        Ok(budgets)
    }
}

impl Target {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (subject, bound, number, times) = match words[..] {
            [subject, bound, number] => (subject, bound, number, None),
            [subject, bound, number, "x", times] => (subject, bound, number, Some(times)),
            _ => return None,
        };
        let (who, workload) = subject.split_once(':')?;
        let (bound, number) = Bound::parse(bound, number)?;
        Some(Self {
            who: who.to_owned(),
            workload: workload.to_owned(),
            bound,
            number,
            times: times.map(str::to_owned),
        })
    }

    /// Whether `figure` is what the target asks for.
    #[must_use]
    pub fn is_met(&self, figure: f64) -> bool {
        self.bound.holds(figure, self.number)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.bound, self.number)?;
        match &self.times {
            Some(times) => write!(f, " x {times}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "| id | figure | target | status |\n|---|---|---|---|\n";

    fn parsed(rows: &str) -> Result<Vec<Budget>, BudgetError> {
        Budget::parse_all(&format!("# Budgets\n\n{HEAD}{rows}\n"))
    }

    #[test]
    fn rows_become_budgets() {
        let rows = "| a | GET | `ours:get64 >= 0.80 x null` | promised |\n\
                    | b | calls | `ours:syscalls <= 2.2` | goal |";
        let budgets = parsed(rows).unwrap();
        assert_eq!(budgets.len(), 2);
        assert_eq!(budgets[0].target.times.as_deref(), Some("null"));
        assert_eq!(budgets[0].target.to_string(), "≥ 0.8 x null");
        assert!(budgets[0].promised && !budgets[1].promised);
        assert!(budgets[1].target.is_met(2.2) && !budgets[1].target.is_met(2.21));
        assert!(budgets[0].target.is_met(0.8) && !budgets[0].target.is_met(0.79));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_an_error_with_its_line() {
        let form = || BudgetError::Form { line: 5, example: EXAMPLE };
        for (row, error) in [
            ("| a | GET | ours:get64 > 1 | promised |", form()),
            ("| a | GET | ours:get64 >= 1 null | goal |", form()),
            ("| a | GET | get64 >= 1 | goal |", form()),
            ("| a | GET | ours:get64 >= nan | goal |", form()),
            ("| a | GET | ours:get64 >= 1 | maybe |", BudgetError::Status { line: 5 }),
            ("| a | GET | ours:get64 >= 1 |", BudgetError::Cells { line: 5, found: 3, wanted: 4 }),
        ] {
            assert_eq!(parsed(row), Err(error), "{row}");
        }
        let twice = "| a | GET | o:g >= 1 | goal |\n| a | GET | o:h >= 1 | goal |";
        assert_eq!(parsed(twice), Err(BudgetError::Twice { line: 6 }));
    }

    #[test]
    fn reasons_are_known_by_the_id_of_what_is_missed() {
        let text = format!(
            "{HEAD}| a | x | `ours:get64 >= 1` | goal |\n\n\
             | id | why it is missed |\n|---|---|\n| a | because |\n\n| b | no row |\n"
        );
        let expected = BTreeMap::from([("a".to_owned(), "because".to_owned())]);
        assert_eq!(reasons(&text), Ok(expected));
        assert!(reasons(HEAD).is_err());
        let committed = include_str!("../../BUDGETS.md");
        let budgets = Budget::parse_all(committed).unwrap();
        for id in reasons(committed).unwrap().keys() {
            assert!(budgets.iter().any(|budget| budget.id == *id), "{id}");
        }
    }

    #[test]
    fn the_committed_budgets_name_workloads_that_exist() {
        let budgets = Budget::parse_all(include_str!("../../BUDGETS.md")).unwrap();
        assert!(budgets.iter().filter(|budget| budget.promised).count() >= 10);
        for budget in budgets {
            let name = super::super::results::measured_with(&budget.target.workload);
            let exists = super::super::workload::WORKLOADS.iter().any(|other| other.name == name);
            assert!(exists, "{}: {name}", budget.id);
        }
    }
}
