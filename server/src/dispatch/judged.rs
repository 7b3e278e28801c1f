//! The steps of a verdict: the way a request came, its route, and what that demands before its
//! function is asked.

use std::net::IpAddr;

use fezz_parser::{Head, Scheme};
use fezz_proto::{ConnId, Hub, Phase, Refusal, Reply};

use super::{Decision, Dispatcher};
use crate::crew::{Fallback, Served};
use crate::envelope;
use crate::exchange::{Exchange, Guard};
use crate::link::{Facts, Way};
use crate::plugin::{RouteId, Verdict};
use crate::policy::{Denial, Policy, Said};
use crate::site::{Course, Lane};
use crate::tls::Secured;

/// A request that may be handed to a function.
pub(super) struct Passed<'a> {
    pub(super) served: Option<Served>,
    /// Milliseconds for the answer.
    pub(super) handle_ms_max: u32,
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
    pub(super) const fn freely(lane: &Lane, certificate: Option<&'a str>) -> Self {
        Self {
            served: lane.served,
            handle_ms_max: lane.handle_ms_max,
            principal: certificate,
            remedy: None,
            hides_credentials: false,
        }
    }
}

/// Whether a request may be served the way it came; what is known of that way.
#[inline]
pub(super) fn came_by<'w>(way: &'w Way, head: &Head<'_>) -> Result<Option<&'w Secured>, Decision> {
    let secured = match way {
        // RFC 9110 §7.4: a secured target on an unsecured connection.
        Way::Plain if head.target_scheme() == Some(Scheme::Https) => {
            return Err(Decision::Refuse(Refusal::Misdirected));
        }
        Way::Plain => return Ok(None),
        Way::Redirect(redirect) => return Err(Decision::Elsewhere(redirect.answer(head))),
        Way::Tls(secured) => secured.as_deref(),
    };
    if let Some(secured) = secured
        && let Some(authority) = head.authority_octets()
        && !str::from_utf8(authority).is_ok_and(|authority| secured.is_for(authority))
    {
        return Err(Decision::Refuse(Refusal::Misdirected));
    }
    Ok(secured)
}

/// What the request came by, as its envelope says it (RFC 9110 §4.2).
#[inline]
pub(super) const fn scheme(secured: Option<&Secured>) -> &'static [u8] {
    if secured.is_some() { b"https" } else { b"http" }
}

/// What is said when the function is late, where the operator has words of its own for that.
#[inline]
pub(super) fn late(remedy: &Fallback) -> Option<Box<Reply>> {
    match remedy {
        Fallback::Static(reply) => Some(Box::new(reply.copy(Vec::new()))),
        Fallback::FailRequest | Fallback::Previous => None,
    }
}

impl Dispatcher {
    /// Which route takes a request.
    #[inline]
    pub(super) fn find(&self, head: &Head<'_>) -> Result<RouteId, Decision> {
        Err(match self.site.router.resolve_head(head) {
            Verdict::Route(route) => return Ok(route),
            Verdict::NotFound => Decision::Refuse(Refusal::NoRoute),
            Verdict::Misdirected => Decision::Refuse(Refusal::Misdirected),
            Verdict::BadPath(_) => Decision::Refuse(Refusal::BadPath),
            Verdict::MethodNotAllowed { allow } => Decision::NotAllowed(allow.to_owned()),
            Verdict::ServerOptions { allow } => Decision::Options(allow.to_owned()),
        })
    }

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
            served: self.site.served.get(branch.function.0 as usize).copied(),
            handle_ms_max: branch.handle_ms_max,
            principal,
            remedy: course.remedy.as_deref(),
            hides_credentials: policy.is_some_and(Policy::takes_credentials),
        })
    }

    /// The answer to a preflight (Fetch standard, CORS protocol), if this is one for a route that
    /// pages of other origins may use: it carries no credentials and asks no function, so that the
    /// client's address is all there is to judge.
    #[cold]
    pub(super) fn preflight(
        &self,
        head: &Head<'_>,
        client: IpAddr,
        exchange: &mut Exchange,
    ) -> Option<Decision> {
        if head.method_octets() != b"OPTIONS" {
            return None;
        }
        let origin = Said::of(head, "origin").once()?;
        let announced = Said::of(head, "access-control-request-method").once()?;
        let method = str::from_utf8(announced).ok()?;
        let site = &self.site;
        let route = site.router.resolve_preflight(head, method)?;
        let course = site.courses.get(route.0)?;
        let policy = course.policy.as_deref()?;
        let rules = policy.cors()?;
        exchange.route = site.lane(route).map(|lane| lane.label);
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
