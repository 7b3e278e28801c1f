//! What can be wrong with a policy. The operator's fault, all of it, found before anything is
//! served on its terms.

use std::fmt;
use std::path::PathBuf;

use super::token::TokenFault;
use crate::config::{Auth, Config, Cors, PolicyConfig, RateKey};

/// Policies of one configuration.
pub const POLICIES_MAX: usize = 1_024;
/// Rate limits of one policy.
pub const RATE_LIMITS_MAX: usize = 8;
/// Origins, methods or field names in one list of a policy.
pub const CORS_NAMES_MAX: usize = 256;

/// A policy that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The policy's name.
    pub policy: String,
    /// What is wrong.
    pub fault: PolicyFault,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFault {
    /// Its name is not letters, digits, `-`, `_` and `.`, at most 64 of them.
    Name,
    /// Another one is called so.
    Repeated,
    /// There are more than [`POLICIES_MAX`].
    TooMany,
    /// A list of networks is longer than the server takes.
    Networks {
        /// The longest there may be.
        max: usize,
    },
    /// A rate of no requests, or in no time.
    Rate,
    /// More than [`RATE_LIMITS_MAX`] rate limits.
    Rates,
    /// Principals are to be counted and nobody has to say who he is.
    PrincipalWithoutAuth,
    /// No request may be under way.
    Concurrency,
    /// A file of tokens is not usable.
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: TokenFault,
    },
    /// Certificates of clients count, and no listener asks for one.
    NoClientCa,
    /// No origin is named, or more than [`CORS_NAMES_MAX`] things are.
    Origins,
    /// An origin is not `scheme://host[:port]` in lower case.
    Origin {
        /// What was written.
        text: String,
    },
    /// Every origin, and something that only some may have.
    EveryOrigin,
    /// Not a method or a field name.
    Word {
        /// What was written.
        text: String,
    },
}

impl PolicyFault {
    /// The stable reason word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Name => "policy_name",
            Self::Repeated => "policy_repeated",
            Self::TooMany => "policy_too_many",
            Self::Networks { .. } => "policy_networks",
            Self::Rate => "policy_rate",
            Self::Rates => "policy_rates",
            Self::PrincipalWithoutAuth => "policy_principal_without_auth",
            Self::Concurrency => "policy_concurrency",
            Self::Tokens { .. } => "policy_tokens",
            Self::NoClientCa => "policy_no_client_ca",
            Self::Origins => "policy_origins",
            Self::Origin { .. } => "policy_origin",
            Self::EveryOrigin => "policy_every_origin",
            Self::Word { .. } => "policy_word",
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, fault } = self;
        if let PolicyFault::Tokens { path, why } = fault {
            let path = path.display();
            return match why.line() {
                Some(line) => write!(out, "policy '{policy}': {path}:{line}: {why}"),
                None => write!(out, "policy '{policy}': {path} {why}"),
            };
        }
        write!(out, "policy '{policy}': {fault}")
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => out.write_str(
                "a policy's name consists of letters, digits, '-', '_' and '.', at most 64",
            ),
            Self::Repeated => out.write_str("another policy is called so"),
            Self::TooMany => write!(out, "there are more than {POLICIES_MAX} policies"),
            Self::Networks { max } => write!(out, "a list has more than {max} networks"),
            Self::Rate => out.write_str(
                "a rate is at least one request in some time; to refuse everybody, write \
                 deny = [\"0.0.0.0/0\", \"::/0\"]",
            ),
            Self::Rates => write!(out, "there are more than {RATE_LIMITS_MAX} rate limits"),
            Self::PrincipalWithoutAuth => out.write_str(
                "a rate limit counts principals, and without auth nobody has to be one; add auth, \
                 or count by client_ip",
            ),
            Self::Concurrency => out.write_str("a concurrency of zero would refuse everybody"),
            Self::Tokens { path, why } => write!(out, "{} {why}", path.display()),
            Self::NoClientCa => out.write_str(
                "it wants certificates of clients, and no listener asks for them; give one a \
                 client CA",
            ),
            Self::Origins => write!(out, "name between 1 and {CORS_NAMES_MAX} origins, or '*'"),
            Self::Origin { text } => write!(
                out,
                "'{text}' is not an origin; write 'https://example.org' or \
                 'http://localhost:3000', in lower case, without a path"
            ),
            Self::EveryOrigin => out.write_str(
                "'*' stands alone, and credentials are not for every origin: browsers refuse that",
            ),
            Self::Word { text } => write!(out, "'{text}' is not a method or a field name"),
        }
    }
}

impl std::error::Error for PolicyError {}

/// Everything that is wrong with the policies of a configuration, as far as values tell; files
/// are another matter.
pub(crate) fn complaints(config: &Config) -> Vec<PolicyError> {
    let mut found = Vec::new();
    for (place, policy) in config.policies.iter().enumerate() {
        let mut complain = |fault| found.push(PolicyError { policy: policy.name.clone(), fault });
        if config.policies[..place].iter().any(|other| other.name == policy.name) {
            complain(PolicyFault::Repeated);
        }
        if place == POLICIES_MAX {
            complain(PolicyFault::TooMany);
        }
        let asks = config.listeners.iter().any(|listener| listener.client_ca.is_some());
        if matches!(policy.auth, Some(Auth::ClientCertificate { .. })) && !asks {
            complain(PolicyFault::NoClientCa);
        }
        faults(policy).into_iter().for_each(complain);
    }
    found
}

fn faults(policy: &PolicyConfig) -> Vec<PolicyFault> {
    let mut found = Vec::new();
    let in_name = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if !(1..=64).contains(&policy.name.len()) || !policy.name.bytes().all(in_name) {
        found.push(PolicyFault::Name);
    }
    let max = super::address::NETWORKS_MAX;
    if policy.allow.len() > max || policy.deny.len() > max {
        found.push(PolicyFault::Networks { max });
    }
    if policy.rate_limits.iter().any(|limit| limit.requests == 0 || limit.per.is_zero()) {
        found.push(PolicyFault::Rate);
    }
    if policy.rate_limits.len() > RATE_LIMITS_MAX {
        found.push(PolicyFault::Rates);
    }
    if policy.auth.is_none() && policy.rate_limits.iter().any(|it| it.key == RateKey::Principal) {
        found.push(PolicyFault::PrincipalWithoutAuth);
    }
    if policy.concurrency == Some(0) {
        found.push(PolicyFault::Concurrency);
    }
    if let Some(cors) = &policy.cors {
        origin_faults(cors, &mut found);
    }
    found
}

fn origin_faults(cors: &Cors, found: &mut Vec<PolicyFault>) {
    let Cors { origins, methods, headers, expose, credentials, max_age: _ } = cors;
    let long = [origins, methods, headers, expose].iter().any(|it| it.len() > CORS_NAMES_MAX);
    if origins.is_empty() || long {
        found.push(PolicyFault::Origins);
    }
    let every = origins.iter().any(|origin| origin == "*");
    if every && (origins.len() > 1 || *credentials) {
        found.push(PolicyFault::EveryOrigin);
    }
    for text in origins.iter().filter(|text| *text != "*" && !is_origin(text)) {
        found.push(PolicyFault::Origin { text: text.clone() });
    }
    let words = [methods, headers, expose].into_iter().flatten();
    for text in words.filter(|text| !is_token(text)) {
        found.push(PolicyFault::Word { text: text.clone() });
    }
}

/// Whether a text is an origin as browsers write it (RFC 6454 §6.2).
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let in_scheme = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    let in_host = |octet: u8| in_scheme(octet) || b"-._:[]".contains(&octet);
    !scheme.is_empty()
        && !host.is_empty()
        && scheme.bytes().all(|octet| in_scheme(octet) || b"+-.".contains(&octet))
        && host.bytes().all(in_host)
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let in_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    !text.is_empty() && text.bytes().all(in_token)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::RateLimit;

    fn names(policies: Vec<PolicyConfig>) -> Vec<&'static str> {
        let config = Config { policies, ..Config::default() };
        complaints(&config).iter().map(|error| error.fault.name()).collect()
    }

    #[test]
    fn everything_wrong_is_named() {
        let good = PolicyConfig { name: "a".to_owned(), ..PolicyConfig::default() };
        assert!(names(vec![good.clone()]).is_empty());
        let limit = RateLimit {
            key: RateKey::Principal,
            requests: 0,
            per: Duration::from_secs(1),
            burst: 0,
            dry_run: false,
        };
        let bad = PolicyConfig {
            name: "a b".to_owned(),
            rate_limits: vec![limit; RATE_LIMITS_MAX + 1],
            concurrency: Some(0),
            ..PolicyConfig::default()
        };
        let certificate = Auth::ClientCertificate { subjects: Vec::new() };
        let asks = PolicyConfig { auth: Some(certificate), ..good.clone() };
        assert_eq!(
            names(vec![good, bad, asks]),
            [
                "policy_name",
                "policy_rate",
                "policy_rates",
                "policy_principal_without_auth",
                "policy_concurrency",
                "policy_repeated",
                "policy_no_client_ca",
            ]
        );
    }

    #[test]
    fn what_browsers_would_not_understand_is_refused() {
        let texts = |all: &[&str]| -> Vec<String> { all.iter().map(|&it| it.into()).collect() };
        let faults = |cors: Cors| {
            let mut found = Vec::new();
            origin_faults(&cors, &mut found);
            found.iter().map(PolicyFault::name).collect::<Vec<_>>()
        };
        let origins = ["https://a.example", "http://[::1]:80", "app+x://y"];
        let good = Cors { origins: texts(&origins), ..Cors::default() };
        assert!(faults(good.clone()).is_empty());
        assert_eq!(faults(Cors::default()), ["policy_origins"]);
        let every = Cors { origins: texts(&["*"]), ..Cors::default() };
        assert!(faults(every.clone()).is_empty());
        assert_eq!(faults(Cors { credentials: true, ..every }), ["policy_every_origin"]);
        let both = Cors { origins: texts(&["*", origins[0]]), ..Cors::default() };
        assert_eq!(faults(both), ["policy_every_origin"]);
        for bad in ["null", "https://A.example", "https://a/", "//a", "https://", "https://a\r\n"] {
            let cors = Cors { origins: texts(&[bad]), ..Cors::default() };
            assert_eq!(faults(cors), ["policy_origin"], "{bad}");
        }
        let words = Cors { methods: texts(&["P T"]), expose: texts(&["x:", ""]), ..good };
        assert_eq!(faults(words), ["policy_word"; 3]);
    }
}
