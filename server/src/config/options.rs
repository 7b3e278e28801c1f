//! What the operator may say about one function. Plain data; what is not said stays unset, so that
//! whoever obeys an option also decides what its absence means.

use std::time::Duration;

/// Where calls of a function run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On a worker thread.
    Worker,
    /// On the event loop that read the request: no hop between threads, and nobody else on that
    /// loop is served meanwhile.
    Inline,
    /// On the event loop as long as calls prove to be short, else on a worker.
    Auto,
}

/// What a client gets when a function did not answer, or not in the agreed way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The error: 502 or 504.
    FailRequest,
    /// An answer of the operator.
    Static {
        /// Its status code.
        status: u16,
        /// Its media type.
        content_type: String,
        /// Its content, in octets.
        body: Vec<u8>,
    },
    /// The answer of the version that was loaded before this one.
    Previous,
}

/// Which boundary an artifact speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// Envelopes in CBOR: `fezz_handle_v2`.
    V2,
    /// The old one, strings in JSON: `fezz_fetch`. For migration only.
    V1,
}

/// What a function is told about the TLS of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsWish {
    /// Nothing.
    #[default]
    Off,
    /// Protocol, cipher, name, fingerprints, the client's certificate.
    Facts,
    /// The octets of the ClientHello, too.
    Hello,
}

/// Everything that can be said about one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionOptions {
    /// Where its calls run; unset: [`Placement::Auto`] if its identity says that calls are short,
    /// else [`Placement::Worker`].
    pub placement: Option<Placement>,
    /// Calls inside it at once, abandoned ones included; unset: what its identity says. The
    /// smaller of both holds.
    pub max_concurrency: Option<u32>,
    /// Requests waiting for it and calls inside it; one more is 503 at once. Unset: no limit of
    /// its own.
    pub max_in_flight: Option<u32>,
    /// So many abandoned calls and it gets no new ones for [`quarantine`](Self::quarantine).
    pub abandon_max: u32,
    /// How long before one call is tried again.
    pub quarantine: Duration,
    /// What answers in its place; unset: what it asked for in its handshake, else
    /// [`Fallback::FailRequest`].
    pub fallback: Option<Fallback>,
    /// What it is told about TLS.
    pub tls: TlsWish,
    /// The boundary it speaks.
    pub abi: Abi,
    /// SHA-256 that the octets of its artifact must have.
    pub sha256: Option<[u8; 32]>,
    /// From dispatch to its answer; unset: [`Timeouts::handler`](super::Timeouts::handler).
    pub timeout: Option<Duration>,
    /// Unused for so long, it is finished and begins anew with the next call; unset: never.
    pub ttl: Option<Duration>,
    /// What it is given when it begins: keys, each once, and their values.
    pub config: Vec<(String, String)>,
}

/// Abandoned calls before a function gets no new ones, unless said otherwise.
pub const FUNCTION_ABANDON_MAX: u32 = 2;
/// How long a function gets no calls, unless said otherwise.
pub const QUARANTINE: Duration = Duration::from_secs(10);

impl Default for FunctionOptions {
    fn default() -> Self {
        Self {
            placement: None,
            max_concurrency: None,
            max_in_flight: None,
            abandon_max: FUNCTION_ABANDON_MAX,
            quarantine: QUARANTINE,
            fallback: None,
            tls: TlsWish::Off,
            abi: Abi::V2,
            sha256: None,
            timeout: None,
            ttl: None,
            config: Vec::new(),
        }
    }
}

/// One option and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// [`FunctionOptions::placement`].
    Placement(Placement),
    /// [`FunctionOptions::max_concurrency`].
    MaxConcurrency(u32),
    /// [`FunctionOptions::max_in_flight`].
    MaxInFlight(Option<u32>),
    /// [`FunctionOptions::abandon_max`].
    AbandonMax(u32),
    /// [`FunctionOptions::quarantine`].
    Quarantine(Duration),
    /// [`FunctionOptions::fallback`].
    Fallback(Fallback),
    /// [`FunctionOptions::tls`].
    Tls(TlsWish),
    /// [`FunctionOptions::abi`].
    Abi(Abi),
    /// [`FunctionOptions::sha256`].
    Sha256([u8; 32]),
    /// [`FunctionOptions::timeout`].
    Timeout(Duration),
    /// [`FunctionOptions::ttl`].
    Ttl(Option<Duration>),
    /// One entry of [`FunctionOptions::config`].
    Config(String, String),
}

impl FunctionOptions {
    /// Takes one option over; a key of `config` that is there already gets the new value.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Placement(placement) => self.placement = Some(*placement),
            Change::MaxConcurrency(calls) => self.max_concurrency = Some(*calls),
            Change::MaxInFlight(requests) => self.max_in_flight = *requests,
            Change::AbandonMax(calls) => self.abandon_max = *calls,
            Change::Quarantine(time) => self.quarantine = *time,
            Change::Fallback(fallback) => self.fallback = Some(fallback.clone()),
            Change::Tls(wish) => self.tls = *wish,
            Change::Abi(abi) => self.abi = *abi,
            Change::Sha256(digest) => self.sha256 = Some(*digest),
            Change::Timeout(time) => self.timeout = Some(*time),
            Change::Ttl(time) => self.ttl = *time,
            Change::Config(key, value) => {
                match self.config.iter_mut().find(|(known, _)| known == key) {
                    Some((_, known)) => known.clone_from(value),
                    None => self.config.push((key.clone(), value.clone())),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_config_is_there_once() {
        let mut options = FunctionOptions::default();
        for (key, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
            options.apply(&Change::Config(key.to_owned(), value.to_owned()));
        }
        let pairs = [("a", "3"), ("b", "2")].map(|(key, value)| (key.into(), value.into()));
        assert_eq!(options.config, pairs);
    }

    #[test]
    fn off_takes_a_limit_away_again() {
        let mut options = FunctionOptions::default();
        options.apply(&Change::MaxInFlight(Some(3)));
        options.apply(&Change::Ttl(Some(Duration::from_secs(1))));
        assert_ne!(options, FunctionOptions::default());
        options.apply(&Change::MaxInFlight(None));
        options.apply(&Change::Ttl(None));
        assert_eq!(options, FunctionOptions::default());
    }
}
