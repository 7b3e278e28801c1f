//! What a configuration names: artifacts, certificates, keys, tokens, directories. Each is looked at
//! without executing anything, and what is wrong is said where it is named.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::assemble;
use crate::clock::Clock;
use crate::config::file::{Complaint, Fault, Lint, Loaded};
use crate::config::{Auth, ConfigError, LogOutput, Serves};
use crate::tls::TlsError;

/// Days before its end at which a certificate should have been renewed.
const RENEWAL_DAYS: u64 = 21;
/// Octets of a file of tokens that are looked at.
const TOKENS_BYTES_MAX: u64 = 16 << 20;

/// Everything that is wrong with what is named, and what is seldom wise about it.
pub(super) fn faults(loaded: &Loaded) -> Vec<Complaint> {
    let mut found = Named { loaded, found: Vec::new() };
    found.artifacts();
    found.certificates();
    found.tokens();
    found.logs();
    found.listeners();
    found.found
}

struct Named<'l> {
    loaded: &'l Loaded,
    found: Vec<Complaint>,
}

impl Named<'_> {
    fn add(&mut self, key: &str, fault: Fault) {
        self.found.push(self.loaded.origins.complaint(key, fault));
    }

    fn config(&mut self, key: &str, error: ConfigError) {
        self.add(key, Fault::Config(Box::new(error)));
    }

    /// Functions, by their files alone, and the routes to them.
    fn artifacts(&mut self) {
        let config = &self.loaded.config;
        for (place, error) in assemble::preview(config) {
            let key = match place {
                assemble::Place::Function(index) => format!("function[{index}].artifact"),
                assemble::Place::Root => "root".to_owned(),
                assemble::Place::Route(index) => format!("route[{index}].function"),
            };
            self.config(&key, error);
        }
        for (index, function) in config.functions.iter().enumerate() {
            if mode(&function.artifact) & 0o002 != 0 {
                let path = function.artifact.clone();
                let lint = Fault::Lint(Lint::WritableByAll { path });
                self.add(&format!("function[{index}].artifact"), lint);
            }
        }
    }

    fn certificates(&mut self) {
        let config = &self.loaded.config;
        let key = |index: usize, name: &str| {
            format!("certificate[{}].{name}", self.loaded.origins.certificate(index))
        };
        let of_path = |path: &Path| -> String {
            for (index, files) in config.tls.certificates.iter().enumerate() {
                if files.chain == path {
                    return key(index, "cert");
                }
                if files.key == path {
                    return key(index, "key");
                }
            }
            for (index, listener) in config.listeners.iter().enumerate() {
                if listener.client_ca.as_ref().is_some_and(|it| it.file == path) {
                    return format!("listener[{index}].client_auth.ca");
                }
            }
            "tls.client_auth.ca".to_owned()
        };
        let mut found = Vec::new();
        match assemble::certificates(config) {
            Err(errors) => {
                for error in errors {
                    let path = error.path().map(Path::to_path_buf).unwrap_or_default();
                    found.push((of_path(&path), Fault::Config(Box::new(ConfigError::Tls(error)))));
                }
            }
            Ok(ends) => {
                let now_s = Clock::unix_seconds();
                for (label, not_after_s) in ends {
                    let left = u64::try_from(not_after_s.saturating_sub(now_s)).unwrap_or(0);
                    let days = left / 86_400;
                    if days < RENEWAL_DAYS {
                        let lint = Fault::Lint(Lint::ExpiresSoon { days });
                        found.push((of_path(Path::new(&label)), lint));
                    }
                }
            }
        }
        for (index, files) in config.tls.certificates.iter().enumerate() {
            if mode(&files.key) & 0o004 != 0 {
                let lint = Fault::Lint(Lint::ReadableByAll { path: files.key.clone() });
                found.push((key(index, "key"), lint));
            }
        }
        for (key, fault) in found {
            self.add(&key, fault);
        }
    }

    /// Files of tokens: there, readable, not for everybody.
    fn tokens(&mut self) {
        for policy in &self.loaded.config.policies {
            let Some(Auth::BearerSha256 { file }) = &policy.auth else { continue };
            let key = format!("policy.{}.auth.file", policy.name);
            if let Err(error) = readable(file) {
                self.add(&key, Fault::Unreadable(error));
            } else if mode(file) & 0o004 != 0 {
                self.add(&key, Fault::Lint(Lint::ReadableByAll { path: file.clone() }));
            }
        }
    }

    /// Directories of files that the server makes itself.
    fn logs(&mut self) {
        let config = &self.loaded.config;
        let access = config.access_log.as_ref().map(|it| &it.output);
        let outputs = [("log.output", Some(&config.log.output)), ("access_log.output", access)];
        let files = outputs.into_iter().filter_map(|(key, output)| match output {
            Some(LogOutput::File(path)) => Some((key, path.clone())),
            _ => None,
        });
        let socket = config.admin.socket.clone().map(|path| ("admin.listen", path));
        for (key, path) in files.chain(socket) {
            if let Err(error) = directory_of(&path) {
                self.add(key, Fault::Unreadable(error));
            }
        }
    }

    fn listeners(&mut self) {
        for (index, listener) in self.loaded.config.listeners.iter().enumerate() {
            let Serves::Redirect { acme_dir: Some(directory), .. } = &listener.serves else {
                continue;
            };
            if let Err(error) = std::fs::read_dir(directory) {
                let key = format!("listener[{index}].acme_challenges");
                self.add(&key, Fault::Unreadable(error));
            }
        }
    }
}

/// The permission bits of a file; none if it is not there, which others say.
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).map_or(0, |it| it.permissions().mode())
}

fn readable(path: &Path) -> io::Result<()> {
    let mut octets = Vec::new();
    File::open(path)?.take(TOKENS_BYTES_MAX).read_to_end(&mut octets).map(drop)
}

fn directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_else(|| PathBuf::from("."));
    if std::fs::metadata(&directory)?.is_dir() {
        return Ok(());
    }
    Err(io::Error::from(io::ErrorKind::NotADirectory))
}

/// The file an error is about, if it is about one.
trait AboutFile {
    fn path(&self) -> Option<&Path>;
}

impl AboutFile for TlsError {
    fn path(&self) -> Option<&Path> {
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
}
