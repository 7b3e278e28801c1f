//! What is known of a connection once its handshake is done.

use std::sync::Arc;

use super::gate::Admitted;
use super::identity::Identity;
use super::meta::{self, Settled};
use super::names::authority_host;
use super::terms::Wishes;
use super::x509;

/// The facts of one secured connection that outlive its handshake.
#[derive(Debug)]
pub(crate) struct Secured {
    identity: Arc<Identity>,
    server_name: Option<Box<str>>,
    /// Whose certificate the client has, which was verified.
    principal: Option<Box<str>>,
    version: &'static str,
    cipher: &'static str,
    resumed: bool,
    /// For functions, in CBOR; empty when none asks.
    facts: Box<[u8]>,
    facts_with_hello: Box<[u8]>,
}

impl Secured {
    /// Keeps of a handshake what is wished for. `hello` is there when something is.
    pub(crate) fn of(
        admitted: Admitted,
        settled: &Settled<'_>,
        hello: Option<&[u8]>,
        wishes: Wishes,
    ) -> Self {
        let Admitted { identity, server_name, config: _ } = admitted;
        let name = server_name.as_deref();
        let facts = match wishes {
            Wishes::Nothing => Box::default(),
            Wishes::Facts | Wishes::Hello => meta::write(settled, name, hello, false),
        };
        let facts_with_hello = match wishes {
            Wishes::Hello => meta::write(settled, name, hello, true),
            Wishes::Nothing | Wishes::Facts => Box::default(),
        };
        let principal = settled.client.and_then(x509::Facts::read).and_then(|it| it.subject());
        let version = settled.version.and_then(meta::version).unwrap_or_default();
        let cipher = settled.cipher.and_then(meta::cipher).unwrap_or_default();
        let resumed = settled.resumed;
        Self { identity, server_name, principal, version, cipher, resumed, facts, facts_with_hello }
    }

    /// Whose certificate the client has, if it has one.
    pub(crate) fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// What a function with such wishes is told, in CBOR.
    pub(crate) fn meta(&self, wishes: Wishes) -> Option<&[u8]> {
        let facts = match wishes {
            Wishes::Nothing => return None,
            Wishes::Facts => &self.facts,
            Wishes::Hello => &self.facts_with_hello,
        };
        Some(facts).filter(|facts| !facts.is_empty()).map(|facts| &**facts)
    }

    /// The version that was settled on.
    pub(crate) const fn version(&self) -> &'static str {
        self.version
    }

    /// Whether the session went on from an earlier one.
    pub(crate) const fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Version, cipher, and the name that was asked for.
    pub(crate) fn said(&self) -> Option<(&str, &str, Option<&str>)> {
        Some((self.version, self.cipher, self.server_name.as_deref()))
    }

    /// Whether a request for `authority` may come this way (RFC 9110 §7.4): the certificate speaks
    /// for it, or it is the very name for which the client accepted this certificate.
    pub(crate) fn is_for(&self, authority: &str) -> bool {
        let host = authority_host(authority);
        let asked = self.server_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host));
        asked || self.identity.names.cover(host)
    }
}
