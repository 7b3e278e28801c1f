//! What stands in the parentheses of an attribute.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitInt, LitStr, Path, Result, Token, bracketed};

/// The words a fallback may have.
const FALLBACKS: [&str; 3] = ["fail_request", "static", "previous"];

/// The options of both attributes; each at most once.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) max_concurrency: Option<u32>,
    pub(crate) inline: bool,
    pub(crate) host: bool,
    pub(crate) capabilities: Option<Vec<LitStr>>,
    pub(crate) fallback: Option<LitStr>,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) init: Option<Path>,
    pub(crate) self_check: Option<SelfCheck>,
    pub(crate) cancel: Option<Path>,
    pub(crate) drain: Option<Path>,
    pub(crate) fini: Option<Path>,
}

/// What a self-check tries beside the samples of the host.
pub(crate) enum SelfCheck {
    Samples,
    Hook(Path),
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            options.option(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn option(&mut self, input: ParseStream<'_>) -> Result<()> {
        let key: Ident = input.parse()?;
        let twice = match key.to_string().as_str() {
            "name" => self.name.replace(text(input, 63)?).is_some(),
            "version" => self.version.replace(text(input, 31)?).is_some(),
            "max_concurrency" => self.max_concurrency.replace(count(input)?).is_some(),
            "inline" => std::mem::replace(&mut self.inline, true),
            "host" => std::mem::replace(&mut self.host, true),
            "capabilities" => self.capabilities.replace(names(input)?).is_some(),
            "fallback" => self.fallback.replace(fallback(input)?).is_some(),
            "ttl" => self.ttl_ms.replace(duration(input)?).is_some(),
            "init" => self.init.replace(path(input)?).is_some(),
            "selfcheck" => self.self_check.replace(self_check(input)?).is_some(),
            "cancel" => self.cancel.replace(path(input)?).is_some(),
            "drain" => self.drain.replace(path(input)?).is_some(),
            "fini" => self.fini.replace(path(input)?).is_some(),
            _ => return unknown(key.span()),
        };
        if twice { Err(Error::new(key.span(), "this option is already set")) } else { Ok(()) }
    }

    /// Whether the function uses its host: it says so, or it names what cannot be had otherwise.
    pub(crate) fn uses_host(&self) -> bool {
        self.host || self.init.is_some() || self.cancel.is_some() || self.capabilities.is_some()
    }

    /// Whether there is anything to answer in a handshake.
    pub(crate) fn shakes_hands(&self) -> bool {
        self.capabilities.is_some() || self.fallback.is_some() || self.ttl_ms.is_some()
    }
}

fn unknown(span: Span) -> Result<()> {
    Err(Error::new(
        span,
        "unknown option; there are `name = \"...\"`, `version = \"...\"`, `max_concurrency = N`, \
         `inline`, `host`, `capabilities = [\"...\"]`, `fallback = \"...\"`, `ttl = \"1h\"`, and \
         functions by `init`, `selfcheck`, `cancel`, `drain` and `fini`",
    ))
}

/// A text that fits its field of the identity: `max` octets.
fn text(input: ParseStream<'_>, max: usize) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    let literal: LitStr = input.parse()?;
    let value = literal.value();
    if value.is_empty() || value.len() > max || value.contains('\0') {
        let message = format!("expected 1 to {max} octets of text without NUL");
        return Err(Error::new(literal.span(), message));
    }
    Ok(literal)
}

fn count(input: ParseStream<'_>) -> Result<u32> {
    input.parse::<Token![=]>()?;
    let literal: LitInt = input.parse()?;
    match literal.base10_parse() {
        Ok(0) | Err(_) => Err(Error::new(literal.span(), "expected a number of calls, 1 or more")),
        Ok(calls) => Ok(calls),
    }
}

fn names(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    input.parse::<Token![=]>()?;
    let list;
    bracketed!(list in input);
    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
    if let Some(empty) = names.iter().find(|name| name.value().is_empty()) {
        return Err(Error::new(empty.span(), "a capability has a name"));
    }
    Ok(names.into_iter().collect())
}

fn fallback(input: ParseStream<'_>) -> Result<LitStr> {
    let word = text(input, 63)?;
    if FALLBACKS.contains(&word.value().as_str()) {
        return Ok(word);
    }
    let message = "expected \"fail_request\", \"static\" (the operator writes the response) or \
                   \"previous\" (the last good version answers)";
    Err(Error::new(word.span(), message))
}

/// A time such as `90s`, in milliseconds.
fn duration(input: ParseStream<'_>) -> Result<u64> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let literal = text(input, 63)?;
    let value = literal.value();
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(unit, _)| *unit == &value[digits.len()..]);
    let ms = unit.and_then(|(_, ms)| digits.parse::<u64>().ok()?.checked_mul(*ms));
    ms.filter(|ms| *ms > 0).ok_or_else(|| {
        Error::new(literal.span(), "expected a time above 0 with its unit: ms, s, m or h")
    })
}

fn path(input: ParseStream<'_>) -> Result<Path> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn self_check(input: ParseStream<'_>) -> Result<SelfCheck> {
    if input.peek(Token![=]) { path(input).map(SelfCheck::Hook) } else { Ok(SelfCheck::Samples) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let text = r#"inline, version = "2", max_concurrency = 4, name = "x","#;
        let options: Options = syn::parse_str(text).unwrap();
        assert!(options.inline);
        assert_eq!(options.max_concurrency, Some(4));
        assert_eq!(options.name.unwrap().value(), "x");
        assert_eq!(options.version.unwrap().value(), "2");
        assert!(!syn::parse_str::<Options>("").unwrap().inline);
    }

    #[test]
    fn what_is_not_mentioned_is_not_exported() {
        let options: Options = syn::parse_str("inline, name = \"x\"").unwrap();
        assert!(!options.uses_host() && !options.shakes_hands());
        assert!(options.init.is_none() && options.self_check.is_none());
        for (text, host, hands) in [
            ("host", true, false),
            ("init = a::b", true, false),
            ("cancel = c", true, false),
            ("capabilities = [\"log\", \"kv\",]", true, true),
            ("ttl = \"90s\"", false, true),
            ("fallback = \"previous\"", false, true),
            ("selfcheck, drain = d, fini = f", false, false),
        ] {
            let options: Options = syn::parse_str(text).unwrap();
            assert_eq!((options.uses_host(), options.shakes_hands()), (host, hands), "{text}");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, ms) in [("250ms", 250), ("90s", 90_000), ("2m", 120_000), ("1h", 3_600_000)] {
            let options: Options = syn::parse_str(&format!("ttl = \"{text}\"")).unwrap();
            assert_eq!(options.ttl_ms, Some(ms));
        }
    }

    #[test]
    fn wrong_options_are_refused() {
        let long = format!("name = \"{}\"", "x".repeat(64));
        for text in [
            "fast",
            "name",
            "name = 7",
            "name = \"\"",
            &long,
            "max_concurrency = 0",
            "max_concurrency = -1",
            "inline, inline",
            "inline name = \"x\"",
            "host = true",
            "capabilities = \"log\"",
            "capabilities = [\"\"]",
            "fallback = \"stale\"",
            "ttl = 60",
            "ttl = \"60\"",
            "ttl = \"0s\"",
            "ttl = \"1d\"",
            "ttl = \"99999999999999999999h\"",
            "init",
            "init = \"start\"",
            "selfcheck, selfcheck = check",
        ] {
            assert!(syn::parse_str::<Options>(text).is_err(), "{text}");
        }
    }
}
