//! What a handshake may settle on: versions, key exchanges, protocols, tickets, client
//! certificates.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, GetRandomFailed};
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerConfig, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::ticketer::TicketRotator;
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::error::TlsError;
use super::identity::{Identity, certificates};
use crate::config::{ClientCa, TICKETS_ROTATE, Tickets};

/// The application protocols, best first. Another one (`h2`) comes here, and the transport tells
/// the core which was chosen. Some clients of HTTP/1.0 ask for that alone; its messages say their
/// version themselves.
const PROTOCOLS: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];
/// Tickets for one connection: each is good for one resumption, and costs a record.
const TICKETS: usize = 2;

/// Who has to show a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientAuthorities {
    /// Those that sign client certificates, in PEM.
    pub(crate) path: PathBuf,
    /// Whether a client without one is refused.
    pub(crate) required: bool,
}

impl ClientAuthorities {
    /// What an operator says, in these terms.
    pub(crate) fn of(said: &ClientCa) -> Self {
        Self { path: said.file.clone(), required: said.required }
    }
}

/// The provider of cryptography, with what this server prefers.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    {
        use rustls::crypto::aws_lc_rs;
        // A recording made today must not be readable when quantum computers are.
        let mut provider = aws_lc_rs::default_provider();
        let first = aws_lc_rs::kx_group::X25519MLKEM768;
        provider.kx_groups.retain(|group| group.name() != first.name());
        provider.kx_groups.insert(0, first);
        Arc::new(provider)
    }
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    {
        Arc::new(rustls::crypto::ring::default_provider())
    }
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("TLS needs a provider of cryptography: enable the feature aws-lc-rs or ring");

/// Keys of tickets, which change by themselves and are kept for as long again; none where an
/// operator wants none.
pub(crate) fn ticketer(wanted: Tickets) -> Result<Option<Arc<dyn ProducesTickets>>, TlsError> {
    let Tickets::On { rotate } = wanted else { return Ok(None) };
    let rotate_s = u32::try_from(rotate.as_secs()).unwrap_or(u32::MAX);
    let keys: Result<Arc<dyn ProducesTickets>, _> = if rotate == TICKETS_ROTATE {
        keys()
    } else {
        // One set of keys in another: those inside would change by themselves after six hours,
        // and no longer time can be asked for.
        let generate = || match keys() {
            Ok(keys) => Ok(Box::new(Short(keys)) as Box<dyn ProducesTickets>),
            Err(_) => Err(GetRandomFailed),
        };
        TicketRotator::new(rotate_s, generate).map(|keys| Arc::new(keys) as _)
    };
    keys.map(|keys| Some(Arc::new(Short(keys)) as _)).map_err(|_| TlsError::Provider)
}

/// New keys that change every [`TICKETS_ROTATE`].
fn keys() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::Ticketer::new();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return rustls::crypto::ring::Ticketer::new();
}

/// Tickets hold the client's certificates. Those that are long go without one: two tickets of tens
/// of kilobytes for each connection are more than a handshake costs, and than some clients take.
#[derive(Debug)]
struct Short(Arc<dyn ProducesTickets>);

/// Octets of a session that becomes a ticket.
const SESSION_BYTES_MAX: usize = 8 * 1024;

impl ProducesTickets for Short {
    fn enabled(&self) -> bool {
        self.0.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.0.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        (plain.len() <= SESSION_BYTES_MAX).then(|| self.0.encrypt(plain)).flatten()
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(cipher)
    }
}

/// Everything of an offer that does not depend on the certificate.
pub(crate) struct Offer {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) tls13_only: bool,
    /// None: every connection begins with a whole handshake.
    pub(crate) tickets: Option<Arc<dyn ProducesTickets>>,
    pub(crate) authorities: Option<ClientAuthorities>,
}

impl Offer {
    /// The configurations of rustls for `identities`, in their order.
    pub(crate) fn configs(
        &self,
        identities: &[Arc<Identity>],
    ) -> Result<Vec<Arc<ServerConfig>>, TlsError> {
        let both: &[&SupportedProtocolVersion] =
            &[&rustls::version::TLS13, &rustls::version::TLS12];
        let versions = if self.tls13_only { &both[..1] } else { both };
        let verifier = match &self.authorities {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(authorities) => self.verifier(authorities)?,
        };
        let config = |identity: &Arc<Identity>| {
            let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
                .with_protocol_versions(versions)
                .map_err(|_| TlsError::Provider)?;
            let resolver = SingleCertAndKey::from(Arc::clone(&identity.key));
            let mut config = builder
                .with_client_cert_verifier(Arc::clone(&verifier))
                .with_cert_resolver(Arc::new(resolver));
            config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
            // Tickets serve both versions, and leave nothing here to be filled up.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            if let Some(tickets) = &self.tickets {
                config.ticketer = Arc::clone(tickets);
                config.send_tls13_tickets = TICKETS;
            }
            config.max_early_data_size = 0;
            Ok(Arc::new(config))
        };
        identities.iter().map(config).collect()
    }

    fn verifier(
        &self,
        authorities: &ClientAuthorities,
    ) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
        let bad = || TlsError::BadAuthority { path: authorities.path.clone() };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&authorities.path)? {
            roots.add(certificate).map_err(|_| bad())?;
        }
        let provider = Arc::clone(&self.provider);
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if authorities.required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_of_tickets_change_when_they_shall() {
        let lifetime = |rotate| {
            let tickets = ticketer(Tickets::On { rotate }).unwrap().expect("tickets");
            let sealed = tickets.encrypt(b"session").expect("sealed");
            assert_eq!(tickets.decrypt(&sealed).as_deref(), Some(&b"session"[..]));
            let other = ticketer(Tickets::On { rotate }).unwrap().expect("tickets");
            assert_eq!(other.decrypt(&sealed), None, "keys are made anew");
            tickets.lifetime()
        };
        // Read for as long again.
        assert_eq!(lifetime(TICKETS_ROTATE), 12 * 3_600);
        assert_eq!(lifetime(Duration::from_secs(60)), 120);
        assert!(ticketer(Tickets::Off).unwrap().is_none());
    }
}
