//! A request from the words of a command line, as the envelope a function would get over HTTP.

use std::fmt;

use fezz_wire::{BodySlot, Meta, RequestHead, write_request};

/// Why the words are no request. The operator's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MessageError {
    /// The method is not a token.
    Method,
    /// The path does not begin with '/', or holds an octet that has to be percent-encoded.
    Path,
    /// A field is not written as `Name: value`.
    Field(String),
    /// The body is larger than an envelope can hold.
    Body {
        /// Its octets.
        bytes: usize,
    },
}

impl fmt::Display for MessageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => out.write_str("the method is not a token such as GET"),
            Self::Path => out.write_str(
                "the path must begin with '/' and hold no octet that has to be percent-encoded",
            ),
            Self::Field(text) => write!(out, "-H '{text}': write a field as 'Name: value'"),
            Self::Body { bytes } => write!(out, "a body of {bytes} octets is too large"),
        }
    }
}

/// What the command line says about a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'m> {
    pub(super) method: &'m str,
    /// With its query.
    pub(super) path: &'m str,
    /// `Name: value` each.
    pub(super) fields: &'m [String],
    pub(super) body: &'m [u8],
    pub(super) deadline_ms: u64,
    /// What was agreed on with the function.
    pub(super) version: Option<u64>,
    /// The number of the call, for a function that asks.
    pub(super) call: Option<u64>,
}

impl Message<'_> {
    /// The envelope. As over HTTP there is a Host, and with a body its Content-Length, unless the
    /// fields have one already.
    ///
    /// # Errors
    /// What is wrong with the words.
    pub(super) fn envelope(&self) -> Result<Vec<u8>, MessageError> {
        if self.method.is_empty() || !self.method.bytes().all(is_tchar) {
            return Err(MessageError::Method);
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|it| (0x21..0x7F).contains(&it)) {
            return Err(MessageError::Path);
        }
        let mut fields = Vec::new();
        for text in self.fields {
            fields.push(split_field(text).ok_or_else(|| MessageError::Field(text.clone()))?);
        }
        let has = |fields: &[(String, Vec<u8>)], name: &str| {
            fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        if !has(&fields, "host") {
            fields.insert(0, ("host".to_owned(), b"localhost".to_vec()));
        }
        if !self.body.is_empty() && !has(&fields, "content-length") {
            let length = self.body.len().to_string().into_bytes();
            fields.push(("content-length".to_owned(), length));
        }
        let host = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let authority = host.and_then(|(_, value)| str::from_utf8(value).ok());
        let (path, query) = match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.path, None),
        };
        let head = RequestHead {
            method: self.method,
            scheme: Some("http"),
            authority,
            path,
            query,
            meta: Meta {
                deadline_ms: Some(self.deadline_ms),
                client_ip: Some("127.0.0.1"),
                version: self.version,
                call: self.call,
                ..Meta::default()
            },
            header_count: fields.len(),
        };
        let bytes = self.body.len();
        let length = u32::try_from(bytes).map_err(|_| MessageError::Body { bytes })?;
        let lines = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let mut octets = Vec::new();
        let layout = write_request(&mut octets, &head, lines, BodySlot::Known(length.into()));
        octets.extend_from_slice(self.body);
        Ok(layout.envelope(&octets).to_vec())
    }
}

/// RFC 9110 §5.5: a name that is a token, a value without control characters, trimmed.
fn split_field(text: &str) -> Option<(String, Vec<u8>)> {
    let (name, value) = text.split_once(':')?;
    let value = value.trim_matches([' ', '\t']);
    let sound = !name.is_empty()
        && name.bytes().all(is_tchar)
        && value.bytes().all(|octet| octet == b'\t' || (octet >= 0x20 && octet != 0x7F));
    sound.then(|| (name.to_owned(), value.as_bytes().to_vec()))
}

/// RFC 9110 §5.6.2.
fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[cfg(test)]
mod tests {
    use fezz_wire::RequestView;

    use super::*;

    const PLAIN: Message<'_> = Message {
        method: "GET",
        path: "/",
        fields: &[],
        body: b"",
        deadline_ms: 30_000,
        version: None,
        call: None,
    };

    #[test]
    fn the_envelope_of_a_request() {
        let fields = ["Host: example.org".to_owned(), "X-Empty:".to_owned()];
        let message =
            Message { method: "POST", path: "/a?b=c?d", fields: &fields, body: b"hello", ..PLAIN };
        let octets = message.envelope().unwrap();
        let view = RequestView::decode(&octets).unwrap();
        assert_eq!((view.method(), view.path_and_query()), ("POST", "/a?b=c?d"));
        assert_eq!((view.authority(), view.body()), (Some("example.org"), &b"hello"[..]));
        assert_eq!(view.meta().deadline_ms(), Some(30_000));
        let sent: Vec<(&[u8], &[u8])> = view.headers().collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"Host", b"example.org"), (b"X-Empty", b""), (b"content-length", b"5")];
        assert_eq!(sent, expected);
        let bare = PLAIN.envelope().unwrap();
        assert_eq!(RequestView::decode(&bare).unwrap().authority(), Some("localhost"));
    }

    #[test]
    fn words_that_are_no_request() {
        let error = |message: Message<'_>| message.envelope().unwrap_err();
        assert_eq!(error(Message { method: "", ..PLAIN }), MessageError::Method);
        assert_eq!(error(Message { method: "G T", ..PLAIN }), MessageError::Method);
        for path in ["", "a", "/a b", "/ä", "/\n"] {
            assert_eq!(error(Message { path, ..PLAIN }), MessageError::Path);
        }
        for text in ["x", ": y", "a b: c", "a: b\r\nc: d", "a: \u{7f}"] {
            let fields = [text.to_owned()];
            let found = error(Message { fields: &fields, ..PLAIN });
            assert_eq!(found, MessageError::Field(text.to_owned()));
        }
    }
}
