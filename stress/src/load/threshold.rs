//! Thresholds: what must not be true of a report, as a condition on the command line.
//!
//! `p99 > 5ms`, `errors > 0`, `rate < 20000`: a name, a comparison, a number. Latencies have a unit
//! (`us`, `ms`, `s`), nothing else has one.

use std::fmt;
use std::str::FromStr;

use super::report::Report;

/// A condition under which a run has failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    subject: Subject,
    comparison: Comparison,
    /// In microseconds, for latencies.
    number: f64,
    /// As it was written.
    text: String,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Mean,
    Min,
    P50,
    P90,
    P99,
    P999,
    Max,
    Errors,
    Failed,
    Unanswered,
    Reconnects,
    Answers,
    Rate,
}

const SUBJECTS: [(&str, Subject); 13] = [
    ("mean", Subject::Mean),
    ("min", Subject::Min),
    ("p50", Subject::P50),
    ("p90", Subject::P90),
    ("p99", Subject::P99),
    ("p99.9", Subject::P999),
    ("max", Subject::Max),
    ("errors", Subject::Errors),
    ("failed", Subject::Failed),
    ("unanswered", Subject::Unanswered),
    ("reconnects", Subject::Reconnects),
    ("answers", Subject::Answers),
    ("rate", Subject::Rate),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    More,
    AtLeast,
    Less,
    AtMost,
}

/// Longest first, so that `>=` is not read as `>`.
const COMPARISONS: [(&str, Comparison); 4] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::More),
    ("<", Comparison::Less),
];

/// Units of latencies, in microseconds; longest first, because they all end in `s`.
const UNITS: [(&str, f64); 3] = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];

/// Why a condition cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdError {
    /// There is no comparison in it.
    Comparison,
    /// The name is none of those that are measured.
    Subject,
    /// The number is none, or negative.
    Number,
    /// A latency without a unit.
    NoUnit,
    /// A unit where none belongs.
    Unit,
}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comparison => f.write_str("no >, >=, < or <= in it: `p99 > 5ms`"),
            Self::Subject => {
                let names: Vec<&str> = SUBJECTS.iter().map(|(name, _)| *name).collect();
                write!(f, "the name is none of {}", names.join(", "))
            }
            Self::Number => f.write_str("the number is none"),
            Self::NoUnit => f.write_str("a latency has a unit: us, ms or s"),
            Self::Unit => f.write_str("only latencies have a unit"),
        }
    }
}

impl std::error::Error for ThresholdError {}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let found = COMPARISONS.iter().find_map(|(sign, comparison)| {
            text.split_once(sign).map(|(name, number)| (name, *comparison, number))
        });
        let (name, comparison, number) = found.ok_or(ThresholdError::Comparison)?;
        let of_that_name = |one: &&(&str, Subject)| one.0 == name.trim();
        let subject = SUBJECTS.iter().find(of_that_name).ok_or(ThresholdError::Subject)?.1;
        let number = subject.number(number.trim())?;
        Ok(Self { subject, comparison, number, text: text.trim().to_owned() })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Subject {
    fn is_latency(self) -> bool {
        matches!(
            self,
            Self::Mean | Self::Min | Self::P50 | Self::P90 | Self::P99 | Self::P999 | Self::Max
        )
    }

    fn number(self, text: &str) -> Result<f64, ThresholdError> {
        let with_unit =
            UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
        let (digits, factor) = match (self.is_latency(), with_unit) {
            (true, Some(found)) => found,
            (true, None) => return Err(ThresholdError::NoUnit),
            (false, Some(_)) => return Err(ThresholdError::Unit),
            (false, None) => (text, 1.0),
        };
        let number = digits.trim().parse().map_err(|_| ThresholdError::Number)?;
        if !f64::is_finite(number) || number < 0.0 {
            return Err(ThresholdError::Number);
        }
        Ok(number * factor)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
    fn of(self, report: &Report) -> f64 {
        let latency = &report.latency_us;
        match self {
            Self::Mean => latency.mean,
            Self::Min => latency.min,
            Self::P50 => latency.p50,
            Self::P90 => latency.p90,
            Self::P99 => latency.p99,
            Self::P999 => latency.p999,
            Self::Max => latency.max,
            Self::Errors => report.faults.values().sum::<u64>() as f64,
            Self::Failed => report.failed as f64,
            Self::Unanswered => report.unanswered as f64,
            Self::Reconnects => report.reconnects as f64,
            Self::Answers => report.answers as f64,
            Self::Rate => report.per_second,
        }
    }
}

impl Threshold {
    /// Whether the condition is true of `report`, so that the run has failed. Without any answer
    /// there is no latency, and every condition about one is true.
    #[must_use]
    pub fn is_crossed(&self, report: &Report) -> bool {
        if self.subject.is_latency() && report.answers == 0 {
            return true;
        }
        let value = self.subject.of(report);
        match self.comparison {
            Comparison::More => value > self.number,
            Comparison::AtLeast => value >= self.number,
            Comparison::Less => value < self.number,
            Comparison::AtMost => value <= self.number,
        }
    }

    /// Whether it says how many errors are too many, which is none without it.
    #[must_use]
    pub fn is_about_errors(&self) -> bool {
        self.subject == Subject::Errors
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Latency;
    use super::*;

    fn report() -> Report {
        let latency_us = Latency { p50: 100.0, p99: 5_000.0, p999: 7_000.0, ..Latency::default() };
        let faults = [("status_503".to_owned(), 2), ("framing".to_owned(), 1)].into();
        Report { answers: 10, per_second: 20.0, latency_us, faults, ..Report::default() }
    }

    fn crossed(text: &str) -> bool {
        text.parse::<Threshold>().unwrap().is_crossed(&report())
    }

    #[test]
    fn conditions_hold_or_not() {
        for text in [
            "p99 > 4.9ms",
            "p99>=5ms",
            "p99 < 6ms",
            "p50 <= 100us",
            "p99.9 > 0.006s",
            "errors > 2",
            "errors>=3",
            "rate < 21",
            "answers <= 10",
        ] {
            assert!(crossed(text), "{text}");
        }
        for text in ["p99 > 5ms", "p50 > 100 us", "p99.9 > 7ms", "errors > 3", "rate < 20"] {
            assert!(!crossed(text), "{text}");
        }
    }

    #[test]
    fn without_answers_no_latency_is_good() {
        let none = Report::default();
        let threshold: Threshold = "p99 > 1s".parse().unwrap();
        assert!(threshold.is_crossed(&none));
        assert!(!"errors > 0".parse::<Threshold>().unwrap().is_crossed(&none));
        assert!("answers < 1".parse::<Threshold>().unwrap().is_crossed(&none));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, error) in [
            ("p99 5ms", ThresholdError::Comparison),
            ("p98 > 5ms", ThresholdError::Subject),
            ("p99 > 5", ThresholdError::NoUnit),
            ("p99 > ms", ThresholdError::Number),
            ("p99 > -1ms", ThresholdError::Number),
            ("errors > 0ms", ThresholdError::Unit),
            ("errors > many", ThresholdError::Number),
            ("rate < nan", ThresholdError::Number),
        ] {
            assert_eq!(text.parse::<Threshold>(), Err(error), "{text}");
        }
    }
}
