//! A request as a function sees it: borrowed from the envelope, decoded where it is asked for.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use fezz_wire::{PlainHeaders, RequestView};

use crate::call::Call;
use crate::outcome::Error;
use crate::query::QueryPairs;

/// One request. Everything it returns is borrowed from the host's memory and lives as long as the
/// call; keep a copy of what must live longer.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    view: RequestView<'a>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(view: RequestView<'a>) -> Self {
        Self { view }
    }

    /// The method, such as `GET`. Methods are case-sensitive (RFC 9110 §9.1).
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.view.method()
    }

    /// The path exactly as it was sent, without the query: `/a%20b`. Not decoded, because a
    /// decoded slash would be taken for a separator.
    #[must_use]
    pub fn path(&self) -> &'a str {
        let target = self.view.path_and_query();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// The query exactly as it was sent, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.view.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// Path and query together, exactly as they were sent.
    #[must_use]
    pub fn path_and_query(&self) -> &'a str {
        self.view.path_and_query()
    }

    /// Decoded names and values of the query.
    #[must_use]
    pub fn query_pairs(&self) -> QueryPairs<'a> {
        QueryPairs::new(self.query().unwrap_or_default())
    }

    /// The decoded value of the first pair with this name in the query.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// Host and port the request is for, such as `example.org:8080`.
    #[must_use]
    pub fn authority(&self) -> Option<&'a str> {
        self.view.authority()
    }

    /// `http` or `https`, as the client sees it.
    #[must_use]
    pub fn scheme(&self) -> Option<&'a str> {
        self.view.scheme()
    }

    /// The value of the first field with this name (in any case), if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.header_octets(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The octets of the first field with this name (in any case).
    #[must_use]
    pub fn header_octets(&self, name: &str) -> Option<&'a [u8]> {
        self.headers_named(name).next()
    }

    /// The values of all fields with this name (in any case), in their order.
    pub fn headers_named<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.headers()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Names and values of all fields, in their order, duplicates kept. Fields that concern only
    /// the connection to the client are not among them.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        Headers { entries: self.view.headers() }
    }

    /// The body, without any transfer coding.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.view.body()
    }

    /// The body as text.
    ///
    /// # Errors
    /// A 400 response, if it is not UTF-8: the client is to blame.
    pub fn body_text(&self) -> Result<&'a str, Error> {
        std::str::from_utf8(self.body())
            .map_err(|_| Error::new(400, "the body is not UTF-8 text\n"))
    }

    /// The trace id of the request: 32 hexadecimal digits (W3C Trace Context).
    #[must_use]
    pub fn trace_id(&self) -> Option<&'a str> {
        self.view.meta().trace_id()
    }

    /// How much time was left for the answer when this call began. The answer of a function that
    /// takes longer is dropped.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.view.meta().deadline_ms().map(Duration::from_millis)
    }

    /// The address of the client, without a port.
    #[must_use]
    pub fn client_ip(&self) -> Option<&'a str> {
        self.view.meta().client_ip()
    }

    /// Who asks, as far as the host has proof of it: the name that belongs to a bearer token, or
    /// the subject of a certificate. What a client says of itself never gets here.
    #[must_use]
    pub fn principal(&self) -> Option<&'a str> {
        self.view.meta().principal()
    }

    /// This call, for the host's services; [`fezz::call()`](crate::call()) without the request.
    #[must_use]
    pub fn call(&self) -> Call {
        Call::numbered(self.view.meta().call())
    }

    /// The CBOR item the host put into `meta` under this key, for keys without a method here.
    #[must_use]
    pub fn meta(&self, key: &str) -> Option<&'a [u8]> {
        self.view.meta().get(key)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Fields and body may hold secrets; a log line is no place for them.
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("path_and_query", &self.path_and_query())
            .field("headers", &self.headers().len())
            .field("body_bytes", &self.body().len())
            .finish()
    }
}

/// Names and values of the fields of a request, in their order.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    entries: PlainHeaders<'a>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Headers<'_> {}
