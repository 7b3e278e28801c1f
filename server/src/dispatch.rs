//! A head becomes a verdict, a request becomes a job: what one loop needs to know of routes,
//! functions and workers.

use std::sync::Arc;

use fezz_parser::Scheme;
use fezz_proto::{Admission, ConnId, Hub, Instant, Refusal, Ticket, Void};

use crate::crew::{Callee, Inbound, Job};
use crate::envelope;
use crate::link::{Facts, Judge};
use crate::plugin::{Router, Verdict};

/// What can be served: routes, and the functions that they name by number.
pub(crate) struct Site {
    pub(crate) router: Router,
    /// By `FunctionId`.
    pub(crate) callees: Vec<&'static Callee>,
}

/// The judge of one loop.
pub(crate) struct Dispatcher {
    home: u16,
    site: Arc<Site>,
    inbound: Arc<Inbound>,
    /// Jobs of this turn, submitted at its end.
    batch: Vec<Job>,
    /// Jobs that the crew has and has not brought back.
    in_flight: usize,
    now: Instant,
}

enum Decision {
    Admit { body_bytes_max: u64, handle_ms_max: u32 },
    Refuse(Refusal),
    NotAllowed(String),
    Options(String),
}

impl Dispatcher {
    pub(crate) const fn new(home: u16, site: Arc<Site>, inbound: Arc<Inbound>) -> Self {
        Self { home, site, inbound, batch: Vec::new(), in_flight: 0, now: Instant::ZERO }
    }

    /// A turn begins.
    pub(crate) const fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// Whether the crew has jobs of this loop.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.in_flight > 0
    }

    /// Jobs of this loop that the crew has.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// So many jobs came back.
    pub(crate) const fn came_back(&mut self, jobs: usize) {
        self.in_flight = self.in_flight.saturating_sub(jobs);
    }

    /// Nothing has come back for a while: whoever sleeps may have a job. `unfit` gets the tickets
    /// of jobs that waited too long.
    pub(crate) fn rouse(&mut self, unfit: &mut Vec<Ticket>) {
        let mut overdue = Vec::new();
        self.inbound.rouse(self.home, self.now, &mut overdue);
        self.came_back(overdue.len());
        unfit.extend(overdue.into_iter().map(|job| job.ticket));
    }

    /// Submits the turn's jobs; true when there were any. `unfit` gets the tickets of those that
    /// the queue has no room for.
    pub(crate) fn submit(&mut self, unfit: &mut Vec<Ticket>) -> bool {
        if self.batch.is_empty() {
            return false;
        }
        self.in_flight += self.batch.len();
        self.inbound.submit(&mut self.batch);
        self.in_flight -= self.batch.len();
        unfit.extend(self.batch.drain(..).map(|job| job.ticket));
        true
    }

    /// Judges the head that waits; where it is admitted, `envelope` is written up to the content.
    fn decide(
        &self,
        hub: &mut Hub,
        id: ConnId,
        facts: &mut Facts,
        envelope: &mut Vec<u8>,
    ) -> Option<Decision> {
        let head = hub.head(id)?;
        if head.target_scheme() == Some(Scheme::Https) {
            // RFC 9110 §7.4: a secured target on an unsecured connection.
            return Some(Decision::Refuse(Refusal::Misdirected));
        }
        let verdict = self.site.router.resolve_head(&head);
        let route = match verdict {
            Verdict::Route(route) => route,
            Verdict::NotFound => return Some(Decision::Refuse(Refusal::NoRoute)),
            Verdict::Misdirected => return Some(Decision::Refuse(Refusal::Misdirected)),
            Verdict::BadPath(_) => return Some(Decision::Refuse(Refusal::BadPath)),
            Verdict::MethodNotAllowed { allow } => {
                return Some(Decision::NotAllowed(allow.to_owned()));
            }
            Verdict::ServerOptions { allow } => return Some(Decision::Options(allow.to_owned())),
        };
        facts.route = route;
        let route = self.site.router.route(route)?;
        let handle_ms_max = u32::try_from(route.handler_timeout.as_millis()).unwrap_or(u32::MAX);
        let client = facts.client.as_octets();
        facts.layout = envelope::request(envelope, &head, client, u64::from(handle_ms_max));
        Some(Decision::Admit { body_bytes_max: route.body_bytes_max, handle_ms_max })
    }
}

impl Judge for Dispatcher {
    fn route(&mut self, hub: &mut Hub, id: ConnId, facts: &mut Facts, now: Instant) {
        let mut buffer = hub.buffer();
        match self.decide(hub, id, facts, &mut buffer) {
            Some(Decision::Admit { body_bytes_max, handle_ms_max }) => {
                let admission =
                    Admission { envelope: buffer, body_bytes_max, handle_ms_max, late: None };
                hub.handle_admitted(id, admission, now);
            }
            Some(Decision::NotAllowed(allow)) => {
                let reply = envelope::method_not_allowed(buffer, &allow);
                hub.handle_refused(id, Refusal::NoMethod, Some(reply), now);
            }
            Some(Decision::Options(allow)) => {
                hub.handle_answered(id, envelope::server_options(buffer, &allow), now);
            }
            refused => {
                hub.keep_buffer(buffer);
                let why = match refused {
                    Some(Decision::Refuse(why)) => why,
                    _ => Refusal::NoRoute,
                };
                hub.handle_refused(id, why, None, now);
            }
        }
    }

    fn dispatch(&mut self, facts: &Facts, ticket: Ticket, envelope: Vec<u8>, deadline: Instant) {
        let callee = self
            .site
            .router
            .route(facts.route)
            .and_then(|route| self.site.callees.get(route.function.0 as usize));
        debug_assert!(callee.is_some(), "a route without a function");
        let Some(callee) = callee else { return };
        let mut job = Job {
            home: self.home,
            ticket,
            callee,
            envelope,
            layout: facts.layout,
            queued: self.now,
            deadline,
        };
        if job.layout.is_open() {
            fezz_wire::close_body(&mut job.envelope, &mut job.layout);
        }
        self.batch.push(job);
    }

    fn forget(&mut self, hub: &mut Hub, _facts: &Facts, ticket: Ticket, _why: Void) {
        if let Some(place) = self.batch.iter().position(|job| job.ticket == ticket) {
            hub.keep_buffer(self.batch.swap_remove(place).envelope);
        } else if let Some(job) = self.inbound.forget(self.home, ticket) {
            self.in_flight = self.in_flight.saturating_sub(1);
            hub.keep_buffer(job.envelope);
        }
    }
}
