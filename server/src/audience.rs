//! Who is told what happened on one loop, and how an exchange that is over becomes a record.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fezz_proto::{ConnId, Instant, Notice, Summary, Usual};

use crate::exchange::Exchange;
use crate::link::{Facts, Way};
use crate::listen::AcceptFault;
use crate::metrics::{Scribe, status_said};
use crate::observe::{Observer, Outcome, Record, Steps};
use crate::peer::Rejection;

/// Boxes of exchanges that are kept for the next ones.
const EXCHANGES_KEPT_MAX: usize = 256;

/// The observers of one loop.
#[expect(clippy::vec_box, reason = "a box moves between pool and connection by pointer")]
pub(crate) struct Audience {
    home: u16,
    /// Who counts, unless the embedding program does without.
    scribe: Option<Scribe>,
    observers: Vec<Box<dyn Observer>>,
    wants_words: bool,
    /// The fields that they want to see, each once.
    pub(crate) fields: Vec<String>,
    /// The names of the listeners, by number.
    listeners: Vec<String>,
    /// The wall clock when the loop's clock began.
    epoch: SystemTime,
    exchanges: Vec<Box<Exchange>>,
}

impl Audience {
    pub(crate) fn new(home: u16, scribe: Option<Scribe>, listeners: Vec<String>) -> Self {
        let (observers, exchanges) = (Vec::new(), Vec::new());
        let (wants_words, fields, epoch) = (false, Vec::new(), UNIX_EPOCH);
        Self { home, scribe, observers, wants_words, fields, listeners, epoch, exchanges }
    }

    pub(crate) fn join(&mut self, observer: Box<dyn Observer>) {
        self.wants_words |= observer.wants_words();
        for name in observer.wants_fields() {
            if !self.fields.contains(name) {
                self.fields.push(name.clone());
            }
        }
        self.observers.push(observer);
    }

    /// Whether somebody wants to know what requests say.
    pub(crate) const fn wants_words(&self) -> bool {
        self.wants_words
    }

    /// Whether anybody is told of exchanges, beside who counts them.
    pub(crate) const fn is_watched(&self) -> bool {
        !self.observers.is_empty()
    }

    /// The wall clock shows `wall` at `now`; told once a second, because it may be set.
    pub(crate) fn set_wall(&mut self, now: Instant, wall: SystemTime) {
        let since = Duration::from_micros(now.as_micros());
        self.epoch = wall.checked_sub(since).unwrap_or(UNIX_EPOCH);
    }

    /// A box for the exchange whose head waits.
    pub(crate) fn open(&mut self) -> Box<Exchange> {
        self.exchanges.pop().unwrap_or_default()
    }

    /// The head of an exchange was heard, and is about to be judged.
    #[inline]
    pub(crate) fn begin(&self, exchange: &Exchange, way: &Way) {
        if let Some(scribe) = &self.scribe {
            scribe.begin(exchange, way.is_secured());
        }
    }

    /// A connection came by a listener.
    pub(crate) fn accept(&self, listener: usize) {
        if let Some(scribe) = &self.scribe {
            scribe.accept(listener);
        }
    }

    /// A TLS handshake finished, so long after the connection came.
    pub(crate) fn secure(&self, way: &Way, took_us: u64) {
        if let (Some(scribe), Way::Tls(Some(secured))) = (&self.scribe, way) {
            scribe.secure(secured.version(), secured.is_resumed(), took_us);
        }
    }

    /// A turn is over that took so long, with so much content held.
    #[inline]
    pub(crate) fn turn(&self, took_us: u64, buffered_bytes: u64) {
        if let Some(scribe) = &self.scribe {
            scribe.turn(took_us, buffered_bytes);
        }
    }

    /// What happened in one turn.
    pub(crate) fn notices(&mut self, now: Instant, usual: &Usual, what: &[Notice], dropped: u64) {
        if let Some(scribe) = &mut self.scribe {
            scribe.usual(usual);
            scribe.notices(now, what);
            scribe.notices_dropped(now, dropped);
        }
        for observer in &mut self.observers {
            observer.notices(now, what);
            if dropped > 0 {
                observer.notices_dropped(now, dropped);
            }
        }
    }

    pub(crate) fn accept_failed(&mut self, now: Instant, why: AcceptFault) {
        if let Some(scribe) = &mut self.scribe {
            scribe.accept_failed(now, why);
        }
        for observer in &mut self.observers {
            observer.accept_failed(now, why);
        }
    }

    /// A connection is not served, or not taken for now.
    pub(crate) fn rejected(&mut self, now: Instant, why: Rejection) {
        if let Some(scribe) = &mut self.scribe {
            scribe.rejected(now, why);
        }
        for observer in &mut self.observers {
            observer.rejected(now, why);
        }
    }

    /// An exchange of a connection is over: everybody hears of it, and its box goes round.
    pub(crate) fn finish(&mut self, facts: &mut Facts, id: ConnId, one: &Summary, now: Instant) {
        let exchange = facts.exchange.take();
        if let Some(scribe) = &mut self.scribe {
            scribe.finish(one, exchange.as_deref(), facts.way.is_secured());
        }
        if self.is_watched() {
            self.tell(facts, exchange.as_deref(), id, one, now);
        }
        if let Some(mut exchange) = exchange {
            exchange.reset();
            if self.exchanges.len() < EXCHANGES_KEPT_MAX {
                self.exchanges.push(exchange);
            }
        }
    }

    // Apart from its caller, who mostly tells nobody, and needs no room for a record then.
    #[inline(never)]
    fn tell(
        &mut self,
        facts: &Facts,
        exchange: Option<&Exchange>,
        id: ConnId,
        one: &Summary,
        now: Instant,
    ) {
        let began = Duration::from_micros(one.began.as_micros());
        let mut record = Record {
            began: self.epoch.checked_add(began).unwrap_or(self.epoch),
            listener: self.listeners.get(usize::from(facts.listener)).map_or("", String::as_str),
            connection: u64::from(self.home) << 32 | u64::from(id.generation),
            request: one.request,
            client: facts.client.address(),
            peer: facts.peer(),
            principal: None,
            secured: facts.way.is_secured(),
            said: None,
            method: None,
            minor_version: None,
            status: status_said(one),
            route: None,
            function: None,
            outcome: Outcome::of(one),
            refusal: one.refusal,
            trace: None,
            received_bytes: one.received_bytes,
            sent_bytes: one.sent_bytes,
            took: Steps::of(one),
            tls: match &facts.way {
                Way::Tls(Some(secured)) => secured.said(),
                Way::Tls(None) | Way::Plain | Way::Redirect(_) => None,
            },
        };
        if let Some(exchange) = exchange {
            fill(&mut record, exchange, &self.fields, one);
            if self.wants_words {
                record.trace = exchange.trace.as_ref().map(|it| (it.trace_id(), it.span_id()));
            }
        }
        for observer in &mut self.observers {
            observer.exchange(now, &record);
        }
    }
}

/// Adds what is known since the head.
fn fill<'e>(record: &mut Record<'e>, exchange: &'e Exchange, fields: &'e [String], one: &Summary) {
    record.said = exchange.said(fields);
    record.principal = exchange.principal();
    record.method = Some(exchange.method.name());
    record.minor_version = Some(exchange.minor_version);
    record.route = exchange.route.map(|label| &*label.text);
    record.function = exchange.served.map(|served| served.callee.title());
    (record.took.queue_us, record.took.call_us) = match exchange.took {
        Some(took) => (took.queue_us.into(), took.call_us.into()),
        None if exchange.unrun => (one.handle_us, 0),
        None => (0, one.handle_us),
    };
}

impl Outcome {
    /// How an exchange ended, as far as the core knows.
    fn of(one: &Summary) -> Self {
        use fezz_proto::{End, Refusal};
        match (one.end, one.refusal) {
            (End::PeerLeft, _) => Self::ClientAbort,
            (End::TimedOut, _) => Self::Timeout,
            (End::Killed, _) => Self::Drained,
            (End::Said, None) => Self::Ok,
            (End::Said, Some(why)) => match why {
                Refusal::TooSlow | Refusal::Late => Self::Timeout,
                Refusal::Busy
                | Refusal::Crowded
                | Refusal::NoMemory
                | Refusal::Limited
                | Refusal::Saturated => Self::Limited,
                Refusal::Quarantined | Refusal::BadHandler | Refusal::HandlerFailed => {
                    Self::FunctionError
                }
                Refusal::Head(_)
                | Refusal::Chunk(_)
                | Refusal::BodyTooLarge
                | Refusal::Misdirected
                | Refusal::BadPath
                | Refusal::Denied
                | Refusal::Unauthorized
                | Refusal::NoRoute
                | Refusal::NoMethod => Self::Rejected,
            },
        }
    }
}

impl Steps {
    fn of(one: &Summary) -> Self {
        Self {
            head_us: one.head_us,
            body_us: one.body_us,
            queue_us: 0,
            call_us: 0,
            write_us: one.write_us,
            total_us: one.total_us(),
        }
    }
}
