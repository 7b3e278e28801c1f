//! A configuration becomes loaded functions and a router, or a list of everything that stands in
//! the way. It is the one place where artifacts are loaded for serving.

use std::sync::Arc;

use fezz_abi::host::Function;
use fezz_abi::{LoadOptions, artifact};

use crate::accord;
use crate::config::{
    Abi, Config, ConfigError, FunctionConfig, FunctionOptions, OptionFlag, RouteConfig, Target,
    nearest, resolve,
};
use crate::envelope::Fault;
use crate::plugin::pattern::{HostPattern, Pattern};
use crate::plugin::registry::{Entry, FunctionId, Registry};
use crate::plugin::root;
use crate::plugin::router::{Route, Router};
use crate::plugin::version::{Selector, Version};

/// What serves: functions, and who of them gets which request.
#[derive(Debug)]
pub struct Functions {
    /// The loaded functions.
    pub registry: Registry,
    /// The routes to them.
    pub router: Router,
}

impl Functions {
    /// Loads every artifact of the configuration, on this thread, and arranges the routes.
    ///
    /// # Errors
    /// Everything that is wrong, at once: values, artifacts, routes.
    pub fn load(config: &Config) -> Result<Self, Vec<ConfigError>> {
        let mut complaints = config.complaints();
        let mut registry = Registry::default();
        let loaded: Vec<Option<FunctionId>> = config
            .functions
            .iter()
            .map(|wanted| load(wanted, config, &mut registry, &mut complaints))
            .collect();
        let mut routes = Vec::new();
        if let Some(directory) = &config.root {
            match root::scan(directory) {
                Err(errors) => complaints.extend(errors.into_iter().map(ConfigError::Root)),
                Ok(all) => {
                    for found in all {
                        routes.extend(serve_rpc(found, config, &mut registry, &mut complaints));
                    }
                }
            }
        }
        // After everything is loaded: a route may name a function found below the root.
        for route in &config.routes {
            routes.extend(connect(route, config, &loaded, &registry, &mut complaints));
        }
        // While an artifact is missing, what it would have been called is not known.
        if loaded.iter().all(Option::is_some) {
            complaints.extend(aimless(&config.options, &registry));
        }
        for (id, entry) in registry.iter() {
            if !routes.iter().any(|route| route.function == id) {
                complaints.push(ConfigError::Unreachable { function: entry.to_string() });
            }
        }
        match Router::build(routes) {
            Ok(router) if complaints.is_empty() => Ok(Self { registry, router }),
            Ok(_) => Err(complaints),
            Err(errors) => {
                complaints.extend(errors.into_iter().map(ConfigError::Conflict));
                Err(complaints)
            }
        }
    }
}

/// Options of functions that are not there.
fn aimless(flags: &[OptionFlag], registry: &Registry) -> Vec<ConfigError> {
    let mut found: Vec<&Selector> = Vec::new();
    for flag in flags {
        let mut entries = registry.iter().map(|(_, entry)| entry);
        let aims = entries.any(|it| flag.is_about(&it.name, it.version.as_ref()));
        found.extend(flag.scope.as_ref().filter(|scope| !aims && !found.contains(scope)));
    }
    let names = || registry.iter().map(|(_, entry)| entry.name.as_str());
    let complaint = |selector: &Selector| ConfigError::OptionTarget {
        selector: selector.clone(),
        // A name that is there has the wrong version.
        nearest: nearest(&selector.name, names())
            .filter(|name| *name != selector.name)
            .map(str::to_owned),
        loaded: registry.iter().map(|(_, entry)| entry.to_string()).collect(),
    };
    found.into_iter().map(complaint).collect()
}

fn load(
    wanted: &FunctionConfig,
    config: &Config,
    registry: &mut Registry,
    complaints: &mut Vec<ConfigError>,
) -> Option<FunctionId> {
    // What is said about a function goes by its name and version, which its file tells.
    let inspection = match artifact::inspect_either(&wanted.artifact) {
        Ok(inspection) => inspection,
        Err(error) => {
            complaints.push(ConfigError::Artifact(error));
            return None;
        }
    };
    let name = wanted.name.clone().unwrap_or_else(|| inspection.name().to_owned());
    let own = inspection.identity.as_ref().map_or("", |identity| identity.version());
    let version = match (&wanted.version, own) {
        (Some(version), _) => Some(version.clone()),
        (None, "") => None,
        (None, text) => match Version::parse(text) {
            Ok(version) => Some(version),
            Err(why) => {
                let text = text.to_owned();
                complaints.push(ConfigError::ArtifactVersion { name, text, why });
                return None;
            }
        },
    };
    let options = resolve(&wanted.options, &config.options, &name, version.as_ref());
    let how = LoadOptions { sha256: options.sha256, abi: boundary(options.abi) };
    let function = match Function::load_with(&wanted.artifact, &how) {
        Ok(function) => function,
        Err(error) => {
            complaints.push(ConfigError::Artifact(error));
            return None;
        }
    };
    let bytes = config.limits.response_body_bytes_max.saturating_add(RESPONSE_HEAD_BYTES_MAX);
    let function = function.with_response_bytes_max(usize::try_from(bytes).unwrap_or(usize::MAX));
    let function = Arc::new(function);
    let shown =
        version.as_ref().map_or_else(|| name.clone(), |version| format!("{name}@{version}"));
    let handshake = match accord::begin(&shown, &function, &options.config) {
        Ok(handshake) => handshake,
        Err(Fault { stage, why }) => {
            complaints.push(ConfigError::Begin { function: shown, stage, why });
            return None;
        }
    };
    let entry = Entry { name, version, options, function, handshake };
    match registry.add(entry) {
        Ok(id) => Some(id),
        Err(_) => {
            complaints.push(ConfigError::SameFunction { function: shown });
            None
        }
    }
}

const fn boundary(abi: Abi) -> fezz_abi::Abi {
    match abi {
        Abi::V2 => fezz_abi::Abi::V2,
        Abi::V1 => fezz_abi::Abi::V1,
    }
}

/// Room in an answer for everything that is not its body, in octets: a head of 64 KiB and what
/// an encoder adds.
const RESPONSE_HEAD_BYTES_MAX: u64 = 1 << 20;

/// The route, if its function was loaded.
fn connect(
    route: &RouteConfig,
    config: &Config,
    loaded: &[Option<FunctionId>],
    registry: &Registry,
    complaints: &mut Vec<ConfigError>,
) -> Option<Route> {
    let function = match &route.target {
        Target::Function(index) => loaded.get(*index).copied().flatten(),
        Target::Selector(selector) => {
            let found = registry.select(selector);
            // While an artifact is missing, what it would have been called is not known.
            if found.is_none() && loaded.iter().all(Option::is_some) {
                complaints.push(ConfigError::UnknownFunction {
                    selector: selector.clone(),
                    loaded: registry.iter().map(|(_, entry)| entry.to_string()).collect(),
                });
            }
            found
        }
    };
    function.map(|function| route_to(function, route.pattern.clone(), config, registry))
}

/// Loads a function found below the root and routes `/rpc/<name>/<version>/` to it.
fn serve_rpc(
    found: root::Found,
    config: &Config,
    registry: &mut Registry,
    complaints: &mut Vec<ConfigError>,
) -> Option<Route> {
    let path = format!("/rpc/{}/{}/{{*rest}}", found.name, found.version);
    let wanted = FunctionConfig {
        name: Some(found.name),
        version: Some(found.version),
        artifact: found.artifact,
        options: FunctionOptions::default(),
    };
    let function = load(&wanted, config, registry, complaints)?;
    let pattern = Pattern { methods: Vec::new(), host: HostPattern::Any, path };
    Some(route_to(function, pattern, config, registry))
}

fn route_to(function: FunctionId, pattern: Pattern, config: &Config, registry: &Registry) -> Route {
    let own = registry.get(function).and_then(|entry| entry.options.timeout);
    Route {
        function,
        pattern,
        handler_timeout: own.unwrap_or(config.timeouts.handler),
        body_bytes_max: config.limits.body_bytes_max,
    }
}
