//! TLS for the load generator: rustls over any socket, as a stream that may say "would block".
//!
//! Requests are written at once, also before the handshake is over: rustls holds them back and
//! sends them with its last message, as a client in a hurry would.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind};
use rustls::{RootCertStore, SignatureScheme};

/// Whom to believe that it is the server.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Who has a certificate of an authority in this file, in PEM.
    Authority(PathBuf),
    /// Everybody.
    Anybody,
}

/// The only key exchange that is offered, so that servers can be compared.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Group {
    /// Curve 25519.
    X25519,
    /// NIST P-256.
    P256,
    /// Curve 25519 and ML-KEM 768 together.
    X25519mlkem768,
}

impl Group {
    fn offered(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => aws_lc_rs::kx_group::X25519,
            Self::P256 => aws_lc_rs::kx_group::SECP256R1,
            Self::X25519mlkem768 => aws_lc_rs::kx_group::X25519MLKEM768,
        }
    }
}

/// How connections are secured; shared by all of a run, with their tickets.
#[derive(Clone, Debug)]
pub struct Security {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// Why connections cannot be secured that way.
#[derive(Debug)]
pub enum SecurityError {
    /// The file of the authority is no good.
    Authority {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        said: String,
    },
    /// The name is none that a certificate could have.
    Name(InvalidDnsNameError),
    /// The cryptography does not go together.
    Provider(Error),
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority { file, said } => write!(f, "{}: {said}", file.display()),
            Self::Name(error) => write!(f, "the server's name: {error}"),
            Self::Provider(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SecurityError {}

impl Security {
    /// Connections to `name`. With `resume`, what a connection learns is used by later ones;
    /// otherwise each has a full handshake.
    ///
    /// # Errors
    /// When the authority cannot be read, or the name is none.
    pub fn new(
        trust: &Trust,
        name: &str,
        group: Option<Group>,
        resume: bool,
    ) -> Result<Self, SecurityError> {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(group) = group {
            provider.kx_groups = vec![group.offered()];
        }
        let provider = Arc::new(provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(SecurityError::Provider)?;
        let builder = match trust {
            Trust::Authority(file) => builder.with_root_certificates(authorities(file)?),
            Trust::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Believing(provider)))
            }
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !resume {
            config.resumption = Resumption::disabled();
        }
        let name = ServerName::try_from(name.to_owned()).map_err(SecurityError::Name)?;
        Ok(Self { config: Arc::new(config), name })
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, SecurityError> {
    let wrong = |said: String| SecurityError::Authority { file: file.to_owned(), said };
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    for certificate in read {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("no certificate in it".to_owned())) } else { Ok(roots) }
}

/// Believes every certificate, and checks its signatures all the same: that is part of the work.
#[derive(Debug)]
struct Believing(Arc<CryptoProvider>);

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A socket, or TLS over one.
#[derive(Debug)]
pub(super) enum Wire<S> {
    /// Octets as they are.
    Plain(S),
    /// Octets in records.
    Secure(Box<Secured<S>>),
}

/// TLS over a socket.
#[derive(Debug)]
pub(super) struct Secured<S> {
    socket: S,
    tls: ClientConnection,
    /// The handshake is over and was told.
    told: bool,
}

impl<S: Read + Write> Wire<S> {
    pub(super) fn new(socket: S, security: Option<&Security>) -> io::Result<Self> {
        let Some(Security { config, name }) = security else { return Ok(Self::Plain(socket)) };
        let tls = ClientConnection::new(Arc::clone(config), name.clone());
        let tls = tls.map_err(io::Error::other)?;
        Ok(Self::Secure(Box::new(Secured { socket, tls, told: false })))
    }

    pub(super) fn socket(&self) -> &S {
        match self {
            Self::Plain(socket) => socket,
            Self::Secure(secured) => &secured.socket,
        }
    }

    /// Whether a read that did not fill the space has emptied the socket (epoll(7)).
    pub(super) fn short_means_empty(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Once, when the handshake is over: whether an earlier connection was resumed.
    pub(super) fn take_handshake(&mut self) -> Option<bool> {
        let Self::Secure(secured) = self else { return None };
        if secured.told || secured.tls.is_handshaking() {
            return None;
        }
        secured.told = true;
        Some(secured.tls.handshake_kind() == Some(HandshakeKind::Resumed))
    }
}

impl<S: Read + Write> Secured<S> {
    /// Opens what arrived, and answers what has to be answered.
    fn receive(&mut self) -> io::Result<()> {
        self.tls.read_tls(&mut self.socket)?;
        let state = self.tls.process_new_packets().map_err(broken);
        // Also an alert should leave before the connection is given up.
        let sent = self.send();
        state?;
        match sent {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

/// The kind by which a fault of TLS is told from one of the connection.
fn broken(error: Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

impl<S: Read + Write> Read for Wire<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let secured = match self {
            Self::Plain(socket) => return socket.read(into),
            Self::Secure(secured) => secured,
        };
        loop {
            match secured.tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => secured.receive()?,
                // RFC 9112 §9.8: an answer that is whole by its framing is whole.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
        }
    }
}

impl<S: Read + Write> Write for Wire<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(octets),
            // With its buffer full, rustls takes nothing.
            Self::Secure(secured) => match secured.tls.writer().write(octets)? {
                0 => Err(ErrorKind::WouldBlock.into()),
                taken => Ok(taken),
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Secure(secured) => secured.send(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_names_that_are_none_are_refused() {
        let nowhere = Trust::Authority(PathBuf::from("/nowhere/ca.pem"));
        let refused = Security::new(&nowhere, "localhost", None, false).unwrap_err().to_string();
        assert!(refused.starts_with("/nowhere/ca.pem: "), "{refused}");
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = Trust::Authority(empty.path().to_owned());
        let refused = Security::new(&empty, "localhost", None, false).unwrap_err().to_string();
        assert!(refused.ends_with(": no certificate in it"), "{refused}");
        let refused = Security::new(&Trust::Anybody, "a b", None, false).unwrap_err().to_string();
        assert!(refused.starts_with("the server's name: "), "{refused}");
    }

    #[test]
    fn one_group_is_offered_alone() {
        let all = [Group::X25519, Group::P256, Group::X25519mlkem768];
        for group in all {
            let one = Security::new(&Trust::Anybody, "localhost", Some(group), true).unwrap();
            assert_eq!(one.config.crypto_provider().kx_groups.len(), 1);
        }
        let free = Security::new(&Trust::Anybody, "localhost", None, true).unwrap();
        assert!(free.config.crypto_provider().kx_groups.len() >= all.len());
    }
}
