//! What a request must satisfy before its function is asked.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::function::{FALLBACKS, FallbackDraft, STATUS, fallback_type, fallback_word};
use crate::config::file::datum::Choice;
use crate::config::file::fault::{Fault, Wrong};
use crate::config::file::key::{By, Caption, Datum, Header, Section, at, key};
use crate::config::file::place::{field_names, is_token};
use crate::config::file::value::{Kind, Value};
use crate::config::{Auth, Cors, PolicyConfig, RateKey, RateLimit};

/// How a client proves who it is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Certificate,
}

impl Choice for Scheme {
    const WORDS: &'static [&'static str] = &["bearer-sha256", "client-certificate"];
    const ALL: &'static [Self] = &[Self::Bearer, Self::Certificate];
}

/// A policy as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyDraft {
    pub(crate) allow: Vec<IpNet>,
    pub(crate) deny: Vec<IpNet>,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) subjects: Vec<String>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) cors: Option<Cors>,
    pub(crate) fallback: FallbackDraft,
}

impl PolicyDraft {
    /// What a policy would be written as, its rate limits aside.
    pub(crate) fn of(policy: &PolicyConfig) -> Self {
        let (scheme, file, subjects) = match &policy.auth {
            None => (None, None, Vec::new()),
            Some(Auth::BearerSha256 { file }) => {
                (Some(Scheme::Bearer), Some(file.clone()), Vec::new())
            }
            Some(Auth::ClientCertificate { subjects }) => {
                (Some(Scheme::Certificate), None, subjects.clone())
            }
        };
        Self {
            allow: policy.allow.clone(),
            deny: policy.deny.clone(),
            scheme,
            file,
            subjects,
            concurrency: policy.concurrency,
            cors: policy.cors.clone(),
            fallback: FallbackDraft::of(policy.fallback.as_ref()),
        }
    }

    /// The policy, and what its parts have against each other, each with its key.
    pub(crate) fn finish(
        self,
        name: &str,
        rate_limits: Vec<RateLimit>,
    ) -> (PolicyConfig, Vec<(&'static str, Fault)>) {
        let mut found = Vec::new();
        let auth = match (self.scheme, self.file) {
            (Some(Scheme::Bearer), Some(file)) => Some(Auth::BearerSha256 { file }),
            (Some(Scheme::Bearer), None) => {
                found.push(("auth.scheme", Fault::Needs { other: "auth.file" }));
                None
            }
            (Some(Scheme::Certificate), None) => {
                Some(Auth::ClientCertificate { subjects: self.subjects.clone() })
            }
            (_, Some(_)) => {
                let other = "auth.scheme = \"bearer-sha256\"";
                found.push(("auth.file", Fault::Needs { other }));
                None
            }
            (None, None) => None,
        };
        if !self.subjects.is_empty() && self.scheme != Some(Scheme::Certificate) {
            let other = "auth.scheme = \"client-certificate\"";
            found.push(("auth.subjects", Fault::Needs { other }));
        }
        if let Some(cors) = &self.cors {
            if cors.origins.is_empty() {
                found.push(("cors", Fault::Needs { other: "cors.origins" }));
            }
            let any = cors.origins.iter().any(|origin| origin == "*");
            if any && cors.credentials {
                found.push(("cors.credentials", Fault::OriginAny));
            }
        }
        let (fallback, fault) = self.fallback.finish();
        found.extend(fault);
        let policy = PolicyConfig {
            name: name.to_owned(),
            allow: self.allow,
            deny: self.deny,
            auth,
            rate_limits,
            concurrency: self.concurrency,
            cors: self.cors,
            fallback,
        };
        (policy, found)
    }

    fn cors(&mut self) -> &mut Cors {
        self.cors.get_or_insert_with(Cors::default)
    }
}

/// A rate limit as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RateDraft {
    pub(crate) key: Option<RateKey>,
    pub(crate) rate: Option<(u32, Duration)>,
    pub(crate) burst: Option<u32>,
    pub(crate) dry_run: bool,
}

impl RateDraft {
    /// What a rate limit would be written as.
    pub(crate) fn of(limit: &RateLimit) -> Self {
        Self {
            key: Some(limit.key),
            rate: Some((limit.requests, limit.per)),
            burst: Some(limit.burst),
            dry_run: limit.dry_run,
        }
    }

    /// The limit, if all of it is there. Who does not say a burst gets what comes in one second.
    pub(crate) fn finish(self) -> Option<RateLimit> {
        let (requests, per) = self.rate?;
        let second = u64::from(requests).div_ceil(per.as_secs().max(1));
        let burst = self.burst.unwrap_or_else(|| u32::try_from(second).unwrap_or(u32::MAX));
        Some(RateLimit { key: self.key?, requests, per, burst, dry_run: self.dry_run })
    }
}

/// The most requests in a time, and the most at once after a pause.
const RATE_MAX: u32 = 1 << 24;

const SPANS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

static RATE: By<RateDraft> = By {
    get: |it| {
        let Some((requests, per)) = it.rate else { return Value::Unset };
        let span = SPANS.iter().find(|(_, seconds)| *seconds == per.as_secs());
        Value::Text(match span {
            Some((unit, _)) => format!("{requests}/{unit}"),
            None => format!("{requests}/{}s", per.as_secs()),
        })
    },
    set: |it, value| {
        let text = String::read(value)?;
        let (count, unit) = text.split_once('/').ok_or(Fault::RatePer)?;
        let digits = count.bytes().all(|octet| octet.is_ascii_digit());
        let count = count.parse().ok().filter(|count| digits && (1..=RATE_MAX).contains(count));
        let seconds = SPANS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds);
        let (Some(count), Some(seconds)) = (count, seconds) else {
            return Err(Fault::RatePer.into());
        };
        it.rate = Some((count, Duration::from_secs(seconds)));
        Ok(())
    },
};

pub(crate) static RATE_LIMIT: Section<RateDraft> = Section {
    caption: Caption {
        name: "policy.rate_limit",
        header: Header::Within,
        title: "rate_limit in [policy.NAME]",
        meaning: "How many requests. A table, or several of them in brackets; each must let a \
                  request pass.",
    },
    within: &[],
    keys: &[
        key(
            "key",
            Kind::Word(RateKey::WORDS),
            "",
            "\"client_ip\"",
            at!(RateDraft: key),
            "Whose requests are counted together; one IPv6 /64 is one client",
        )
        .required()
        .live(),
        key(
            "rate",
            Kind::text("a rate such as \"50/s\", \"100/m\", \"1000/h\" or \"5000/d\""),
            "",
            "\"50/s\"",
            &RATE,
            "How many, evenly",
        )
        .required()
        .live()
        .breach("429 with Retry-After", "limited", "fezz_requests_limited_total"),
        key(
            "burst",
            Kind::count(RATE_MAX),
            "",
            "100",
            at!(RateDraft: burst),
            "So many more at once after a pause",
        )
        .live()
        .default_is("what comes in one second"),
        key(
            "dry_run",
            Kind::Flag,
            "false",
            "true",
            at!(RateDraft: dry_run),
            "Counts and logs what it would refuse, and lets it pass",
        )
        .live(),
    ],
};

/// The Fetch standard: an origin is a scheme and an authority, nothing behind it.
fn origins(value: Value) -> Result<Vec<String>, Wrong> {
    let origins = Vec::<String>::read(value)?;
    let sound = |origin: &str| match origin.split_once("://") {
        Some(("http" | "https", host)) => {
            !host.is_empty()
                && host.bytes().all(|it| it.is_ascii_graphic() && !b"/?#@*".contains(&it))
        }
        _ => false,
    };
    let alone = origins.len() == 1 && origins[0] == "*";
    match origins.iter().position(|origin| !alone && !sound(origin)) {
        Some(index) => Err(Wrong::within(index, Fault::Origin)),
        None if origins.is_empty() => Err(Fault::EmptyList.into()),
        None => Ok(origins.iter().map(|it| it.to_ascii_lowercase()).collect()),
    }
}

static ORIGINS: By<PolicyDraft> = By {
    get: |it| it.cors.as_ref().map_or(Value::Unset, |it| it.origins.value()),
    set: |it, value| {
        it.cors().origins = origins(value)?;
        Ok(())
    },
};

static METHODS: By<PolicyDraft> = By {
    get: |it| it.cors.as_ref().map_or(Value::Unset, |it| it.methods.value()),
    set: |it, value| {
        let methods = Vec::<String>::read(value)?;
        if let Some(index) = methods.iter().position(|method| !is_token(method)) {
            let fault = Fault::Pattern(crate::plugin::pattern::PatternError::BadMethod);
            return Err(Wrong::within(index, fault));
        }
        it.cors().methods = methods;
        Ok(())
    },
};

static HEADERS: By<PolicyDraft> = By {
    get: |it| it.cors.as_ref().map_or(Value::Unset, |it| it.headers.value()),
    set: |it, value| {
        it.cors().headers = field_names(value)?;
        Ok(())
    },
};

static EXPOSE: By<PolicyDraft> = By {
    get: |it| it.cors.as_ref().map_or(Value::Unset, |it| it.expose.value()),
    set: |it, value| {
        it.cors().expose = field_names(value)?;
        Ok(())
    },
};

static CREDENTIALS: By<PolicyDraft> = By {
    get: |it| it.cors.as_ref().map_or(Value::Unset, |it| it.credentials.value()),
    set: |it, value| {
        it.cors().credentials = bool::read(value)?;
        Ok(())
    },
};

static MAX_AGE: By<PolicyDraft> = By {
    get: |it| it.cors.as_ref().map_or(Value::Unset, |it| it.max_age.value()),
    set: |it, value| {
        it.cors().max_age = Datum::read(value)?;
        Ok(())
    },
};

static FALLBACK: By<PolicyDraft> = By {
    get: |it| it.fallback.word.map_or(Value::Unset, Value::Word),
    set: |it, value| fallback_word(&mut it.fallback, &value),
};

static CONTENT: By<PolicyDraft> = By {
    get: |it| it.fallback.content_type.value(),
    set: |it, value| fallback_type(&mut it.fallback, value),
};

const NET: &str = "\"203.0.113.0/24\", \"2001:db8::/32\"";
const LIMITED: &str = "fezz_requests_limited_total";
const FIELD: &str = "\"content-type\"";

pub(crate) static POLICY: Section<PolicyDraft> = Section {
    caption: Caption {
        name: "policy",
        header: Header::Named,
        title: "[policy.NAME]",
        meaning: "What a request must satisfy before its function is asked. Routes name it.",
    },
    within: &["rate_limit"],
    keys: &[
        key(
            "allow",
            Kind::list(NET),
            "",
            "[\"203.0.113.0/24\"]",
            at!(PolicyDraft: allow),
            "Only these addresses may ask",
        )
        .live()
        .default_is("everybody")
        .breach("403", "denied", LIMITED),
        key(
            "deny",
            Kind::list(NET),
            "",
            "[\"203.0.113.7/32\"]",
            at!(PolicyDraft: deny),
            "These may not; stronger than allow",
        )
        .live()
        .breach("403", "denied", LIMITED),
        key(
            "auth.scheme",
            Kind::Word(Scheme::WORDS),
            "",
            "\"client-certificate\"",
            at!(PolicyDraft: scheme),
            "How a client proves who it is",
        )
        .live()
        .breach("401 with WWW-Authenticate, 403 for certificates", "unauthorized", LIMITED),
        key(
            "auth.file",
            Kind::PATH,
            "",
            "\"/etc/fezz/api-keys\"",
            at!(PolicyDraft: file),
            "Who may ask, for bearer-sha256: lines of 'SHA256HEX PRINCIPAL'",
        )
        .live(),
        key(
            "auth.subjects",
            Kind::list("\"CN=partner\""),
            "",
            "[\"CN=partner\"]",
            at!(PolicyDraft: subjects),
            "Whose certificates count, for client-certificate: the common name, or 'URI:...', \
             'DNS:...', 'email:...' where there is none",
        )
        .live()
        .default_is("everybody's that the listener has verified"),
        key(
            "concurrency",
            Kind::count(1 << 20),
            "",
            "32",
            at!(PolicyDraft: concurrency),
            "Requests under way at once",
        )
        .live()
        .breach("503 with Retry-After", "saturated", LIMITED),
        key(
            "cors.origins",
            Kind::list("\"https://example.org\""),
            "",
            "[\"https://example.org\"]",
            &ORIGINS,
            "Whose pages may read the answers; \"*\" alone is everybody's",
        )
        .live(),
        key(
            "cors.methods",
            Kind::list("\"PUT\""),
            "",
            "[\"PUT\"]",
            &METHODS,
            "Methods beside the simple ones",
        )
        .live()
        .default_is("those of the route"),
        key(
            "cors.headers",
            Kind::list(FIELD),
            "",
            "[\"content-type\"]",
            &HEADERS,
            "Request fields that pages may set",
        )
        .live(),
        key(
            "cors.expose",
            Kind::list(FIELD),
            "",
            "[\"etag\"]",
            &EXPOSE,
            "Response fields that pages may read",
        )
        .live(),
        key(
            "cors.credentials",
            Kind::Flag,
            "",
            "true",
            &CREDENTIALS,
            "Whether cookies and certificates go along; not with every origin",
        )
        .live()
        .default_is("false"),
        key(
            "cors.max_age",
            Kind::TIME,
            "",
            "\"10m\"",
            &MAX_AGE,
            "How long a browser may remember that",
        )
        .live(),
        key(
            "fallback",
            Kind::Word(FALLBACKS),
            "",
            "\"previous\"",
            &FALLBACK,
            "What a client gets when the function did not answer, as for a function",
        )
        .live()
        .default_is("the function's"),
        key(
            "fallback.status",
            STATUS,
            "",
            "503",
            at!(PolicyDraft: fallback.status),
            "The status of your answer",
        )
        .live(),
        key(
            "fallback.content_type",
            Kind::text("a media type such as \"application/json\""),
            "",
            "\"application/json\"",
            &CONTENT,
            "Its media type",
        )
        .live()
        .default_is("\"text/plain; charset=utf-8\""),
        key(
            "fallback.body",
            Kind::text("any text"),
            "",
            "\"later\"",
            at!(PolicyDraft: fallback.body),
            "Its content",
        )
        .live(),
    ],
};
