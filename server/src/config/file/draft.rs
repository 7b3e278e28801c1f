//! What the files say, section by section, before it is linked into one configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::complaint::{Complaint, Snippet};
use super::fault::Fault;
use super::key::{Header, Section};
use super::reading::{Reading, Spot};
use super::source::{self, FILES_MAX, Source, Unusable};
use super::table::listen::{CERTIFICATE, CertificateDraft, LISTENER, ListenerDraft};
use super::table::policy::{POLICY, PolicyDraft, RATE_LIMIT, RateDraft};
use super::table::route::{ROUTE, RouteDraft};
use super::table::top::{TOP, Top, VERSION};
use super::table::{self, SINGLES, function};
use super::unwritten;
use crate::config::{Config, PolicyConfig, RateLimit, nearest};

/// What was read so far.
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) top: Top,
    pub(super) certificates: Vec<CertificateDraft>,
    pub(super) routes: Vec<RouteDraft>,
    /// Where each policy was begun.
    pub(super) policies: BTreeMap<String, String>,
    /// Some of it could not be parsed: what is missing may have been there.
    pub(super) torn: bool,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            config: unwritten(),
            top: Top::default(),
            certificates: Vec::new(),
            routes: Vec::new(),
            policies: BTreeMap::new(),
            torn: false,
        }
    }

    /// The main file and those that it includes.
    pub(super) fn main(&mut self, path: &Path, reading: &mut Reading) {
        if !self.open(path, reading) {
            return;
        }
        let main = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let spot = reading.spot("include");
        let own = std::fs::canonicalize(path).ok();
        let mut known: Vec<PathBuf> = own.iter().cloned().collect();
        for pattern in std::mem::take(&mut self.top.include) {
            let about = |reading: &mut Reading, fault| match &spot {
                Some(spot) => reading.complain("include", spot, fault),
                None => reading.complain_about("include", fault),
            };
            let files = match source::matching(&pattern, &main) {
                Ok(files) => files,
                Err(fault) => {
                    about(reading, fault);
                    continue;
                }
            };
            for file in files {
                let real = std::fs::canonicalize(&file).ok();
                if real.is_some() && real == own {
                    about(reading, Fault::SelfInclude);
                    continue;
                }
                if real.as_ref().is_some_and(|real| known.contains(real)) {
                    continue;
                }
                known.extend(real);
                if reading.sources.len() >= FILES_MAX {
                    about(reading, Fault::TooManyFiles { max: FILES_MAX });
                    return;
                }
                self.open(&file, reading);
            }
        }
    }

    /// Reads one file; whether there was anything to read.
    fn open(&mut self, path: &Path, reading: &mut Reading) -> bool {
        let number = reading.sources.len();
        match Source::open(path) {
            Ok(source) => {
                reading.sources.push(source);
                self.file(number, reading);
                true
            }
            Err(unusable) => {
                let Unusable { source, at, fault } = *unusable;
                self.torn = true;
                reading.sources.push(source);
                let path = path.to_path_buf();
                match at {
                    Some(at) => {
                        reading.complain("", &Spot { file: number, span: at..at + 1 }, fault);
                    }
                    None => {
                        let key = String::new();
                        reading.complaints.push(Complaint { key, fault, path, spot: None });
                    }
                }
                false
            }
        }
    }

    /// Reads the text of a file that is there.
    pub(super) fn file(&mut self, number: usize, reading: &mut Reading) {
        let text = reading.sources.get(number).map(|it| it.text.clone()).unwrap_or_default();
        let (table, errors) = DeTable::parse_recoverable(&text);
        let sound = reading.complaints.len();
        self.sections(number, table.get_ref(), reading);
        if errors.is_empty() {
            return;
        }
        self.torn = true;
        let mut torn = Vec::new();
        for error in errors {
            let span = error.span().unwrap_or(text.len()..text.len());
            let why = error.message().to_owned();
            torn.push(Snippet::of(&text, &span).line);
            reading.complain("", &Spot { file: number, span }, Fault::Syntax { why });
        }
        // What was made of a broken line says nothing about its author.
        let mut place = 0;
        reading.complaints.retain(|complaint| {
            place += 1;
            let line = complaint.spot.as_ref().map_or(0, |spot| spot.line);
            let syntax = matches!(complaint.fault, Fault::Syntax { .. });
            let guess = matches!(complaint.fault, Fault::Missing { .. } | Fault::NoVersion);
            place <= sound || syntax || !(guess || torn.contains(&line))
        });
    }

    fn sections(&mut self, number: usize, table: &DeTable<'_>, reading: &mut Reading) {
        let main = number == 0;
        self.top(number, table, reading);
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, node) in entries {
            let word = name.get_ref().as_ref();
            if TOP.keys.iter().any(|key| key.card.name == word) {
                continue;
            }
            let spot = Spot { file: number, span: name.span() };
            if !table::section_names().any(|known| known == word) {
                let known = TOP.keys.iter().map(|key| key.card.name).chain(table::section_names());
                let nearest = nearest(word, known);
                let elsewhere = table::holders_of(word);
                let fault = if nearest.is_none() && !elsewhere.is_empty() {
                    Fault::UnknownKey { nearest, elsewhere, section: "" }
                } else {
                    Fault::UnknownSection { nearest }
                };
                reading.complain(word, &spot, fault);
            } else if !main && !INCLUDED.contains(&word) {
                reading.complain(word, &spot, Fault::MainOnly);
            } else {
                self.section(word, number, node, reading);
            }
        }
    }

    /// What stands above the sections. An included file says at most its version.
    fn top(&mut self, number: usize, table: &DeTable<'_>, reading: &mut Reading) {
        let mut top = Top::default();
        let mut own = DeTable::new();
        for (name, node) in table.iter() {
            let word = name.get_ref().as_ref();
            let fault = match word {
                "include" => Fault::NestedInclude,
                _ => Fault::MainOnly,
            };
            if !TOP.keys.iter().any(|key| key.card.name == word) {
                continue;
            }
            if number == 0 || word == "version" {
                own.insert(name.clone(), node.clone());
            } else {
                reading.complain(word, &Spot { file: number, span: name.span() }, fault);
            }
        }
        let written = reading.spots.remove("version");
        reading.section(&TOP, "", number, &own, &mut top);
        if number > 0 {
            reading.spots.extend(written.map(|spot| ("version".to_owned(), spot)));
            return;
        }
        if !reading.spots.contains_key("version") {
            reading.complain("", &Spot { file: number, span: 0..0 }, Fault::NoVersion);
        }
        debug_assert!(matches!(top.version, 0 | VERSION));
        self.config.root.clone_from(&top.root);
        self.top = top;
    }

    fn section(
        &mut self,
        name: &str,
        number: usize,
        node: &toml::Spanned<DeValue<'_>>,
        reading: &mut Reading,
    ) {
        if let Some(section) = SINGLES.iter().find(|section| section.caption.name == name) {
            let Some(table) = node.get_ref().as_table() else {
                return header(reading, number, node, section);
            };
            reading.spots.insert(name.to_owned(), Spot { file: number, span: node.span() });
            return reading.section(section, name, number, table, &mut self.config);
        }
        match name {
            "listener" => self.listeners(number, node, reading),
            "certificate" => {
                let start = self.certificates.len();
                let read = items(&CERTIFICATE, start, number, node, reading);
                self.certificates.extend(read.into_iter().map(|(_, it)| it));
            }
            "function" => {
                let start = self.config.functions.len();
                for (path, it) in items(&function::FUNCTION, start, number, node, reading) {
                    let (function, found) = function::FunctionDraft::finish(it);
                    self.config.functions.push(function);
                    tell(reading, &path, found);
                }
            }
            "route" => {
                let start = self.routes.len();
                let read = items(&ROUTE, start, number, node, reading);
                self.routes.extend(read.into_iter().map(|(_, it)| it));
            }
            _ => self.policies(number, node, reading),
        }
    }

    fn listeners(
        &mut self,
        number: usize,
        node: &toml::Spanned<DeValue<'_>>,
        reading: &mut Reading,
    ) {
        for (path, it) in items(&LISTENER, 0, number, node, reading) {
            let (listener, found) = ListenerDraft::finish(it);
            self.config.listeners.push(listener);
            tell(reading, &path, found);
        }
    }

    fn policies(
        &mut self,
        number: usize,
        node: &toml::Spanned<DeValue<'_>>,
        reading: &mut Reading,
    ) {
        let Some(table) = node.get_ref().as_table() else {
            return header(reading, number, node, &POLICY);
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, node) in entries {
            let word = name.get_ref().to_string();
            let path = format!("policy.{word}");
            let spot = Spot { file: number, span: name.span() };
            let Some(table) = node.get_ref().as_table() else {
                header(reading, number, node, &POLICY);
                continue;
            };
            if crate::plugin::version::check_name(&word).is_err() {
                reading.complain(&path, &spot, Fault::Label);
            }
            if let Some(first) = self.policies.get(&word) {
                let remedy = "give one of them another name";
                let fault = Fault::Repeated { first: first.clone(), remedy };
                reading.complain(&path, &spot, fault);
                continue;
            }
            reading.spots.insert(path.clone(), spot);
            self.policies.insert(word.clone(), reading.place_of(&path));
            let mut draft = PolicyDraft::default();
            reading.section(&POLICY, &path, number, table, &mut draft);
            let rates = rate_limits(table, &path, number, reading);
            let (policy, found) = draft.finish(&word, rates);
            self.config.policies.push(policy);
            tell(reading, &path, found);
        }
    }
}

/// Sections that an included file may have.
const INCLUDED: [&str; 4] = ["certificate", "function", "route", "policy"];

/// The rate limits of a policy: one table, or several in brackets.
fn rate_limits(
    policy: &DeTable<'_>,
    path: &str,
    number: usize,
    reading: &mut Reading,
) -> Vec<RateLimit> {
    let Some((_, node)) = policy.iter().find(|(name, _)| *name.get_ref() == "rate_limit") else {
        return Vec::new();
    };
    let base = format!("{path}.rate_limit");
    reading.spots.insert(base.clone(), Spot { file: number, span: node.span() });
    let nodes: Vec<&toml::Spanned<DeValue<'_>>> = match node.get_ref() {
        DeValue::Array(all) => all.iter().collect(),
        _ => vec![node],
    };
    let mut found = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        let Some(table) = node.get_ref().as_table() else {
            header(reading, number, node, &RATE_LIMIT);
            continue;
        };
        let path = format!("{base}[{index}]");
        reading.spots.insert(path.clone(), Spot { file: number, span: node.span() });
        let mut draft = RateDraft::default();
        reading.section(&RATE_LIMIT, &path, number, table, &mut draft);
        found.extend(draft.finish());
    }
    found
}

/// Everything below `[[name]]`, each with its path; numbered from `start`.
fn items<T: Default>(
    section: &Section<T>,
    start: usize,
    number: usize,
    node: &toml::Spanned<DeValue<'_>>,
    reading: &mut Reading,
) -> Vec<(String, T)> {
    let Some(all) = node.get_ref().as_array() else {
        header(reading, number, node, section);
        return Vec::new();
    };
    let mut found = Vec::new();
    for (index, node) in all.iter().enumerate() {
        let path = format!("{}[{}]", section.caption.name, start + index);
        reading.spots.insert(path.clone(), Spot { file: number, span: node.span() });
        let mut whole = T::default();
        match node.get_ref().as_table() {
            Some(table) => reading.section(section, &path, number, table, &mut whole),
            None => header(reading, number, node, section),
        }
        found.push((path, whole));
    }
    found
}

/// A section that is begun in the wrong way.
fn header<T>(
    reading: &mut Reading,
    number: usize,
    node: &toml::Spanned<DeValue<'_>>,
    section: &Section<T>,
) {
    let caption = section.caption;
    let right = match caption.header {
        Header::Within => "a table such as { key = \"client_ip\", rate = \"50/s\" }".to_owned(),
        _ => caption.title.to_owned(),
    };
    let spot = Spot { file: number, span: node.span() };
    reading.complain(caption.name, &spot, Fault::Header { right });
}

/// Takes down what parts of an item have against each other.
pub(super) fn tell(reading: &mut Reading, path: &str, found: Vec<(&'static str, Fault)>) {
    for (key, fault) in found {
        let key = if key.is_empty() { path.to_owned() } else { format!("{path}.{key}") };
        reading.complain_about(&key, fault);
    }
}

/// The place of a policy.
pub(super) fn place_of(policies: &[PolicyConfig], name: &str) -> Option<usize> {
    policies.iter().position(|policy| policy.name == name)
}
