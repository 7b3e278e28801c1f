//! Who is let in how: a hello is answered with a certificate, or with a refusal.
//!
//! All loops share a gate. It is looked at once for each handshake, behind a lock that is taken for
//! writing only when certificates are exchanged: connections that are here keep what they have.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::ServerConfig;

use super::acquire::Stamp;
use super::error::TlsError;
use super::hello::Hello;
use super::identity::Identity;
use super::offer::{Offer, provider, ticketer};
use super::terms::{GateTerms, Wishes};
use crate::clock::Clock;
use crate::config::Config;

/// What a client gets that is let in.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) identity: Arc<Identity>,
    /// The name it asked for.
    pub(crate) server_name: Option<Box<str>>,
}

/// What was counted about the certificates themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateCounts {
    /// Times new files took the place of old ones.
    pub reloads: u64,
    /// Times new files were no good and the old ones stayed.
    pub reloads_failed: u64,
    /// The certificates in use.
    pub certificates: Vec<CertificateCount>,
}

/// One certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateCount {
    /// The file it is from.
    pub label: String,
    /// Seconds since 1970 of its last valid second.
    pub not_after_s: i64,
}

/// One set of identities with everything made of it.
#[derive(Debug)]
struct Present {
    identities: Vec<Arc<Identity>>,
    configs: Vec<Arc<ServerConfig>>,
    /// Places of the identities of a name; wildcards by the name behind the first dot.
    exact: HashMap<String, Vec<usize>>,
    wild: HashMap<String, Vec<usize>>,
    stamps: Vec<Stamp>,
}

/// The way in for one set of TLS listeners.
#[derive(Debug)]
pub(crate) struct Gate {
    terms: GateTerms,
    made: Option<Arc<Identity>>,
    present: RwLock<Arc<Present>>,
    /// The most that a function wants to know of handshakes.
    wishes: AtomicU8,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
}

impl Gate {
    /// Reads everything that a configuration names, if TLS is spoken.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, Vec<TlsError>> {
        GateTerms::of(config).map(Self::open).transpose()
    }

    fn open(terms: GateTerms) -> Result<Self, Vec<TlsError>> {
        let one = |error| vec![error];
        let made = match terms.sources.self_signed {
            true => Some(Arc::new(Identity::self_signed(&provider(), now_s()).map_err(one)?)),
            false => None,
        };
        let present = Present::read(&terms, made.as_ref())?;
        Ok(Self {
            terms,
            made,
            present: RwLock::new(Arc::new(present)),
            wishes: AtomicU8::new(0),
            reloads: AtomicU64::new(0),
            reloads_failed: AtomicU64::new(0),
        })
    }

    /// Reads the files again and takes them over if all are good; what was there stays otherwise.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub(crate) fn reload(&self) -> Result<(), Vec<TlsError>> {
        match Present::read(&self.terms, self.made.as_ref()) {
            Ok(present) => {
                *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(present);
                self.reloads.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(wrong) => {
                self.reloads_failed.fetch_add(1, Ordering::Relaxed);
                Err(wrong)
            }
        }
    }

    /// What the files look like now, and what they looked like when they were taken over.
    pub(super) fn stamps(&self) -> (Vec<Stamp>, Vec<Stamp>) {
        (self.terms.sources.stamps(), self.present().stamps.clone())
    }

    /// What functions want to know of handshakes.
    pub(crate) fn wishes(&self) -> Wishes {
        match self.wishes.load(Ordering::Relaxed) {
            0 => Wishes::Nothing,
            1 => Wishes::Facts,
            _ => Wishes::Hello,
        }
    }

    /// Connections that come from now on know what these functions want to.
    pub(crate) fn wish(&self, wishes: impl Iterator<Item = Wishes>) {
        let most = wishes.max().unwrap_or_default();
        self.wishes.store(most as u8, Ordering::Relaxed);
    }

    /// Whether a certificate here speaks for `host`, or any would be served.
    pub(crate) fn knows(&self, host: &str) -> bool {
        self.terms.serves_unknown
            || self.present().identities.iter().any(|identity| identity.names.cover(host))
    }

    /// Chooses a certificate for a hello; `None` when no one here has the name it asks for. Who
    /// asks for no name gets the default one, and is judged by what it requests.
    pub(crate) fn admit(&self, hello: Option<&Hello<'_>>) -> Option<Admitted> {
        let present = self.present();
        let server_name = hello.and_then(Hello::server_name);
        let named = server_name.as_ref().map(|name| present.named(name));
        let candidates = match named {
            Some([]) if !self.terms.serves_unknown => return None,
            Some([]) | None => &[0],
            Some(places) => places,
        };
        let suits = |place: &&usize| {
            let identity = present.identities.get(**place);
            identity.is_some_and(|one| hello.is_some_and(|it| one.suits(it.signature_schemes())))
        };
        let place = match candidates {
            [one] => *one,
            [first, ..] => *candidates.iter().find(suits).unwrap_or(first),
            [] => return None,
        };
        Some(Admitted {
            config: Arc::clone(present.configs.get(place)?),
            identity: Arc::clone(present.identities.get(place)?),
            server_name: server_name.map(String::into_boxed_str),
        })
    }

    /// What was counted.
    pub(crate) fn counted(&self) -> GateCounts {
        let count = |identity: &Arc<Identity>| CertificateCount {
            label: identity.label.clone(),
            not_after_s: identity.not_after_s,
        };
        GateCounts {
            reloads: self.reloads.load(Ordering::Relaxed),
            reloads_failed: self.reloads_failed.load(Ordering::Relaxed),
            certificates: self.present().identities.iter().map(count).collect(),
        }
    }

    fn present(&self) -> Arc<Present> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Present {
    fn read(terms: &GateTerms, made: Option<&Arc<Identity>>) -> Result<Self, Vec<TlsError>> {
        // Before the files are read: what changes meanwhile is seen as a change later.
        let stamps = terms.sources.stamps();
        let one = |error| vec![error];
        let offer = Offer {
            provider: provider(),
            tls13_only: terms.tls13_only,
            // New keys with each set of files: a session that is resumed is not asked again for a
            // certificate, whose authority may be gone.
            tickets: ticketer().map_err(one)?,
            authorities: terms.sources.authorities.clone(),
        };
        let identities = terms.sources.read(made, &offer.provider, now_s())?;
        let configs = offer.configs(&identities).map_err(one)?;
        let (exact, wild) = index(&identities);
        Ok(Self { identities, configs, exact, wild, stamps })
    }

    /// Places of the identities that speak for a name; an exact name is before a wildcard.
    fn named(&self, name: &str) -> &[usize] {
        if let Some(places) = self.exact.get(name) {
            return places;
        }
        let parent = name.split_once('.').map(|(_, parent)| parent);
        parent.and_then(|parent| self.wild.get(parent)).map_or(&[], Vec::as_slice)
    }
}

type Places = HashMap<String, Vec<usize>>;

fn index(identities: &[Arc<Identity>]) -> (Places, Places) {
    let (mut exact, mut wild) = (Places::new(), Places::new());
    // Elliptic keys first: of two for the same name the cheaper one serves whoever knows it.
    let mut order: BTreeMap<(bool, usize), &Arc<Identity>> = BTreeMap::new();
    for (place, identity) in identities.iter().enumerate() {
        order.insert((!identity.is_elliptic(), place), identity);
    }
    for ((_, place), identity) in order {
        for name in &identity.names.dns {
            let (map, name) = match name.strip_prefix("*.") {
                Some(parent) => (&mut wild, parent),
                None => (&mut exact, name.as_str()),
            };
            map.entry(name.to_owned()).or_default().push(place);
        }
    }
    (exact, wild)
}

fn now_s() -> i64 {
    i64::try_from(Clock::unix_seconds()).unwrap_or(i64::MAX)
}
