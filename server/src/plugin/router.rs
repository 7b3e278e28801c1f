//! Which route takes a request: decided at the head, before any octet of the body is accepted.
//! Routes are fixed when the router is built; nothing here loads or calls a function.
//!
//! Order of preference, each step only where the one before leaves a choice:
//!
//! 1. the exact host, then the longest `*.name` above it, then routes without a host; a host whose
//!    routes do not know the path does not hide the routes of the next step;
//! 2. the most specific path, segment by segment from the left: literal, parameter, catch-all;
//! 3. a route that names the method, then one that takes all. A path whose routes all name other
//!    methods is answered 405; it does not fall back to a less specific path.
//!
//! Two routes that agree on all three could both win: an error when the router is built.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use fezz_parser::Head;

use super::canonical::{self, canonical};
use super::pattern::{HostPattern, Pattern};
use super::registry::FunctionId;
use super::tree::Tree;

/// The number of a route; valid for the router that gave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// What a route promises to the requests it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The function that answers.
    pub function: FunctionId,
    /// What the operator wrote; the `http.route` of metrics and logs.
    pub pattern: Pattern,
    /// How long the function may take, from dispatch to answer.
    pub handler_timeout: Duration,
    /// The longest request body accepted, in octets.
    pub body_bytes_max: u64,
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
    by_method: Vec<(String, RouteId)>,
    any_method: Option<RouteId>,
    allow: String,
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
            Self::Conflict { first, second } => write!(
                out,
                "routes '{first}' and '{second}' take the same requests; remove one or make it \
                 more specific"
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
            [route] if takes_everything(&route.pattern) => Some(RouteId(0)),
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
    pub fn resolve_head(&self, head: &Head<'_>) -> Verdict<'_> {
        match self.only {
            Some(route)
                if canonical::is_plain(head.path_octets()) && head.method_octets() != b"TRACE" =>
            {
                Verdict::Route(route)
            }
            _ => self.resolve(head.method(), head.host(), head.path()),
        }
    }

    /// Which route takes a request. `host` is the effective authority without its port, as sent;
    /// `path` is the target's path, as sent, or `*`.
    #[must_use]
    pub fn resolve(&self, method: &str, host: Option<&str>, path: &str) -> Verdict<'_> {
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
            Found::Leaf(leaf) => leaf.pick(method),
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
    /// The routes of one path; those that take a method another one has taken are complained of.
    fn of(indices: &[usize], routes: &[Route], complaints: &mut Vec<RouteError>) -> Self {
        let mut leaf = Self::default();
        let mut taken: Vec<(Option<&str>, usize)> = Vec::new();
        for &index in indices {
            let id = RouteId(u32::try_from(index).unwrap_or(u32::MAX));
            let methods = &routes[index].pattern.methods;
            let keys: Vec<Option<&str>> = match methods.as_slice() {
                [] => vec![None],
                named => named.iter().map(|method| Some(method.as_str())).collect(),
            };
            if let Some((_, first)) = taken.iter().find(|(key, _)| keys.contains(key)) {
                let [first, second] = [*first, index].map(|it| routes[it].pattern.clone());
                complaints.push(RouteError::Conflict { first, second });
            }
            for key in keys {
                match key {
                    None => leaf.any_method = Some(id),
                    Some(method) => leaf.by_method.push((method.to_owned(), id)),
                }
                taken.push((key, index));
            }
        }
        leaf.add_head();
        let named: Vec<&str> = leaf.by_method.iter().map(|(method, _)| method.as_str()).collect();
        leaf.allow = match leaf.any_method {
            Some(_) => ALLOW_ANY.to_owned(),
            None => named.join(", "),
        };
        leaf
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

    fn pick(&self, method: &str) -> Verdict<'_> {
        let named = self.by_method.iter().find(|(taken, _)| taken == method).map(|(_, id)| *id);
        match named.or(self.any_method) {
            Some(route) if method != "TRACE" => Verdict::Route(route),
            _ => Verdict::MethodNotAllowed { allow: &self.allow },
        }
    }
}

fn takes_everything(pattern: &Pattern) -> bool {
    let (shape, catch_all) = pattern.shape();
    pattern.methods.is_empty() && pattern.host == HostPattern::Any && shape == "/" && catch_all
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
