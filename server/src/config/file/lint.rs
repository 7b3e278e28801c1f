//! What is allowed and seldom wise: findings of `fezz check`, each with a stable name.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Loaded;
use super::complaint::Complaint;
use super::fault::Fault;
use super::table::SINGLES;
use super::value::Value;
use crate::config::{Abi, Auth, Config, Forwarded, ListenerConfig, Serves};

/// What somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lint {
    /// A limit or a timeout is off.
    Off,
    /// A listener without TLS can be reached from elsewhere, and leads nowhere else.
    PlainPublic {
        /// Where.
        address: SocketAddr,
    },
    /// Tokens are asked for where everybody on the way can read them.
    AuthInClear {
        /// The listener.
        listener: String,
    },
    /// Browsers are not told to come with TLS only.
    NoHsts,
    /// The certificate is for development.
    SelfSigned,
    /// A secret can be read by every user of the machine.
    ReadableByAll {
        /// The file.
        path: PathBuf,
    },
    /// An artifact can be replaced by every user of the machine.
    WritableByAll {
        /// The file.
        path: PathBuf,
    },
    /// The page for monitoring can be reached from elsewhere.
    MetricsPublic {
        /// Where.
        address: SocketAddr,
    },
    /// Nothing limits how often a route is asked.
    NoRateLimit,
    /// A rate limit refuses nothing.
    DryRun,
    /// Whoever connects is believed about where requests come from.
    TrustsEverybody,
    /// Nobody is believed, so that it does nothing.
    TrustsNobody,
    /// The earlier boundary.
    EarlierAbi,
    /// A certificate ends soon.
    ExpiresSoon {
        /// Whole days from now.
        days: u64,
    },
}

impl Lint {
    /// Every name, for the documentation and its test.
    pub const NAMES: [&'static str; 14] = [
        "off",
        "plain_public",
        "auth_in_clear",
        "no_hsts",
        "self_signed",
        "readable_by_all",
        "writable_by_all",
        "metrics_public",
        "no_rate_limit",
        "dry_run",
        "trusts_everybody",
        "trusts_nobody",
        "earlier_abi",
        "expires_soon",
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Off => 0,
            Self::PlainPublic { .. } => 1,
            Self::AuthInClear { .. } => 2,
            Self::NoHsts => 3,
            Self::SelfSigned => 4,
            Self::ReadableByAll { .. } => 5,
            Self::WritableByAll { .. } => 6,
            Self::MetricsPublic { .. } => 7,
            Self::NoRateLimit => 8,
            Self::DryRun => 9,
            Self::TrustsEverybody => 10,
            Self::TrustsNobody => 11,
            Self::EarlierAbi => 12,
            Self::ExpiresSoon { .. } => 13,
        }]
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Off => "write a value that nobody honest reaches",
            Self::PlainPublic { .. } => "redirect = \"https\", or listen on 127.0.0.1",
            Self::AuthInClear { .. } => "listen with tls = true alone",
            Self::NoHsts => "hsts = \"max-age=31536000\" in [tls]",
            Self::SelfSigned => "[[certificate]] with one that clients trust",
            Self::ReadableByAll { .. } => "chmod 0600",
            Self::WritableByAll { .. } => "chmod 0644",
            Self::MetricsPublic { .. } => "listen on 127.0.0.1, or on a network of your own",
            Self::NoRateLimit => "name a policy with a rate_limit",
            Self::DryRun => "remove dry_run once the numbers are right",
            Self::TrustsEverybody => "name the addresses of your proxies alone",
            Self::TrustsNobody => "name the addresses of your proxies in trusted_proxies",
            Self::EarlierAbi => "build the function against the present header",
            Self::ExpiresSoon { .. } => "renew it; its files are read again when they change",
        }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => out.write_str("nothing ends this any more"),
            Self::PlainPublic { address } => {
                write!(out, "{address} can be reached from elsewhere without TLS")
            }
            Self::AuthInClear { listener } => {
                write!(out, "tokens come over the listener \"{listener}\" in the clear")
            }
            Self::NoHsts => out.write_str("browsers are not told to come with TLS only"),
            Self::SelfSigned => out.write_str("this certificate is trusted by nobody"),
            Self::ReadableByAll { path } => {
                write!(out, "every user of this machine can read {}", path.display())
            }
            Self::WritableByAll { path } => {
                write!(out, "every user of this machine can replace {}", path.display())
            }
            Self::MetricsPublic { address } => {
                write!(out, "{address} can be reached from elsewhere")
            }
            Self::NoRateLimit => out.write_str("nothing limits how often this route is asked"),
            Self::DryRun => out.write_str("this limit refuses nothing"),
            Self::TrustsEverybody => {
                out.write_str("whoever connects is believed about where requests come from")
            }
            Self::TrustsNobody => out.write_str("nobody is trusted, so this does nothing"),
            Self::EarlierAbi => out.write_str("this boundary is for migration only"),
            Self::ExpiresSoon { days } => write!(out, "this certificate ends in {days} days"),
        }
    }
}

/// Everything that is seldom wise in what was written.
#[must_use]
pub fn lints(loaded: &Loaded) -> Vec<Complaint> {
    let config = &loaded.config;
    let mut found: Vec<(String, Lint)> = Vec::new();
    for section in SINGLES.iter().filter(|it| ["limits", "timeouts"].contains(&it.caption.name)) {
        for key in section.keys.iter().filter(|key| key.place.get(config) == Value::Word("off")) {
            found.push((format!("{}.{}", section.caption.name, key.card.name), Lint::Off));
        }
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        let path = format!("listener[{index}]");
        found.extend(of_listener(config, listener).map(|(key, it)| (format!("{path}.{key}"), it)));
    }
    if config.speaks_tls() && config.tls.hsts_s.is_none() {
        found.push(("tls.hsts".to_owned(), Lint::NoHsts));
    }
    if config.tls.self_signed {
        found.push(("tls.self_signed".to_owned(), Lint::SelfSigned));
    }
    if let Some(address) = config.metrics.listen.filter(|it| !it.ip().is_loopback()) {
        found.push(("metrics.listen".to_owned(), Lint::MetricsPublic { address }));
    }
    for (index, function) in config.functions.iter().enumerate() {
        if function.options.abi == Abi::V1 {
            found.push((format!("function[{index}].abi"), Lint::EarlierAbi));
        }
    }
    for (index, route) in config.routes.iter().enumerate() {
        let policy = route.policy.and_then(|place| config.policies.get(place));
        if policy.is_none_or(|policy| policy.rate_limits.is_empty()) {
            let key = if policy.is_some() { "policy" } else { "path" };
            found.push((format!("route[{index}].{key}"), Lint::NoRateLimit));
        }
    }
    for policy in &config.policies {
        for index in (0..policy.rate_limits.len()).filter(|it| policy.rate_limits[*it].dry_run) {
            let key = format!("policy.{}.rate_limit[{index}].dry_run", policy.name);
            found.push((key, Lint::DryRun));
        }
    }
    found.into_iter().map(|(key, it)| loaded.origins.complaint(&key, Fault::Lint(it))).collect()
}

fn of_listener(
    config: &Config,
    listener: &ListenerConfig,
) -> impl Iterator<Item = (&'static str, Lint)> {
    let mut found = Vec::new();
    let public = listener.sockets().find(|it| !it.ip().is_loopback());
    let behind = !listener.trusted_proxies.is_empty();
    if let (Serves::Plain, Some(address), false) = (&listener.serves, public, behind) {
        found.push(("address", Lint::PlainPublic { address }));
        let asks = |policy: &crate::config::PolicyConfig| {
            matches!(policy.auth, Some(Auth::BearerSha256 { .. }))
        };
        let used = config.routes.iter().filter_map(|route| config.policies.get(route.policy?));
        if used.into_iter().any(asks) {
            found.push(("address", Lint::AuthInClear { listener: listener.name.clone() }));
        }
    }
    if listener.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
        found.push(("trusted_proxies", Lint::TrustsEverybody));
    }
    if listener.forwarded != Forwarded::Off && !behind {
        found.push(("forwarded", Lint::TrustsNobody));
    }
    found.into_iter()
}
