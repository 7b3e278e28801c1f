//! The configuration in force as a file: every key with its value and where that came from. What is
//! shown can be read again and says the same.

use std::fmt::Write as _;

use super::key::Section;
use super::table::function::{FUNCTION, FunctionDraft};
use super::table::listen::{CERTIFICATE, CertificateDraft, LISTENER, ListenerDraft};
use super::table::policy::{POLICY, PolicyDraft, RATE_LIMIT, RateDraft};
use super::table::route::{ROUTE, RouteDraft};
use super::table::{SINGLES, top};
use super::value::{Kind, quoted};
use super::{Loaded, Origins};
use crate::config::PolicyConfig;

/// The column where origins begin, if the value leaves room.
const ORIGIN_COLUMN: usize = 48;

/// Every effective value and where it came from: a file and its line, or the default.
#[must_use]
pub fn show(loaded: &Loaded) -> String {
    let Loaded { config, origins } = loaded;
    let mut out = Shown { text: String::new(), origins };
    let version = Kind::count(top::VERSION).show(&super::value::Value::Number(top::VERSION.into()));
    out.line("version", version, "version", "");
    if let Some(root) = &config.root {
        let text = quoted(&root.to_string_lossy());
        out.line("root", Some(text), "root", "");
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        let path = format!("listener[{index}]");
        out.section(&LISTENER, "[[listener]]", &path, &ListenerDraft::of(listener));
    }
    let mut singles = SINGLES.into_iter();
    for section in singles.by_ref().take(1) {
        out.section(section, section.caption.title, section.caption.name, config);
    }
    for (index, files) in config.tls.certificates.iter().enumerate() {
        let written = origins.certificate(index);
        let path = format!("certificate[{written}]");
        let draft = CertificateDraft::of(files, index);
        out.section(&CERTIFICATE, "[[certificate]]", &path, &draft);
    }
    for (index, function) in config.functions.iter().enumerate() {
        let path = format!("function[{index}]");
        out.section(&FUNCTION, "[[function]]", &path, &FunctionDraft::of(function));
    }
    for (index, route) in config.routes.iter().enumerate() {
        let path = format!("route[{index}]");
        out.section(&ROUTE, "[[route]]", &path, &RouteDraft::of(config, route));
    }
    for policy in &config.policies {
        let path = format!("policy.{}", policy.name);
        // A name may have dots.
        let title = format!("[policy.{}]", quoted(&policy.name));
        out.section(&POLICY, &title, &path, &PolicyDraft::of(policy));
        out.rate_limits(policy, &path);
    }
    for section in singles {
        let absent = section
            .keys
            .iter()
            .any(|key| key.card.required && key.place.get(config) == super::value::Value::Unset);
        if absent {
            let _infallible = write!(out.text, "\n# {} is not written\n", section.caption.title);
        } else {
            out.section(section, section.caption.title, section.caption.name, config);
        }
    }
    out.text
}

struct Shown<'l> {
    text: String,
    origins: &'l Origins,
}

impl Shown<'_> {
    fn section<T>(&mut self, section: &Section<T>, title: &str, path: &str, whole: &T) {
        let _infallible = write!(self.text, "\n{title}\n");
        for key in section.keys {
            let name = key.card.name;
            let value = key.card.kind.show(&key.place.get(whole));
            self.line(name, value, &format!("{path}.{name}"), key.card.default_is);
        }
    }

    /// One key. What is not there is a comment.
    fn line(&mut self, name: &str, value: Option<String>, path: &str, default_is: &str) {
        let written = self.origins.line_of(path);
        let origin = match written {
            // A file's name may have any character in it, a comment may not.
            Some((file, line)) => {
                let file = file.display().to_string();
                let file: String =
                    file.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect();
                format!("{file}:{line}")
            }
            None => "default".to_owned(),
        };
        let (line, origin) = match value {
            Some(value) => (format!("{name} = {value}"), origin),
            None if default_is.is_empty() => (format!("# {name}"), "not set".to_owned()),
            None => (format!("# {name}"), format!("not set: {default_is}")),
        };
        let _infallible = writeln!(self.text, "{line:<ORIGIN_COLUMN$} # {origin}");
    }

    /// In one line: tables within tables have no headers here.
    fn rate_limits(&mut self, policy: &PolicyConfig, path: &str) {
        let limit = |limit: &crate::config::RateLimit| {
            let draft = RateDraft::of(limit);
            let pair = |key: &super::key::Key<RateDraft>| {
                let value = key.card.kind.show(&key.place.get(&draft))?;
                Some(format!("{} = {value}", key.card.name))
            };
            let pairs: Vec<String> = RATE_LIMIT.keys.iter().filter_map(pair).collect();
            format!("{{ {} }}", pairs.join(", "))
        };
        let limits: Vec<String> = policy.rate_limits.iter().map(limit).collect();
        let value = (!limits.is_empty()).then(|| format!("[{}]", limits.join(", ")));
        self.line("rate_limit", value, &format!("{path}.rate_limit"), "");
    }
}
