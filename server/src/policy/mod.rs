//! What a request must satisfy before its function is asked: decisions from facts, without a
//! clock, a socket or a wait.
//!
//! They are made in one order, and the first that says no is the answer: address, proof of who
//! asks, rate, number at once. A request that is refused for its address does not learn whether its
//! token is right.
//!
//! What is counted is shared by all loops and has a fixed size; it outlives a reload for the
//! policy of the same name, each limit as long as its own terms are the same.

mod address;
mod cap;
mod cors;
#[cfg(test)]
mod draw;
mod fault;
mod rate;
mod said;
mod table;
mod tally;
mod token;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use fezz_parser::Head;
use fezz_proto::Instant;

pub(crate) use cap::Permit;
pub(crate) use cors::is_about_origins;
pub use fault::{CORS_NAMES_MAX, POLICIES_MAX, PolicyError, PolicyFault, RATE_LIMITS_MAX};
pub(crate) use fault::{complaints, is_token};
pub(crate) use said::Said;
pub use tally::PolicyCounts;
pub(crate) use tally::Tally;
pub use token::{FILE_BYTES_MAX, PRINCIPAL_BYTES_MAX, TOKENS_MAX, TokenFault};

use address::{Addresses, client_key};
use cap::Cap;
use cors::Rules;
use rate::{Cell, Rate, TooEarly, nanos};
use table::Table;
use tally::Kind;
use token::Tokens;

use crate::config::{Auth, PolicyConfig, RateKey, RateLimit};

/// A policy, ready to judge.
#[derive(Debug)]
pub(crate) struct Policy {
    name: String,
    deny: Addresses,
    allow: Addresses,
    proof: Option<Proof>,
    limits: Vec<Limit>,
    concurrency: Option<u32>,
    inside: Arc<Cap>,
    cors: Option<Rules>,
    tally: Arc<Tally>,
}

/// How a client proves who it is.
#[derive(Debug)]
enum Proof {
    Bearer(Tokens),
    /// Ascending; none: whoever was verified.
    Certificate(Vec<String>),
}

/// One rate limit and what was counted for it.
#[derive(Debug)]
struct Limit {
    terms: RateLimit,
    rate: Rate,
    ledger: Ledger,
}

#[derive(Clone, Debug)]
enum Ledger {
    Clients(Arc<Table>),
    Principals(Arc<Table>, RandomState),
    /// By the name of the route or function: those that are, and those that were before.
    Cells(Cells, Cells),
}

type Cells = BTreeMap<String, Arc<Cell>>;

/// One rate limit on one route.
#[derive(Debug)]
pub(crate) struct Meter {
    rate: Rate,
    dry_run: bool,
    whose: Whose,
}

#[derive(Debug)]
enum Whose {
    Client(Arc<Table>),
    Principal(Arc<Table>, RandomState),
    All(Arc<Cell>),
}

/// Why a policy refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The client's address is not let in.
    Address,
    /// The client's certificate is not there, or of somebody else.
    Certificate,
    /// There is no token.
    NoToken,
    /// The token is nobody's.
    WrongToken,
    /// Too many requests; the next would pass after so many microseconds.
    TooEarly {
        /// How long.
        micros: u64,
    },
    /// Too many at once.
    Full,
}

impl Policy {
    /// Reads what `config` writes, files included, with nothing counted yet.
    ///
    /// # Errors
    /// What is wrong with a file.
    pub(crate) fn read(config: &PolicyConfig) -> Result<Self, PolicyError> {
        let proof = match &config.auth {
            None => None,
            Some(Auth::BearerSha256 { file }) => {
                Some(Proof::Bearer(Tokens::read(file).map_err(|why| PolicyError {
                    policy: config.name.clone(),
                    fault: PolicyFault::Tokens { path: file.clone(), why },
                })?))
            }
            Some(Auth::ClientCertificate { subjects }) => {
                let mut subjects = subjects.clone();
                subjects.sort_unstable();
                Some(Proof::Certificate(subjects))
            }
        };
        Ok(Self {
            name: config.name.clone(),
            deny: Addresses::of(&config.deny),
            allow: Addresses::of(&config.allow),
            proof,
            limits: config.rate_limits.iter().map(Limit::of).collect(),
            concurrency: config.concurrency,
            inside: Arc::default(),
            cors: config.cors.as_ref().map(Rules::of),
            tally: Arc::default(),
        })
    }

    /// Goes on counting where the policy of the same name, which it replaces, has come to.
    pub(crate) fn follow(&mut self, before: &Self) {
        self.inside = Arc::clone(&before.inside);
        let mut left: Vec<&Limit> = before.limits.iter().collect();
        for limit in &mut self.limits {
            if let Some(at) = left.iter().position(|known| known.counts_like(limit)) {
                limit.ledger = match &left.swap_remove(at).ledger {
                    Ledger::Cells(cells, _) => Ledger::Cells(Cells::new(), cells.clone()),
                    table => table.clone(),
                };
            }
        }
    }

    /// The counters it raises; those of all policies of its name.
    pub(crate) fn tally_with(&mut self, tallies: &mut BTreeMap<String, Arc<Tally>>) {
        self.tally = Arc::clone(tallies.entry(self.name.clone()).or_default());
    }

    /// Its limits on a route to a function.
    pub(crate) fn meters(&mut self, route: &str, function: &str) -> Vec<Meter> {
        self.limits.iter_mut().map(|limit| limit.meter(route, function)).collect()
    }

    /// Forgets what was counted for routes and functions that are no more, once all meters are
    /// made.
    pub(crate) fn tidy(&mut self) {
        for limit in &mut self.limits {
            if let Ledger::Cells(_, before) = &mut limit.ledger {
                before.clear();
            }
        }
    }

    /// Its name in routes and metrics.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether its routes answer other origins' pages.
    pub(crate) const fn cors(&self) -> Option<&Rules> {
        self.cors.as_ref()
    }

    /// Whether the credentials of a request are for the server: the function does not get them.
    pub(crate) const fn takes_credentials(&self) -> bool {
        matches!(self.proof, Some(Proof::Bearer(_)))
    }

    /// Whether a client of that address may ask at all.
    pub(crate) fn admits(&self, client: IpAddr) -> bool {
        let denied =
            self.deny.contain(client) || !self.allow.is_empty() && !self.allow.contain(client);
        if denied {
            self.tally.count(Kind::Acl);
        }
        !denied
    }

    /// Who asks with this `head`, where the policy wants to know; a client whose verified
    /// certificate, if there is one, is of `certificate`.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn identify<'a>(
        &'a self,
        head: &Head<'_>,
        client: IpAddr,
        certificate: Option<&'a str>,
    ) -> Result<Option<&'a str>, Denial> {
        if !self.admits(client) {
            return Err(Denial::Address);
        }
        let proved = self.prove(head, certificate);
        if proved.is_err() {
            self.tally.count(Kind::Auth);
        }
        proved
    }

    /// Charges the request of whoever was identified, at `now`: its share of the requests under
    /// way, where these are capped. `meters` are the policy's on the request's route. They are
    /// charged one after the other: what is refused by the second is charged by the first.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn grant(
        &self,
        meters: &[Meter],
        client: IpAddr,
        principal: Option<&str>,
        now: Instant,
    ) -> Result<Option<Permit>, Denial> {
        for meter in meters {
            if let Err(TooEarly(wait_ns)) = self.charge(meter, client, principal, nanos(now)) {
                self.tally.count(if meter.dry_run { Kind::DryRun } else { Kind::Rate });
                if !meter.dry_run {
                    return Err(Denial::TooEarly { micros: wait_ns.div_ceil(1_000) });
                }
            }
        }
        let Some(max) = self.concurrency else { return Ok(None) };
        let permit = self.inside.enter(max);
        if permit.is_none() {
            self.tally.count(Kind::Concurrency);
            return Err(Denial::Full);
        }
        Ok(permit)
    }

    /// Who asks.
    fn prove<'a>(
        &'a self,
        head: &Head<'_>,
        certificate: Option<&'a str>,
    ) -> Result<Option<&'a str>, Denial> {
        match &self.proof {
            None => Ok(certificate),
            Some(Proof::Bearer(tokens)) => {
                let said = Said::of(head, "authorization").once().ok_or(Denial::NoToken)?;
                tokens.principal(said).map(Some).ok_or(Denial::WrongToken)
            }
            Some(Proof::Certificate(subjects)) => {
                let subject = certificate.ok_or(Denial::Certificate)?;
                let known = |one: &String| one.as_str().cmp(subject);
                let lets_in = subjects.is_empty() || subjects.binary_search_by(known).is_ok();
                if lets_in { Ok(Some(subject)) } else { Err(Denial::Certificate) }
            }
        }
    }

    fn charge(
        &self,
        meter: &Meter,
        client: IpAddr,
        principal: Option<&str>,
        now_ns: u64,
    ) -> Result<(), TooEarly> {
        let (table, key) = match &meter.whose {
            Whose::All(cell) => return cell.charge(meter.rate, now_ns),
            Whose::Client(table) => (table, client_key(client)),
            Whose::Principal(table, secret) => (table, secret.hash_one(principal)),
        };
        table.charge(key, meter.rate, now_ns, &self.tally.displaced)
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> PolicyCounts {
        PolicyCounts {
            under_way: self.concurrency.map_or(0, |_| self.inside.inside()),
            ..PolicyCounts::of(&self.tally)
        }
    }
}

impl Limit {
    fn of(terms: &RateLimit) -> Self {
        let ledger = match terms.key {
            RateKey::ClientIp => Ledger::Clients(Arc::default()),
            RateKey::Principal => Ledger::Principals(Arc::default(), RandomState::new()),
            RateKey::Route | RateKey::Function => Ledger::Cells(Cells::new(), Cells::new()),
        };
        Self { terms: terms.clone(), rate: Rate::of(terms), ledger }
    }

    /// Whether the counts of one mean the same for the other. A limit that only looked may begin
    /// to refuse with what it has seen.
    fn counts_like(&self, other: &Self) -> bool {
        let RateLimit { key, requests, per, burst, dry_run: _ } = &self.terms;
        let it = &other.terms;
        (*key, *requests, *per, *burst) == (it.key, it.requests, it.per, it.burst)
    }

    fn meter(&mut self, route: &str, function: &str) -> Meter {
        let name = if self.terms.key == RateKey::Route { route } else { function };
        let whose = match &mut self.ledger {
            Ledger::Clients(table) => Whose::Client(Arc::clone(table)),
            Ledger::Principals(table, secret) => {
                Whose::Principal(Arc::clone(table), secret.clone())
            }
            Ledger::Cells(cells, before) => {
                let known = || before.remove(name).unwrap_or_default();
                Whose::All(Arc::clone(cells.entry(name.to_owned()).or_insert_with(known)))
            }
        };
        Meter { rate: self.rate, dry_run: self.terms.dry_run, whose }
    }
}

/// What was counted under each name, served now or before.
pub(crate) fn counts(
    present: &[Arc<Policy>],
    tallies: &BTreeMap<String, Arc<Tally>>,
) -> BTreeMap<String, PolicyCounts> {
    let mut all: BTreeMap<String, PolicyCounts> =
        tallies.iter().map(|(name, tally)| (name.clone(), PolicyCounts::of(tally))).collect();
    all.extend(present.iter().map(|policy| (policy.name.clone(), policy.counts())));
    all
}

#[cfg(test)]
mod tests;
