//! Which route takes a request: decided at the head, before any octet of the body is accepted.
//! Routes are fixed when the router is built; nothing here loads or calls a function.
//!
//! Order of preference, each step only where the one before leaves a choice:
//!
//! 1. the exact host, then the longest `*.name` above it, then routes without a host; a host whose
//!    routes do not know the path does not hide the routes of the next step;
//! 2. the most specific path, segment by segment from the left: literal, parameter, catch-all;
//! 3. a route whose field the request has, then one that wants none; see [`HeaderMatch`];
//! 4. a route that names the method, then one that takes all. A path whose routes all name other
//!    methods is answered 405; it does not fall back to a less specific path.
//!
//! Two routes that could both win a request are an error when the router is built.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use fezz_parser::Head;

use super::canonical::{self, canonical};
use super::pattern::{HostPattern, Pattern};
use super::registry::FunctionId;
use super::tree::Tree;
use crate::config::HeaderMatch;

/// The number of a route; valid for the router that gave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// What a route promises to the requests it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The function that answers; the first of those in `split`.
    pub function: FunctionId,
    /// Those who share the requests, if more than one does.
    pub split: Vec<Share>,
    /// What the operator wrote; the `http.route` of metrics and logs.
    pub pattern: Pattern,
    /// What else a request must say to be taken.
    pub when: Option<HeaderMatch>,
    /// The policy's place in the configuration.
    pub policy: Option<usize>,
    /// How long the function may take, from dispatch to answer.
    pub handler_timeout: Duration,
    /// The longest request body accepted, in octets.
    pub body_bytes_max: u64,
}

/// One of several functions that answer on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The function.
    pub function: FunctionId,
    /// How many of a hundred requests it gets.
    pub percent: u32,
    /// How long it may take, from dispatch to answer.
    pub handler_timeout: Duration,
}

/// What the router says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'r> {
    /// This route takes it.
    Route(RouteId),
    /// No route has this path: 404.
    NotFound,
    /// The path is known, not for this method: 405. `allow` is the value of the Allow field.
    MethodNotAllowed {
        /// The methods that would be taken, as a field value.
        allow: &'r str,
    },
    /// `OPTIONS *`: about the server, not about a route. RFC 9110 §9.3.7.
    ServerOptions {
        /// All methods some route may take, as a field value.
        allow: &'r str,
    },
    /// The path has no canonical form: 400.
    BadPath(canonical::BadPath),
    /// Routing is by host alone, and this one is not served here: 421.
    Misdirected,
}

/// The Allow value where no route narrows it. RFC 9110 §9.1 without CONNECT and TRACE, RFC 5789.
pub const ALLOW_ANY: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

/// The longest host compared, in octets: a longer one is nobody's.
const HOST_BYTES_MAX: usize = 255;

/// All routes, arranged for look-up.
#[derive(Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
    /// The only route there is, if it takes every host, path and method.
    only: Option<RouteId>,
    leaves: Vec<Leaf>,
    any_host: Option<Tree>,
    /// Ordered, not hashed: for the few names an operator writes, comparing is cheaper.
    exact_hosts: BTreeMap<String, Tree>,
    /// Keyed by the name below which they hold.
    below_hosts: BTreeMap<String, Tree>,
}

/// The routes of one path pattern.
#[derive(Debug, Default)]
struct Leaf {
    usual: Methods,
    /// For requests that have a field.
    matched: Vec<(HeaderMatch, Methods)>,
    /// The methods of all of them, as a field value.
    allow: String,
}

/// Routes that differ in their methods alone.
#[derive(Debug, Default)]
struct Methods {
    by_method: Vec<(String, RouteId)>,
    any_method: Option<RouteId>,
}

/// Two routes that could both win. The operator's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// Two routes take the same requests.
    Conflict {
        /// The route that was there.
        first: Pattern,
        /// The route that takes the same requests.
        second: Pattern,
        /// The fields that they want, where a request may have both.
        fields: Option<(String, String)>,
    },
    /// There are more routes than can be numbered.
    TooMany {
        /// The most there may be.
        max: usize,
    },
}

impl fmt::Display for RouteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { first, second, fields: None } => write!(
                out,
                "routes '{first}' and '{second}' take the same requests; remove one or make it \
                 more specific"
            ),
            Self::Conflict { first, second, fields: Some((one, other)) } => write!(
                out,
                "routes '{first}' and '{second}' both take a request with the fields '{one}' and \
                 '{other}'; let them look at one field, or at different paths"
            ),
            Self::TooMany { max } => write!(out, "there are more than {max} routes"),
        }
    }
}

impl std::error::Error for RouteError {}

/// The most routes a router takes.
pub const ROUTES_MAX: usize = 65_536;

/// The routes of one host by the shape of their path; see [`Pattern::shape`].
type Paths = BTreeMap<(String, bool), Vec<usize>>;

impl Router {
    /// Arranges `routes`; a route's place in the list becomes its number.
    ///
    /// # Errors
    /// All pairs of routes that could both win.
    pub fn build(routes: Vec<Route>) -> Result<Self, Vec<RouteError>> {
        if routes.len() > ROUTES_MAX {
            return Err(vec![RouteError::TooMany { max: ROUTES_MAX }]);
        }
        let mut hosts: BTreeMap<&HostPattern, Paths> = BTreeMap::new();
        for (index, route) in routes.iter().enumerate() {
            let paths = hosts.entry(&route.pattern.host).or_default();
            paths.entry(route.pattern.shape()).or_default().push(index);
        }
        let mut router = Self::default();
        let mut complaints = Vec::new();
        for (host, paths) in &hosts {
            let tree = router.arrange(paths, &routes, &mut complaints);
            match host {
                HostPattern::Any => router.any_host = Some(tree),
                HostPattern::Exact(name) => drop(router.exact_hosts.insert(name.clone(), tree)),
                HostPattern::Below(name) => drop(router.below_hosts.insert(name.clone(), tree)),
            }
        }
        router.only = match routes.as_slice() {
            [route] if takes_everything(route) => Some(RouteId(0)),
            _ => None,
        };
        router.routes = routes;
        if complaints.is_empty() { Ok(router) } else { Err(complaints) }
    }

    /// The route of a number this router gave out.
    #[must_use]
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(usize::try_from(id.0).ok()?)
    }

    /// All routes; a route's number is its index.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Which route takes the request with this head. Where one route takes everything, nothing of
    /// the head is looked at but what could forbid it.
    #[must_use]
    #[inline]
    pub fn resolve_head(&self, head: &Head<'_>) -> Verdict<'_> {
        match self.only {
            Some(route)
                if canonical::is_plain(head.path_octets()) && head.method_octets() != b"TRACE" =>
            {
                Verdict::Route(route)
            }
            _ => self.resolve_with(head.method(), head.host(), head.path(), Some(head)),
        }
    }

    /// The route of the request that a preflight with this head announces: the one that it would
    /// take with this method, as far as a preflight tells.
    #[must_use]
    pub fn resolve_preflight(&self, head: &Head<'_>, method: &str) -> Option<RouteId> {
        match self.resolve_with(method, head.host(), head.path(), None) {
            Verdict::Route(route) => Some(route),
            _ => None,
        }
    }

    /// Which route takes a request. `host` is the effective authority without its port, as sent;
    /// `path` is the target's path, as sent, or `*`.
    #[must_use]
    pub fn resolve(&self, method: &str, host: Option<&str>, path: &str) -> Verdict<'_> {
        self.resolve_with(method, host, path, None)
    }

    #[inline(never)]
    fn resolve_with(
        &self,
        method: &str,
        host: Option<&str>,
        path: &str,
        head: Option<&Head<'_>>,
    ) -> Verdict<'_> {
        let path = match canonical(path) {
            Ok(path) => path,
            Err(why) => return Verdict::BadPath(why),
        };
        if *path == *"*" {
            return Verdict::ServerOptions { allow: ALLOW_ANY };
        }
        if let Some(route) = self.only {
            return match method {
                "TRACE" => Verdict::MethodNotAllowed { allow: ALLOW_ANY },
                _ => Verdict::Route(route),
            };
        }
        match self.find(host, &path) {
            Found::Leaf(leaf) if leaf.matched.is_empty() => leaf.pick(method),
            Found::Leaf(leaf) => leaf.pick_matched(method, head),
            Found::NoPath if method == "TRACE" => Verdict::MethodNotAllowed { allow: ALLOW_ANY },
            Found::NoPath => Verdict::NotFound,
            Found::NoHost => Verdict::Misdirected,
        }
    }

    fn find(&self, host: Option<&str>, path: &str) -> Found<'_> {
        let at = |tree: &Tree| self.leaves.get(tree.find(path)?);
        // RFC 9110 §15.5.20; a request without a host was not meant for another server.
        let mut served = self.any_host.is_some() || host.is_none();
        let mut lower = [0; HOST_BYTES_MAX];
        let by_host = !(self.exact_hosts.is_empty() && self.below_hosts.is_empty());
        if let Some(host) = host.filter(|_| by_host).and_then(|host| lower_case(host, &mut lower)) {
            let exact = self.exact_hosts.get(host);
            let parents = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
            let below = parents.filter_map(|name| self.below_hosts.get(name));
            for tree in exact.into_iter().chain(below) {
                served = true;
                if let Some(leaf) = at(tree) {
                    return Found::Leaf(leaf);
                }
            }
        }
        match self.any_host.as_ref().and_then(at) {
            Some(leaf) => Found::Leaf(leaf),
            None if served => Found::NoPath,
            None => Found::NoHost,
        }
    }

    /// One tree for the routes of one host.
    fn arrange(
        &mut self,
        paths: &Paths,
        routes: &[Route],
        complaints: &mut Vec<RouteError>,
    ) -> Tree {
        let mut tree = Tree::default();
        for ((shape, catch_all), indices) in paths {
            tree.insert(shape, *catch_all, self.leaves.len());
            self.leaves.push(Leaf::of(indices, routes, complaints));
        }
        tree
    }
}

/// Where a look-up ended.
enum Found<'r> {
    Leaf(&'r Leaf),
    NoPath,
    NoHost,
}

impl Leaf {
    /// The routes of one path; those that could take each other's requests are complained of.
    fn of(indices: &[usize], routes: &[Route], complaints: &mut Vec<RouteError>) -> Self {
        let mut leaf = Self::default();
        for (place, &index) in indices.iter().enumerate() {
            let rival = |other: &&usize| collide(&routes[**other], &routes[index]);
            if let Some(first) = indices[..place].iter().find(rival) {
                let [first, second] = [*first, index].map(|it| &routes[it]);
                complaints.push(RouteError::Conflict {
                    first: first.pattern.clone(),
                    second: second.pattern.clone(),
                    fields: differing_fields(first, second),
                });
            }
            leaf.methods(routes[index].when.as_ref()).add(index, &routes[index].pattern.methods);
        }
        let mut allow: Vec<&str> = Vec::new();
        let matched = leaf.matched.iter_mut().map(|(_, methods)| methods);
        let mut all: Vec<&mut Methods> = matched.chain([&mut leaf.usual]).collect();
        all.iter_mut().for_each(|methods| methods.add_head());
        let any = all.iter().any(|methods| methods.any_method.is_some());
        // In the order written: those without a field first.
        for (method, _) in all.iter().rev().flat_map(|methods| &methods.by_method) {
            if !allow.contains(&method.as_str()) {
                allow.push(method);
            }
        }
        leaf.allow = if any { ALLOW_ANY.to_owned() } else { allow.join(", ") };
        leaf
    }

    /// The routes of this path that want such a field.
    fn methods(&mut self, when: Option<&HeaderMatch>) -> &mut Methods {
        let Some(when) = when else { return &mut self.usual };
        let known = self.matched.iter().position(|(known, _)| known == when);
        let place = known.unwrap_or_else(|| {
            self.matched.push((when.clone(), Methods::default()));
            self.matched.len() - 1
        });
        &mut self.matched[place].1
    }

    fn pick(&self, method: &str) -> Verdict<'_> {
        match self.usual.route(method) {
            Some(route) if method != "TRACE" => Verdict::Route(route),
            _ => Verdict::MethodNotAllowed { allow: &self.allow },
        }
    }

    /// Like [`pick`](Self::pick) where routes look at fields. Without a head, a route that wants a
    /// field is taken where no other would be: a preflight announces fields and does not send them.
    #[cold]
    fn pick_matched(&self, method: &str, head: Option<&Head<'_>>) -> Verdict<'_> {
        let mut wanted =
            self.matched.iter().filter(|(when, _)| head.is_some_and(|it| has(it, when)));
        let matched = wanted.find_map(|(_, methods)| methods.route(method));
        let announced = || {
            let mut all = self.matched.iter().filter(|_| head.is_none());
            all.find_map(|(_, methods)| methods.route(method))
        };
        let exists = || self.matched.iter().any(|(_, methods)| methods.route(method).is_some());
        match matched.or(self.usual.route(method)).or_else(announced) {
            _ if method == "TRACE" => Verdict::MethodNotAllowed { allow: &self.allow },
            Some(route) => Verdict::Route(route),
            // There is something here for this method, for those who ask with a field.
            None if exists() => Verdict::NotFound,
            None => Verdict::MethodNotAllowed { allow: &self.allow },
        }
    }
}

impl Methods {
    fn add(&mut self, index: usize, methods: &[String]) {
        let id = RouteId(u32::try_from(index).unwrap_or(u32::MAX));
        if methods.is_empty() {
            self.any_method = Some(id);
        }
        self.by_method.extend(methods.iter().map(|method| (method.clone(), id)));
    }

    /// Whoever takes GET takes HEAD: the host leaves the content out. RFC 9110 §9.3.2.
    fn add_head(&mut self) {
        let get = self.by_method.iter().position(|(method, _)| method == "GET");
        let has_head = self.by_method.iter().any(|(method, _)| method == "HEAD");
        if let (Some(get), false) = (get, has_head) {
            let route = self.by_method[get].1;
            self.by_method.insert(get + 1, ("HEAD".to_owned(), route));
        }
    }

    fn route(&self, method: &str) -> Option<RouteId> {
        let named = self.by_method.iter().find(|(taken, _)| taken == method).map(|(_, id)| *id);
        named.or(self.any_method)
    }
}

/// Whether a request has the field, once: where it is repeated, two readers may take different
/// ones.
fn has(head: &Head<'_>, when: &HeaderMatch) -> bool {
    let name = when.name.as_bytes();
    let mut lines = head.fields().filter(|field| field.name.eq_ignore_ascii_case(name));
    let first = lines.next();
    first.is_some_and(|field| field.value == when.value.as_bytes()) && lines.next().is_none()
}

/// Whether two routes of one path could both be the best for a request.
fn collide(one: &Route, other: &Route) -> bool {
    let alike = match (&one.when, &other.when) {
        (None, None) => true,
        // One field cannot have two values; two fields can both be there.
        (Some(one), Some(other)) if one.name == other.name => one.value == other.value,
        (Some(_), Some(_)) => {
            let takes = |route: &Route, method: &String| {
                let methods = &route.pattern.methods;
                methods.is_empty()
                    || methods.contains(method)
                    || method == "HEAD" && methods.iter().any(|it| it == "GET")
            };
            let either = |one: &Route, other: &Route| {
                one.pattern.methods.is_empty()
                    || one.pattern.methods.iter().any(|method| takes(other, method))
            };
            return either(one, other) || either(other, one);
        }
        _ => false,
    };
    let (one, other) = (&one.pattern.methods, &other.pattern.methods);
    let methods = match (one.is_empty(), other.is_empty()) {
        (true, true) => true,
        (false, false) => one.iter().any(|method| other.contains(method)),
        _ => false,
    };
    alike && methods
}

/// The names of the two fields, where it is these that do not exclude each other.
fn differing_fields(one: &Route, other: &Route) -> Option<(String, String)> {
    let (one, other) = (one.when.as_ref()?, other.when.as_ref()?);
    (one.name != other.name).then(|| (one.name.clone(), other.name.clone()))
}

fn takes_everything(route: &Route) -> bool {
    let pattern = &route.pattern;
    let (shape, catch_all) = pattern.shape();
    let every = pattern.methods.is_empty() && pattern.host == HostPattern::Any;
    every && route.when.is_none() && shape == "/" && catch_all
}

/// `host` in lower case without its final dot (RFC 3986 §3.2.2), written into `lower`.
fn lower_case<'l>(host: &str, lower: &'l mut [u8; HOST_BYTES_MAX]) -> Option<&'l str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let lower = lower.get_mut(..host.len())?;
    lower.copy_from_slice(host.as_bytes());
    lower.make_ascii_lowercase();
    str::from_utf8(lower).ok()
}

#[cfg(test)]
mod tests;
