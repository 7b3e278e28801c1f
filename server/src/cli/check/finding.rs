//! What came of a probe, as it is shown.

use std::time::Duration;

use fezz_abi::LoadError;

/// What came of a probe; the worse, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// There was nothing to try.
    Skipped,
    /// Nothing is wrong.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// The function must not be served like this.
    Fail,
}

impl Outcome {
    /// As it stands at the beginning of a line.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Skipped => "-",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }

    /// As it stands in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// The outcome of a name; nothing for another word.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Skipped, Self::Ok, Self::Warn, Self::Fail].into_iter().find(|it| it.name() == name)
    }
}

/// Something that is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// [`Outcome::Warn`] or [`Outcome::Fail`].
    pub(super) outcome: Outcome,
    /// The stable name of the reason.
    pub(super) reason: String,
    /// The stage a dispatch would fail at; empty where it would not fail.
    pub(super) stage: String,
    /// What is wrong.
    pub(super) text: String,
    /// What to do about it.
    pub(super) remedy: String,
}

impl Finding {
    /// The artifact cannot be loaded.
    pub(super) fn of_load(error: &LoadError) -> Self {
        let fault = error.fault();
        Self {
            outcome: Outcome::Fail,
            reason: error.name().to_owned(),
            stage: error.stage().name().to_owned(),
            text: format!("found {}; expected {}", fault.found(), fault.expected()),
            remedy: fault.remedy().to_string(),
        }
    }
}

/// A probe and all that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The name of the probe.
    pub(super) probe: &'static str,
    /// The worst of the findings.
    pub(super) outcome: Outcome,
    /// What there is to know about it in any case.
    pub(super) detail: String,
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
    /// What was being done when the process ended, if it ended before its time.
    pub(super) doing: Option<String>,
    /// The last lines the process wrote.
    pub(super) last_words: Vec<String>,
    /// How long it took.
    pub(super) took: Duration,
}

impl Record {
    /// A probe that was made, and what was found.
    pub(super) fn of(probe: &'static str, detail: String, findings: Vec<Finding>) -> Self {
        let outcome = findings.iter().map(|it| it.outcome).max().unwrap_or(Outcome::Ok);
        let (doing, last_words, took) = (None, Vec::new(), Duration::ZERO);
        Self { probe, outcome, detail, findings, doing, last_words, took }
    }

    /// The same without findings of this reason.
    pub(super) fn without(mut self, reason: &str) -> Self {
        let count = self.findings.len();
        self.findings.retain(|it| it.reason != reason);
        if self.findings.len() < count {
            let outcome = self.findings.iter().map(|it| it.outcome).max();
            self.outcome = outcome.unwrap_or(Outcome::Ok);
        }
        self
    }

    /// Whether it failed for anything but this reason.
    pub(super) fn failed_beyond(&self, reason: &str) -> bool {
        let beyond = |it: &Finding| it.outcome == Outcome::Fail && it.reason != reason;
        self.findings.iter().any(beyond)
    }

    /// A probe that was not made.
    pub(super) fn skipped(probe: &'static str, why: &str) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::of(probe, why.to_owned(), Vec::new()) }
    }
}
