//! Certificates as they are served now: found by name, one configuration of rustls for each and for
//! each trust in client certificates.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rustls::server::ServerConfig;
use rustls::sign::SingleCertAndKey;

use super::acquire::Stamps;
use super::error::TlsError;
use super::identity::Identity;
use super::offer::{Offer, provider, ticketer};
use super::terms::GateTerms;
use crate::clock::Clock;

/// One set of identities with everything made of it.
#[derive(Debug)]
pub(super) struct Present {
    /// What it was read for.
    pub(super) terms: Arc<GateTerms>,
    /// The certificate for development, which stands last.
    pub(super) made: Option<Arc<Identity>>,
    /// The first is the default.
    pub(super) identities: Vec<Arc<Identity>>,
    /// For each trust of the terms, in the order of the identities.
    pub(super) configs: Vec<Vec<Arc<ServerConfig>>>,
    /// Places of the identities of a name; wildcards by the name behind the first dot.
    exact: Places,
    wild: Places,
    /// What the files looked like.
    pub(super) stamps: Stamps,
}

impl Present {
    /// Reads everything; `made` is the certificate for development, if there is one already.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub(super) fn read(
        terms: Arc<GateTerms>,
        made: Option<&Arc<Identity>>,
    ) -> Result<Self, Vec<TlsError>> {
        // Before the files are read: what changes meanwhile is seen as a change later.
        let stamps = terms.sources.stamps();
        let provider = provider();
        let mut wrong = Vec::new();
        let made = match made {
            None if terms.sources.self_signed => {
                Some(Arc::new(Identity::self_signed(&provider, now_s()).map_err(|it| vec![it])?))
            }
            made => made.cloned(),
        };
        let identities = terms.sources.read(made.as_ref(), &provider, now_s());
        let identities = identities.unwrap_or_else(|errors| {
            wrong = errors;
            Vec::new()
        });
        let mut configs = Vec::new();
        for trust in &terms.sources.trusts {
            // New keys of tickets with each set of files, and others for each trust: a session that
            // is resumed is not asked again for a certificate. Its authority may be gone meanwhile,
            // or never have counted with the listener where it is resumed.
            let offer = ticketer(terms.tickets).map(|tickets| Offer {
                provider: Arc::clone(&provider),
                tls13_only: terms.tls13_only,
                tickets,
                authorities: trust.clone(),
            });
            match offer.and_then(|offer| offer.configs(&identities)) {
                Ok(some) => configs.push(some),
                Err(error) => wrong.push(error),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (exact, wild) = index(&identities);
        Ok(Self { terms, made, identities, configs, exact, wild, stamps })
    }

    /// The same with the trusts in the order of `other`; none if one of them is missing here. The
    /// certificate for development stays the one of `other`.
    pub(super) fn arranged_as(&self, other: &Self) -> Option<Self> {
        let mut terms = GateTerms::clone(&self.terms);
        terms.sources.trusts.clone_from(&other.terms.sources.trusts);
        let mut configs = Vec::new();
        for trust in &terms.sources.trusts {
            let place = self.terms.sources.trusts.iter().position(|own| own == trust)?;
            configs.push(self.configs.get(place)?.clone());
        }
        let mut identities = self.identities.clone();
        let made = self.made.as_ref().map(|own| other.made.as_ref().unwrap_or(own));
        if let (Some(made), Some(last)) = (made, identities.last_mut()) {
            *last = Arc::clone(made);
            for config in configs.iter_mut().filter_map(|some| some.last_mut()) {
                let mut changed = ServerConfig::clone(config);
                let resolver = SingleCertAndKey::from(Arc::clone(&made.key));
                changed.cert_resolver = Arc::new(resolver);
                *config = Arc::new(changed);
            }
        }
        let (exact, wild) = index(&identities);
        let mut stamps = self.stamps.clone();
        let named = terms.sources.stamps();
        stamps.retain(|path, _| named.contains_key(path));
        let (terms, made) = (Arc::new(terms), made.cloned());
        Some(Self { terms, made, identities, configs, exact, wild, stamps })
    }

    /// Places of the identities that speak for a name; an exact name is before a wildcard.
    pub(super) fn named(&self, name: &str) -> &[usize] {
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

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    i64::try_from(Clock::unix_seconds()).unwrap_or(i64::MAX)
}
