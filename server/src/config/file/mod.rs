//! The configuration file: TOML, `version = 1`. One table of keys says everything about each; from
//! it come the reader, what `fezz config` shows and explains, the JSON Schema and the page.

mod change;
mod complaint;
mod datum;
mod draft;
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

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub use change::changed_keys;
pub use complaint::{Complaint, Snippet};
pub use explain::{UnknownTerm, explain, page};
pub use fault::Fault;
pub use lint::{Lint, lints};
pub use schema::schema;
pub use show::show;
pub use source::{FILE_BYTES_MAX, FILES_MAX};

use super::{Config, ConfigError, METRICS_PORT};
use draft::Draft;
use reading::Reading;
use source::Source;

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

#[cfg(test)]
mod tests;
