//! Which requests go to which function.

use std::time::Duration;

use crate::config::file::fault::{Fault, Wrong};
use crate::config::file::key::{By, Caption, Datum, Header, Section, at, key};
use crate::config::file::place::{is_field_value, is_token};
use crate::config::file::value::{Kind, Value};
use crate::config::{Config, HeaderMatch, RouteConfig, Target};
use crate::plugin::pattern::{HostPattern, Pattern, PatternError};
use crate::plugin::version::Selector;

/// A route as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouteDraft {
    pub(crate) host: Option<HostPattern>,
    pub(crate) path: String,
    pub(crate) methods: Vec<String>,
    pub(crate) function: Option<Selector>,
    pub(crate) split: Vec<(Selector, u32)>,
    pub(crate) policy: Option<String>,
    pub(crate) header: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) body: Option<u64>,
    pub(crate) handler: Option<Duration>,
}

impl RouteDraft {
    /// What a route would be written as.
    pub(crate) fn of(config: &Config, route: &RouteConfig) -> Self {
        let name = |place: usize| config.policies.get(place).map(|policy| policy.name.clone());
        let (function, split) = match &route.target {
            Target::Function(place) => {
                let function = config.functions.get(*place);
                let named = function.and_then(|it| Some((it.name.clone()?, it.version.clone())));
                (named.map(|(name, version)| Selector { name, version }), Vec::new())
            }
            Target::Selector(selector) => (Some(selector.clone()), Vec::new()),
            Target::Split(shares) => (None, shares.clone()),
        };
        Self {
            host: Some(route.pattern.host.clone()).filter(|host| *host != HostPattern::Any),
            path: route.pattern.path.clone(),
            methods: route.pattern.methods.clone(),
            function,
            split,
            policy: route.policy.and_then(name),
            header: route.when.as_ref().map(|it| it.name.clone()),
            value: route.when.as_ref().map(|it| it.value.clone()),
            body: route.body_bytes_max,
            handler: route.handler,
        }
    }

    /// The route without its policy, and what its parts have against each other, each with its key.
    pub(crate) fn finish(self) -> (RouteConfig, Vec<(&'static str, Fault)>) {
        let mut found = Vec::new();
        let target = match (self.function, self.split) {
            (function, split) if !split.is_empty() => {
                if function.is_some() {
                    found.push(("split", Fault::Both { other: "function" }));
                }
                Target::Split(split)
            }
            (Some(selector), _) => Target::Selector(selector),
            (None, _) => {
                let expects = "function = \"hello\"".to_owned();
                found.push(("", Fault::Missing { key: "function", expects }));
                Target::Split(Vec::new())
            }
        };
        let when = match (self.header, self.value) {
            (Some(name), Some(value)) => Some(HeaderMatch { name, value }),
            (None, None) => None,
            (Some(_), None) => {
                found.push(("match.header", Fault::Needs { other: "match.value" }));
                None
            }
            (None, Some(_)) => {
                found.push(("match.value", Fault::Needs { other: "match.header" }));
                None
            }
        };
        let host = self.host.unwrap_or(HostPattern::Any);
        let pattern = Pattern { methods: self.methods, host, path: self.path };
        let (handler, body_bytes_max) = (self.handler, self.body);
        let route =
            RouteConfig { when, handler, body_bytes_max, ..RouteConfig::new(pattern, target) };
        (route, found)
    }
}

/// One part of a route, judged as a whole route with nothing else in it.
fn part(text: &str) -> Result<Pattern, Wrong> {
    Pattern::parse(text).map_err(|why| Fault::Pattern(why).into())
}

static HOST: By<RouteDraft> = By {
    get: |it| match &it.host {
        Some(HostPattern::Exact(host)) => Value::Text(host.clone()),
        Some(HostPattern::Below(name)) => Value::Text(format!("*.{name}")),
        Some(HostPattern::Any) | None => Value::Unset,
    },
    set: |it, value| {
        let text = String::read(value)?;
        let port = text.contains(':') && !text.starts_with('[');
        if text.is_empty() || text.contains('/') || port {
            return Err(Fault::Pattern(PatternError::BadHost).into());
        }
        it.host = Some(part(&format!("{text}/"))?.host);
        Ok(())
    },
};

static PATH: By<RouteDraft> = By {
    get: |it| it.path.value(),
    set: |it, value| {
        let text = String::read(value)?;
        if !text.starts_with('/') {
            return Err(Fault::Pattern(PatternError::NoPath).into());
        }
        it.path = part(&text)?.path;
        Ok(())
    },
};

static METHODS: By<RouteDraft> = By {
    get: |it| it.methods.value(),
    set: |it, value| {
        let methods = Vec::<String>::read(value)?;
        for (index, method) in methods.iter().enumerate() {
            let again = methods[..index].contains(method);
            let word = !method.is_empty() && method.bytes().all(|it| it.is_ascii_uppercase());
            let fault = match (again, word) {
                (true, _) => PatternError::RepeatedMethod,
                (false, false) => PatternError::BadMethod,
                (false, true) if method == "TRACE" => PatternError::Trace,
                (false, true) => continue,
            };
            return Err(Wrong::within(index, Fault::Pattern(fault)));
        }
        if methods.is_empty() {
            return Err(Fault::EmptyList.into());
        }
        it.methods = methods;
        Ok(())
    },
};

static SPLIT: By<RouteDraft> = By {
    get: |it| {
        let pair = |(selector, share): &(Selector, u32)| (selector.to_string(), share.to_string());
        match it.split.is_empty() {
            true => Value::Unset,
            false => Value::Pairs(it.split.iter().map(pair).collect()),
        }
    },
    set: |it, value| {
        let mut sum = 0_u64;
        for (selector, share) in Vec::<(String, String)>::read(value)? {
            let selector = Selector::parse(&selector).map_err(Fault::Name)?;
            let share = share.parse().ok().filter(|it| (1..=100).contains(it));
            let share: u32 = share.ok_or(Fault::Percent)?;
            sum = sum.saturating_add(share.into());
            it.split.push((selector, share));
        }
        if sum == 100 { Ok(()) } else { Err(Fault::PercentSum { sum }.into()) }
    },
};

static HEADER: By<RouteDraft> = By {
    get: |it| it.header.value(),
    set: |it, value| {
        let text = String::read(value)?;
        if !is_token(&text) {
            return Err(Fault::FieldName.into());
        }
        it.header = Some(text.to_ascii_lowercase());
        Ok(())
    },
};

static MATCHED: By<RouteDraft> = By {
    get: |it| it.value.value(),
    set: |it, value| {
        let text = String::read(value)?;
        if !is_field_value(&text) {
            return Err(Fault::FieldValue.into());
        }
        it.value = Some(text);
        Ok(())
    },
};

const SHARES: Kind = Kind::Pairs { like: "{ \"a@1\" = 90, \"a@2\" = 10 }", counts: true };

pub(crate) static ROUTE: Section<RouteDraft> = Section {
    caption: Caption {
        name: "route",
        header: Header::Array,
        title: "[[route]]",
        meaning: "Which requests go to which function. The exact host wins over *.example.org, \
                  that over none; then the most specific path; then a match on a header \
                  over none. Two \
                  routes that could both win are an error.",
    },
    within: &[],
    keys: &[
        key(
            "host",
            Kind::text("a host such as \"api.example.org\" or \"*.example.org\""),
            "",
            "\"api.example.org\"",
            &HOST,
            "The host it takes, without a port",
        )
        .live()
        .default_is("every host"),
        key(
            "path",
            Kind::text("a path such as \"/orders/{id}\" or \"/{*rest}\""),
            "",
            "\"/orders/{id}\"",
            &PATH,
            "The paths it takes: {name} is one segment, {*name} everything below and the bare \
             prefix",
        )
        .required()
        .live()
        .flag("--route")
        .breach("404 where no route takes a path", "no_route", "fezz_http_rejected_total"),
        key(
            "methods",
            Kind::list("\"GET\", \"HEAD\""),
            "",
            "[\"GET\", \"HEAD\"]",
            &METHODS,
            "The methods it takes",
        )
        .live()
        .default_is("all")
        .breach("405 with Allow", "no_method", "fezz_http_rejected_total"),
        key(
            "match.header",
            Kind::text("the name of a field such as \"api-version\""),
            "",
            "\"api-version\"",
            &HEADER,
            "A field that a request must have to be taken",
        )
        .live(),
        key(
            "match.value",
            Kind::text("its value, such as \"2.0\""),
            "",
            "\"2.0\"",
            &MATCHED,
            "Its value, to the octet",
        )
        .live(),
        key(
            "function",
            Kind::text("a function such as \"orders\" or \"orders@2.1\""),
            "",
            "\"orders@2.1\"",
            at!(RouteDraft: function),
            "Who answers: the newest loaded version that the name selects",
        )
        .live(),
        key(
            "split",
            SHARES,
            "",
            "{ \"orders@1\" = 90, \"orders@2\" = 10 }",
            &SPLIT,
            "Who answers, with shares of a hundred, instead of function",
        )
        .live(),
        key(
            "policy",
            Kind::text("the NAME of a [policy.NAME]"),
            "",
            "\"partners\"",
            at!(RouteDraft: policy),
            "What requests must satisfy first",
        )
        .live(),
        key(
            "limits.body",
            Kind::SIZE,
            "",
            "\"8MiB\"",
            at!(RouteDraft: body),
            "Octets of a request's body",
        )
        .live()
        .default_is("limits.body")
        .breach("413", "body_too_large", "fezz_http_rejected_total"),
        key(
            "timeouts.handler",
            Kind::TIME,
            "",
            "\"10s\"",
            at!(RouteDraft: handler),
            "From dispatch to the function's answer",
        )
        .live()
        .default_is("the function's timeout, else timeouts.handler")
        .breach("504", "late", "fezz_http_rejected_total"),
    ],
};
