//! What can be served at one time: routes, and who answers on them, on the operator's terms.

mod course;
mod present;

use std::sync::Arc;
use std::time::Duration;

use fezz_abi::FLAG_INLINE_OK;
use fezz_proto::Instant;
use fezz_proto::roster::CalleeLimits;

use crate::config;
use crate::crew::{Accord, Callee, Fallback, Placement, Served, StaticReply, Terms, Workplace};
use crate::envelope;
use crate::label::Label;
use crate::plugin::registry::{Entry, newest_before};
use crate::plugin::{Route, RouteId, Router};
use crate::report::PublishReport;
use crate::tls::wishes;

pub(crate) use course::{Course, Courses, Rulebook};
pub(crate) use present::Present;

/// Routes, and the functions that they name by number.
pub(crate) struct Site {
    /// Counts the sites of a server; given by [`Present`].
    number: u64,
    pub(crate) router: Router,
    /// What routes demand.
    pub(crate) courses: Courses,
    /// By `RouteId`.
    lanes: Vec<Lane>,
    /// By `FunctionId`.
    pub(crate) served: Vec<Served>,
    /// What `served` was made of.
    entries: Vec<Entry>,
}

/// What a request needs to know of its route, in one place.
pub(crate) struct Lane {
    /// What the route is called.
    pub(crate) label: &'static Label,
    /// Who answers, unless the route's course says otherwise; nobody where the router names a
    /// function that there is not.
    pub(crate) served: Option<Served>,
    /// Milliseconds for the answer, unless the course says otherwise.
    pub(crate) handle_ms_max: u32,
    /// The longest request body accepted, in octets.
    pub(crate) body_bytes_max: u64,
    /// Whether there is a course for it in [`Site::courses`].
    pub(crate) has_course: bool,
}

/// What stands between one site and the next.
pub(crate) struct Change {
    /// Those to whom no route leads any more.
    pub(crate) leaving: Vec<&'static Callee>,
    pub(crate) report: PublishReport,
}

impl Site {
    /// Lets the workers know the functions of `entries`, in the order of their numbers.
    pub(crate) fn of(
        router: Router,
        book: Rulebook,
        entries: Vec<Entry>,
        place: &Workplace,
    ) -> Self {
        let callees: Vec<&'static Callee> =
            entries.iter().map(|entry| place.enlist(terms(entry, place.clock.now()))).collect();
        let courses = Courses::of(book, router.routes(), &entries, &Courses::default());
        Self::new(router, courses, entries, &callees)
    }

    /// The site after this one. Who is in both goes on as before: with its pace, its count of
    /// failures, its quarantine.
    pub(crate) fn followed_by(
        &self,
        router: Router,
        book: Rulebook,
        entries: Vec<Entry>,
        place: &Workplace,
    ) -> (Self, Change) {
        let mut report = PublishReport::default();
        let mut callees: Vec<&'static Callee> = Vec::new();
        for entry in &entries {
            let known = self.callee_of(entry);
            let names = if known.is_some() { &mut report.kept } else { &mut report.added };
            names.push(entry.to_string());
            callees.push(known.unwrap_or_else(|| place.enlist(terms(entry, place.clock.now()))));
        }
        let before = self.served.iter().map(|served| served.callee);
        let leaving: Vec<&'static Callee> =
            before.filter(|old| !callees.iter().any(|new| std::ptr::eq(*old, *new))).collect();
        report.retired = leaving.iter().map(|callee| callee.name.clone()).collect();
        let courses = Courses::of(book, router.routes(), &entries, &self.courses);
        (Self::new(router, courses, entries, &callees), Change { leaving, report })
    }

    fn new(
        router: Router,
        courses: Courses,
        entries: Vec<Entry>,
        callees: &[&'static Callee],
    ) -> Self {
        let serve = |(entry, callee): (&Entry, &&'static Callee)| Served {
            callee,
            previous: newest_before(&entries, &entry.name, entry.version.as_ref())
                .and_then(|place| callees.get(place).copied()),
        };
        let served: Vec<Served> = entries.iter().zip(callees).map(serve).collect();
        let lane = |(number, route): (u32, &Route)| Lane {
            label: Label::of(&route.pattern.to_string()),
            served: served.get(route.function.0 as usize).copied(),
            handle_ms_max: whole_millis(route.handler_timeout),
            body_bytes_max: route.body_bytes_max,
            has_course: courses.get(number).is_some(),
        };
        let lanes = (0..).zip(router.routes()).map(lane).collect();
        Self { number: 0, router, courses, lanes, served, entries }
    }

    /// What there is to know of a route.
    #[inline]
    pub(crate) fn lane(&self, route: RouteId) -> Option<&Lane> {
        self.lanes.get(route.0 as usize)
    }

    /// Who answers for the same image under the same name on the same terms.
    fn callee_of(&self, entry: &Entry) -> Option<&'static Callee> {
        let mut known = self.entries.iter().zip(&self.served);
        let same = |(known, _): &(&Entry, &Served)| {
            Arc::ptr_eq(&known.function, &entry.function)
                && known.options == entry.options
                && known.to_string() == entry.to_string()
        };
        known.find(same).map(|(_, served)| served.callee)
    }
}

/// What the artifact says of itself, and what its operator says of it.
fn terms(entry: &Entry, now: Instant) -> Terms {
    let options = &entry.options;
    let identity = entry.function.identity();
    let own_max = identity.map_or(0, |identity| identity.max_concurrency);
    let running_max = [own_max, options.max_concurrency.unwrap_or(0)]
        .into_iter()
        .filter(|calls| *calls > 0)
        .min()
        .unwrap_or(u32::MAX);
    let bounded = identity.is_some_and(|identity| identity.flags & FLAG_INLINE_OK != 0);
    let placement = match options.placement {
        // Loops do not ask each other, nor the workers, who is inside.
        _ if running_max != u32::MAX => Placement::Worker,
        Some(config::Placement::Worker) => Placement::Worker,
        Some(config::Placement::Inline) => Placement::Inline,
        Some(config::Placement::Auto) => Placement::Auto,
        None if bounded => Placement::Auto,
        None => Placement::Worker,
    };
    Terms {
        name: entry.to_string(),
        plain_bytes: entry.name.len(),
        function: Arc::clone(&entry.function),
        placement,
        limits: CalleeLimits {
            running_max,
            in_flight_max: options.max_in_flight.unwrap_or(u32::MAX),
            abandoned_max: options.abandon_max,
            quarantine_us: micros(options.quarantine),
        },
        tls: wishes(options.tls),
        fallback: fallback(entry),
        accord: Accord::new(
            options.config.clone(),
            entry.function.exports().handshake,
            options.ttl,
            &entry.handshake,
            now,
        ),
    }
}

/// What happens when it fails. A function may ask for a reply of its operator's, and there may be
/// none.
fn fallback(entry: &Entry) -> Fallback {
    match &entry.options.fallback {
        _ if entry.falls_back_to_previous() => Fallback::Previous,
        None | Some(config::Fallback::Previous) => Fallback::FailRequest,
        Some(other) => remedy(other),
    }
}

/// An operator's remedy, ready to be used.
pub(crate) fn remedy(fallback: &config::Fallback) -> Fallback {
    match fallback {
        config::Fallback::FailRequest => Fallback::FailRequest,
        config::Fallback::Previous => Fallback::Previous,
        config::Fallback::Static { status, content_type, body } => {
            let fields = [("content-type", content_type.as_str())];
            let reply = envelope::constant(Vec::new(), *status, &fields, body);
            Fallback::Static(StaticReply {
                octets: reply.octets.into(),
                head_bytes: reply.head_bytes,
                status: *status,
            })
        }
    }
}

/// Milliseconds that a function has; the most there can be where it has longer.
fn whole_millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
