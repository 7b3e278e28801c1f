//! Budgets of scenarios: the second table of `stress/BUDGETS.md`, and the figures it judges.
//!
//! A budget is `<= NUMBER UNIT`, `>= NUMBER UNIT` or `= NUMBER UNIT`; the unit is missing where the
//! figure is a count or a ratio. A row whose scenario is [`EVERY`] is about each of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::budgets::{Bound, BudgetError, rows};

/// The columns by which the table is known.
const COLUMNS: [&str; 5] = ["id", "scenario", "figure", "budget", "status"];
/// The scenario of rows that are about all of them.
pub const EVERY: &str = "every";
/// A budget as it should be written.
const EXAMPLE: &str = "<= 250 ms";

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Stable name of the figure; unique within its scenario.
    pub id: String,
    /// Name of the scenario, or [`EVERY`].
    pub scenario: String,
    /// The figure in words.
    pub figure: String,
    /// What it must be.
    pub budget: Budget,
    /// A promise that is broken fails the run; a goal only shows.
    pub promised: bool,
}

/// What a figure must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// At least, at most, exactly.
    pub bound: Bound,
    /// The number.
    pub number: f64,
    /// Its unit; empty for counts and ratios.
    pub unit: String,
}

/// Something that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The id of its row.
    pub id: String,
    /// The number, in `unit`.
    pub value: f64,
    /// Empty for counts and ratios.
    pub unit: String,
    /// What stands behind the number.
    pub remark: String,
}

/// Where rows and what scenarios measure do not go together.
#[derive(Debug, PartialEq)]
pub enum Mismatch {
    /// A row that nobody measures.
    Unmeasured {
        /// Its scenario.
        scenario: String,
        /// Its id.
        id: String,
    },
    /// A figure that has no row.
    Unbudgeted {
        /// Its scenario.
        scenario: String,
        /// Its id.
        id: String,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmeasured { scenario, id } => {
                write!(f, "{id} of {scenario} has a row, and nobody measures it")
            }
            Self::Unbudgeted { scenario, id } => {
                write!(f, "{id} of {scenario} is measured, and has no row")
            }
        }
    }
}

impl Row {
    /// All rows of the tables in `markdown` that have the columns.
    ///
    /// # Errors
    /// The first row that cannot be read; none is ever skipped.
    pub fn parse_all(markdown: &str) -> Result<Vec<Self>, BudgetError> {
        let mut parsed: Vec<Self> = Vec::new();
        for row in rows(markdown, &COLUMNS)? {
            let (line, [id, scenario, figure, budget, status]) = (row.line, row.cells);
            let promised = row.is_promised(status)?;
            let budget = Budget::parse(budget.trim_matches('`'))
                .ok_or(BudgetError::Form { line, example: EXAMPLE })?;
            if parsed.iter().any(|other| (&*other.id, &*other.scenario) == (id, scenario)) {
                return Err(BudgetError::Twice { line });
            }
            let [id, scenario, figure] = [id, scenario, figure].map(str::to_owned);
            parsed.push(Self { id, scenario, figure, budget, promised });
        }
        Ok(parsed)
    }

    /// Whether this row is about the figure `id` of `scenario`.
    #[must_use]
    pub fn is_about(&self, scenario: &str, id: &str) -> bool {
        self.id == id && (self.scenario == scenario || self.scenario == EVERY)
    }
}

/// Holds rows and declared figures, as pairs of scenario and id, against each other.
#[must_use]
pub fn mismatches(rows: &[Row], declared: &[(&str, &str)]) -> Vec<Mismatch> {
    let budgeted: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.scenario, &*row.id)).collect();
    let without = |one: &[(&str, &str)], other: &[(&str, &str)]| -> Vec<(String, String)> {
        let alone = one.iter().filter(|pair| !other.contains(pair));
        alone.map(|&(scenario, id)| (scenario.to_owned(), id.to_owned())).collect()
    };
    let unmeasured = without(&budgeted, declared).into_iter();
    let unbudgeted = without(declared, &budgeted).into_iter();
    unmeasured
        .map(|(scenario, id)| Mismatch::Unmeasured { scenario, id })
        .chain(unbudgeted.map(|(scenario, id)| Mismatch::Unbudgeted { scenario, id }))
        .collect()
}

impl Budget {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (bound, number, unit) = match words[..] {
            [bound, number] => (bound, number, ""),
            [bound, number, unit] => (bound, number, unit),
            _ => return None,
        };
        let (bound, number) = Bound::parse(bound, number)?;
        Some(Self { bound, number, unit: unit.to_owned() })
    }

    /// Whether `figure` is what is asked for. Another unit never is, nor is what is no number.
    #[must_use]
    pub fn is_met(&self, figure: &Figure) -> bool {
        figure.unit == self.unit && self.bound.holds(figure.value, self.number)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.bound, self.number, self.unit)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.value.abs() {
            value if value == value.trunc() => 0,
            value if value < 10.0 => 2,
            value if value < 100.0 => 1,
            _ => 0,
        };
        write!(f, "{:.digits$} {}", self.value, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "| id | scenario | figure | budget | status |\n|---|---|---|---|---|\n";

    fn parsed(rows: &str) -> Result<Vec<Row>, BudgetError> {
        Row::parse_all(&format!("# Budgets\n\n{HEAD}{rows}\n"))
    }

    fn figure(value: f64, unit: &str) -> Figure {
        Figure { id: "x".to_owned(), value, unit: unit.to_owned(), remark: String::new() }
    }

    #[test]
    fn rows_become_budgets() {
        let rows = parsed(
            "| wrong | every | answers | `= 0` | promised |\n\
             | p99 | short | latency | `<= 250 ms` | goal |\n\
             | p99 | kept | latency | `<= 100 ms` | promised |",
        )
        .unwrap();
        assert_eq!(rows.len(), 3);
        assert!(rows[0].promised && !rows[1].promised);
        assert!(rows[0].is_about("kept", "wrong") && rows[0].is_about("short", "wrong"));
        assert!(rows[1].is_about("short", "p99") && !rows[1].is_about("kept", "p99"));
        assert_eq!(rows[1].budget.to_string(), "≤ 250 ms");
    }

    #[test]
    fn a_budget_judges_its_own_unit_alone() {
        let most = Budget::parse("<= 250 ms").unwrap();
        assert!(most.is_met(&figure(250.0, "ms")) && !most.is_met(&figure(250.1, "ms")));
        assert!(!most.is_met(&figure(1.0, "s")) && !most.is_met(&figure(f64::NAN, "ms")));
        let least = Budget::parse(">= 0.5").unwrap();
        assert!(least.is_met(&figure(0.5, "")) && !least.is_met(&figure(0.49, "")));
        let none = Budget::parse("= 0").unwrap();
        assert!(none.is_met(&figure(0.0, "")) && !none.is_met(&figure(1.0, "")));
        assert!(!none.is_met(&figure(-1.0, "")));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_an_error_with_its_line() {
        let form = || BudgetError::Form { line: 5, example: EXAMPLE };
        for (row, error) in [
            ("| a | b | c | < 1 | promised |", form()),
            ("| a | b | c | <= one | promised |", form()),
            ("| a | b | c | <= nan | promised |", form()),
            ("| a | b | c | <= 1 ms each | goal |", form()),
            ("| a | b | c | <= 1 | maybe |", BudgetError::Status { line: 5 }),
            ("| a | b | <= 1 | goal |", BudgetError::Cells { line: 5, found: 4, wanted: 5 }),
        ] {
            assert_eq!(parsed(row), Err(error), "{row}");
        }
        let twice = "| a | b | c | = 0 | goal |\n| a | b | d | = 1 | goal |";
        assert_eq!(parsed(twice), Err(BudgetError::Twice { line: 6 }));
    }

    #[test]
    fn rows_and_figures_have_to_match_both_ways() {
        let rows = parsed("| a | s | c | = 0 | goal |\n| b | every | c | = 0 | goal |").unwrap();
        assert!(mismatches(&rows, &[("s", "a"), (EVERY, "b")]).is_empty());
        let (s, a, t) = ("s".to_owned(), "a".to_owned(), "t".to_owned());
        assert_eq!(
            mismatches(&rows, &[(EVERY, "b")]),
            [Mismatch::Unmeasured { scenario: s, id: a.clone() }]
        );
        assert_eq!(
            mismatches(&rows, &[("s", "a"), (EVERY, "b"), ("t", "a")]),
            [Mismatch::Unbudgeted { scenario: t, id: a }]
        );
    }
}
