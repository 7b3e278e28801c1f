//! A head becomes a verdict, a request becomes a job: what one loop needs to know of routes,
//! functions and workers.

mod judged;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fezz_abi::{CancelReason, Stage};
use fezz_parser::Head;
use fezz_proto::{Admission, ConnId, Hub, Instant, Refusal, Reply, Summary, Ticket, Void};
use fezz_wire::Meta;

use crate::audience::Audience;
use crate::config::Forwarded;
use crate::crew::{
    Callee, Completion, Errand, Fallback, Job, Load, Pace, QUARANTINED, Served, Stay, Took,
    Workplace, millis, waited_too_long,
};
use crate::desk::DESK;
use crate::envelope::{self, Edits, Survey};
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::link::{ClientIp, Facts, Judge};
use crate::peer::{Headcount, Rejection, Source};
use crate::policy::Denial;
use crate::site::{Present, Site};
use crate::tls::Secured;
use crate::trace::{Trace, Tracer};
use judged::{Passed, came_by, denied, late, scheme};

/// The judge of one loop.
pub(crate) struct Dispatcher {
    home: u16,
    /// Who is told what happens.
    pub(crate) audience: Audience,
    /// Who gives requests their place in a trace, if they have one.
    tracer: Option<Tracer>,
    present: Arc<Present>,
    /// The site that was present at the last request.
    site: Arc<Site>,
    place: Arc<Workplace>,
    /// Who is here how often.
    pub(crate) headcount: Arc<Headcount>,
    /// Jobs of this turn for the workers, submitted at its end.
    batch: Vec<Job>,
    /// Calls that this loop's thread makes itself.
    inline: VecDeque<Job>,
    /// Requests that somebody still waits for, whoever has them.
    in_flight: usize,
    now: Instant,
}

/// What a request gets that is admitted.
struct Terms {
    body_bytes_max: u64,
    handle_ms_max: u32,
    late: Option<Box<Reply>>,
}

/// What becomes of a request that is not.
enum Decision {
    Refuse(Refusal),
    Deny(Denial),
    Preflight(Box<[u8]>),
    Quarantined(Served, Instant),
    NotAllowed(String),
    Options(String),
    Elsewhere(Result<Reply, Refusal>),
}

impl Dispatcher {
    pub(crate) fn new(
        home: u16,
        audience: Audience,
        tracer: Option<Tracer>,
        present: Arc<Present>,
        place: Arc<Workplace>,
        headcount: Arc<Headcount>,
    ) -> Self {
        Self {
            headcount,
            home,
            audience,
            tracer,
            site: present.site(),
            present,
            place,
            batch: Vec::new(),
            inline: VecDeque::new(),
            in_flight: 0,
            now: Instant::ZERO,
        }
    }

    /// Which loop this is.
    pub(crate) const fn home(&self) -> u16 {
        self.home
    }

    /// The moment that was last set.
    pub(crate) const fn now(&self) -> Instant {
        self.now
    }

    /// A turn begins, or a call of it ended.
    pub(crate) const fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// A turn ends at `now`, whose work was done as of the moment that was last set.
    #[inline]
    pub(crate) fn end_turn(&self, now: Instant, buffered_bytes: u64) {
        self.audience.turn(now.micros_since(self.now), buffered_bytes);
    }

    /// Whether somebody waits for an answer.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.in_flight > 0
    }

    /// A waiting request was answered.
    pub(crate) const fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Whether this loop's thread has calls to make.
    pub(crate) fn has_calls(&self) -> bool {
        !self.inline.is_empty()
    }

    /// The next of these calls, if it has become a worker's: it is submitted with the jobs of the
    /// turn. Otherwise its thread may make it, and stays inside the function until then.
    #[inline]
    pub(crate) fn pass_on(&mut self, stay: &mut Stay) -> Option<Ticket> {
        let callee = self.inline.front()?.job.callee;
        if self.goes_inline(&callee.pace) {
            if stay.begin(&callee.accord, self.now) {
                return None;
            }
            self.place.expire(callee);
        }
        let job = self.inline.pop_front()?;
        let ticket = job.ticket;
        self.batch.push(job);
        Some(ticket)
    }

    /// The next call that this loop's thread makes, unless [`Self::pass_on`] has something to say.
    #[inline]
    pub(crate) fn next_call(&mut self) -> Option<Job> {
        self.inline.pop_front()
    }

    /// Another function answers in place of one that failed.
    pub(crate) fn redirect(&mut self, mut job: Job, callee: &'static Callee) {
        job.callee = callee.id;
        job.short = callee.pace.is_short();
        job.job.callee = callee;
        self.look_up(callee);
        self.batch.push(job);
    }

    /// A request for `callee` is about to be handed over; true when it need not be asked first.
    fn look_up(&self, callee: &'static Callee) -> bool {
        callee.accord.used(self.now);
        let current = callee.accord.is_current(self.now);
        if !current {
            self.place.expire(callee);
        }
        current
    }

    fn goes_inline(&self, pace: &Pace) -> bool {
        pace.goes_inline() && self.place.rescuer.load(Ordering::Relaxed)
    }

    /// Nothing has come back for a while: whoever sleeps may have a job. `failed` gets those that
    /// waited too long.
    pub(crate) fn rouse(&mut self, failed: &mut Vec<Completion>) {
        let mut overdue = Vec::new();
        self.place.inbound.rouse(self.home, self.now, &mut overdue);
        for mut job in overdue {
            let fault = waited_too_long(self.now.micros_since(job.queued));
            let took = Took::of(job.queued, self.now, self.now);
            failed.push(Completion::of(&mut job, Err(Box::new(fault)), took));
        }
    }

    /// Submits the turn's jobs; true when there were any. `failed` gets those that nobody takes.
    pub(crate) fn submit(&mut self, failed: &mut Vec<Completion>) -> bool {
        if self.batch.is_empty() {
            return false;
        }
        let mut unfit = Vec::new();
        self.place.inbound.submit(&mut self.batch, self.now, &mut unfit);
        let now = self.now;
        failed.extend(unfit.into_iter().map(|(job, why)| Completion::unfit(job, why, now)));
        true
    }

    /// Notes what a head says of who asks, for those who look on, and for its trace.
    #[inline]
    fn hear<'h>(&self, head: &Head<'h>, facts: &mut Facts, exchange: &mut Exchange) -> Survey<'h> {
        if let Some(client) = facts.via.as_ref().and_then(|via| via.client_of(head)) {
            facts.client = ClientIp::of(client);
        }
        exchange.hear(head, self.audience.wants_words(), &self.audience.fields);
        self.audience.begin(exchange, &facts.way);
        let survey = Survey::of(head);
        if let Some(tracer) = &self.tracer {
            tracer.place(survey.trace, &mut exchange.trace);
        }
        survey
    }

    /// Judges the head that waits; where it is admitted, `envelope` is written up to the content.
    ///
    /// # Errors
    ///
    /// What becomes of the request where it is not.
    fn decide(
        &self,
        hub: &mut Hub,
        id: ConnId,
        facts: &mut Facts,
        exchange: &mut Exchange,
        envelope: &mut Vec<u8>,
    ) -> Result<Terms, Decision> {
        const NOBODY: Decision = Decision::Refuse(Refusal::NoRoute);
        let Some(head) = hub.head(id) else { return Err(NOBODY) };
        let survey = self.hear(&head, facts, exchange);
        let secured = came_by(&facts.way, &head)?;
        if self.site.courses.has_preflights
            && let Some(decision) = self.preflight(&head, facts.client.address(), exchange)
        {
            return Err(decision);
        }
        let route = self.find(&head)?;
        let Some(lane) = self.site.lane(route) else { return Err(NOBODY) };
        exchange.route = Some(lane.label);
        let certificate = secured.and_then(Secured::principal);
        let course = lane.has_course.then(|| self.site.courses.get(route.0)).flatten();
        let passed = match course {
            None => Passed::freely(lane, certificate),
            Some(course) => {
                let client = facts.client.address();
                self.pass(course, &head, client, certificate, &mut exchange.guard)
                    .map_err(Decision::Deny)?
            }
        };
        let Some(served) = passed.served else { return Err(NOBODY) };
        exchange.served = Some(served);
        let callee = served.callee;
        let remedy = passed.remedy.unwrap_or(&callee.fallback);
        if let Some(until) = callee.quarantined(self.now)
            && !matches!((remedy, served.previous), (Fallback::Previous, Some(_)))
        {
            return Err(Decision::Quarantined(served, until));
        }
        if let Some(principal) = passed.principal.filter(|_| self.audience.is_watched()) {
            exchange.set_principal(principal);
        }
        let meta = Meta {
            trace_id: exchange.trace.as_ref().map(Trace::trace_id_octets),
            deadline_ms: Some(u64::from(passed.handle_ms_max)),
            client_ip: Some(facts.client.as_octets()),
            version: callee.accord.version(),
            call: callee.wants_call.then_some(0),
            tls: secured.and_then(|secured| secured.meta(callee.tls)),
            principal: passed.principal.map(str::as_bytes),
        };
        let edits = Edits {
            hides_credentials: passed.hides_credentials,
            passes: facts.via.as_ref().map_or(Forwarded::Off, |via| via.passes()),
            trace: exchange.trace.as_ref(),
            has_delicate: survey.has_delicate,
        };
        exchange.layout = envelope::request(envelope, &head, scheme(secured), meta, edits);
        let (body_bytes_max, handle_ms_max) = (lane.body_bytes_max, passed.handle_ms_max);
        Ok(Terms { body_bytes_max, handle_ms_max, late: late(remedy) })
    }

    /// Says what becomes of a request that is not admitted. Apart from the verdict, so that those
    /// who are admitted need no room for it.
    #[inline(never)]
    fn decline(
        &self,
        hub: &mut Hub,
        id: ConnId,
        (decision, buffer): (Decision, Vec<u8>),
        remedy: Option<&Fallback>,
        now: Instant,
    ) {
        match decision {
            Decision::NotAllowed(allow) => {
                let reply = envelope::method_not_allowed(buffer, &allow);
                hub.handle_refused(id, Refusal::NoMethod, Some(reply), now);
            }
            Decision::Options(allow) => {
                hub.handle_answered(id, envelope::server_options(buffer, &allow), now);
            }
            Decision::Preflight(fields) => {
                hub.set_fields(id, fields);
                hub.handle_answered(id, envelope::constant(buffer, 204, &[], b""), now);
            }
            Decision::Elsewhere(answer) => {
                hub.keep_buffer(buffer);
                match answer {
                    Ok(reply) => hub.handle_answered(id, reply, now),
                    Err(why) => hub.handle_refused(id, why, None, now),
                }
            }
            Decision::Quarantined(served, until) => {
                hub.keep_buffer(buffer);
                self.quarantined(hub, id, (served, remedy), until, now);
            }
            Decision::Deny(denial) => {
                hub.keep_buffer(buffer);
                let (why, reply) = denied(denial);
                hub.handle_refused(id, why, reply, now);
            }
            Decision::Refuse(why) => {
                hub.keep_buffer(buffer);
                hub.handle_refused(id, why, None, now);
            }
        }
    }

    /// Nobody waits for a call that may be under way: the function can ask, or is told.
    fn cancel(&self, callee: &'static Callee, ticket: Ticket, why: Void) {
        let reason = match why {
            Void::Late => CancelReason::Deadline,
            Void::PeerGone => CancelReason::ClientGone,
            Void::Killed => CancelReason::Drain,
        };
        let call = DESK.cancel(self.place.house, self.home, ticket, reason);
        if let Some(call) = call.filter(|_| callee.function.exports().cancel) {
            self.place.errands.send(&self.place, Errand::Cancel { callee, call, reason });
        }
    }

    /// The answer to a request whose function is in quarantine until `until`.
    #[cold]
    fn quarantined(
        &self,
        hub: &mut Hub,
        id: ConnId,
        (served, remedy): (Served, Option<&Fallback>),
        until: Instant,
        now: Instant,
    ) {
        let callee = served.callee;
        callee.blame(&Fault::new(Stage::Limit, QUARANTINED));
        if let Fallback::Static(reply) = remedy.unwrap_or(&callee.fallback) {
            callee.tally.static_answer();
            return hub.handle_answered(id, reply.copy(Vec::new()), now);
        }
        let reply = envelope::come_back(until.micros_since(self.now));
        hub.handle_refused(id, Refusal::Quarantined, Some(reply), now);
    }
}

impl Judge for Dispatcher {
    fn route(&mut self, hub: &mut Hub, id: ConnId, facts: &mut Facts, now: Instant) {
        self.present.refresh(&mut self.site);
        let mut buffer = hub.buffer();
        let mut exchange = self.audience.open();
        let decision = self.decide(hub, id, facts, &mut exchange, &mut buffer);
        if let Some(fields) = exchange.guard.as_mut().and_then(|guard| guard.fields.take()) {
            hub.set_fields(id, fields);
        }
        match decision {
            Ok(Terms { body_bytes_max, handle_ms_max, late }) => {
                let admission = Admission { envelope: buffer, body_bytes_max, handle_ms_max, late };
                hub.handle_admitted(id, admission, now);
            }
            Err(decision) => self.decline(hub, id, (decision, buffer), exchange.remedy(), now),
        }
        facts.exchange = Some(exchange);
        Self::let_go(hub, id, facts);
    }

    fn dispatch(
        &mut self,
        facts: &Facts,
        ticket: Ticket,
        envelope: Vec<u8>,
        deadline: Instant,
    ) -> bool {
        let Some(exchange) = &facts.exchange else { return false };
        debug_assert!(exchange.served.is_some(), "a request without a function");
        let Some(Served { callee, previous }) = exchange.served else { return false };
        let decides_origins = exchange.guard.as_ref().is_some_and(|guard| guard.decides_origins);
        let mut job = Job {
            callee: callee.id,
            home: self.home,
            ticket,
            queued: self.now,
            deadline,
            short: callee.pace.is_short(),
            job: Load { callee, previous, envelope, layout: exchange.layout, decides_origins },
        };
        let Load { envelope, layout, .. } = &mut job.job;
        if layout.is_open() {
            fezz_wire::close_body(envelope, layout);
        }
        self.in_flight += 1;
        let inline = self.look_up(callee) && self.goes_inline(&callee.pace);
        if inline {
            self.inline.push_back(job);
        } else {
            self.batch.push(job);
        }
        inline
    }

    #[cold]
    fn announce(&mut self, facts: &mut Facts, source: Source) -> Result<(), Rejection> {
        let Some(via) = &mut facts.via else { return Ok(()) };
        let counts = via.announce(source);
        let origin = via.origin;
        if via.is_idle() {
            facts.via = None;
        }
        facts.client = ClientIp::of(origin);
        if counts && !self.headcount.enter(origin) {
            return Err(Rejection::LimitIp);
        }
        facts.counted = counts;
        Ok(())
    }

    fn forget(&mut self, hub: &mut Hub, facts: &mut Facts, ticket: Ticket, why: Void) {
        // A head that was not judged yet was handed to nobody.
        let Some(exchange) = &mut facts.exchange else { return };
        self.in_flight = self.in_flight.saturating_sub(1);
        let batched = self.batch.iter().position(|job| job.ticket == ticket);
        let inline = self.inline.iter().position(|job| job.ticket == ticket);
        let job = match (batched, inline) {
            (Some(place), _) => Some(self.batch.swap_remove(place)),
            (None, Some(place)) => self.inline.remove(place),
            (None, None) => self.place.inbound.forget(self.home, ticket),
        };
        let Some(Served { callee, .. }) = exchange.served else { return };
        exchange.unrun = job.is_some();
        match job {
            Some(job) => hub.keep_buffer(job.job.envelope),
            None => {
                // Somebody is inside the call: from now on the sweep looks after it.
                self.place.alarm.expect(millis(self.now));
                if callee.wants_call {
                    self.cancel(callee, ticket, why);
                }
            }
        }
        let fault = match why {
            Void::Late => Fault::new(Stage::Timeout, "no answer by the deadline"),
            Void::PeerGone => Fault::new(Stage::Cancelled, "the client left"),
            Void::Killed => Fault::new(Stage::Cancelled, "the server ends"),
        };
        callee.blame(&fault);
        let remedy = exchange.remedy().unwrap_or(&callee.fallback);
        if why == Void::Late && matches!(remedy, Fallback::Static(_)) {
            callee.tally.static_answer();
        }
        exchange.guard = None;
    }

    fn secure(&mut self, facts: &Facts, took_us: u64) {
        self.audience.secure(&facts.way, took_us);
    }

    fn finish(&mut self, facts: &mut Facts, id: ConnId, summary: &Summary, now: Instant) {
        self.audience.finish(facts, id, summary, now);
    }
}
