//! A configuration becomes loaded functions and a router, or a list of everything that stands in
//! the way. It is the one place where artifacts are loaded for serving.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fezz_abi::artifact::Inspection;
use fezz_abi::host::Function;
use fezz_abi::{LoadOptions, artifact};

use crate::accord;
use crate::config::{
    Abi, Config, ConfigError, Fallback, FunctionConfig, FunctionOptions, HeaderMatch, OptionFlag,
    RouteConfig, Target, nearest, resolve,
};
use crate::fault::Fault;
use crate::plugin::pattern::{HostPattern, Pattern};
use crate::plugin::registry::{Entry, FunctionId, Registry};
use crate::plugin::root;
use crate::plugin::router::{Route, Router, Share};
use crate::plugin::split::Rounds;
use crate::plugin::version::{Selector, Version};
use crate::policy::{self, Policy};
use crate::site::{Rulebook, remedy};
use crate::tls::{Gates, TlsError};
use crate::{config, log};

/// What serves: functions, and who of them gets which request.
#[derive(Debug)]
pub struct Functions {
    /// The loaded functions.
    pub registry: Registry,
    /// The routes to them.
    pub router: Router,
    /// What routes demand.
    pub(crate) book: Rulebook,
    /// Who is let in with TLS, if that is spoken.
    pub(crate) gates: Option<Arc<Gates>>,
}

impl Functions {
    /// Loads every artifact of the configuration, on this thread, and arranges the routes.
    ///
    /// # Errors
    /// Everything that is wrong, at once: values, artifacts, routes.
    pub fn load(config: &Config) -> Result<Self, Vec<ConfigError>> {
        Self::load_behind(config, Gates::of(config))
    }

    /// [`load`](Self::load) with certificates and keys that were read before: by who may.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn load_behind(
        config: &Config,
        gates: Result<Option<Gates>, Vec<TlsError>>,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut registry = Registry::default();
        let assembled = assemble(config, &Registry::default(), &mut registry);
        let ((router, book), gates) = both(assembled, gates)?;
        Ok(Self { router, registry, book, gates })
    }

    /// Like [`load`](Self::load), while `present` serves: an artifact is not loaded again if the
    /// function of its name and version was loaded from that file, with the same octets, limits and
    /// options. Everything else is loaded beside, a file that was replaced included. Octets are
    /// those of the artifact alone: libraries beside it do not count. Certificates and keys are all
    /// read again.
    ///
    /// # Errors
    /// Everything that is wrong, at once. What was loaded up to then is brought to an end; its code
    /// stays mapped.
    pub fn reload(config: &Config, present: &Registry) -> Result<Self, Vec<ConfigError>> {
        let mut registry = Registry::default();
        let assembled = assemble(config, present, &mut registry);
        let assembled = both(assembled, Gates::of(config));
        if assembled.is_err() {
            for (_, entry) in registry.iter().filter(|(_, it)| !present.holds(&it.function)) {
                accord::discard(&entry.to_string(), &entry.function);
            }
        }
        let ((router, book), gates) = assembled?;
        Ok(Self { router, registry, book, gates })
    }
}

/// Routes, and what they demand.
type Assembled = (Router, Rulebook);

/// All is well, or everything that is not.
fn both(
    assembled: Result<Assembled, Vec<ConfigError>>,
    gates: Result<Option<Gates>, Vec<TlsError>>,
) -> Result<(Assembled, Option<Arc<Gates>>), Vec<ConfigError>> {
    match (assembled, gates) {
        (Ok(assembled), Ok(gates)) => Ok((assembled, gates.map(Arc::new))),
        (assembled, gates) => {
            let mut complaints = assembled.err().unwrap_or_default();
            complaints.extend(gates.err().unwrap_or_default().into_iter().map(ConfigError::Tls));
            Err(complaints)
        }
    }
}

/// Fills `registry` with the functions of the configuration, and arranges the routes to them.
fn assemble(
    config: &Config,
    present: &Registry,
    registry: &mut Registry,
) -> Result<Assembled, Vec<ConfigError>> {
    let mut complaints = config.complaints();
    let book = read_policies(config, &mut complaints);
    let mut loader = Loader { config, present, registry, complaints, held_back: Vec::new() };
    let mut loaded: Vec<Option<FunctionId>> = Vec::new();
    for wanted in &config.functions {
        loaded.push(loader.load(wanted));
        if let Some(held) = loader.held_back.last_mut().filter(|held| held.place.is_none()) {
            held.place = Some(loaded.len() - 1);
        }
    }
    loader.stand_in(&mut loaded);
    let mut routes = Vec::new();
    if let Some(directory) = &config.root {
        match root::scan(directory) {
            Err(errors) => loader.complaints.extend(errors.into_iter().map(ConfigError::Root)),
            Ok(all) => {
                for found in all {
                    routes.extend(loader.serve_rpc(found));
                }
            }
        }
    }
    let Loader { registry, mut complaints, .. } = loader;
    // After everything is loaded: a route may name a function found below the root.
    for route in &config.routes {
        routes.extend(connect(route, config, &loaded, registry, &mut complaints));
    }
    // While an artifact is missing, what it would have been called is not known.
    if loaded.iter().all(Option::is_some) {
        complaints.extend(aimless(&config.options, registry));
    }
    let reached = reached(&routes, config, registry);
    for (id, entry) in registry.iter() {
        if !reached.contains(&id) {
            complaints.push(ConfigError::Unreachable { function: entry.to_string() });
        }
    }
    match Router::build(routes) {
        Ok(router) if complaints.is_empty() => Ok((router, book)),
        Ok(_) => Err(complaints),
        Err(errors) => {
            complaints.extend(errors.into_iter().map(ConfigError::Conflict));
            Err(complaints)
        }
    }
}

/// The policies of the configuration, their files read.
fn read_policies(config: &Config, complaints: &mut Vec<ConfigError>) -> Rulebook {
    let faults = policy::complaints(config);
    let (read, unreadable): (Vec<_>, Vec<_>) =
        config.policies.iter().map(Policy::read).partition(Result::is_ok);
    let unreadable = unreadable.into_iter().filter_map(Result::err);
    complaints.extend(faults.into_iter().chain(unreadable).map(ConfigError::Policy));
    let fallbacks = config.policies.iter().map(|policy| policy.fallback.as_ref());
    Rulebook {
        policies: read.into_iter().flatten().collect(),
        remedies: fallbacks.map(|fallback| fallback.map(remedy)).collect(),
    }
}

/// The functions that routes lead to, and those that answer when one of these fails.
fn reached(routes: &[Route], config: &Config, registry: &Registry) -> Vec<FunctionId> {
    let mut reached: Vec<FunctionId> = Vec::new();
    for route in routes {
        let shares = route.split.iter().map(|share| share.function);
        let asked: Vec<FunctionId> = [route.function].into_iter().chain(shares).collect();
        let policy = route.policy.and_then(|place| config.policies.get(place));
        if policy.is_some_and(|policy| policy.fallback == Some(Fallback::Previous)) {
            reached.extend(asked.iter().filter_map(|id| registry.previous(*id)));
        }
        reached.extend(asked);
    }
    let mut at = 0;
    while let Some(&id) = reached.get(at) {
        at += 1;
        let falls_back = registry.get(id).is_some_and(Entry::falls_back_to_previous);
        reached.extend(registry.previous(id).filter(|it| falls_back && !reached.contains(it)));
    }
    reached
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

/// From artifacts to entries of the registry.
struct Loader<'a> {
    config: &'a Config,
    /// What serves already.
    present: &'a Registry,
    registry: &'a mut Registry,
    complaints: Vec<ConfigError>,
    held_back: Vec<HeldBack>,
}

/// A version that does not begin, whose operator wants the one before it to serve then.
struct HeldBack {
    name: String,
    version: Option<Version>,
    fault: Fault,
    /// Its place among the functions of the configuration; not known at first.
    place: Option<usize>,
}

impl Loader<'_> {
    /// The function of an artifact, loaded now or before.
    fn load(&mut self, wanted: &FunctionConfig) -> Option<FunctionId> {
        // What is said about a function goes by its name and version, which its file tells.
        let inspection = match artifact::inspect_either(&wanted.artifact) {
            Ok(inspection) => inspection,
            Err(error) => return self.complain(ConfigError::Artifact(error)),
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
                    return self.complain(ConfigError::ArtifactVersion { name, text, why });
                }
            },
        };
        let options = resolve(&wanted.options, &self.config.options, &name, version.as_ref());
        // Before anything of it runs.
        if self.registry.find(&name, version.as_ref()).is_some() {
            let function = shown(&name, version.as_ref());
            return self.complain(ConfigError::SameFunction { function });
        }
        let known = self.present.find(&name, version.as_ref());
        let known = known.and_then(|id| self.present.get(id));
        let entry = match known.filter(|it| self.is_same(it, wanted, &inspection, &options)) {
            Some(entry) => Entry { version, ..entry.clone() },
            None => self.begin(&wanted.artifact, name, version, options)?,
        };
        let function = entry.to_string();
        match self.registry.add(entry) {
            Ok(id) => Some(id),
            Err(_) => self.complain(ConfigError::SameFunction { function }),
        }
    }

    /// Loads an artifact and lets it begin.
    fn begin(
        &mut self,
        artifact: &Path,
        name: String,
        version: Option<Version>,
        options: FunctionOptions,
    ) -> Option<Entry> {
        let how = LoadOptions { sha256: options.sha256, abi: boundary(options.abi) };
        let function = match Function::load_with(artifact, &how) {
            Ok(function) => function,
            Err(error) => return self.complain(ConfigError::Artifact(error)),
        };
        let function = Arc::new(function.with_response_bytes_max(self.response_bytes_max()));
        let shown = shown(&name, version.as_ref());
        match accord::begin(&shown, &function, &options.config) {
            Ok(handshake) => Some(Entry { name, version, options, function, handshake }),
            Err(fault) if options.fallback == Some(Fallback::Previous) => {
                self.held_back.push(HeldBack { name, version, fault, place: None });
                None
            }
            Err(Fault { stage, why }) => {
                self.complain(ConfigError::Begin { function: shown, stage, why })
            }
        }
    }

    /// Puts the version before in the place of each that was held back; where there is none, it is
    /// a complaint after all.
    fn stand_in(&mut self, loaded: &mut [Option<FunctionId>]) {
        for HeldBack { name, version, fault: Fault { stage, why }, place } in
            std::mem::take(&mut self.held_back)
        {
            let function = shown(&name, version.as_ref());
            let before = self.registry.before(&name, version.as_ref());
            match (before, place.and_then(|place| loaded.get_mut(place))) {
                (Some(before), Some(place)) => {
                    *place = Some(before);
                    log::event(
                        config::LogLevel::Error,
                        "fezz::dispatch",
                        &[("function", (&function).into()), ("stage", stage.name().into())],
                        format_args!("{why}; the version before serves in its place"),
                    );
                }
                _ => self.complaints.push(ConfigError::Begin { function, stage, why }),
            }
        }
    }

    /// Nothing, and why.
    fn complain<T>(&mut self, complaint: ConfigError) -> Option<T> {
        self.complaints.push(complaint);
        None
    }

    /// Whether loading the artifact would give what `entry` has.
    fn is_same(
        &self,
        entry: &Entry,
        wanted: &FunctionConfig,
        inspection: &Inspection,
        options: &FunctionOptions,
    ) -> bool {
        let function = &entry.function;
        function.path() == wanted.artifact
            && *function.sha256() == inspection.sha256
            && function.response_bytes_max() == self.response_bytes_max()
            && entry.options == *options
    }

    fn response_bytes_max(&self) -> usize {
        let body_bytes_max = self.config.limits.response_body_bytes_max;
        usize::try_from(body_bytes_max.saturating_add(RESPONSE_HEAD_BYTES_MAX))
            .unwrap_or(usize::MAX)
    }

    /// Loads a function found below the root and routes `/rpc/<name>/<version>/` to it.
    fn serve_rpc(&mut self, found: root::Found) -> Option<Route> {
        let path = format!("/rpc/{}/{}/{{*rest}}", found.name, found.version);
        let wanted = FunctionConfig {
            name: Some(found.name),
            version: Some(found.version),
            artifact: found.artifact,
            options: FunctionOptions::default(),
        };
        let function = self.load(&wanted)?;
        let pattern = Pattern { methods: Vec::new(), host: HostPattern::Any, path };
        // What it leads to is known; the target is not looked at.
        let route = RouteConfig::new(pattern, Target::Function(0));
        Some(route_to(function, &route, self.config, self.registry))
    }
}

fn shown(name: &str, version: Option<&Version>) -> String {
    version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"))
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

/// The route, if its functions were loaded.
fn connect(
    route: &RouteConfig,
    config: &Config,
    loaded: &[Option<FunctionId>],
    registry: &Registry,
    complaints: &mut Vec<ConfigError>,
) -> Option<Route> {
    let known = complaints.len();
    let shown = || route.pattern.to_string();
    if route.policy.is_some_and(|place| place >= config.policies.len()) {
        complaints.push(ConfigError::NoPolicy { route: shown() });
    }
    if route.when.as_ref().is_some_and(|when| !can_be(when)) {
        complaints.push(ConfigError::HeaderMatch { route: shown() });
    }
    let mut select = |selector: &Selector| {
        let found = registry.select(selector);
        // While an artifact is missing, what it would have been called is not known.
        if found.is_none() && loaded.iter().all(Option::is_some) {
            complaints.push(ConfigError::UnknownFunction {
                selector: selector.clone(),
                loaded: registry.iter().map(|(_, entry)| entry.to_string()).collect(),
            });
        }
        found
    };
    let mut split = Vec::new();
    let function = match &route.target {
        Target::Function(index) => loaded.get(*index).copied().flatten(),
        Target::Selector(selector) => select(selector),
        Target::Split(shares) => {
            for (selector, percent) in shares {
                let handler_timeout = |id| handler(id, route, config, registry);
                split.extend(select(selector).map(|function| Share {
                    function,
                    percent: *percent,
                    handler_timeout: handler_timeout(function),
                }));
            }
            let percents: Vec<u32> = shares.iter().map(|(_, percent)| *percent).collect();
            if Rounds::of(&percents).is_none() {
                let sum = percents.iter().map(|percent| u64::from(*percent)).sum();
                complaints.push(ConfigError::Shares { route: shown(), sum });
            }
            split.first().map(|share| share.function)
        }
    };
    let function = function.filter(|_| complaints.len() == known)?;
    Some(Route { split, ..route_to(function, route, config, registry) })
}

/// Whether a request can have such a field (RFC 9110 §5.5).
fn can_be(when: &HeaderMatch) -> bool {
    let sound = |it: char| it == '\t' || !it.is_control();
    policy::is_token(&when.name)
        && !when.name.contains(|it: char| it.is_ascii_uppercase())
        && when.value.chars().all(sound)
        && when.value.trim_matches([' ', '\t']) == when.value
}

fn route_to(
    function: FunctionId,
    route: &RouteConfig,
    config: &Config,
    registry: &Registry,
) -> Route {
    Route {
        function,
        split: Vec::new(),
        pattern: route.pattern.clone(),
        when: route.when.clone(),
        policy: route.policy,
        handler_timeout: handler(function, route, config, registry),
        body_bytes_max: route.body_bytes_max.unwrap_or(config.limits.body_bytes_max),
    }
}

/// How long a function may take on a route: the route's word counts, then its own.
fn handler(
    function: FunctionId,
    route: &RouteConfig,
    config: &Config,
    registry: &Registry,
) -> Duration {
    let own = registry.get(function).and_then(|entry| entry.options.timeout);
    route.handler.or(own).unwrap_or(config.timeouts.handler)
}
