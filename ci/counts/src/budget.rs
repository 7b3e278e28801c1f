//! The budget: a name and a number of instructions a line, and the verdict on what was counted.

use std::fmt;

use crate::measure::Fault;

/// How much a count may grow or fall before it is said, in percent.
const TOLERANCE_PERCENT: u64 = 3;

/// Promised instructions by name, below the comment that opens the file.
#[derive(Debug)]
pub(crate) struct Budget {
    comment: String,
    rows: Vec<(String, u64)>,
}

impl Budget {
    /// Reads the file's text.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let (mut comment, mut rows) = (String::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            if rows.is_empty() && (line.starts_with('#') || line.is_empty()) {
                comment.push_str(line);
                comment.push('\n');
                continue;
            }
            let mut words = line.split_whitespace();
            let row = (words.next(), words.next().and_then(|it| it.parse().ok()), words.next());
            let (Some(name), Some(instructions), None) = row else {
                return Err(Fault::Line(number, line.to_owned()));
            };
            rows.push((name.to_owned(), instructions));
        }
        Ok(Self { comment, rows })
    }

    /// The file's text with these counts: those that were not counted stay as they are.
    pub(crate) fn with(&self, counts: &[(&str, u64)]) -> String {
        let of = |name: &str| counts.iter().find(|(other, _)| *other == name);
        let kept = self
            .rows
            .iter()
            .map(|(name, old)| (name.as_str(), of(name).map_or(*old, |(_, count)| *count)));
        let new = counts.iter().filter(|(name, _)| self.promised(name).is_none()).copied();
        let rows = kept.chain(new).map(|(name, count)| format!("{name:<28} {count:>8}\n"));
        self.comment.clone() + &rows.collect::<String>()
    }

    /// Compares. Where `whole` is true, everything in the budget has to have been counted.
    pub(crate) fn judge(&self, counts: &[(&str, u64)], whole: bool) -> Verdict {
        let counted = |(name, count): &(&str, u64)| Row {
            name: (*name).to_owned(),
            budget: self.promised(name),
            measured: Some(*count),
        };
        let mut rows: Vec<Row> = counts.iter().map(counted).collect();
        for (name, budget) in self.rows.iter().filter(|_| whole) {
            if !counts.iter().any(|(other, _)| other == name) {
                rows.push(Row { name: name.clone(), budget: Some(*budget), measured: None });
            }
        }
        Verdict { rows }
    }

    fn promised(&self, name: &str) -> Option<u64> {
        self.rows.iter().find(|(other, _)| other == name).map(|(_, instructions)| *instructions)
    }
}

/// What was promised and what was counted.
#[derive(Debug)]
pub(crate) struct Verdict {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    budget: Option<u64>,
    measured: Option<u64>,
}

/// What is to be said of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remark {
    Kept,
    Grown,
    Fallen,
    NotPromised,
    NotCounted,
}

impl Verdict {
    /// Whether nothing grew too much, and nothing is promised or counted alone.
    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().all(|row| matches!(row.remark(), Remark::Kept | Remark::Fallen))
    }
}

impl Row {
    fn remark(&self) -> Remark {
        match (self.budget, self.measured) {
            (None, _) => Remark::NotPromised,
            (_, None) => Remark::NotCounted,
            (Some(budget), Some(measured)) => {
                let (measured, edge) = (measured * 100, budget * TOLERANCE_PERCENT);
                match budget * 100 {
                    budget if measured > budget + edge => Remark::Grown,
                    budget if measured < budget - edge => Remark::Fallen,
                    _ => Remark::Kept,
                }
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28} {:>8} {:>8} {:>8}", "instructions", "budget", "counted", "change")?;
        let number = |it: Option<u64>| it.map_or("-".to_owned(), |it| it.to_string());
        for row in &self.rows {
            let change = match (row.budget, row.measured) {
                (Some(budget), Some(measured)) if budget > 0 => {
                    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
                    let change = (measured as f64 / budget as f64 - 1.0) * 100.0;
                    format!("{change:+.1} %")
                }
                _ => "-".to_owned(),
            };
            let remark = match row.remark() {
                Remark::Kept => "",
                Remark::Grown => "  GREW: find out why, or change the budget in the same commit",
                Remark::Fallen => "  fell: tighten the budget (--bless)",
                Remark::NotPromised => "  NOT IN THE BUDGET (--bless)",
                Remark::NotCounted => "  NOT COUNTED: there is no such case any more",
            };
            let (budget, measured) = (number(row.budget), number(row.measured));
            writeln!(f, "{:<28} {budget:>8} {measured:>8} {change:>8}{remark}", row.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Promises.\n\nparser/a   1000\nwheel/b   20\n";

    fn budget() -> Budget {
        Budget::read(TEXT).unwrap()
    }

    #[test]
    fn three_percent_more_are_too_much_and_less_is_said() {
        let holds = |count| budget().judge(&[("parser/a", count), ("wheel/b", 20)], true).holds();
        assert!(holds(1_030) && !holds(1_031) && holds(970) && holds(1));
        let text = budget().judge(&[("parser/a", 969), ("wheel/b", 20)], true).to_string();
        assert!(text.contains("-3.1 %  fell: tighten"), "{text}");
        let text = budget().judge(&[("parser/a", 1_031), ("wheel/b", 20)], true).to_string();
        assert!(text.contains("+3.1 %  GREW"), "{text}");
    }

    #[test]
    fn promises_and_counts_belong_together() {
        assert!(!budget().judge(&[("parser/a", 1_000)], true).holds(), "one is missing");
        assert!(budget().judge(&[("parser/a", 1_000)], false).holds(), "only one was asked for");
        assert!(!budget().judge(&[("new", 1)], false).holds(), "nobody promised it");
    }

    #[test]
    fn blessing_keeps_the_comment_and_what_was_not_counted() {
        let text = budget().with(&[("wheel/b", 21), ("new", 3)]);
        let again = Budget::read(&text).unwrap();
        assert!(text.starts_with("# Promises.\n\n"));
        let rows = [("parser/a", 1_000), ("wheel/b", 21), ("new", 3)];
        assert!(again.rows.iter().map(|(name, it)| (name.as_str(), *it)).eq(rows));
    }

    #[test]
    fn a_line_that_is_no_promise_is_refused() {
        for text in ["a", "a b", "a 1 2", "a -1", "a 1\n# late"] {
            assert!(Budget::read(text).is_err(), "{text}");
        }
    }
}
