//! What a route's policy has to say before its function is asked.

use std::net::IpAddr;
use std::time::Duration;

use fezz_parser::Head;
use fezz_proto::{ConnId, Hub, Phase, Refusal, Reply};

use super::{Decision, Dispatcher};
use crate::crew::Fallback;
use crate::envelope;
use crate::exchange::Guard;
use crate::link::Facts;
use crate::plugin::registry::FunctionId;
use crate::plugin::router::Route;
use crate::policy::{Denial, Policy, Said};
use crate::site::Course;

/// A request that may be handed to a function.
pub(super) struct Passed<'a> {
    pub(super) function: FunctionId,
    pub(super) handler_timeout: Duration,
    /// Who asks, as far as there is proof of it.
    pub(super) principal: Option<&'a str>,
    /// What the client gets where the function does not answer, if the route decides that.
    pub(super) remedy: Option<&'a Fallback>,
    /// Whether the request's credentials were for the server.
    pub(super) hides_credentials: bool,
}

impl<'a> Passed<'a> {
    /// On a route that demands nothing.
    #[inline]
    pub(super) const fn freely(route: &Route, certificate: Option<&'a str>) -> Self {
        Self {
            function: route.function,
            handler_timeout: route.handler_timeout,
            principal: certificate,
            remedy: None,
            hides_credentials: false,
        }
    }
}

impl Dispatcher {
    /// Whether a request may go on, and where to. `guard` gets what has to be remembered of it,
    /// whatever the verdict.
    #[inline(never)]
    pub(super) fn pass<'a>(
        &self,
        course: &'a Course,
        head: &Head<'_>,
        client: IpAddr,
        certificate: Option<&'a str>,
        guard: &mut Option<Box<Guard>>,
    ) -> Result<Passed<'a>, Denial> {
        let mut kept = Guard { remedy: course.remedy.clone(), ..Guard::default() };
        let policy = course.policy.as_deref();
        if let Some(rules) = policy.and_then(Policy::cors) {
            let said = rules.answer(Said::of(head, "origin").once());
            kept.fields = Some(said.into_bytes().into_boxed_slice());
            kept.decides_origins = true;
        }
        let judged = self.judge(course, head, client, certificate, &mut kept);
        if kept.decides_origins || kept.remedy.is_some() || kept.permit.is_some() {
            *guard = Some(Box::new(kept));
        }
        judged
    }

    /// Address, proof, whose turn it is, rate, number at once: in this order.
    fn judge<'a>(
        &self,
        course: &'a Course,
        head: &Head<'_>,
        client: IpAddr,
        certificate: Option<&'a str>,
        kept: &mut Guard,
    ) -> Result<Passed<'a>, Denial> {
        let policy = course.policy.as_deref();
        let principal = match policy {
            Some(policy) => policy.identify(head, client, certificate)?,
            None => certificate,
        };
        let branch = course.branch();
        if let Some(policy) = policy {
            kept.permit = policy.grant(&branch.meters, client, principal, self.now)?;
        }
        Ok(Passed {
            function: branch.function,
            handler_timeout: branch.handler_timeout,
            principal,
            remedy: course.remedy.as_deref(),
            hides_credentials: policy.is_some_and(Policy::takes_credentials),
        })
    }

    /// The answer to a preflight (Fetch standard, CORS protocol), if this is one for a route that
    /// pages of other origins may use: it carries no credentials and asks no function, so that the
    /// client's address is all there is to judge.
    #[cold]
    pub(super) fn preflight(&self, head: &Head<'_>, client: IpAddr) -> Option<Decision> {
        if head.method_octets() != b"OPTIONS" {
            return None;
        }
        let origin = Said::of(head, "origin").once()?;
        let announced = Said::of(head, "access-control-request-method").once()?;
        let method = str::from_utf8(announced).ok()?;
        let site = &self.site;
        let course = site.courses.get(site.router.resolve_preflight(head, method)?.0)?;
        let policy = course.policy.as_deref()?;
        let rules = policy.cors()?;
        if !policy.admits(client) {
            return Some(Decision::Deny(Denial::Address));
        }
        let said = rules.preflight(Some(origin), &course.methods);
        Some(Decision::Preflight(said.into_bytes().into_boxed_slice()))
    }

    /// Whoever is not under way after the verdict does not count as such.
    pub(super) fn let_go(hub: &Hub, id: ConnId, facts: &mut Facts) {
        if let Some(exchange) = &mut facts.exchange
            && exchange.guard.is_some()
            && !matches!(hub.phase(id), Some(Phase::Body | Phase::Handle))
        {
            exchange.guard = None;
        }
    }
}

/// What a client is told whom a policy refuses.
pub(super) fn denied(denial: Denial) -> (Refusal, Option<Reply>) {
    match denial {
        Denial::Address | Denial::Certificate => (Refusal::Denied, None),
        Denial::NoToken => (Refusal::Unauthorized, None),
        Denial::WrongToken => (Refusal::Unauthorized, Some(envelope::invalid_token())),
        Denial::TooEarly { micros } => (Refusal::Limited, Some(envelope::too_early(micros))),
        Denial::Full => (Refusal::Saturated, None),
    }
}
