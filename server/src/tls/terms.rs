//! What an operator says about TLS, in the terms of the gate.

use crate::config::{Config, Serves, Tickets, TlsVersion, TlsWish, UnknownSni};

use super::acquire::Sources;
use super::offer::ClientAuthorities;

/// What is said about all identities together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GateTerms {
    /// Where identities come from.
    pub(crate) sources: Sources,
    /// Whether a client that asks for a name nobody here has gets the default certificate.
    pub(crate) serves_unknown: bool,
    /// Whether TLS 1.2 is refused.
    pub(crate) tls13_only: bool,
    /// Whether clients can come back without a whole handshake.
    pub(crate) tickets: Tickets,
}

impl GateTerms {
    /// The terms of a configuration; `None` when TLS is not spoken, or not without a certificate.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let tls = &config.tls;
        let secured = config.listeners.iter().filter(|listener| listener.serves == Serves::Tls);
        let mut trusts = Vec::new();
        for listener in secured {
            let trust = listener.client_ca.as_ref().map(ClientAuthorities::of);
            if !trusts.contains(&trust) {
                trusts.push(trust);
            }
        }
        let terms = Self {
            sources: Sources {
                pairs: tls
                    .certificates
                    .iter()
                    .map(|it| (it.chain.clone(), it.key.clone()))
                    .collect(),
                self_signed: tls.self_signed,
                trusts,
            },
            serves_unknown: tls.unknown_sni == UnknownSni::Default,
            tls13_only: tls.version_min == TlsVersion::V13,
            tickets: tls.tickets,
        };
        (config.speaks_tls() && tls.has_certificate()).then_some(terms)
    }
}

/// What is kept of a handshake for functions: what nobody asks for is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Wishes {
    /// Nothing.
    #[default]
    Nothing,
    /// What was settled, and how the client said hello.
    Facts,
    /// The octets of the hello, too.
    Hello,
}

/// What an operator's word for it means.
pub(crate) const fn wishes(wish: TlsWish) -> Wishes {
    match wish {
        TlsWish::Off => Wishes::Nothing,
        TlsWish::Facts => Wishes::Facts,
        TlsWish::Hello => Wishes::Hello,
    }
}
