//! What a request meets on a route that demands something, or whose requests are shared out: made
//! ready when the site is. Most routes have none of this.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::whole_millis;
use crate::crew::Fallback;
use crate::plugin::registry::{Entry, FunctionId};
use crate::plugin::router::{ALLOW_ANY, Route};
use crate::plugin::split::Rounds;
use crate::policy::{self, Meter, Policy, PolicyCounts, Tally};

/// What a route demands, and who answers on it.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) policy: Option<Arc<Policy>>,
    /// What its clients get where the function did not answer; the function's own remedy
    /// otherwise.
    pub(crate) remedy: Option<Arc<Fallback>>,
    /// The methods it takes, as a field value.
    pub(crate) methods: String,
    first: Branch,
    others: Vec<Branch>,
    rounds: Option<Rounds>,
}

/// One of the functions of a route.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) function: FunctionId,
    /// Milliseconds for its answer.
    pub(crate) handle_ms_max: u32,
    /// The policy's rate limits here.
    pub(crate) meters: Vec<Meter>,
}

impl Course {
    /// Who answers the next request.
    pub(crate) fn branch(&self) -> &Branch {
        let turn = self.rounds.as_ref().map_or(0, Rounds::turn);
        turn.checked_sub(1).and_then(|place| self.others.get(place)).unwrap_or(&self.first)
    }
}

/// The policies of one site, their counts, and what they mean on each route.
#[derive(Debug, Default)]
pub(crate) struct Courses {
    /// By `RouteId`.
    routes: Vec<Option<Box<Course>>>,
    pub(crate) policies: Vec<Arc<Policy>>,
    /// By name, those of policies that are no more included: counts never go backwards.
    pub(crate) tallies: BTreeMap<String, Arc<Tally>>,
    /// Whether a route answers pages of other origins.
    pub(crate) has_preflights: bool,
}

/// What an operator wrote about policies, read and checked.
#[derive(Debug, Default)]
pub(crate) struct Rulebook {
    /// In the order of the configuration.
    pub(crate) policies: Vec<Policy>,
    /// For each, what clients get where the function did not answer.
    pub(crate) remedies: Vec<Option<Fallback>>,
}

impl Courses {
    /// The courses of `routes` after those of `before`, which go on counting.
    pub(crate) fn of(book: Rulebook, routes: &[Route], entries: &[Entry], before: &Self) -> Self {
        let Rulebook { mut policies, remedies } = book;
        let mut tallies = before.tallies.clone();
        for policy in &mut policies {
            let name = policy.name().to_owned();
            policy.tally_with(&mut tallies);
            if let Some(known) = before.policies.iter().find(|known| known.name() == name) {
                policy.follow(known);
            }
        }
        let branches: Vec<(Branch, Vec<Branch>)> =
            routes.iter().map(|route| branches(route, entries, &mut policies)).collect();
        policies.iter_mut().for_each(Policy::tidy);
        let policies: Vec<Arc<Policy>> = policies.into_iter().map(Arc::new).collect();
        let remedies: Vec<Option<Arc<Fallback>>> =
            remedies.into_iter().map(|remedy| remedy.map(Arc::new)).collect();
        let course = |(route, (first, others)): (&Route, (Branch, Vec<Branch>))| {
            let policy = route.policy.and_then(|place| policies.get(place)).cloned();
            let percents: Vec<u32> = route.split.iter().map(|share| share.percent).collect();
            let demands = policy.is_some() || !percents.is_empty();
            demands.then(|| {
                Box::new(Course {
                    policy,
                    remedy: route.policy.and_then(|place| remedies.get(place)?.clone()),
                    methods: match route.pattern.methods.as_slice() {
                        [] => ALLOW_ANY.to_owned(),
                        named => named.join(", "),
                    },
                    first,
                    others,
                    rounds: Rounds::of(&percents),
                })
            })
        };
        let routes: Vec<_> = routes.iter().zip(branches).map(course).collect();
        let answers =
            |course: &Course| course.policy.as_ref().is_some_and(|it| it.cors().is_some());
        let has_preflights = routes.iter().flatten().any(|course| answers(course));
        Self { routes, policies, tallies, has_preflights }
    }

    /// What was counted for each policy, by name.
    pub(crate) fn counts(&self) -> BTreeMap<String, PolicyCounts> {
        policy::counts(&self.policies, &self.tallies)
    }

    /// The course of a route; none where it demands nothing.
    #[inline]
    pub(crate) fn get(&self, route: u32) -> Option<&Course> {
        self.routes.get(route as usize)?.as_deref()
    }
}

/// The functions of a route with their limits there: the first, and the others.
fn branches(route: &Route, entries: &[Entry], policies: &mut [Policy]) -> (Branch, Vec<Branch>) {
    let mut policy = route.policy.and_then(|place| policies.get_mut(place));
    let named = route_name(route);
    let mut branch = |function: FunctionId, handler_timeout: Duration| {
        let called = entries.get(function.0 as usize).map(ToString::to_string).unwrap_or_default();
        let meters = policy.as_mut().map_or_else(Vec::new, |it| it.meters(&named, &called));
        Branch { function, handle_ms_max: whole_millis(handler_timeout), meters }
    };
    let first = branch(route.function, route.handler_timeout);
    let others = route.split.iter().skip(1);
    (first, others.map(|share| branch(share.function, share.handler_timeout)).collect())
}

/// What tells a route from every other one.
fn route_name(route: &Route) -> String {
    let pattern = &route.pattern;
    match &route.when {
        Some(when) => format!("{pattern} {}: {}", when.name, when.value),
        None => pattern.to_string(),
    }
}
