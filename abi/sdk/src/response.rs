//! A response under construction: a status, fields and a body; nothing is sent before it returns.
//!
//! Framing is not here on purpose: length, connection and date are the server's alone.

use std::borrow::Cow;

use fezz_abi::guest::answer_room;
use fezz_wire::encode_response_in;

use crate::octets::Octets;

const CONTENT_TYPE: &str = "content-type";

/// One response. The constructors choose status and content type, the methods change them.
///
/// The server refuses a response whose status is not in 200..=599, whose field names are not
/// tokens or whose values hold control characters, and answers 502 instead. So a value that came
/// from a client cannot smuggle anything into a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    status: u16,
    // Nearly every response has this one field: no list is allocated for it.
    content_type: Option<Octets>,
    fields: Vec<(Cow<'static, str>, Octets)>,
    body: Octets,
}

impl Response {
    /// A response with this status, without fields and body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// 200 with text (`text/plain; charset=utf-8`).
    #[must_use]
    #[inline]
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        const TYPE: Octets = Octets::from_static(b"text/plain; charset=utf-8");
        Self::typed(TYPE, text.into().into())
    }

    /// 200 with a document (`text/html; charset=utf-8`). Escape what came from elsewhere.
    #[must_use]
    pub fn html(document: impl Into<Cow<'static, str>>) -> Self {
        const TYPE: Octets = Octets::from_static(b"text/html; charset=utf-8");
        Self::typed(TYPE, document.into().into())
    }

    /// 200 with JSON that is already encoded (`application/json`), for instance by `serde_json`.
    #[must_use]
    pub fn json(encoded: impl Into<Octets>) -> Self {
        const TYPE: Octets = Octets::from_static(b"application/json");
        Self::typed(TYPE, encoded.into())
    }

    /// 200 with any octets (`application/octet-stream`).
    #[must_use]
    pub fn bytes(octets: impl Into<Octets>) -> Self {
        const TYPE: Octets = Octets::from_static(b"application/octet-stream");
        Self::typed(TYPE, octets.into())
    }

    /// 302 to this location. Change the status for another kind of redirection: 303 after a
    /// successful POST, 307 to keep the method, 308 for good.
    #[must_use]
    pub fn redirect(location: impl Into<Octets>) -> Self {
        Self::new(302).header("location", location)
    }

    /// 404 with a line of text.
    #[must_use]
    pub fn not_found() -> Self {
        Self::text("not found\n").status(404)
    }

    /// 405 with the field `allow`, which that status must have (RFC 9110 §15.5.6):
    /// `Response::method_not_allowed("GET, HEAD")`.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::text("method not allowed\n").status(405).header("allow", allow)
    }

    fn typed(content_type: Octets, body: Octets) -> Self {
        Self { status: 200, content_type: Some(content_type), fields: Vec::new(), body }
    }

    /// The same response with this status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same response with one more field. `content-type` replaces the one that is there.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Octets>) -> Self {
        let name = name.into();
        if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            self.content_type = Some(value.into());
        } else {
            self.fields.push((name, value.into()));
        }
        self
    }

    /// The same response with more fields; each as with [`header`](Self::header).
    #[must_use]
    pub fn headers<N, V>(self, fields: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Cow<'static, str>>,
        V: Into<Octets>,
    {
        fields.into_iter().fold(self, |response, (name, value)| response.header(name, value))
    }

    /// The same response with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Octets>) -> Self {
        self.body = body.into();
        self
    }

    /// The status as it is now.
    #[must_use]
    pub fn status_code(&self) -> u16 {
        self.status
    }

    /// The body as it is now.
    #[must_use]
    pub fn body_octets(&self) -> &[u8] {
        self.body.as_slice()
    }

    /// The envelope of this response, in the one allocation that it is handed over in. Part of
    /// whoever calls it, since much of what is written is known there.
    #[inline(always)]
    pub(crate) fn encode(&self) -> Vec<u8> {
        if !self.fields.is_empty() {
            return self.encode_all();
        }
        encode_response_in(answer_room, self.status, self.first(), false, self.body.as_slice())
    }

    #[inline(never)]
    pub(crate) fn encode_all(&self) -> Vec<u8> {
        let more = self.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let all = self.first().chain(more);
        encode_response_in(answer_room, self.status, all, false, self.body.as_slice())
    }

    #[inline(always)]
    fn first(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.content_type.iter().map(|value| (CONTENT_TYPE.as_bytes(), value.as_slice()))
    }
}
