//! The query as pairs, decoded the way forms are encoded. Nothing is refused: what is not an
//! escape stands for itself.

use std::borrow::Cow;

/// Names and values of a query in their order, duplicates kept.
///
/// Pairs are separated by `&`, a name ends at the first `=`, `+` is a space and `%2F` is `/`. A
/// pair without `=` has an empty value; an empty pair is skipped. Octets that are not UTF-8 after
/// decoding become U+FFFD.
#[derive(Clone, Debug)]
pub struct QueryPairs<'a> {
    rest: &'a str,
}

impl<'a> QueryPairs<'a> {
    pub(crate) fn new(query: &'a str) -> Self {
        Self { rest: query }
    }
}

impl<'a> Iterator for QueryPairs<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (pair, rest) = self.rest.split_once('&').unwrap_or((self.rest, ""));
            self.rest = rest;
            if !pair.is_empty() {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                return Some((decode(name), decode(value)));
            }
        }
        None
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        out.push(match octet {
            b'+' => b' ',
            // RFC 3986 §2.1
            b'%' => match escaped(after) {
                Some(value) => {
                    rest = &after[2..];
                    value
                }
                None => octet,
            },
            _ => octet,
        });
    }
    match String::from_utf8(out) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// The value of the two hexadecimal digits at the front.
fn escaped(octets: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*octets.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        QueryPairs::new(query).map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn pairs_are_decoded() {
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("&&"), []);
        assert_eq!(pairs("a=1&a=2&b"), [pair("a", "1"), pair("a", "2"), pair("b", "")]);
        assert_eq!(pairs("a=b=c&=x"), [pair("a", "b=c"), pair("", "x")]);
        assert_eq!(pairs("q=a+b%20c%2F%c3%A4"), [pair("q", "a b c/ä")]);
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        assert_eq!(
            pairs("a=100%&b=%2&c=%zz%"),
            [pair("a", "100%"), pair("b", "%2"), pair("c", "%zz%")]
        );
        assert_eq!(pairs("a=%ff"), [pair("a", "\u{FFFD}")]);
        assert_eq!(pairs("a=%+1"), [pair("a", "% 1")]);
    }

    #[test]
    fn plain_values_are_borrowed() {
        let values: Vec<_> = QueryPairs::new("a=1&b=2").collect();
        assert!(values.iter().all(|(name, value)| {
            matches!((name, value), (Cow::Borrowed(_), Cow::Borrowed(_)))
        }));
    }
}
