//! What is right by itself and wrong together: names that are nowhere, names that are there twice,
//! values above others, routes that take the same requests.

use std::collections::BTreeMap;

use super::draft::{Draft, place_of, tell};
use super::fault::Fault;
use super::reading::Reading;
use super::table::SINGLES;
use super::table::listen::CertificateDraft;
use super::table::route::RouteDraft;
use crate::config::{
    CertificateFiles, Config, ConfigError, FunctionConfig, ListenAddress, RouteConfig, Serves,
    Target, nearest,
};
use crate::plugin::version::Selector;
use crate::policy::{self, PolicyFault};

impl Draft {
    /// The configuration. What is wrong between its parts is taken down.
    pub(super) fn link(mut self, reading: &mut Reading) -> (Config, Vec<usize>) {
        let certificates = self.certificates(reading);
        self.routes(reading);
        if self.torn {
            return (self.config, certificates);
        }
        let config = &self.config;
        listeners(config, reading);
        functions(config, reading);
        conflicts(config, reading);
        for error in policy::complaints(config) {
            let path = format!("policy.{}", error.policy);
            // What has its own place was said there.
            let said = reading.complaints.iter().any(|it| it.key.starts_with(&path));
            if !said {
                let key = match error.fault {
                    PolicyFault::NoClientCa => format!("{path}.auth.scheme"),
                    PolicyFault::PrincipalWithoutAuth => format!("{path}.rate_limit"),
                    _ => path,
                };
                reading.complain_about(&key, Fault::Config(Box::new(ConfigError::Policy(error))));
            }
        }
        for error in config.complaints() {
            located(config, error, reading);
        }
        (self.config, certificates)
    }

    /// The default one goes to the front. Where each stood is the answer.
    fn certificates(&mut self, reading: &mut Reading) -> Vec<usize> {
        let mut first = None;
        for (index, _) in self.certificates.iter().enumerate().filter(|(_, it)| it.default) {
            match first {
                None => first = Some(index),
                Some(first) => {
                    let first = reading.place_of(&format!("certificate[{first}].default"));
                    let remedy = "one certificate is the default";
                    let key = format!("certificate[{index}].default");
                    reading.complain_about(&key, Fault::Repeated { first, remedy });
                }
            }
        }
        let mut all = std::mem::take(&mut self.certificates);
        let mut places: Vec<usize> = (0..all.len()).collect();
        if let Some(first) = first {
            all[..=first].rotate_right(1);
            places[..=first].rotate_right(1);
        }
        let files = |it: CertificateDraft| CertificateFiles { chain: it.cert, key: it.key };
        self.config.tls.certificates = all.into_iter().map(files).collect();
        places
    }

    fn routes(&mut self, reading: &mut Reading) {
        for (index, draft) in std::mem::take(&mut self.routes).into_iter().enumerate() {
            let path = format!("route[{index}]");
            let policy = draft.policy.clone();
            let (mut route, mut found) = RouteDraft::finish(draft);
            let named = ["function", "split"].map(|key| format!("{path}.{key}"));
            if named.iter().any(|key| reading.spots.contains_key(key)) {
                // It is there and wrong, which was said.
                found.retain(|(_, fault)| !matches!(fault, Fault::Missing { .. }));
            }
            if !self.torn {
                tell(reading, &path, found);
            }
            if let Some(name) = policy {
                route.policy = place_of(&self.config.policies, &name);
                if route.policy.is_none() && !self.torn {
                    let known: Vec<String> =
                        self.config.policies.iter().map(|it| it.name.clone()).collect();
                    let nearest = nearest(&name, known.iter().map(String::as_str));
                    let nearest = nearest.map(str::to_owned);
                    let fault = Fault::Undefined { what: "policy", nearest, known };
                    reading.complain_about(&format!("{path}.policy"), fault);
                }
            }
            if !self.torn {
                targets(&self.config, &route, &path, reading);
            }
            self.config.routes.push(route);
        }
    }
}

/// Functions that routes name. While a function does not say its name, or there is a directory of
/// them, only whoever loads them knows.
fn targets(config: &Config, route: &RouteConfig, path: &str, reading: &mut Reading) {
    if config.root.is_some() || config.functions.iter().any(|it| it.name.is_none()) {
        return;
    }
    let (key, selectors): (&str, Vec<&Selector>) = match &route.target {
        Target::Function(_) => return,
        Target::Selector(selector) => ("function", vec![selector]),
        Target::Split(shares) => ("split", shares.iter().map(|(selector, _)| selector).collect()),
    };
    for selector in selectors {
        if config.functions.iter().any(|function| may_name(selector, function)) {
            continue;
        }
        let known: Vec<String> = config.functions.iter().map(shown).collect();
        let names = config.functions.iter().filter_map(|it| it.name.as_deref());
        // A name that is there has the wrong version.
        let near = nearest(&selector.name, names).filter(|name| *name != selector.name);
        let fault = Fault::Undefined { what: "function", nearest: near.map(str::to_owned), known };
        reading.complain_about(&format!("{path}.{key}"), fault);
    }
}

/// Whether a function has that name, and a version that fits or is not known yet.
fn may_name(selector: &Selector, function: &FunctionConfig) -> bool {
    function.name.as_ref() == Some(&selector.name)
        && match (&selector.version, &function.version) {
            (Some(prefix), Some(version)) => version.is_named_by(prefix),
            _ => true,
        }
}

fn shown(function: &FunctionConfig) -> String {
    let name = function.name.as_deref().unwrap_or_default();
    let version = function.version.as_ref();
    version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"))
}

fn listeners(config: &Config, reading: &mut Reading) {
    for (index, listener) in config.listeners.iter().enumerate() {
        let before = &config.listeners[..index];
        let same = before.iter().position(|other| other.name == listener.name);
        if let Some(first) = same {
            let first = reading.place_of(&format!("listener[{first}]"));
            let remedy = "give each listener a name of its own";
            let key = format!("listener[{index}].name");
            reading.complain_about(&key, Fault::Repeated { first, remedy });
        }
        for (at, address) in listener.addresses.iter().enumerate() {
            let any = matches!(address, ListenAddress::Socket(it) if it.port() == 0);
            let other = before.iter().position(|other| other.addresses.contains(address));
            let other =
                other.or_else(|| listener.addresses[..at].contains(address).then_some(index));
            if let Some(other) = other.filter(|_| !any) {
                let first = reading.place_of(&format!("listener[{other}].address"));
                let remedy = "an address belongs to one listener";
                let key = format!("listener[{index}].address");
                reading.complain_about(&key, Fault::Repeated { first, remedy });
            }
        }
    }
}

fn functions(config: &Config, reading: &mut Reading) {
    for (index, function) in config.functions.iter().enumerate() {
        let same = |other: &FunctionConfig| {
            let versions = (&other.version, &function.version);
            let alike = matches!(versions, (Some(mine), Some(theirs)) if mine == theirs);
            // Without versions the artifacts say theirs, and the same one says the same.
            let both = matches!(versions, (None, None)) && other.artifact == function.artifact;
            function.name.is_some() && other.name == function.name && (alike || both)
        };
        if let Some(first) = config.functions[..index].iter().position(same) {
            let first = reading.place_of(&format!("function[{first}]"));
            let remedy = "give it another name or version";
            reading.complain_about(
                &format!("function[{index}].name"),
                Fault::Repeated { first, remedy },
            );
        }
    }
}

/// Routes that take the same requests.
fn conflicts(config: &Config, reading: &mut Reading) {
    let broken = |index: usize| {
        let path = format!("route[{index}].");
        let part =
            |it: &str| ["path", "host", "methods", "match.header", "match.value"].contains(&it);
        reading.complaints.iter().any(|it| it.key.strip_prefix(path.as_str()).is_some_and(part))
    };
    let whole: Vec<bool> = (0..config.routes.len()).map(|index| !broken(index)).collect();
    // Only those of the same host and path are compared with each other: there may be thousands.
    let mut alike: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, route) in config.routes.iter().enumerate().filter(|(index, _)| whole[*index]) {
        let before = alike.entry((&route.pattern.host, route.pattern.shape())).or_default();
        if let Some(first) = before.iter().find(|&&first| clash(&config.routes[first], route)) {
            let other = reading.place_of(&format!("route[{first}]"));
            reading.complain_about(&format!("route[{index}].path"), Fault::Conflict { other });
        }
        before.push(index);
    }
}

/// Whether two routes of one host and path take the same requests.
fn clash(one: &RouteConfig, other: &RouteConfig) -> bool {
    let shared = match (&one.pattern.methods, &other.pattern.methods) {
        (mine, theirs) if mine.is_empty() || theirs.is_empty() => {
            mine.is_empty() && theirs.is_empty()
        }
        (mine, theirs) => mine.iter().any(|method| theirs.contains(method)),
    };
    shared && one.when == other.when
}

/// What is wrong between values, in the words of a file.
fn located(config: &Config, error: ConfigError, reading: &mut Reading) {
    match error {
        // Said with its place already.
        ConfigError::RepeatedListener { .. } => {}
        // A section that is begun in the wrong way was meant.
        ConfigError::NoListener if reading.complaints.iter().any(|it| it.key == "listener") => {}
        ConfigError::NoFunction if reading.complaints.iter().any(|it| it.key == "function") => {}
        ConfigError::NoListener if config.listeners.is_empty() => {
            let expects = "[[listener]]\n     address = \"127.0.0.1:8080\"".to_owned();
            reading.complain_about("", Fault::Missing { key: "[[listener]]", expects });
        }
        ConfigError::NoFunction => {
            let expects = "[[function]]\n     artifact = \"./libhello.so\"".to_owned();
            reading.complain_about("", Fault::Missing { key: "[[function]]", expects });
        }
        ConfigError::NoCertificate => {
            let index = config.listeners.iter().position(|it| it.serves == Serves::Tls);
            let key = format!("listener[{}].tls", index.unwrap_or(0));
            let expects =
                "cert and key in [[certificate]], or self_signed = true in [tls]".to_owned();
            reading.complain_about(&key, Fault::Missing { key: "[[certificate]]", expects });
        }
        ConfigError::Order { low, high } => match (key_of(low), key_of(high)) {
            (Some(low), Some(high)) => {
                // Whichever was written is to blame.
                let key = if reading.spots.contains_key(&low) { &low } else { &high };
                let fault = match key == &low {
                    true => Fault::Above { other: high.clone() },
                    false => Fault::Below { other: low.clone() },
                };
                reading.complain_about(key, fault);
            }
            _ => reading.complain_about("", Fault::Config(Box::new(error))),
        },
        error => reading.complain_about("", Fault::Config(Box::new(error))),
    }
}

/// The key of a flag of `serve`.
fn key_of(flag: &str) -> Option<String> {
    SINGLES.iter().find_map(|section| {
        let key = section.keys.iter().find(|key| key.card.flag == flag)?;
        Some(format!("{}.{}", section.caption.name, key.card.name))
    })
}

#[cfg(test)]
#[test]
fn every_flag_that_is_ordered_has_a_key() {
    for flag in [
        "--limit-header-line",
        "--limit-headers",
        "--limit-body",
        "--limit-buffered",
        "--timeout-grace",
        "--timeout-ceiling",
    ] {
        assert!(key_of(flag).is_some(), "{flag}");
    }
}
