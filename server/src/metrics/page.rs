//! The text format of Prometheus, version 0.0.4: families with help and type, samples with labels.

use std::fmt::{self, Display, Write};

use super::table::LABEL_SETS_MAX;
use crate::count::Spread;

/// The `content-type` of a page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the numbers of a metric mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only goes up, while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many were within each of several bounds.
    Histogram,
}

impl Kind {
    /// The word in a TYPE line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric: its name, its type, its labels, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The labels that its samples may have.
    pub labels: &'static [&'static str],
    /// What it says, in one line.
    pub help: &'static str,
}

/// A page that is being written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    /// Samples of the present metric that were counted, and the sum of those that were too many.
    sets: usize,
    rest: u64,
    present: &'static str,
}

/// One label of a sample.
pub(crate) type Label<'a> = (&'a str, &'a str);

impl Page {
    /// Begins a metric; its samples follow before the next one begins.
    pub(crate) fn begin(&mut self, family: &'static Family) -> Samples<'_> {
        self.finish();
        let Family { name, kind, help, .. } = family;
        self.present = name;
        let kind = kind.name();
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Samples { page: self, family }
    }

    /// A metric with one sample.
    pub(crate) fn one(&mut self, family: &'static Family, value: impl Display) {
        self.begin(family).add(&[], value);
    }

    /// The page's octets.
    pub(crate) fn end(mut self) -> String {
        self.finish();
        self.text
    }

    /// The present metric is over: what was too much becomes one sample.
    fn finish(&mut self) {
        if self.sets > LABEL_SETS_MAX {
            let ((name, value), Self { present, rest, .. }) = (OVERFLOW, &*self);
            let line = format!("{present}{{{name}=\"{value}\"}} {rest}\n");
            self.text.push_str(&line);
        }
        (self.sets, self.rest) = (0, 0);
    }
}

/// The samples of one metric.
#[derive(Debug)]
pub(crate) struct Samples<'p> {
    page: &'p mut Page,
    family: &'static Family,
}

/// The set of all label sets that are too many.
pub(crate) const OVERFLOW: Label<'static> = ("otel_metric_overflow", "true");

impl Samples<'_> {
    /// One sample.
    pub(crate) fn add(&mut self, labels: &[Label<'_>], value: impl Display) {
        self.line("", labels, None, &value);
    }

    /// One sample of as many as there are functions, and there may be any number of those.
    pub(crate) fn count(&mut self, labels: &[Label<'_>], value: u64) {
        self.page.sets += 1;
        match self.page.sets <= LABEL_SETS_MAX {
            true => self.add(labels, value),
            false => self.page.rest += value,
        }
    }

    /// One histogram, in seconds.
    pub(crate) fn spread(&mut self, labels: &[Label<'_>], spread: &Spread) {
        let mut count = 0;
        for (place, bucket) in spread.buckets.iter().enumerate() {
            count += bucket;
            let bound = spread.bounds_us.get(place).map(|bound| Seconds(*bound).to_string());
            self.line("_bucket", labels, Some(bound.as_deref().unwrap_or("+Inf")), &count);
        }
        self.line("_sum", labels, None, &Seconds(spread.sum_us));
        self.line("_count", labels, None, &count);
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &[Label<'_>],
        bound: Option<&str>,
        value: &dyn Display,
    ) {
        debug_assert!(
            labels.iter().all(|label| *label == OVERFLOW || self.family.labels.contains(&label.0)),
            "{}: {labels:?}",
            self.family.name
        );
        self.page.text.push_str(self.family.name);
        self.page.text.push_str(suffix);
        let bound = bound.map(|bound| ("le", bound));
        for (place, (name, value)) in labels.iter().copied().chain(bound).enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _infallible = write!(self.page.text, "{before}{name}=\"{}\"", Escaped(value));
        }
        let after = if labels.is_empty() && bound.is_none() { "" } else { "}" };
        let _infallible = writeln!(self.page.text, "{after} {value}");
    }
}

/// Microseconds, written as seconds without zeros at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) u64);

impl Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros == 0 {
            return write!(out, "{seconds}");
        }
        let digits = format!("{micros:06}");
        write!(out, "{seconds}.{}", digits.trim_end_matches('0'))
    }
}

/// A label's value with what would end it escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '\\' => out.write_str("\\\\")?,
                '"' => out.write_str("\\\"")?,
                '\n' => out.write_str("\\n")?,
                _ => out.write_char(char)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Family = Family {
        name: "took_seconds",
        kind: Kind::Histogram,
        labels: &["who"],
        help: "How long it took.",
    };

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let mut page = Page::default();
        let spread = Spread { bounds_us: &[500, 2_000_000], buckets: vec![1, 2, 3], sum_us: 7 };
        page.begin(&TOOK).spread(&[("who", "a\"b\\c\nd")], &spread);
        let who = "who=\"a\\\"b\\\\c\\nd\"";
        let expected = format!(
            "# HELP took_seconds How long it took.\n# TYPE took_seconds histogram\n\
             took_seconds_bucket{{{who},le=\"0.0005\"}} 1\n\
             took_seconds_bucket{{{who},le=\"2\"}} 3\n\
             took_seconds_bucket{{{who},le=\"+Inf\"}} 6\n\
             took_seconds_sum{{{who}}} 0.000007\ntook_seconds_count{{{who}}} 6\n"
        );
        assert_eq!(page.end(), expected);
    }

    #[test]
    fn what_is_too_much_is_one_sample() {
        const MANY: Family = Family { name: "many", kind: Kind::Gauge, ..TOOK };
        let mut page = Page::default();
        let mut samples = page.begin(&MANY);
        for number in 0..LABEL_SETS_MAX + 3 {
            samples.count(&[("who", &number.to_string())], 2);
        }
        let text = page.end();
        assert_eq!(text.lines().count(), 2 + LABEL_SETS_MAX + 1);
        assert!(text.ends_with("many{otel_metric_overflow=\"true\"} 6\n"), "{text}");
    }

    #[test]
    fn seconds_have_no_zeros_to_spare() {
        let texts = [0, 5_000, 10_000_000, 2_500_000, 1].map(|micros| Seconds(micros).to_string());
        assert_eq!(texts, ["0", "0.005", "10", "2.5", "0.000001"]);
    }
}
