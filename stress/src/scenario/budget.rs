//! Budgets of scenarios: the second table of `stress/BUDGETS.md`, and the figures it judges.
//!
//! A budget is `<= NUMBER UNIT`, `>= NUMBER UNIT` or `= NUMBER UNIT`; the unit is missing where the
//! figure is a count or a ratio. A row whose scenario is [`EVERY`] is about each of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The columns by which the table is known.
const COLUMNS: [&str; 5] = ["id", "scenario", "figure", "budget", "status"];
/// The scenario of rows that are about all of them.
pub const EVERY: &str = "every";

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

/// The direction of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `=`
    Exactly,
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

/// A row that cannot be read, or that does not go with what scenarios measure.
#[derive(Debug, PartialEq)]
pub enum BudgetError {
    /// No table has the columns.
    NoTable,
    /// A row has another number of cells.
    Cells {
        /// Line of the file, from 1.
        line: usize,
        /// Cells found.
        found: usize,
    },
    /// A budget is not of the form above.
    Form {
        /// Line of the file, from 1.
        line: usize,
    },
    /// A status is neither `promised` nor `goal`.
    Status {
        /// Line of the file, from 1.
        line: usize,
    },
    /// Two rows are about the same figure.
    Twice {
        /// Line of the second one, from 1.
        line: usize,
    },
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

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => write!(f, "no table with the columns {}", COLUMNS.join(", ")),
            Self::Cells { line, found } => {
                write!(f, "line {line}: {found} cells where {} belong", COLUMNS.len())
            }
            Self::Form { line } => write!(f, "line {line}: a budget reads `<= 250 ms` or `= 0`"),
            Self::Status { line } => write!(f, "line {line}: status is `promised` or `goal`"),
            Self::Twice { line } => write!(f, "line {line}: this figure has a row already"),
            Self::Unmeasured { scenario, id } => {
                write!(f, "{id} of {scenario} has a row, and nobody measures it")
            }
            Self::Unbudgeted { scenario, id } => {
                write!(f, "{id} of {scenario} is measured, and has no row")
            }
        }
    }
}

impl std::error::Error for BudgetError {}

impl Row {
    /// All rows of all tables in `markdown` that have the columns.
    ///
    /// # Errors
    /// The first row that cannot be read; none is ever skipped.
    pub fn parse_all(markdown: &str) -> Result<Vec<Self>, BudgetError> {
        let mut rows: Vec<Self> = Vec::new();
        let (mut tables, mut inside) = (0, false);
        for (index, text) in markdown.lines().enumerate() {
            let line = index + 1;
            let Some(cells) = cells_of(text) else {
                inside = false;
                continue;
            };
            if cells == COLUMNS {
                inside = true;
                tables += 1;
            } else if inside && !is_rule(&cells) {
                let row = Self::parse(&cells, line)?;
                if rows.iter().any(|other| (&other.id, &other.scenario) == (&row.id, &row.scenario))
                {
                    return Err(BudgetError::Twice { line });
                }
                rows.push(row);
            }
        }
        if tables == 0 { Err(BudgetError::NoTable) } else { Ok(rows) }
    }

    fn parse(cells: &[&str], line: usize) -> Result<Self, BudgetError> {
        let &[id, scenario, figure, budget, status] = cells else {
            return Err(BudgetError::Cells { line, found: cells.len() });
        };
        let promised = match status {
            "promised" => true,
            "goal" => false,
            _ => return Err(BudgetError::Status { line }),
        };
        let budget = Budget::parse(budget.trim_matches('`')).ok_or(BudgetError::Form { line })?;
        let [id, scenario, figure] = [id, scenario, figure].map(str::to_owned);
        Ok(Self { id, scenario, figure, budget, promised })
    }

    /// Whether this row is about the figure `id` of `scenario`.
    #[must_use]
    pub fn is_about(&self, scenario: &str, id: &str) -> bool {
        self.id == id && (self.scenario == scenario || self.scenario == EVERY)
    }
}

/// Holds rows and declared figures, as pairs of scenario and id, against each other.
#[must_use]
pub fn mismatches(rows: &[Row], declared: &[(&str, &str)]) -> Vec<BudgetError> {
    let measured = |row: &&Row| {
        !declared
            .iter()
            .any(|&(scenario, id)| (row.scenario.as_str(), row.id.as_str()) == (scenario, id))
    };
    let unmeasured = rows
        .iter()
        .filter(measured)
        .map(|row| BudgetError::Unmeasured { scenario: row.scenario.clone(), id: row.id.clone() });
    let judged = |&&(scenario, id): &&(&str, &str)| {
        !rows.iter().any(|row| (row.scenario.as_str(), row.id.as_str()) == (scenario, id))
    };
    let unbudgeted = declared.iter().filter(judged).map(|&(scenario, id)| {
        BudgetError::Unbudgeted { scenario: scenario.to_owned(), id: id.to_owned() }
    });
    unmeasured.chain(unbudgeted).collect()
}

impl Budget {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (bound, number, unit) = match words[..] {
            [bound, number] => (bound, number, ""),
            [bound, number, unit] => (bound, number, unit),
            _ => return None,
        };
        let bound = match bound {
            ">=" => Bound::AtLeast,
            "<=" => Bound::AtMost,
            "=" => Bound::Exactly,
            _ => return None,
        };
        let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite())?;
        Some(Self { bound, number, unit: unit.to_owned() })
    }

    /// Whether `figure` is what is asked for. Another unit never is, nor is what is no number.
    #[must_use]
    pub fn is_met(&self, figure: &Figure) -> bool {
        figure.unit == self.unit
            && match self.bound {
                Bound::AtLeast => figure.value >= self.number,
                Bound::AtMost => figure.value <= self.number,
                #[expect(clippy::float_cmp, reason = "budgets of this kind are about counts")]
                Bound::Exactly => figure.value == self.number,
            }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.bound {
            Bound::AtLeast => "≥",
            Bound::AtMost => "≤",
            Bound::Exactly => "=",
        };
        write!(f, "{sign} {} {}", self.number, self.unit)
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

fn cells_of(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

fn is_rule(cells: &[&str]) -> bool {
    cells.iter().all(|cell| !cell.is_empty() && cell.bytes().all(|octet| b"-:".contains(&octet)))
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
        for (row, error) in [
            ("| a | b | c | < 1 | promised |", BudgetError::Form { line: 5 }),
            ("| a | b | c | <= one | promised |", BudgetError::Form { line: 5 }),
            ("| a | b | c | <= nan | promised |", BudgetError::Form { line: 5 }),
            ("| a | b | c | <= 1 ms each | goal |", BudgetError::Form { line: 5 }),
            ("| a | b | c | <= 1 | maybe |", BudgetError::Status { line: 5 }),
            ("| a | b | <= 1 | goal |", BudgetError::Cells { line: 5, found: 4 }),
        ] {
            assert_eq!(parsed(row), Err(error), "{row}");
        }
        let twice = "| a | b | c | = 0 | goal |\n| a | b | d | = 1 | goal |";
        assert_eq!(parsed(twice), Err(BudgetError::Twice { line: 6 }));
        assert_eq!(Row::parse_all("| a | b |"), Err(BudgetError::NoTable));
    }

    #[test]
    fn rows_and_figures_have_to_match_both_ways() {
        let rows = parsed("| a | s | c | = 0 | goal |\n| b | every | c | = 0 | goal |").unwrap();
        assert!(mismatches(&rows, &[("s", "a"), (EVERY, "b")]).is_empty());
        let (s, a, t) = ("s".to_owned(), "a".to_owned(), "t".to_owned());
        assert_eq!(
            mismatches(&rows, &[(EVERY, "b")]),
            [BudgetError::Unmeasured { scenario: s, id: a.clone() }]
        );
        assert_eq!(
            mismatches(&rows, &[("s", "a"), (EVERY, "b"), ("t", "a")]),
            [BudgetError::Unbudgeted { scenario: t, id: a }]
        );
    }
}
