//! What a configuration names, judged by files alone: nothing of a function runs, nothing is
//! listened on. Whatever is found here would also keep the server from starting.

use std::path::{Path, PathBuf};

use fezz_abi::artifact::{self, Inspection};
use fezz_abi::{LoadError, LoadFault};

use crate::config::{
    Abi, Config, ConfigError, Fallback, FunctionConfig, FunctionOptions, Target, resolve,
};
use crate::plugin::registry::newest;
use crate::plugin::root;
use crate::plugin::version::{Selector, Version};
use crate::policy::{Policy, PolicyFault};
use crate::tls::{Gates, TlsError};

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A function, by its place in the configuration.
    Function(usize),
    /// The directory of functions.
    Root,
    /// A route, by its place.
    Route(usize),
    /// A policy, by its name.
    Policy(String),
    /// A file.
    File(PathBuf),
    /// Nothing in particular.
    Whole,
}

/// What is wrong, and where.
pub(crate) type Faults = Vec<(Place, ConfigError)>;

/// A function as far as its file tells.
struct Known {
    name: String,
    version: Option<Version>,
    /// Its place in the configuration; none below the directory.
    place: Option<usize>,
    /// Whether the version before it may answer in its place.
    falls_back: bool,
}

impl Known {
    fn shown(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Everything that is wrong with functions, routes to them, and files of tokens.
#[must_use]
pub(crate) fn faults(config: &Config) -> Faults {
    let mut found = Vec::new();
    let (mut known, whole) = functions(config, &mut found);
    let whole = whole & below_root(config, &mut known, &mut found);
    // While an artifact is missing, what it would have been called is not known.
    if whole {
        routes(config, &known, &mut found);
    }
    for policy in &config.policies {
        if let Err(error) = Policy::read(policy) {
            let place = match &error.fault {
                PolicyFault::Tokens { .. } => Place::Policy(policy.name.clone()),
                _ => Place::Whole,
            };
            found.push((place, ConfigError::Policy(error)));
        }
    }
    found
}

/// The functions named one by one, and whether all of them are there.
fn functions(config: &Config, found: &mut Faults) -> (Vec<Known>, bool) {
    let mut known: Vec<Known> = Vec::new();
    let mut whole = true;
    for (place, wanted) in config.functions.iter().enumerate() {
        match function(config, wanted) {
            Err(error) => {
                whole = false;
                found.push((Place::Function(place), *error));
            }
            Ok(function) => {
                let function = Known { place: Some(place), ..function };
                let same = |it: &Known| it.name == function.name && it.version == function.version;
                if known.iter().any(same) {
                    let error = ConfigError::SameFunction { function: function.shown() };
                    found.push((Place::Function(place), error));
                } else {
                    known.push(function);
                }
            }
        }
    }
    (known, whole)
}

fn function(config: &Config, wanted: &FunctionConfig) -> Result<Known, Box<ConfigError>> {
    let refused = |error| Box::new(ConfigError::Artifact(error));
    // Which boundary is meant is said by name, and the name may be the artifact's own.
    let either = artifact::inspect_either(&wanted.artifact).map_err(refused)?;
    let name = wanted.name.clone().unwrap_or_else(|| either.name().to_owned());
    let version = version(&name, wanted, &either)?;
    let options = resolve(&wanted.options, &config.options, &name, version.as_ref());
    judge(&wanted.artifact, &options, &either).map_err(refused)?;
    // What the function asks for itself is known once it has begun.
    let falls_back = matches!(options.fallback, None | Some(Fallback::Previous));
    Ok(Known { name, version, place: None, falls_back })
}

fn version(
    name: &str,
    wanted: &FunctionConfig,
    inspection: &Inspection,
) -> Result<Option<Version>, Box<ConfigError>> {
    let own = inspection.identity.as_ref().map_or("", |identity| identity.version());
    match (&wanted.version, own) {
        (Some(version), _) => Ok(Some(version.clone())),
        (None, "") => Ok(None),
        (None, text) => Version::parse(text).map(Some).map_err(|why| {
            let (name, text) = (name.to_owned(), text.to_owned());
            Box::new(ConfigError::ArtifactVersion { name, text, why })
        }),
    }
}

/// Whether the artifact may be loaded on these terms.
fn judge(path: &Path, options: &FunctionOptions, inspection: &Inspection) -> Result<(), LoadError> {
    let boundary = match options.abi {
        Abi::V2 => fezz_abi::Abi::V2,
        Abi::V1 => fezz_abi::Abi::V1,
    };
    if inspection.abi != boundary {
        artifact::inspect_as(path, boundary)?;
    }
    match options.sha256 {
        Some(expected) if expected != inspection.sha256 => {
            let fault = LoadFault::Digest { expected, found: inspection.sha256 };
            Err(LoadError::new(path, fault))
        }
        _ => Ok(()),
    }
}

/// The functions below the directory; they have routes of their own.
fn below_root(config: &Config, known: &mut Vec<Known>, found: &mut Faults) -> bool {
    let Some(directory) = &config.root else { return true };
    let all = match root::scan(directory) {
        Ok(all) => all,
        Err(errors) => {
            let errors = errors.into_iter().map(ConfigError::Root);
            found.extend(errors.map(|error| (Place::Root, error)));
            return false;
        }
    };
    let mut whole = true;
    for root::Found { name, version, artifact } in all {
        let options = FunctionOptions::default();
        let wanted = FunctionConfig { name: Some(name), version: Some(version), artifact, options };
        match function(config, &wanted) {
            Ok(function) => known.push(function),
            Err(error) => {
                whole = false;
                found.push((Place::Root, *error));
            }
        }
    }
    whole
}

/// Routes that lead nowhere, and functions that no route leads to.
fn routes(config: &Config, known: &[Known], found: &mut Faults) {
    let names = || known.iter().map(|it| (it.name.as_str(), it.version.as_ref()));
    let mut reached: Vec<usize> = Vec::new();
    for (place, route) in config.routes.iter().enumerate() {
        let selectors: Vec<&Selector> = match &route.target {
            Target::Function(function) => {
                reached.extend(known.iter().position(|it| it.place == Some(*function)));
                continue;
            }
            Target::Selector(selector) => vec![selector],
            Target::Split(shares) => shares.iter().map(|(selector, _)| selector).collect(),
        };
        for selector in selectors {
            match newest(selector, names()) {
                Some(at) => reached.push(at),
                None => {
                    let loaded = known.iter().map(Known::shown).collect();
                    let selector = selector.clone();
                    let error = ConfigError::UnknownFunction { selector, loaded };
                    found.push((Place::Route(place), error));
                }
            }
        }
    }
    let falls_back =
        |policy: &crate::config::PolicyConfig| policy.fallback == Some(Fallback::Previous);
    let any = config.policies.iter().any(falls_back);
    for (at, function) in known.iter().enumerate() {
        let Some(place) = function.place.filter(|_| !reached.contains(&at)) else { continue };
        // An older version may stand behind one that is reached.
        let stands = known.iter().any(|newer| {
            newer.name == function.name
                && newer.version > function.version
                && (newer.falls_back || any)
        });
        if !stands {
            let error = ConfigError::Unreachable { function: function.shown() };
            found.push((Place::Function(place), error));
        }
    }
}

/// Everything that is wrong with certificates, keys and authorities; or each certificate's file and
/// its last second since 1970.
///
/// # Errors
/// Each with the file it is about.
pub(crate) fn certificates(config: &Config) -> Result<Vec<(PathBuf, i64)>, Faults> {
    match Gates::of(config) {
        Ok(None) => Ok(Vec::new()),
        Ok(Some(gates)) => {
            let all = gates.counted().certificates.into_iter();
            Ok(all.map(|it| (PathBuf::from(it.label), it.not_after_s)).collect())
        }
        Err(errors) => {
            let place =
                |error: &TlsError| error.path().map_or(Place::Whole, |it| Place::File(it.into()));
            Err(errors.into_iter().map(|it| (place(&it), ConfigError::Tls(it))).collect())
        }
    }
}
