//! What the tables of `stress/BUDGETS.md` have in common: rows, their statuses, and bounds.
//!
//! A table is known by its columns; whatever other tables have is for other readers. What a row
//! promises in between is for those who measure it: [`crate::bench::budget`] and
//! [`crate::scenario::budget`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which side of a number a figure has to be on.
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

impl Bound {
    /// Reads a sign and a number that is one.
    #[must_use]
    pub fn parse(sign: &str, number: &str) -> Option<(Self, f64)> {
        let bound = match sign {
            ">=" => Self::AtLeast,
            "<=" => Self::AtMost,
            "=" => Self::Exactly,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        number.is_finite().then_some((bound, number))
    }

    /// Whether `figure` is on its side of `number`; what is no number never is.
    #[must_use]
    pub fn holds(self, figure: f64, number: f64) -> bool {
        match self {
            Self::AtLeast => figure >= number,
            Self::AtMost => figure <= number,
            #[expect(clippy::float_cmp, reason = "bounds of this kind are about counts")]
            Self::Exactly => figure == number,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeast => "≥",
            Self::AtMost => "≤",
            Self::Exactly => "=",
        })
    }
}

/// Why a table cannot be read.
#[derive(Debug, PartialEq)]
pub enum BudgetError {
    /// No table has the columns.
    NoTable {
        /// The columns.
        columns: Vec<&'static str>,
    },
    /// A row has another number of cells.
    Cells {
        /// Line of the file, from 1.
        line: usize,
        /// Cells found.
        found: usize,
        /// Cells wanted.
        wanted: usize,
    },
    /// What is promised is not written as it should be.
    Form {
        /// Line of the file, from 1.
        line: usize,
        /// One that is.
        example: &'static str,
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
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable { columns } => {
                write!(f, "no table with the columns {}", columns.join(", "))
            }
            Self::Cells { line, found, wanted } => {
                write!(f, "line {line}: {found} cells where {wanted} belong")
            }
            Self::Form { line, example } => write!(f, "line {line}: a promise reads `{example}`"),
            Self::Status { line } => write!(f, "line {line}: status is `promised` or `goal`"),
            Self::Twice { line } => write!(f, "line {line}: this figure has a row already"),
        }
    }
}

impl std::error::Error for BudgetError {}

/// A row, and where it stands.
#[derive(Debug, PartialEq)]
pub struct Row<'a, const CELLS: usize> {
    /// Line of the file, from 1.
    pub line: usize,
    /// One for each column.
    pub cells: [&'a str; CELLS],
}

/// All rows of the tables in `markdown` that have the columns.
///
/// # Errors
/// When there is no such table, or a row in it has another number of cells; none is ever skipped.
pub fn rows<'a, const CELLS: usize>(
    markdown: &'a str,
    columns: &[&'static str; CELLS],
) -> Result<Vec<Row<'a, CELLS>>, BudgetError> {
    let (mut rows, mut found, mut inside) = (Vec::new(), false, false);
    for (line, text) in (1..).zip(markdown.lines()) {
        let Some(cells) = cells_of(text) else {
            inside = false;
            continue;
        };
        if cells == columns {
            (found, inside) = (true, true);
        } else if inside && !is_rule(&cells) {
            let wrong =
                |cells: Vec<&str>| BudgetError::Cells { line, found: cells.len(), wanted: CELLS };
            rows.push(Row { line, cells: cells.try_into().map_err(wrong)? });
        }
    }
    if found { Ok(rows) } else { Err(BudgetError::NoTable { columns: columns.to_vec() }) }
}

impl<const CELLS: usize> Row<'_, CELLS> {
    /// Whether a broken promise of this `status` fails a run.
    ///
    /// # Errors
    /// When it is neither `promised` nor `goal`.
    pub fn is_promised(&self, status: &str) -> Result<bool, BudgetError> {
        match status {
            "promised" => Ok(true),
            "goal" => Ok(false),
            _ => Err(BudgetError::Status { line: self.line }),
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

    const COLUMNS: [&str; 2] = ["id", "status"];
    const HEAD: &str = "| id | status |\n|---|:--|\n";

    #[test]
    fn rows_are_those_of_tables_with_the_columns() {
        let other = "| id | why |\n|---|---|\n| x | y |\n";
        let text = format!("# Words\n\n{other}\n{HEAD}| a | goal |\n\nWords\n{HEAD}| b | c |");
        let read = rows(&text, &COLUMNS).unwrap();
        let expected = [(9, ["a", "goal"]), (14, ["b", "c"])];
        assert_eq!(read, expected.map(|(line, cells)| Row { line, cells }));
        assert_eq!(read[0].is_promised("promised"), Ok(true));
        assert_eq!(read[0].is_promised("goal"), Ok(false));
        assert_eq!(read[1].is_promised("maybe"), Err(BudgetError::Status { line: 14 }));
    }

    #[test]
    fn a_table_that_is_not_there_or_not_whole_is_an_error() {
        assert_eq!(rows(HEAD, &COLUMNS), Ok(Vec::new()));
        let columns = COLUMNS.to_vec();
        assert_eq!(rows("| id |", &COLUMNS), Err(BudgetError::NoTable { columns }));
        let wrong = BudgetError::Cells { line: 3, found: 1, wanted: 2 };
        assert_eq!(rows(&format!("{HEAD}| a |"), &COLUMNS), Err(wrong));
    }

    #[test]
    fn a_bound_has_a_sign_a_number_and_a_side() {
        for (sign, holds) in [(">=", [false, true, true]), ("<=", [true, true, false])] {
            let (bound, number) = Bound::parse(sign, "2.5").unwrap();
            assert_eq!([2.4, 2.5, 2.6].map(|figure| bound.holds(figure, number)), holds);
            assert!(!bound.holds(f64::NAN, number));
        }
        let (none, zero) = Bound::parse("=", "0").unwrap();
        assert!(none.holds(0.0, zero) && !none.holds(1.0, zero) && !none.holds(-1.0, zero));
        for (sign, number) in [("<", "1"), ("<=", "one"), ("<=", "nan"), (">=", "inf"), ("", "")] {
            assert_eq!(Bound::parse(sign, number), None, "{sign} {number}");
        }
    }
}
