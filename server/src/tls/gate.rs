//! Who is let in how: a hello is answered with a certificate, or with a refusal.
//!
//! Listeners share their certificates and differ in whose client certificates count with them: each
//! has a gate, and gates of equal trust are one. All loops share them. They are looked at once for
//! each handshake, behind a lock that is taken for writing only when certificates are exchanged:
//! connections that are here keep what they have.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::ServerConfig;

use super::acquire::Stamps;
use super::error::TlsError;
use super::hello::Hello;
use super::identity::Identity;
use super::offer::ClientAuthorities;
use super::present::Present;
use super::terms::{GateTerms, Wishes};
use crate::config::{ClientCa, Config};

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

/// The ways in of all TLS listeners.
#[derive(Debug)]
pub(crate) struct Gates {
    present: RwLock<Arc<Present>>,
    /// The most that a function wants to know of handshakes.
    wishes: AtomicU8,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
}

/// The way in of listeners with the same trust in client certificates.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    gates: Arc<Gates>,
    /// Its place among the trusts of the terms.
    trust: usize,
}

impl Gates {
    /// Reads everything that a configuration names, if TLS is spoken.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, Vec<TlsError>> {
        GateTerms::of(config).map(Self::open).transpose()
    }

    fn open(terms: GateTerms) -> Result<Self, Vec<TlsError>> {
        let present = Present::read(Arc::new(terms), None)?;
        Ok(Self {
            present: RwLock::new(Arc::new(present)),
            wishes: AtomicU8::new(0),
            reloads: AtomicU64::new(0),
            reloads_failed: AtomicU64::new(0),
        })
    }

    /// The gate of a listener with this trust in client certificates; none when there was no such
    /// listener in the configuration.
    pub(crate) fn gate(self: &Arc<Self>, client_ca: Option<&ClientCa>) -> Option<Gate> {
        let wanted = client_ca.map(ClientAuthorities::of);
        let trusts = &self.present().terms.sources.trusts;
        let trust = trusts.iter().position(|trust| *trust == wanted)?;
        Some(Gate { gates: Arc::clone(self), trust })
    }

    /// Reads the files again and takes them over if all are good; what was there stays otherwise.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub(crate) fn reload(&self) -> Result<(), Vec<TlsError>> {
        let before = self.present();
        match Present::read(Arc::clone(&before.terms), before.made.as_ref()) {
            Ok(present) => {
                self.exchange(present);
                Ok(())
            }
            Err(wrong) => {
                self.refused();
                Err(wrong)
            }
        }
    }

    /// Takes over what was read for another configuration, whose certificates and terms count from
    /// now on. False, and nothing changes, when a listener's trust in client certificates is not
    /// in it: listeners stay as they are.
    pub(crate) fn adopt(&self, other: &Self) -> bool {
        let before = self.present();
        let Some(next) = other.present().arranged_as(&before) else {
            self.refused();
            return false;
        };
        // Sessions can be resumed as long as nothing changed.
        if next.stamps != before.stamps || next.terms != before.terms {
            self.exchange(next);
        }
        true
    }

    fn exchange(&self, present: Present) {
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(present);
        self.reloads.fetch_add(1, Ordering::Relaxed);
    }

    /// New files were no good.
    fn refused(&self) {
        self.reloads_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// What the files look like now, and what they looked like when they were taken over.
    pub(super) fn stamps(&self) -> (Stamps, Stamps) {
        let present = self.present();
        (present.terms.sources.stamps(), present.stamps.clone())
    }

    /// Connections that come from now on know what these functions want to.
    pub(crate) fn wish(&self, wishes: impl Iterator<Item = Wishes>) {
        let most = wishes.max().unwrap_or_default();
        self.wishes.store(most as u8, Ordering::Relaxed);
    }

    /// Whether a certificate here speaks for `host`, or any would be served.
    pub(crate) fn knows(&self, host: &str) -> bool {
        let present = self.present();
        present.terms.serves_unknown
            || present.identities.iter().any(|identity| identity.names.cover(host))
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

impl Gate {
    /// What functions want to know of handshakes.
    pub(crate) fn wishes(&self) -> Wishes {
        match self.gates.wishes.load(Ordering::Relaxed) {
            0 => Wishes::Nothing,
            1 => Wishes::Facts,
            _ => Wishes::Hello,
        }
    }

    /// Chooses a certificate for a hello; `None` when no one here has the name it asks for. Who
    /// asks for no name gets the default one, and is judged by what it requests.
    pub(crate) fn admit(&self, hello: Option<&Hello<'_>>) -> Option<Admitted> {
        let present = self.gates.present();
        let server_name = hello.and_then(Hello::server_name);
        let named = server_name.as_ref().map(|name| present.named(name));
        let candidates = match named {
            Some([]) if !present.terms.serves_unknown => return None,
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
            config: Arc::clone(present.configs.get(self.trust)?.get(place)?),
            identity: Arc::clone(present.identities.get(place)?),
            server_name: server_name.map(String::into_boxed_str),
        })
    }
}
