//! What must hold at every step and at the end, whatever the code under test thinks of it.
//!
//! The ledger is told by the driver what it did for each request; the clients tell what they
//! received. The rules below compare the two. No code is shared with the parser or the core: what
//! a status or a field must be is written here as it stands in the RFCs and the project's rules.

use std::collections::BTreeMap;

use fezz_proto::{Notice, Phase, Refusal};

use crate::accounts::Accounts;
use crate::client::{Client, Ended};
use crate::crew::Marker;
use crate::plan::{Handshake, Plan};
use crate::reader::{Flaw, Response};
use crate::request::{Outcome, Request, Verdict, Want, reply_content};

/// A rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The octets a client received are no row of responses.
    Flaw(Flaw),
    /// A plan's limits contradict each other: the simulator's bug.
    Limits,
    /// A head to be judged is not there, or is another one.
    NoHead,
    /// The core speaks of a request that nobody sent.
    StrangeRequest,
    /// A head was to be judged twice.
    RoutedTwice,
    /// A request was handed over twice.
    DispatchedTwice,
    /// A request was answered or refused twice.
    SaidTwice,
    /// A request was answered that was never handed over.
    AnsweredUnasked,
    /// The content handed over is not what was sent.
    ContentChanged,
    /// The deadline told to a worker is beyond the route's.
    DeadlineTooLate,
    /// A ticket is not known though its exchange waits.
    TicketUnknown,
    /// A reply was taken for a ticket that was never given.
    InventedReplyTaken,
    /// Our side was to be closed before everything promised was sent.
    ShutBeforeSent,
    /// Octets are wanted and there is nowhere to put them.
    NoSpace,
    /// The core was used against its table.
    Forbidden,
    /// Notices were dropped.
    NoticesDropped,
    /// Octets promised could leave and nobody sends them.
    ForgottenWriter,
    /// Octets wait, are wanted, and nobody receives them.
    ForgottenReader,
    /// A connection is over and still there.
    ClosedAndKept,
    /// A connection has no deadline.
    NoDeadline,
    /// The wheel would not wake in time.
    DeadlineNotArmed,
    /// A connection is older than the sum of its ceilings.
    LivesTooLong,
    /// Content is accounted for and no request holds any.
    MemoryHeld,
    /// Nothing will ever happen and somebody still waits.
    Stuck,
    /// It never comes to rest.
    Restless,
    /// A response has a status its request does not deserve.
    Status,
    /// A response has the content of another request, or too much or little.
    Content,
    /// A response does not say that it is the last one, though it must.
    CloseMissing,
    /// A response says that it is the last one for no reason.
    CloseUnjustified,
    /// `keep-alive` is said where it is not, or not where it is (RFC 9112 §9.3).
    KeepAlive,
    /// A response is cut off without a reason.
    CutOff,
    /// A connection was broken without a reason.
    Broken,
    /// A request got no response without a reason.
    Unanswered,
    /// Connections taken and connections ended are not as many.
    AcceptedNotClosed,
    /// Heads and what became of them are not as many.
    HeadsNotAccounted,
    /// Requests handed over and what became of them are not as many.
    DispatchesNotAccounted,
    /// The core counted other octets than the streams.
    OctetsNotAccounted,
    /// An exchange is said to be over twice, too late, or before it is.
    FinishedOutOfOrder,
    /// Exchanges that began and exchanges that are over are not as many.
    ExchangesNotAccounted,
    /// An exchange is said to have moved other octets than it did.
    ExchangeOctets,
    /// An exchange is said to have ended otherwise than it did.
    ExchangeStatus,
    /// The steps of an exchange took longer or shorter than they can have.
    StepsNotAccounted,
}

/// A broken rule, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The client concerned, if it is one.
    pub client: Option<usize>,
    /// The request concerned, if it is one.
    pub request: Option<usize>,
    /// The rule.
    pub rule: Rule,
}

impl Violation {
    /// Of a rule about the whole.
    #[must_use]
    pub const fn of(rule: Rule) -> Self {
        Self { client: None, request: None, rule }
    }

    /// Of a rule about one client.
    #[must_use]
    pub const fn at(client: usize, rule: Rule) -> Self {
        Self { client: Some(client), request: None, rule }
    }

    /// Of a rule about one request.
    #[must_use]
    pub const fn by(marker: Marker, rule: Rule) -> Self {
        Self { client: Some(marker.client), request: Some(marker.request), rule }
    }
}

/// What the driver did for one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) routed: bool,
    pub(crate) dispatched: bool,
    /// The status it was answered or refused with.
    pub(crate) said: Option<u16>,
    /// Whether a function's own reply was said.
    pub(crate) replied: bool,
}

/// What the driver did for each request.
#[derive(Debug)]
pub struct Ledger {
    entries: Vec<Vec<Entry>>,
    refused_in_handle: u64,
}

impl Ledger {
    /// A ledger for the clients of a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let entries = plan
            .scripts
            .iter()
            .map(|script| script.requests.iter().map(|_| Entry::default()).collect());
        Self { entries: entries.collect(), refused_in_handle: 0 }
    }

    /// A head was shown to the driver.
    ///
    /// # Errors
    ///
    /// For the second time.
    pub fn routed(&mut self, marker: Marker) -> Result<(), Violation> {
        let entry = self.entry(marker);
        if std::mem::replace(&mut entry.routed, true) {
            return Err(Violation::by(marker, Rule::RoutedTwice));
        }
        Ok(())
    }

    /// A request was handed over.
    ///
    /// # Errors
    ///
    /// For the second time, or after it was refused.
    pub fn dispatched(&mut self, marker: Marker) -> Result<(), Violation> {
        let entry = self.entry(marker);
        if std::mem::replace(&mut entry.dispatched, true) || entry.said.is_some() {
            return Err(Violation::by(marker, Rule::DispatchedTwice));
        }
        Ok(())
    }

    /// The driver refused a request, in Route or because there is no place for its job.
    ///
    /// # Errors
    ///
    /// Something was said about it already.
    pub fn refused(&mut self, marker: Marker, status: u16) -> Result<(), Violation> {
        let entry = self.entry(marker);
        let dispatched = entry.dispatched;
        if entry.said.replace(status).is_some() {
            return Err(Violation::by(marker, Rule::SaidTwice));
        }
        self.refused_in_handle += u64::from(dispatched);
        Ok(())
    }

    /// The core took a worker's answer for a request.
    ///
    /// # Errors
    ///
    /// It was not handed over, or something was said about it already.
    pub fn answered(
        &mut self,
        marker: Marker,
        status: u16,
        refused: bool,
    ) -> Result<(), Violation> {
        let entry = self.entry(marker);
        if !entry.dispatched {
            return Err(Violation::by(marker, Rule::AnsweredUnasked));
        }
        if entry.said.replace(status).is_some() {
            return Err(Violation::by(marker, Rule::SaidTwice));
        }
        entry.replied = !refused;
        self.refused_in_handle += u64::from(refused);
        Ok(())
    }

    fn entry(&mut self, marker: Marker) -> &mut Entry {
        &mut self.entries[marker.client][marker.request]
    }
}

/// What happened how often, by kind and detail.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    /// Octets the streams took.
    pub sent: u64,
    /// Octets the streams gave.
    pub received: u64,
    /// Jobs that never end.
    pub hung: u64,
}

impl Tally {
    /// Counts a notice.
    ///
    /// # Errors
    ///
    /// [`Notice::Forbidden`] must never come.
    pub fn count(&mut self, notice: &Notice) -> Result<(), Violation> {
        let (kind, detail, much) = match *notice {
            Notice::Accepted => ("accepted", "", 1),
            Notice::Shed => ("shed", "", 1),
            Notice::Secured => ("secured", "", 1),
            Notice::HandshakeFailed(why) => ("handshake_failed", why.name(), 1),
            Notice::HeadDone => ("head_done", "", 1),
            Notice::Refused(why @ Refusal::Head(_)) => ("refused_head", why.name(), 1),
            Notice::Refused(why) => ("refused", why.name(), 1),
            Notice::Dispatched => ("dispatched", "", 1),
            Notice::Replied { .. } => ("replied", "", 1),
            Notice::Answered { .. } => ("answered", "", 1),
            Notice::StaleReply => ("stale_reply", "", 1),
            Notice::TimedOut(phase) => ("timed_out", phase.name(), 1),
            Notice::Received { bytes } => ("received", "", u64::from(bytes)),
            Notice::Sent { bytes } => ("sent", "", u64::from(bytes)),
            Notice::Kept => ("kept", "", 1),
            Notice::Closed(phase, _) => ("closed", phase.name(), 1),
            Notice::Forbidden(_) => return Err(Violation::of(Rule::Forbidden)),
        };
        self.add(kind, detail, much);
        Ok(())
    }

    /// Adds to a count.
    pub fn add(&mut self, kind: &'static str, detail: &'static str, much: u64) {
        *self.counts.entry((kind, detail)).or_default() += much;
    }

    /// Adds everything another tally counted.
    pub fn merge(&mut self, other: &Self) {
        for (&(kind, detail), &much) in &other.counts {
            self.add(kind, detail, much);
        }
        self.sent += other.sent;
        self.received += other.received;
        self.hung += other.hung;
    }

    /// How often one thing happened.
    #[must_use]
    pub fn of(&self, kind: &'static str, detail: &'static str) -> u64 {
        self.counts.get(&(kind, detail)).copied().unwrap_or(0)
    }

    /// How often things of one kind happened.
    #[must_use]
    pub fn all(&self, kind: &'static str) -> u64 {
        self.counts.iter().filter(|((of, _), _)| *of == kind).map(|(_, count)| count).sum()
    }

    /// Everything counted, by kind and detail.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.counts.iter().map(|(&(kind, detail), &count)| (kind, detail, count))
    }
}

/// Judges a world that has come to its end.
///
/// # Errors
///
/// The first rule found broken.
pub fn judge(
    plan: &Plan,
    clients: &[Client],
    ledger: &Ledger,
    accounts: &Accounts,
    tally: &Tally,
) -> Result<(), Violation> {
    balance(ledger, tally)?;
    if !accounts.balance(tally) {
        return Err(Violation::of(Rule::ExchangesNotAccounted));
    }
    for (number, client) in clients.iter().enumerate() {
        if let Some(flaw) = client.flaw() {
            return Err(Violation::at(number, Rule::Flaw(flaw)));
        }
        let bench = Bench { plan, number, client, ledger, tally };
        for (request, response) in client.reader().responses().iter().enumerate() {
            let marker = Marker { client: number, request };
            bench.response(marker, response).map_err(|rule| Violation::by(marker, rule))?;
        }
        bench.end().map_err(|rule| Violation::at(number, rule))?;
        accounts.judge(plan, number, client, &ledger.entries[number])?;
    }
    Ok(())
}

/// Every beginning has its end.
fn balance(ledger: &Ledger, tally: &Tally) -> Result<(), Violation> {
    let check = |holds, rule| if holds { Ok(()) } else { Err(Violation::of(rule)) };
    let closed = |phase: Phase| tally.of("closed", phase.name());
    let timed_out = |phase: Phase| tally.of("timed_out", phase.name());
    check(tally.all("accepted") == tally.all("closed"), Rule::AcceptedNotClosed)?;
    let ended = tally.all("replied") + tally.all("refused") - timed_out(Phase::Head)
        + closed(Phase::Route)
        + closed(Phase::Body)
        + closed(Phase::Handle);
    check(tally.all("head_done") == ended, Rule::HeadsNotAccounted)?;
    let ended = tally.all("replied")
        + ledger.refused_in_handle
        + timed_out(Phase::Handle)
        + closed(Phase::Handle);
    check(tally.all("dispatched") == ended, Rule::DispatchesNotAccounted)?;
    let octets = tally.all("sent") == tally.sent && tally.all("received") == tally.received;
    check(octets, Rule::OctetsNotAccounted)
}

/// One client before the judge.
struct Bench<'w> {
    plan: &'w Plan,
    number: usize,
    client: &'w Client,
    ledger: &'w Ledger,
    tally: &'w Tally,
}

impl Bench<'_> {
    fn response(&self, marker: Marker, response: &Response) -> Result<(), Rule> {
        let request = &self.plan.scripts[marker.client].requests[marker.request];
        let entry = self.ledger.entries[marker.client][marker.request];
        match entry.said {
            Some(status) if response.status != status => return Err(Rule::Status),
            Some(_) => {}
            None if !self.core_may_say(response.status, request, entry) => {
                return Err(Rule::Status);
            }
            None => {}
        }
        if !content_is_right(marker, request, entry, response) {
            return Err(Rule::Content);
        }
        let mute = entry.said.is_none();
        let closing = mute && !matches!(response.status, 503 | 504) || request.closes;
        let last = marker.request + 1 >= self.plan.limits.requests_per_connection_max as usize;
        if (closing || last) && !response.closes {
            return Err(Rule::CloseMissing);
        }
        if response.closes && !self.may_close(request, entry, last) {
            return Err(Rule::CloseUnjustified);
        }
        if response.keeps != (request.explicit && !response.closes) {
            return Err(Rule::KeepAlive);
        }
        Ok(())
    }

    /// Whether a status may be said by the core on its own.
    fn core_may_say(&self, status: u16, request: &Request, entry: Entry) -> bool {
        let slow = !self.is_fair();
        let short_of_memory = self.plan.limits.body_bytes_total_max < 1 << 28;
        match (status, request.want) {
            (408, _) => slow,
            (504, Want::Broken(_)) => false,
            (504, _) => {
                entry.routed && (slow || request.job.outcome == Outcome::Never || waits(request))
            }
            (413, Want::Sound) => request.content.len() as u64 > request.content_bytes_max,
            (503, Want::Sound | Want::BrokenContent(_)) => short_of_memory && entry.routed,
            (status, Want::Broken(deserved)) => status == deserved,
            (status, Want::BrokenContent(deserved)) => status == deserved && entry.routed,
            (_, Want::Sound) => false,
        }
    }

    fn may_close(&self, request: &Request, entry: Entry, last: bool) -> bool {
        let drains = self.plan.drain_us.is_some();
        let aged = self.plan.limits.connection_age_ms_max < 3_600_000 || self.plan.odds.leap > 0;
        // Content that no function saw may still be on its way.
        let unread = !entry.dispatched && request.octets.len() > request.head_bytes;
        let unread = unread || (entry.said.is_none() && !entry.dispatched);
        let closing_refusal = request.verdict == Verdict::BadPath;
        let unsound = request.closes || request.want != Want::Sound;
        unsound || last || drains || aged || unread || closing_refusal
    }

    fn end(&self) -> Result<(), Rule> {
        let (client, reader) = (self.client, self.client.reader());
        let script = &self.plan.scripts[self.number];
        // A drain ends a handshake at once: nothing was asked yet.
        let unsecured = script.handshake != Handshake::None && self.plan.drain_us.is_some();
        if !self.is_fair() || self.plan.kill_us.is_some() || unsecured {
            return Ok(());
        }
        if !reader.is_between() {
            return Err(Rule::CutOff);
        }
        // Whoever is shed may go on sending until nobody reads any more.
        if client.ended() == Ended::Broken && self.tally.all("shed") == 0 {
            return Err(Rule::Broken);
        }
        let answered = reader.responses().len();
        let entries = &self.ledger.entries[self.number];
        let owed = entries.iter().rposition(|entry| entry.said.is_some() || entry.dispatched);
        if owed.is_some_and(|owed| owed >= answered) {
            return Err(Rule::Unanswered);
        }
        let excused = self.plan.drain_us.is_some() || self.tally.all("shed") > 0;
        if !excused && answered < entries.len() && !reader.is_over() {
            return Err(Rule::Unanswered);
        }
        Ok(())
    }

    /// Whether nothing but the rules themselves can cost this client an answer.
    fn is_fair(&self) -> bool {
        self.plan.generous && self.plan.scripts[self.number].is_prompt()
    }
}

/// Whether a job takes about as long as it may.
fn waits(request: &Request) -> bool {
    request.job.took_us + 100_000 > u64::from(request.handle_ms_max) * 1_000
}

fn content_is_right(marker: Marker, request: &Request, entry: Entry, response: &Response) -> bool {
    if request.method == "HEAD" || matches!(response.status, 204 | 304) {
        return response.content.is_empty();
    }
    match request.job.outcome {
        Outcome::Reply { bytes, .. } if entry.replied => {
            response.content == reply_content(marker.client, marker.request, bytes)
        }
        _ => {
            // Refusals are a short constant that reflects nothing of the request.
            let printable = |octet: &u8| octet.is_ascii_graphic() || matches!(octet, b' ' | b'\n');
            response.content.len() < 100 && response.content.iter().all(printable)
        }
    }
}
