//! From the tables of TOML to places of the configuration: every key is looked up in its section,
//! read by its kind and put into its place; what cannot is a complaint, and the next one follows.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::complaint::{Complaint, Snippet};
use super::fault::{Fault, Wrong};
use super::key::{Card, Key, Section};
use super::source::Source;
use super::table;
use crate::config::nearest;

/// A place in one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Which file.
    pub(crate) file: usize,
    /// Where, in octets.
    pub(crate) span: Range<usize>,
}

/// What has been read so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The files.
    pub(crate) sources: Vec<Source>,
    /// Where each key and each section is written: `limits.body`, `route[2]`, `policy.public`.
    pub(crate) spots: BTreeMap<String, Spot>,
    /// What is wrong.
    pub(crate) complaints: Vec<Complaint>,
}

/// The section being read.
struct At<'a, T: 'static> {
    section: &'a Section<T>,
    /// What its keys begin with, with a dot at the end where there is one.
    path: &'a str,
    file: usize,
}

impl Reading {
    /// Takes down what is wrong at a spot.
    pub(crate) fn complain(&mut self, key: &str, spot: &Spot, fault: Fault) {
        let source = self.sources.get(spot.file);
        let complaint = Complaint {
            key: key.to_owned(),
            fault,
            path: source.map(|source| source.path.clone()).unwrap_or_default(),
            spot: source.map(|source| Snippet::of(&source.text, &spot.span)),
        };
        self.complaints.push(complaint);
    }

    /// Takes down what is wrong with a key or section that was read, or with what it stands in.
    pub(crate) fn complain_about(&mut self, key: &str, fault: Fault) {
        match self.spot(key) {
            Some(spot) => self.complain(key, &spot, fault),
            None => {
                let path = self.sources.first().map(|it| it.path.clone()).unwrap_or_default();
                self.complaints.push(Complaint { key: key.to_owned(), fault, path, spot: None });
            }
        }
    }

    /// Where a key is written, or what it stands in.
    pub(crate) fn spot(&self, key: &str) -> Option<Spot> {
        let mut key = key;
        loop {
            if let Some(spot) = self.spots.get(key) {
                return Some(spot.clone());
            }
            key = key.rsplit_once('.')?.0;
        }
    }

    /// Where a key is written, for people.
    pub(crate) fn place_of(&self, key: &str) -> String {
        let Some(spot) = self.spot(key) else { return String::new() };
        let Some(source) = self.sources.get(spot.file) else { return String::new() };
        format!("{}:{}", source.path.display(), Snippet::of(&source.text, &spot.span).line)
    }

    /// Reads a section into `whole`. `path` is what it is called: `limits`, `route[2]`.
    pub(crate) fn section<T>(
        &mut self,
        section: &Section<T>,
        path: &str,
        file: usize,
        table: &DeTable<'_>,
        whole: &mut T,
    ) {
        let path = if path.is_empty() { String::new() } else { format!("{path}.") };
        self.walk(&At { section, path: &path, file }, "", table, whole);
        let missing = section.keys.iter().map(|key| &key.card).filter(|card| {
            card.required && !self.spots.contains_key(&format!("{path}{}", card.name))
        });
        for card in missing.collect::<Vec<_>>() {
            let whole = path.trim_end_matches('.').to_owned();
            let expects = format!("{} = {}", card.name, card.example);
            self.complain_about(&whole, Fault::Missing { key: card.name, expects });
        }
    }

    fn walk<T>(&mut self, at: &At<'_, T>, prefix: &str, table: &DeTable<'_>, whole: &mut T) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, node) in entries {
            let full = format!("{prefix}{}", name.get_ref());
            if prefix.is_empty() && at.section.within.contains(&full.as_str()) {
                continue;
            }
            let dotted = name.get_ref().contains('.');
            let exact = at.section.keys.iter().find(|key| key.card.name == full && !dotted);
            let below = |card: &Card| {
                card.name.strip_prefix(full.as_str()).is_some_and(|rest| rest.starts_with('.'))
            };
            let inner = !dotted && at.section.keys.iter().any(|key| below(&key.card));
            match (node.get_ref(), exact) {
                (DeValue::Table(table), _) if inner => {
                    self.walk(at, &format!("{full}."), table, whole);
                }
                (_, Some(key)) => self.key(at, key, node, whole),
                (_, None) => {
                    let key = format!("{}{full}", at.path);
                    let span = if inner { node.span() } else { name.span() };
                    let fault = if inner {
                        Fault::Header { right: inline(at.section, &full) }
                    } else {
                        unknown(at.section, prefix, name.get_ref())
                    };
                    self.complain(&key, &Spot { file: at.file, span }, fault);
                }
            }
        }
    }

    fn key<T>(
        &mut self,
        at: &At<'_, T>,
        key: &Key<T>,
        node: &toml::Spanned<DeValue<'_>>,
        whole: &mut T,
    ) {
        let name = format!("{}{}", at.path, key.card.name);
        let spot = Spot { file: at.file, span: node.span() };
        self.spots.insert(name.clone(), spot.clone());
        let base = self.sources.get(at.file).map(|it| it.base.clone()).unwrap_or_default();
        let read = key.card.kind.read(node.get_ref(), &base);
        let Err(Wrong { index, fault }) = read.and_then(|value| key.place.set(whole, value)) else {
            return;
        };
        let item = index.and_then(|index| node.get_ref().as_array()?.get(index));
        let span = item.map_or(spot.span, toml::Spanned::span);
        self.complain(&name, &Spot { file: at.file, span }, fault);
    }
}

/// How a table within a section is written.
fn inline<T>(section: &Section<T>, full: &str) -> String {
    let below = section.keys.iter().filter_map(|key| {
        let name = key.card.name.strip_prefix(full)?.strip_prefix('.')?;
        Some(format!("{name} = {}", key.card.example))
    });
    format!("{full} = {{ {} }}", below.collect::<Vec<_>>().join(", "))
}

/// A key that is not known here, what may have been meant, and where else it is known.
fn unknown<T>(section: &Section<T>, prefix: &str, name: &str) -> Fault {
    let here = section.keys.iter().filter_map(|key| {
        let rest = key.card.name.strip_prefix(prefix)?;
        Some(rest.split_once('.').map_or(rest, |(first, _)| first))
    });
    let near = nearest(name, here.chain(section.within.iter().copied()));
    let elsewhere = match near {
        Some(_) => Vec::new(),
        None => table::holders_of(name),
    };
    Fault::UnknownKey { nearest: near, elsewhere, section: section.caption.name }
}
