//! What the core says of exchanges that are over, against what streams, clients and ledger saw.
//!
//! Each exchange that began is told of exactly once, in order, before the next head of its
//! connection is judged; what it says of octets, status and time is what happened.

use fezz_proto::{End, Refusal, Summary};

use crate::client::Client;
use crate::crew::Marker;
use crate::oracle::{Entry, Rule, Tally, Violation};
use crate::plan::Plan;
use crate::reader::Response;
use crate::request::{Request, Want};

/// The accounts of one client's connection.
#[derive(Clone, Debug, Default)]
struct Account {
    finished: Vec<Summary>,
    sent_bytes: u64,
    received_bytes: u64,
    /// Octets that were promised and had not left when the connection ended.
    promised_bytes: u64,
    closed: bool,
}

/// The accounts of all clients.
#[derive(Clone, Debug)]
pub struct Accounts(Vec<Account>);

impl Accounts {
    /// Accounts for so many clients.
    #[must_use]
    pub fn new(clients: usize) -> Self {
        Self(vec![Account::default(); clients])
    }

    /// The stream of a client took so many octets.
    pub fn sent(&mut self, client: usize, bytes: usize) {
        self.0[client].sent_bytes += bytes as u64;
    }

    /// The stream of a client gave so many octets.
    pub fn received(&mut self, client: usize, bytes: usize) {
        self.0[client].received_bytes += bytes as u64;
    }

    /// The core says that an exchange of a client is over.
    ///
    /// # Errors
    ///
    /// It is not the next one, or was not over yet.
    pub fn finished(
        &mut self,
        client: usize,
        summary: Summary,
        now_us: u64,
    ) -> Result<(), Violation> {
        let account = &mut self.0[client];
        let before = account.finished.last().map_or(0, |last| last.exchange);
        let next = summary.request as usize == account.finished.len() + 1;
        if account.closed || !next || summary.exchange <= before {
            return Err(Violation::at(client, Rule::FinishedOutOfOrder));
        }
        if summary.began.as_micros() + summary.total_us() > now_us {
            return Err(Violation::at(client, Rule::StepsNotAccounted));
        }
        account.finished.push(summary);
        Ok(())
    }

    /// A head of a client is to be judged.
    ///
    /// # Errors
    ///
    /// The one before it is not over, or the core counted another number of them.
    pub fn routed(&self, marker: Marker) -> Result<(), Violation> {
        match self.0[marker.client].finished.len() == marker.request {
            true => Ok(()),
            false => Err(Violation::by(marker, Rule::FinishedOutOfOrder)),
        }
    }

    /// The connection of a client ended, with so many octets promised for exchanges that are over.
    pub fn closed(&mut self, client: usize, promised_bytes: usize) {
        self.0[client].closed = true;
        self.0[client].promised_bytes = promised_bytes as u64;
    }

    /// Whether as many exchanges are over as began, by what the core noticed of their heads.
    pub(crate) fn balance(&self, tally: &Tally) -> bool {
        let all = || self.0.iter().flat_map(|account| &account.finished);
        let heads = tally.all("head_done");
        let parts =
            tally.all("refused_head") + tally.of("timed_out", "head") + tally.of("closed", "head");
        let with_head = all().filter(|summary| summary.has_head).count() as u64;
        with_head == heads && all().count() as u64 == heads + parts
    }

    /// What must hold for one client once its connection is over.
    pub(crate) fn judge(
        &self,
        plan: &Plan,
        number: usize,
        client: &Client,
        entries: &[Entry],
    ) -> Result<(), Violation> {
        let account = &self.0[number];
        let sum = |of: fn(&Summary) -> u64| account.finished.iter().map(of).sum::<u64>();
        let sent = sum(|one| one.sent_bytes) == account.sent_bytes + account.promised_bytes;
        if !sent || sum(|one| one.received_bytes) > account.received_bytes {
            return Err(Violation::at(number, Rule::ExchangeOctets));
        }
        let responses = client.reader().responses();
        let owed = entries.iter().filter(|entry| entry.routed).count().max(responses.len());
        if account.finished.len() < owed || account.finished.len() > client.begun() {
            return Err(Violation::at(number, Rule::ExchangesNotAccounted));
        }
        let requests = &plan.scripts[number].requests;
        for (place, summary) in account.finished.iter().enumerate() {
            let case = Case {
                summary,
                request: &requests[place],
                entry: entries[place],
                response: responses.get(place),
                leaps: plan.odds.leap > 0,
            };
            let marker = Marker { client: number, request: place };
            case.judge().map_err(|rule| Violation::by(marker, rule))?;
        }
        Ok(())
    }
}

/// One exchange before the judge.
struct Case<'w> {
    summary: &'w Summary,
    request: &'w Request,
    entry: Entry,
    response: Option<&'w Response>,
    leaps: bool,
}

impl Case<'_> {
    fn judge(&self) -> Result<(), Rule> {
        let Self { summary, request, entry, .. } = *self;
        let status = self.response.map(|response| response.status).or(entry.said);
        if status.is_some_and(|status| status != summary.status) {
            return Err(Rule::ExchangeStatus);
        }
        let refused = summary.refusal.is_some();
        if entry.replied && refused || !entry.replied && summary.status != 0 && !refused {
            return Err(Rule::ExchangeStatus);
        }
        // Who gave up before "HEAD" was read adds content, which nobody asked for.
        let is_whole_to_head_alone = request.method == "HEAD" && !summary.has_head;
        if self.response.is_some() && summary.end != End::Said && !is_whole_to_head_alone {
            return Err(Rule::ExchangeStatus);
        }
        if entry.replied && !self.leaps && summary.handle_us < request.job.took_us {
            return Err(Rule::StepsNotAccounted);
        }
        match self.received_is_right() && self.sent_is_right() {
            true => Ok(()),
            false => Err(Rule::ExchangeOctets),
        }
    }

    fn received_is_right(&self) -> bool {
        let Self { summary, request, entry, .. } = self;
        let (all, head) = (request.octets.len() as u64, request.head_bytes as u64);
        let received = summary.received_bytes;
        match request.want {
            _ if entry.dispatched => received == all,
            // Too much by chunks: what follows may have come in the same read.
            Want::Sound if matches!(summary.refusal, Some(Refusal::Chunk(_))) => received >= head,
            Want::Sound if summary.has_head => (head..=all).contains(&received),
            Want::Sound => received < head,
            Want::Broken(_) => !summary.has_head,
            Want::BrokenContent(_) => !summary.has_head || received >= head,
        }
    }

    fn sent_is_right(&self) -> bool {
        let Some(response) = self.response else { return true };
        // Content of a reply that nobody knows to be one to HEAD.
        let unsure = response.closes && response.status == 408;
        let sent = self.summary.sent_bytes;
        sent == response.octets || unsure && sent > response.octets
    }
}
