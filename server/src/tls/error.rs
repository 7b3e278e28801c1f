//! What can be wrong with certificates and keys: which file, and what would be right.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why TLS cannot be offered as configured. The operator's to mend.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is larger than any certificate or key.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most octets it may have.
        bytes_max: u64,
    },
    /// A file has nothing in it.
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file is not PEM, or breaks off.
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// There is PEM in the file, and no certificate.
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is PEM in the file, and no private key that is not encrypted.
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A certificate cannot be read, or not by rustls.
    BadCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A key cannot be read, or is of a kind that cannot be used.
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// The first certificate of the file is not the key's.
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A certificate's time is over.
    Expired {
        /// The file.
        path: PathBuf,
        /// For so many seconds.
        seconds: u64,
    },
    /// A certificate's time has not begun.
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// For so many more seconds.
        seconds: u64,
    },
    /// A certificate names no host and no address, so that no client can accept it.
    Nameless {
        /// The file.
        path: PathBuf,
    },
    /// A set of client authorities is not usable.
    BadAuthority {
        /// The file.
        path: PathBuf,
    },
    /// A certificate for development could not be made.
    SelfSigned,
    /// The provider of cryptography does not offer what was asked for.
    Provider,
}

impl TlsError {
    /// The file it is about; of a pair, the key.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Empty { path }
            | Self::NotPem { path }
            | Self::NoCertificate { path }
            | Self::NoKey { path }
            | Self::BadCertificate { path }
            | Self::BadKey { path }
            | Self::Expired { path, .. }
            | Self::NotYetValid { path, .. }
            | Self::Nameless { path }
            | Self::BadAuthority { path }
            | Self::Mismatch { key: path, .. } => Some(path),
            Self::SelfSigned | Self::Provider => None,
        }
    }

    /// The stable reason word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::Empty { .. } => "empty",
            Self::NotPem { .. } => "not_pem",
            Self::NoCertificate { .. } => "no_certificate",
            Self::NoKey { .. } => "no_key",
            Self::BadCertificate { .. } => "bad_certificate",
            Self::BadKey { .. } => "bad_key",
            Self::Mismatch { .. } => "mismatch",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Nameless { .. } => "nameless",
            Self::BadAuthority { .. } => "bad_authority",
            Self::SelfSigned => "self_signed",
            Self::Provider => "provider",
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => {
                write!(out, "cannot read {}: {error}", path.display())
            }
            Self::TooLarge { path, bytes_max } => {
                write!(out, "{} has more than {bytes_max} octets", path.display())
            }
            Self::Empty { path } => write!(out, "{} is empty", path.display()),
            Self::NotPem { path } => write!(
                out,
                "{} is not PEM, or breaks off; 'openssl x509 -inform der -in FILE' turns DER into \
                 it",
                path.display()
            ),
            Self::NoCertificate { path } => write!(
                out,
                "there is no certificate in {}: no '-----BEGIN CERTIFICATE-----'",
                path.display()
            ),
            Self::NoKey { path } => write!(
                out,
                "there is no private key in {} (PKCS#8, SEC1 or PKCS#1); one that is encrypted \
                 must be decrypted first: 'openssl pkey -in FILE'",
                path.display()
            ),
            Self::BadCertificate { path } => {
                write!(out, "a certificate in {} cannot be read", path.display())
            }
            Self::BadKey { path } => write!(
                out,
                "the key in {} cannot be used; write ECDSA P-256 or P-384, Ed25519, or RSA from \
                 2048 bits",
                path.display()
            ),
            Self::Mismatch { certificate, key } => write!(
                out,
                "the key in {} is not that of the first certificate in {}; the server's own \
                 certificate stands before those of its issuers",
                key.display(),
                certificate.display()
            ),
            Self::Expired { path, seconds } => {
                write!(out, "the certificate in {} expired {} ago", path.display(), span(*seconds))
            }
            Self::NotYetValid { path, seconds } => write!(
                out,
                "the certificate in {} is valid in {} only; is the clock right?",
                path.display(),
                span(*seconds)
            ),
            Self::Nameless { path } => write!(
                out,
                "the certificate in {} has no subject alternative name; clients look nowhere else",
                path.display()
            ),
            Self::BadAuthority { path } => {
                write!(out, "no client authority can be made of {}", path.display())
            }
            Self::SelfSigned => out.write_str("a self-signed certificate could not be made"),
            Self::Provider => out.write_str("the provider of cryptography refuses this selection"),
        }
    }
}

impl std::error::Error for TlsError {}

/// Seconds in the largest unit that leaves a whole number.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
