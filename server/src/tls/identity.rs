//! A certificate with its chain and its key, checked: it parses, the key is its own, its time is
//! now, and it has a name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::error::TlsError;
use super::names::Names;
use super::x509;

/// Octets of a file of certificates or keys: many times the longest honest one.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Somebody the server can be.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Chain and key.
    pub(crate) key: Arc<CertifiedKey>,
    /// Hosts it speaks for.
    pub(crate) names: Names,
    /// Seconds since 1970 of its last valid second.
    pub(crate) not_after_s: i64,
    /// Where it came from, for people.
    pub(crate) label: String,
}

impl Identity {
    /// Reads and checks a pair of files at `now_s` seconds since 1970.
    pub(crate) fn read(
        certificate: &Path,
        key: &Path,
        provider: &CryptoProvider,
        now_s: i64,
    ) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let octets = file(key)?;
        let private = PrivateKeyDer::from_pem_slice(&octets).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey { path: key.into() },
            _ => TlsError::NotPem { path: key.into() },
        })?;
        Self::check(chain, private, provider, now_s, certificate, key)
    }

    /// Makes one for development: for this machine alone, trusted by nobody.
    pub(crate) fn self_signed(provider: &CryptoProvider, now_s: i64) -> Result<Self, TlsError> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names).map_err(|_| TlsError::SelfSigned)?;
        params.distinguished_name.push(rcgen::DnType::CommonName, "fezz, self-signed");
        let key = rcgen::KeyPair::generate().map_err(|_| TlsError::SelfSigned)?;
        let made = params.self_signed(&key).map_err(|_| TlsError::SelfSigned)?;
        let private = PrivateKeyDer::try_from(key.serialize_der());
        let private = private.map_err(|_| TlsError::SelfSigned)?;
        let place = Path::new("--tls-self-signed");
        Self::check(vec![made.der().clone()], private, provider, now_s, place, place)
    }

    fn check(
        chain: Vec<CertificateDer<'static>>,
        private: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
        now_s: i64,
        certificate: &Path,
        key: &Path,
    ) -> Result<Self, TlsError> {
        let path = || PathBuf::from(certificate);
        let Some(facts) = chain.first().and_then(|first| x509::Facts::read(first)) else {
            return Err(TlsError::BadCertificate { path: path() });
        };
        let key =
            CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    TlsError::Mismatch { certificate: path(), key: key.into() }
                }
                rustls::Error::InvalidCertificate(_) => TlsError::BadCertificate { path: path() },
                _ => TlsError::BadKey { path: key.into() },
            })?;
        if now_s > facts.not_after_s {
            let seconds = now_s.abs_diff(facts.not_after_s);
            return Err(TlsError::Expired { path: path(), seconds });
        }
        if now_s < facts.not_before_s {
            let seconds = now_s.abs_diff(facts.not_before_s);
            return Err(TlsError::NotYetValid { path: path(), seconds });
        }
        let names = Names { dns: facts.dns, ip: facts.ip };
        if names == Names::default() {
            return Err(TlsError::Nameless { path: path() });
        }
        let label = certificate.display().to_string();
        Ok(Self { key: Arc::new(key), names, not_after_s: facts.not_after_s, label })
    }

    /// Whether a client that knows these signature schemes can accept this key.
    pub(crate) fn suits(&self, schemes: impl Iterator<Item = u16>) -> bool {
        let mut schemes = schemes.map(rustls::SignatureScheme::from);
        // ED25519, ED448 and RSA-PSS are told from the rest by rustls itself.
        schemes.any(|scheme| self.key.key.choose_scheme(&[scheme]).is_some())
    }

    /// Whether its signatures are the cheap kind.
    pub(crate) fn is_elliptic(&self) -> bool {
        self.key.key.algorithm() != SignatureAlgorithm::RSA
    }
}

/// The certificates of a file, in its order.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let octets = file(path)?;
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&octets) {
        chain.push(certificate.map_err(|_| TlsError::NotPem { path: path.into() })?);
    }
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.into() });
    }
    Ok(chain)
}

fn file(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error| TlsError::Unreadable { path: path.into(), error };
    let opened = File::open(path).map_err(unreadable)?;
    if !opened.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is no regular file")));
    }
    let mut octets = Vec::new();
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() as u64 > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { path: path.into(), bytes_max: FILE_BYTES_MAX });
    }
    if octets.iter().all(u8::is_ascii_whitespace) {
        return Err(TlsError::Empty { path: path.into() });
    }
    Ok(octets)
}
