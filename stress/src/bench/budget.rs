//! Budgets: the targets of `stress/BUDGETS.md`, read from its table and compared with figures.
//!
//! A target is `WHO:WORKLOAD OP NUMBER`, with ` x OTHER` for "times what OTHER has in the same
//! round": `ours:get64 >= 0.80 x null`, `ours:syscalls <= 2.2`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The columns by which a budget table is known.
const COLUMNS: [&str; 4] = ["id", "figure", "target", "status"];

/// The columns of the table that says why a target is missed.
const REASON_COLUMNS: [&str; 2] = ["id", "why it is missed"];

/// Why targets are missed, by the ids of their rows; for the page of results.
#[must_use]
pub fn reasons(markdown: &str) -> BTreeMap<String, String> {
    let mut rows = markdown
        .lines()
        .map(cells_of)
        .skip_while(|cells| cells.as_deref() != Some(REASON_COLUMNS.as_slice()));
    rows.next();
    let rows = rows.map_while(|cells| cells).filter(|cells| !is_rule(cells));
    rows.filter_map(|cells| match cells[..] {
        [id, why] => Some((id.to_owned(), why.to_owned())),
        _ => None,
    })
    .collect()
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
    /// At least or at most.
    pub bound: Bound,
    /// The number.
    pub number: f64,
    /// The contender whose figure the number multiplies.
    pub times: Option<String>,
}

/// The direction of a target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
}

/// A row that cannot be read.
#[derive(Debug, PartialEq)]
pub enum BudgetError {
    /// No table has the columns of budgets.
    NoTable,
    /// A row has another number of cells.
    Cells {
        /// Line of the file, from 1.
        line: usize,
        /// Cells found.
        found: usize,
    },
    /// A target is not of the form above.
    Target {
        /// Line of the file, from 1.
        line: usize,
    },
    /// A status is neither `promised` nor `goal`.
    Status {
        /// Line of the file, from 1.
        line: usize,
    },
    /// Two rows have the same id.
    Twice {
        /// Line of the second one, from 1.
        line: usize,
    },
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => write!(f, "no table with the columns {}", COLUMNS.join(", ")),
            Self::Cells { line, found } => {
                write!(f, "line {line}: {found} cells where {} belong", COLUMNS.len())
            }
            Self::Target { line } => {
                write!(f, "line {line}: a target reads `who:workload >= 0.8 x other`")
            }
            Self::Status { line } => write!(f, "line {line}: status is `promised` or `goal`"),
            Self::Twice { line } => write!(f, "line {line}: this id was used before"),
        }
    }
}

impl std::error::Error for BudgetError {}

impl Budget {
    /// All rows of the first table in `markdown` that has the columns of budgets. Whatever other
    /// tables have is for other readers.
    ///
    /// # Errors
    /// The first row that cannot be read; a budget is never skipped.
    pub fn parse_all(markdown: &str) -> Result<Vec<Self>, BudgetError> {
        let mut budgets: Vec<Self> = Vec::new();
        let (mut inside, mut found) = (false, false);
        for (index, text) in markdown.lines().enumerate() {
            let line = index + 1;
            let Some(cells) = cells_of(text) else {
                if inside {
                    break;
                }
                continue;
            };
            if cells == COLUMNS && !inside {
                inside = true;
            } else if inside && !is_rule(&cells) {
                let budget = Self::parse(&cells, line)?;
                if budgets.iter().any(|earlier| earlier.id == budget.id) {
                    return Err(BudgetError::Twice { line });
                }
                budgets.push(budget);
            }
            found |= inside;
        }
        if found { Ok(budgets) } else { Err(BudgetError::NoTable) }
    }

    fn parse(cells: &[&str], line: usize) -> Result<Self, BudgetError> {
        let &[id, figure, target, status] = cells else {
            return Err(BudgetError::Cells { line, found: cells.len() });
        };
        let promised = match status {
            "promised" => true,
            "goal" => false,
            _ => return Err(BudgetError::Status { line }),
        };
        let target = Target::parse(target.trim_matches('`')).ok_or(BudgetError::Target { line })?;
        Ok(Self { id: id.to_owned(), figure: figure.to_owned(), target, promised })
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
        let bound = match bound {
            ">=" => Bound::AtLeast,
            "<=" => Bound::AtMost,
            _ => return None,
        };
        let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite())?;
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
        match self.bound {
            Bound::AtLeast => figure >= self.number,
            Bound::AtMost => figure <= self.number,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.bound {
            Bound::AtLeast => '≥',
            Bound::AtMost => '≤',
        };
        write!(f, "{sign} {}", self.number)?;
        match &self.times {
            Some(times) => write!(f, " x {times}"),
            None => Ok(()),
        }
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
        for (row, error) in [
            ("| a | GET | ours:get64 > 1 | promised |", BudgetError::Target { line: 5 }),
            ("| a | GET | ours:get64 >= 1 null | goal |", BudgetError::Target { line: 5 }),
            ("| a | GET | get64 >= 1 | goal |", BudgetError::Target { line: 5 }),
            ("| a | GET | ours:get64 >= nan | goal |", BudgetError::Target { line: 5 }),
            ("| a | GET | ours:get64 >= 1 | maybe |", BudgetError::Status { line: 5 }),
            ("| a | GET | ours:get64 >= 1 |", BudgetError::Cells { line: 5, found: 3 }),
        ] {
            assert_eq!(parsed(row), Err(error), "{row}");
        }
        let twice = "| a | GET | o:g >= 1 | goal |\n| a | GET | o:h >= 1 | goal |";
        assert_eq!(parsed(twice), Err(BudgetError::Twice { line: 6 }));
    }

    #[test]
    fn other_tables_are_not_budgets() {
        let text = format!("| a | b |\n|---|---|\n| 1 | 2 |\n\n{HEAD}");
        assert_eq!(Budget::parse_all(&text), Ok(Vec::new()));
        assert_eq!(Budget::parse_all("| a | b |"), Err(BudgetError::NoTable));
    }

    #[test]
    fn only_the_first_table_is_read_and_all_of_it() {
        let row = "| a | GET | `ours:get64 >= 0.80 x null` | promised |\n";
        let scenarios = "\n| id | scenario | limit |\n|---|---|---|\n| x | y | whatever |\n";
        let alike = format!("\n{HEAD}| a | x | nothing we know | unknown |\n");
        let text = format!("{HEAD}{row}{scenarios}{alike}");
        assert_eq!(Budget::parse_all(&text).unwrap().len(), 1);
        let broken = format!("{HEAD}{row}| b | GET | nonsense | goal |\n{scenarios}");
        assert_eq!(Budget::parse_all(&broken), Err(BudgetError::Target { line: 4 }));
    }

    #[test]
    fn reasons_are_known_by_the_id_of_what_is_missed() {
        let text = format!(
            "{HEAD}| a | x | `ours:get64 >= 1` | goal |\n\n\
             | id | why it is missed |\n|---|---|\n| a | because |\n\n| b | no row |\n"
        );
        let expected = BTreeMap::from([("a".to_owned(), "because".to_owned())]);
        assert_eq!(reasons(&text), expected);
        assert!(reasons(HEAD).is_empty());
        let committed = include_str!("../../BUDGETS.md");
        let budgets = Budget::parse_all(committed).unwrap();
        for id in reasons(committed).keys() {
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
