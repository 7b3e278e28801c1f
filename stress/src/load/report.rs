//! Counts answers, faults and latencies, and says them as JSON or in one line.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::answer::Fault;
use super::windows::Window;
use crate::procfs::Usage;

/// Shortest latency that is told from zero, in nanoseconds.
const LATENCY_NANOS_MIN: u64 = 128;
/// Longer latencies are counted as this one.
const LATENCY_NANOS_MAX: u64 = 60_000_000_000;
/// Digits of a latency that are kept: an error of one part in a thousand.
const LATENCY_DIGITS: u8 = 3;

/// What is counted while a run lasts.
#[derive(Debug)]
pub struct Tally {
    latencies: Histogram<u64>,
    answers: u64,
    excused: u64,
    octets: u64,
    failed: u64,
    reconnects: u64,
    handshakes: u64,
    resumed: u64,
    faults: BTreeMap<Fault, u64>,
}

impl Tally {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// None in practice: the bounds are constants that the histogram accepts.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        let latencies =
            Histogram::new_with_bounds(LATENCY_NANOS_MIN, LATENCY_NANOS_MAX, LATENCY_DIGITS)?;
        Ok(Self {
            latencies,
            answers: 0,
            excused: 0,
            octets: 0,
            failed: 0,
            reconnects: 0,
            handshakes: 0,
            resumed: 0,
            faults: BTreeMap::new(),
        })
    }

    /// One right answer of `octets`, `nanos` after its request was due; `None` when the load
    /// generator did not run meanwhile.
    pub fn answered(&mut self, octets: usize, nanos: Option<u64>) {
        match nanos {
            Some(nanos) => self.latencies.saturating_record(nanos),
            None => self.excused += 1,
        }
        self.answers += 1;
        self.octets += octets as u64;
    }

    /// One fault that cost `failed` requests their answer.
    pub fn fault(&mut self, fault: Fault, failed: usize) {
        *self.faults.entry(fault).or_default() += 1;
        self.failed += failed as u64;
    }

    /// A connection was replaced because the server announced that it closes it.
    pub fn reconnected(&mut self) {
        self.reconnects += 1;
    }

    /// A handshake of TLS came to its end.
    pub fn shook(&mut self, resumed: bool) {
        self.handshakes += 1;
        self.resumed += u64::from(resumed);
    }

    /// Right answers so far.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Requests whose fate is known: answered, or lost to a fault.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.answers + self.failed
    }

    /// Faults so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// The latency, in microseconds, that such a share of the answers so far did not exceed.
    #[must_use]
    pub fn micros(&self, quantile: f64) -> f64 {
        micros(self.latencies.value_at_quantile(quantile))
    }

    /// The end of the warm-up: answers count from here. Faults stay, they are never excused.
    pub fn restart(&mut self) {
        self.latencies.reset();
        (self.answers, self.excused, self.octets) = (0, 0, 0);
    }

    /// The outcome of a run that was counted for `seconds`.
    #[must_use]
    pub fn report(&self, seconds: f64) -> Report {
        Report {
            seconds,
            answers: self.answers,
            answers_with_warmup: self.answers,
            excused: self.excused,
            per_second: ratio(self.answers, seconds),
            octets_received: self.octets,
            failed: self.failed,
            unanswered: 0,
            reconnects: self.reconnects,
            handshakes: self.handshakes,
            resumed: self.resumed,
            faults: self.faults.iter().map(|(fault, n)| (fault.to_string(), *n)).collect(),
            latency_us: Latency::of(&self.latencies),
            windows_us: Vec::new(),
            client: Usage::default(),
        }
    }
}

/// The outcome of a run, as it is printed and as `stress/bench` reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Counted time, without the warm-up.
    pub seconds: f64,
    /// Right answers in that time.
    pub answers: u64,
    /// Right answers of the whole run.
    pub answers_with_warmup: u64,
    /// Of the right answers, those without a latency: the load generator itself did not run while
    /// they were due.
    #[serde(default)]
    pub excused: u64,
    /// `answers / seconds`.
    pub per_second: f64,
    /// Octets of the right answers.
    pub octets_received: u64,
    /// Requests that got no right answer because of a fault.
    pub failed: u64,
    /// Requests that were due or under way when the time was over.
    pub unanswered: u64,
    /// Connections replaced because the server announced their close.
    pub reconnects: u64,
    /// Handshakes of TLS in the whole run.
    pub handshakes: u64,
    /// Those of them that resumed an earlier connection.
    pub resumed: u64,
    /// How often each fault was seen.
    pub faults: BTreeMap<String, u64>,
    /// Latencies of the right answers, from the moment each request was due.
    pub latency_us: Latency,
    /// The same by the time at which requests were due, a window of
    /// [`WINDOW_MS`](super::windows::WINDOW_MS) each; of an open loop only.
    #[serde(default)]
    pub windows_us: Vec<Window>,
    /// What the load generator itself used.
    pub client: Usage,
}

impl Report {
    /// The middle one of the windows' 99th percentiles, in microseconds; `None` without windows.
    #[must_use]
    pub fn typical_p99_us(&self) -> Option<f64> {
        let answered = self.windows_us.iter().filter(|window| window.max > 0.0);
        let mut all: Vec<f64> = answered.map(|window| window.p99).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean: f64,
    /// The fastest.
    pub min: f64,
    /// Half of the answers were at least as fast.
    pub p50: f64,
    /// Nine of ten were at least as fast.
    pub p90: f64,
    /// 99 of a hundred.
    pub p99: f64,
    /// 999 of a thousand.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Latency {
    fn of(nanos: &Histogram<u64>) -> Self {
        let at = |quantile: f64| micros(nanos.value_at_quantile(quantile));
        Self {
            mean: nanos.mean() / 1e3,
            min: micros(nanos.min()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: micros(nanos.max()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, p999, max, .. } = self.latency_us;
        write!(
            f,
            "{} answers in {:.2} s, {:.0}/s; latency µs: p50 {p50:.1}, p90 {p90:.1}, \
             p99 {p99:.1}, p99.9 {p999:.1}, max {max:.1}; faults {}",
            self.answers,
            self.seconds,
            self.per_second,
            self.faults.values().sum::<u64>()
        )?;
        for (fault, times) in &self.faults {
            write!(f, ", {fault} x {times}")?;
        }
        if self.excused > 0 {
            write!(f, "; {} while the load generator did not run", self.excused)?;
        }
        if self.reconnects > 0 {
            write!(f, "; reconnected {} times", self.reconnects)?;
        }
        if self.handshakes > 0 {
            write!(f, "; {} handshakes, {} resumed", self.handshakes, self.resumed)?;
        }
        if self.unanswered > 0 {
            write!(f, "; {} unanswered at the end", self.unanswered)?;
        }
        Ok(())
    }
}

/// `count / seconds`, zero for no time at all.
#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
fn ratio(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are below 2^36 nanoseconds")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64) -> bool {
        (got - expected).abs() <= expected * 0.001
    }

    #[test]
    fn quantiles_are_those_of_the_recorded_latencies() {
        let mut tally = Tally::new().unwrap();
        for micros in 1..=1000 {
            tally.answered(10, Some(micros * 1_000));
        }
        let report = tally.report(2.0);
        let latency = report.latency_us;
        assert!(near(latency.p50, 500.0) && near(latency.p90, 900.0), "{latency:?}");
        assert!(near(latency.p99, 990.0) && near(latency.p999, 999.0), "{latency:?}");
        assert!(near(latency.mean, 500.5) && near(latency.max, 1000.0), "{latency:?}");
        assert_eq!((report.answers, report.octets_received), (1000, 10_000));
        assert!(near(report.per_second, 500.0));
    }

    #[test]
    fn a_latency_beyond_the_scale_counts_as_the_longest() {
        let mut tally = Tally::new().unwrap();
        tally.answered(1, Some(u64::MAX));
        assert!(near(tally.report(1.0).latency_us.max, 60_000_000.0));
    }

    #[test]
    fn an_excused_answer_counts_without_a_latency() {
        let mut tally = Tally::new().unwrap();
        tally.answered(1, Some(1_500_000));
        tally.answered(1, None);
        let report = tally.report(1.0);
        assert_eq!((report.answers, report.excused), (2, 1));
        assert!(near(report.latency_us.max, 1500.0));
        assert!(report.to_string().ends_with("; 1 while the load generator did not run"));
    }

    #[test]
    fn a_typical_window_is_the_middle_one_of_those_with_answers() {
        let window = |p99: f64| Window { p99, max: p99 };
        let mut report = Report::default();
        assert_eq!(report.typical_p99_us(), None);
        report.windows_us = [900.0, 0.0, 70.0, 0.0, 80.0].map(window).to_vec();
        assert_eq!(report.typical_p99_us(), Some(80.0));
    }

    #[test]
    fn the_warm_up_forgets_answers_and_keeps_faults() {
        let mut tally = Tally::new().unwrap();
        tally.answered(1, Some(1_000));
        tally.fault(Fault::Status(503), 2);
        tally.restart();
        assert_eq!((tally.answers(), tally.settled(), tally.faults()), (0, 2, 1));
        assert_eq!(tally.report(1.0).faults["status_503"], 1);
    }

    #[test]
    fn a_report_survives_json() {
        let mut tally = Tally::new().unwrap();
        tally.answered(1, Some(1_500));
        let report = tally.report(0.5);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        assert!(report.to_string().starts_with("1 answers in 0.50 s, 2/s;"));
    }
}
