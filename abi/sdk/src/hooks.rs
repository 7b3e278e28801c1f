//! What runs before the first request: settings, the handshake, the self-check.

use std::fmt;

use fezz_abi::guest::guarded;
use fezz_wire::{
    Answer, Offer, ResponseView, SelfCheckSpec, SelfCheckVerdict, WireLimits, decode_settings,
};

/// What a function gets before its first request: the argument of the function that `init = ...`
/// names.
#[derive(Clone, Debug)]
pub struct Init {
    settings: Vec<(String, String)>,
}

impl Init {
    pub(crate) fn of(settings: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { settings: settings.iter().map(owned).collect() }
    }

    /// The operator's setting of this name; the last if there are several.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }

    /// All settings of the operator for this function, in their order.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What the function that `init = ...` names may return: nothing, or a `Result` whose error can be
/// displayed. An error is logged, and the function gets no traffic.
pub trait IntoOutcome {
    /// The reason to refuse, if any.
    ///
    /// # Errors
    /// That reason.
    fn into_outcome(self) -> Result<(), String>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Display> IntoOutcome for Result<(), E> {
    fn into_outcome(self) -> Result<(), String> {
        self.map_err(|reason| reason.to_string())
    }
}

/// Reads the settings and gives them to the author's function.
///
/// # Errors
/// Why the function cannot be used.
pub fn start<O: IntoOutcome>(octets: &[u8], hook: impl FnOnce(&Init) -> O) -> Result<(), String> {
    let settings =
        decode_settings(octets).map_err(|error| format!("the settings are unreadable: {error}"))?;
    hook(&Init { settings }).into_outcome()
}

/// Answers an offer with what the attribute says. The version is the one this SDK speaks, whether
/// it was offered or not: the host knows better what to do if it was not.
#[must_use]
pub fn handshake(
    octets: &[u8],
    capabilities: &[&str],
    fallback: Option<&str>,
    ttl_ms: Option<u64>,
) -> Vec<u8> {
    if Offer::decode(octets).is_err() {
        return Vec::new();
    }
    let answer = Answer {
        capabilities: capabilities.iter().map(|&name| name.to_owned()).collect(),
        fallback: fallback.map(str::to_owned),
        ttl_ms,
        ..Answer::default()
    };
    answer.encode()
}

/// What a function finds when it tries itself: the argument of the function that
/// `selfcheck = ...` names.
#[derive(Clone, Debug, Default)]
pub struct SelfCheck {
    checks: u64,
    pub(crate) failures: Vec<String>,
}

impl SelfCheck {
    pub(crate) fn run(check: impl FnOnce(&mut Self)) -> Self {
        let mut run = Self::default();
        check(&mut run);
        run
    }

    /// Notes whether something holds that must.
    pub fn that(&mut self, what: impl fmt::Display, holds: bool) {
        self.checks += 1;
        if !holds {
            self.failures.push(what.to_string());
        }
    }

    /// Notes whether something worked, and gives what it brought.
    pub fn worked<T, E: fmt::Display>(
        &mut self,
        what: impl fmt::Display,
        outcome: Result<T, E>,
    ) -> Option<T> {
        self.checks += 1;
        outcome.map_err(|error| self.failures.push(format!("{what}: {error}"))).ok()
    }
}

/// Answers the samples of a specification, as the host would have them answered, and runs the
/// author's function behind.
#[must_use]
pub fn self_check(
    octets: &[u8],
    answer: impl Fn(&[u8]) -> Vec<u8>,
    check: impl FnOnce(&mut SelfCheck),
) -> Vec<u8> {
    let Ok(spec) = SelfCheckSpec::decode(octets) else { return Vec::new() };
    let run = SelfCheck::run(|run| {
        for (index, sample) in spec.samples.iter().enumerate() {
            let answer = guarded(|| answer(sample));
            let view = ResponseView::decode(&answer, &WireLimits::default());
            let what = format!("sample {index}");
            if let Some(view) = run.worked(&what, view)
                && view.is_panic()
            {
                run.failures.push(format!("{what}: the function panicked"));
            }
        }
        check(run);
    });
    SelfCheckVerdict { checks: Some(run.checks), failures: run.failures }.encode()
}
