//! The configuration file: TOML, `version = 1`. One table of keys says everything about each; from
//! it come the reader, what `fezz config` shows and explains, the JSON Schema and the page.

mod change;
mod datum;
mod explain;
mod fault;
mod key;
mod links;
mod lint;
mod place;
mod reading;
mod schema;
mod show;
mod source;
mod table;
mod value;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

pub use change::changed_keys;
pub use explain::{UnknownTerm, explain, page};
pub use fault::{Complaint, Fault, Snippet};
pub use lint::{Lint, lints};
pub use schema::schema;
pub use show::show;
pub use source::{FILE_BYTES_MAX, FILES_MAX};

use super::{Config, ConfigError, METRICS_PORT, PolicyConfig, nearest};
use key::{Header, Section};
use reading::{Reading, Spot};
use source::Source;
use table::listen::{CERTIFICATE, CertificateDraft, LISTENER, ListenerDraft};
use table::policy::{POLICY, PolicyDraft, RATE_LIMIT, RateDraft};
use table::route::{ROUTE, RouteDraft};
use table::top::{TOP, Top, VERSION};
use table::{SINGLES, function};

/// A configuration and where each part of it was written.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Where it was written.
    pub origins: Origins,
}

impl Loaded {
    /// What holds where nothing is written.
    #[must_use]
    pub fn nothing() -> Self {
        Self { config: unwritten(), origins: Origins::default() }
    }
}

/// Where keys were written.
#[derive(Debug, Default)]
pub struct Origins {
    reading: Reading,
    /// Where each certificate of the configuration stands among those written.
    certificates: Vec<usize>,
}

impl Origins {
    /// The files, the main one first.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.reading.sources.iter().map(|source| source.path.as_path())
    }

    /// Where the certificate of that place in the configuration stands among those written: the
    /// default one is the first in the configuration, wherever it is written.
    #[must_use]
    pub fn certificate(&self, place: usize) -> usize {
        self.certificates.get(place).copied().unwrap_or(place)
    }

    /// The file and line of a key such as `limits.body` or `route[2].path`; `None` for one that was
    /// not written.
    #[must_use]
    pub fn line_of(&self, key: &str) -> Option<(&Path, usize)> {
        let spot = self.reading.spots.get(key)?;
        let source = self.reading.sources.get(spot.file)?;
        Some((&source.path, Snippet::of(&source.text, &spot.span).line))
    }

    /// A complaint about a key, at its place or that of what it stands in.
    #[must_use]
    pub fn complaint(&self, key: &str, fault: Fault) -> Complaint {
        let spot = self.reading.spot(key);
        let source = self.reading.sources.get(spot.as_ref().map_or(0, |spot| spot.file));
        Complaint {
            key: key.to_owned(),
            fault,
            path: source.map(|source| source.path.clone()).unwrap_or_default(),
            spot: source.zip(spot).map(|(source, spot)| Snippet::of(&source.text, &spot.span)),
        }
    }
}

/// Reads a configuration file and what it includes.
///
/// # Errors
/// Everything that is wrong, at once, in the order of the files and their lines.
pub fn read(path: &Path) -> Result<Loaded, Vec<ConfigError>> {
    let mut reading = Reading::default();
    let mut draft = Draft::new();
    draft.main(path, &mut reading);
    finish(draft, reading)
}

/// Reads the text of a configuration file as if it stood in the directory `base`; includes nothing.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn read_text(text: &str, base: &Path) -> Result<Loaded, Vec<ConfigError>> {
    let mut reading = Reading::default();
    let mut draft = Draft::new();
    let path = PathBuf::from("fezz.toml");
    reading.sources.push(Source { path, base: base.into(), text: text.to_owned() });
    draft.file(0, &mut reading);
    finish(draft, reading)
}

fn finish(draft: Draft, mut reading: Reading) -> Result<Loaded, Vec<ConfigError>> {
    let (config, certificates) = draft.link(&mut reading);
    let mut complaints = std::mem::take(&mut reading.complaints);
    if complaints.is_empty() {
        return Ok(Loaded { config, origins: Origins { reading, certificates } });
    }
    let order = |it: &Complaint| {
        let file = reading.sources.iter().position(|source| source.path == it.path);
        let place = it.spot.as_ref().map(|spot| (spot.line, spot.column));
        // What is said of the whole file comes after its lines.
        (file, place.unwrap_or((usize::MAX, 0)))
    };
    complaints.sort_by_cached_key(order);
    Err(complaints.into_iter().map(|it| ConfigError::File(Box::new(it))).collect())
}

/// What holds where a file says nothing: as without a file, except that there is a page for
/// monitoring, and nothing is listened on unasked.
#[must_use]
pub fn unwritten() -> Config {
    let listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, METRICS_PORT)));
    let metrics = super::Metrics { listen };
    Config { listeners: Vec::new(), metrics, ..Config::default() }
}

/// What was read so far.
struct Draft {
    config: Config,
    top: Top,
    certificates: Vec<CertificateDraft>,
    routes: Vec<RouteDraft>,
    /// Where each policy was begun.
    policies: BTreeMap<String, String>,
    /// Some of it could not be parsed: what is missing may have been there.
    torn: bool,
}

impl Draft {
    fn new() -> Self {
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
    fn main(&mut self, path: &Path, reading: &mut Reading) {
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
            Err((source, at, fault)) => {
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
    fn file(&mut self, number: usize, reading: &mut Reading) {
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
) -> Vec<super::RateLimit> {
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
fn tell(reading: &mut Reading, path: &str, found: Vec<(&'static str, Fault)>) {
    for (key, fault) in found {
        let key = if key.is_empty() { path.to_owned() } else { format!("{path}.{key}") };
        reading.complain_about(&key, fault);
    }
}

/// The place of a policy.
fn place_of(policies: &[PolicyConfig], name: &str) -> Option<usize> {
    policies.iter().position(|policy| policy.name == name)
}

#[cfg(test)]
mod tests;
