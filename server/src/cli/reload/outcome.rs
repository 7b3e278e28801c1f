//! What came of a reload, for the log, for a person and for a script.

use std::fmt;
use std::time::Duration;

use crate::admin::{Answer, Format, complaint};
use crate::config::ConfigError;
use crate::json::{Object, list};
use crate::log;
use crate::report::PublishReport;

/// A reload that is over.
#[derive(Debug)]
pub(in crate::cli) struct ReloadReport {
    /// Which one it was; the first is 1.
    pub(in crate::cli) number: u64,
    /// When it was over, in seconds since 1970.
    pub(in crate::cli) at_s: u64,
    pub(in crate::cli) took: Duration,
    pub(in crate::cli) outcome: Result<Changes, Unchanged>,
}

/// What changed.
#[derive(Debug)]
pub(in crate::cli) struct Changes {
    pub(in crate::cli) functions: PublishReport,
    /// Keys whose new values are not obeyed before the process is started anew.
    pub(in crate::cli) restart: Vec<String>,
    /// Whether the configuration itself says something else than before.
    pub(in crate::cli) settings: bool,
}

/// Why nothing changed.
#[derive(Debug)]
pub(in crate::cli) enum Unchanged {
    /// The configuration is wrong, in these ways.
    Config(Vec<ConfigError>),
    /// The server is on its way to its end.
    Draining,
    /// It is not over; it goes on.
    Late(Duration),
}

impl Unchanged {
    const fn name(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Draining => "draining",
            Self::Late(_) => "late",
        }
    }
}

impl fmt::Display for Unchanged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(complaints) => {
                for (place, complaint) in complaints.iter().enumerate() {
                    let before = if place == 0 { "" } else { "\n" };
                    write!(out, "{before}fezz reload: nothing changed: {complaint}")?;
                }
                Ok(())
            }
            Self::Draining => out.write_str("fezz reload: nothing changed: the server is draining"),
            Self::Late(patience) => write!(
                out,
                "fezz reload: not over within {} s; it goes on, and the log will say its end",
                patience.as_secs_f32()
            ),
        }
    }
}

impl ReloadReport {
    pub(super) const fn draining() -> Self {
        Self { number: 0, at_s: 0, took: Duration::ZERO, outcome: Err(Unchanged::Draining) }
    }

    pub(super) const fn late(number: u64, patience: Duration) -> Self {
        Self { number, at_s: 0, took: patience, outcome: Err(Unchanged::Late(patience)) }
    }

    /// One word for it.
    pub(in crate::cli) const fn summary(&self) -> &'static str {
        match &self.outcome {
            Ok(_) => "Serving; reloaded",
            Err(_) => "Serving; the last reload changed nothing",
        }
    }

    /// Tells the log: what changed, or each reason why nothing did.
    pub(super) fn log(&self) {
        match &self.outcome {
            Ok(_) => self.to_string().lines().for_each(log::say),
            Err(Unchanged::Config(complaints)) => {
                for complaint in complaints {
                    let fields = [("reason", complaint.name().into())];
                    let message = format_args!("reload: nothing changed: {}", complaint.brief());
                    log::warn(log::SERVER, &fields, message);
                }
            }
            Err(why) => log::say(why),
        }
    }

    pub(in crate::cli) fn answer(&self, format: Format) -> Answer {
        match (&self.outcome, format) {
            (Ok(changes), Format::Json) => {
                let object = Object::new().value("ok", true).value("number", self.number);
                let object = object.value("took_ms", self.took.as_millis());
                Answer { done: true, body: changes.members(object).end() + "\n" }
            }
            (Err(why @ Unchanged::Config(complaints)), Format::Json) => {
                let object = Object::new().value("ok", false).text("error", why.name());
                let all: Vec<String> = complaints.iter().map(ToString::to_string).collect();
                let all = list(all.iter().map(String::as_str));
                Answer { done: false, body: object.value("complaints", all).end() + "\n" }
            }
            (outcome, format) => {
                let (done, name) =
                    outcome.as_ref().map_or_else(|why| (false, why.name()), |_| (true, ""));
                Answer { done, body: complaint(format, name, &self.to_string()) }
            }
        }
    }

    /// What `status` says of it.
    pub(in crate::cli) fn json(&self) -> String {
        let object = Object::new().value("number", self.number).value("at_unix_s", self.at_s);
        let object = object.value("took_ms", self.took.as_millis());
        object.value("ok", self.outcome.is_ok()).text("said", &self.to_string()).end()
    }
}

impl Changes {
    fn members(&self, object: Object) -> Object {
        let PublishReport { added, retired, kept, certificates_stay, .. } = &self.functions;
        let names = |all: &[String]| list(all.iter().map(String::as_str));
        object
            .value("added", names(added))
            .value("retired", names(retired))
            .value("kept", names(kept))
            .value("settings_changed", self.settings)
            .value("certificates_stay", certificates_stay)
            .value("restart_needed", names(&self.restart))
    }
}

impl fmt::Display for ReloadReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok(changes) => {
                changes.functions.fmt(out)?;
                if !changes.restart.is_empty() {
                    write!(out, "\nfezz reload: needs a restart: {}", changes.restart.join(", "))?;
                }
                Ok(())
            }
            Err(why) => why.fmt(out),
        }
    }
}
