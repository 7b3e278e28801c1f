//! What a configuration names: artifacts, certificates, keys, tokens, directories. Each is looked
//! at without executing anything, and what is wrong is said where it is named.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::config::file::{Complaint, Fault, Lint, Loaded};
use crate::config::{Auth, LogOutput, Serves};
use crate::preview::{self, Place};

/// Days before its end at which a certificate should have been renewed.
const RENEWAL_DAYS: u64 = 21;

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

    /// Functions, by their files alone, the routes to them, and files of tokens.
    fn artifacts(&mut self) {
        let config = &self.loaded.config;
        for (place, error) in preview::faults(config) {
            let key = self.key(&place);
            self.add(&key, Fault::Config(Box::new(error)));
        }
        for (index, function) in config.functions.iter().enumerate() {
            if mode(&function.artifact) & 0o002 != 0 {
                let path = function.artifact.clone();
                let lint = Fault::Lint(Lint::WritableByAll { path });
                self.add(&format!("function[{index}].artifact"), lint);
            }
        }
    }

    /// What is called a thing in the file.
    fn key(&self, place: &Place) -> String {
        let config = &self.loaded.config;
        match place {
            Place::Function(index) => format!("function[{index}].artifact"),
            Place::Root => "root".to_owned(),
            Place::Route(index) => format!("route[{index}].function"),
            Place::Policy(name) => format!("policy.{name}.auth.file"),
            Place::Whole => String::new(),
            Place::File(path) => {
                for (index, files) in config.tls.certificates.iter().enumerate() {
                    let written = self.loaded.origins.certificate(index);
                    for (name, file) in [("cert", &files.chain), ("key", &files.key)] {
                        if file == path {
                            return format!("certificate[{written}].{name}");
                        }
                    }
                }
                let authority = config.listeners.iter().position(|listener| {
                    listener.client_ca.as_ref().is_some_and(|it| it.file == *path)
                });
                authority.map_or_else(String::new, |it| format!("listener[{it}].client_auth.ca"))
            }
        }
    }

    fn certificates(&mut self) {
        let config = &self.loaded.config;
        match preview::certificates(config) {
            Err(errors) => {
                for (place, error) in errors {
                    let key = self.key(&place);
                    self.add(&key, Fault::Config(Box::new(error)));
                }
            }
            Ok(ends) => {
                let now_s = Clock::unix_seconds();
                for (path, not_after_s) in ends {
                    let end_s = u64::try_from(not_after_s).unwrap_or(0);
                    let days = end_s.saturating_sub(now_s) / 86_400;
                    if days < RENEWAL_DAYS && !config.tls.self_signed {
                        let key = self.key(&Place::File(path));
                        self.add(&key, Fault::Lint(Lint::ExpiresSoon { days }));
                    }
                }
            }
        }
        for (index, files) in config.tls.certificates.iter().enumerate() {
            if mode(&files.key) & 0o004 != 0 {
                let written = self.loaded.origins.certificate(index);
                let lint = Fault::Lint(Lint::ReadableByAll { path: files.key.clone() });
                self.add(&format!("certificate[{written}].key"), lint);
            }
        }
    }

    /// Files of tokens are not for everybody.
    fn tokens(&mut self) {
        for policy in &self.loaded.config.policies {
            let Some(Auth::BearerSha256 { file }) = &policy.auth else { continue };
            let key = format!("policy.{}.auth.file", policy.name);
            if mode(file) & 0o004 != 0 {
                self.add(&key, Fault::Lint(Lint::ReadableByAll { path: file.clone() }));
            }
        }
    }

    /// Directories of files that the server makes itself.
    fn logs(&mut self) {
        let config = &self.loaded.config;
        let access = config.access_log.as_ref().map(|it| &it.output);
        let audit = config.audit_log.as_ref().map(|it| &it.output);
        let outputs = [
            ("log.output", Some(&config.log.output)),
            ("access_log.output", access),
            ("audit_log.output", audit),
        ];
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

fn directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_else(|| PathBuf::from("."));
    if std::fs::metadata(&directory)?.is_dir() {
        return Ok(());
    }
    Err(io::Error::from(io::ErrorKind::NotADirectory))
}
