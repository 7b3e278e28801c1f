//! What stands in the parentheses of an attribute.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, LitStr, Result, Token};

/// The options of both attributes; each at most once.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) max_concurrency: Option<u32>,
    pub(crate) inline: bool,
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
            _ => return unknown(key.span()),
        };
        if twice { Err(Error::new(key.span(), "this option is already set")) } else { Ok(()) }
    }
}

fn unknown(span: Span) -> Result<()> {
    Err(Error::new(
        span,
        "unknown option; there are `name = \"...\"`, `version = \"...\"`, `max_concurrency = N` \
         and `inline`",
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
        ] {
            assert!(syn::parse_str::<Options>(text).is_err(), "{text}");
        }
    }
}
