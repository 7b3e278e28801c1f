//! The requests that are tried.

use fezz_wire::{BodySlot, Meta, RequestHead, write_request};

/// Milliseconds a function is told it has.
const DEADLINE_MS: u64 = 30_000;
/// Octets of the largest body that the server accepts by default.
const LARGE_BODY_BYTES: usize = 1 << 20;

/// What is asked for: a path, perhaps with a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target(String);

impl Target {
    /// Reads a target in origin-form (RFC 9112 §3.2.1).
    ///
    /// # Errors
    /// A sentence, for whoever wrote it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let sound = text.starts_with('/') && text.bytes().all(|it| (0x21..0x7F).contains(&it));
        let why = "a path begins with '/' and holds no octet that has to be percent-encoded";
        if sound { Ok(Self(text.to_owned())) } else { Err(why) }
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What the report calls it.
    pub(super) label: String,
    /// Its method.
    pub(super) method: &'static str,
    /// Its octets.
    pub(super) envelope: Vec<u8>,
}

impl Ask {
    fn new(target: &Target, method: &'static str, value: &[u8], body: &[u8]) -> Self {
        let (path, query) = match target.0.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target.0.as_str(), None),
        };
        let length = body.len().to_string().into_bytes();
        let mut fields: Vec<(&[u8], &[u8])> =
            vec![(b"host", b"localhost"), (b"user-agent", b"fezz-check")];
        if !value.is_empty() {
            fields.push((b"x-fezz-check", value));
        }
        if !body.is_empty() {
            fields.push((b"content-type", b"application/octet-stream"));
            fields.push((b"content-length", &length));
        }
        let head = RequestHead {
            method,
            scheme: Some("http"),
            authority: Some("localhost"),
            path,
            query,
            meta: Meta {
                deadline_ms: Some(DEADLINE_MS),
                client_ip: Some("127.0.0.1"),
                ..Meta::default()
            },
            header_count: fields.len(),
        };
        let slot = BodySlot::Known(body.len() as u64);
        let mut octets = Vec::new();
        let layout = write_request(&mut octets, &head, fields.into_iter(), slot);
        octets.extend_from_slice(body);
        let label = match body.len() {
            0 => format!("{method} {}", target.0),
            bytes => format!("{method} {} with a body of {bytes} octets", target.0),
        };
        Self { label, method, envelope: layout.envelope(&octets).to_vec() }
    }

    /// A GET.
    pub(super) fn get(target: &Target) -> Self {
        Self::new(target, "GET", b"", b"")
    }

    /// A GET with a query that tells it from others.
    pub(super) fn get_number(target: &Target, number: usize) -> Self {
        let sign = if target.0.contains('?') { '&' } else { '?' };
        Self::get(&Target(format!("{}{sign}number={number}", target.0)))
    }

    /// A POST with a body that tells it from others.
    pub(super) fn post_number(target: &Target, number: usize) -> Self {
        let octet = u8::try_from(number % 26).unwrap_or(0) + b'a';
        Self::new(target, "POST", b"", &[octet; 1_024])
    }

    /// A POST with a short body.
    pub(super) fn post(target: &Target) -> Self {
        Self::new(target, "POST", b"", b"{\"name\": \"fezz\"}")
    }

    /// A POST with every octet that may stand in a field value (RFC 9110 §5.5), and all of them
    /// in the body.
    pub(super) fn all_octets(target: &Target) -> Self {
        let value: Vec<u8> = (0x80..=0xFF).chain(0x20..=0x7E).chain([b'\t', b'x']).collect();
        let body: Vec<u8> = (0..=0xFF).collect();
        Self::new(target, "POST", &value, &body)
    }

    /// A POST with a large body.
    pub(super) fn large(target: &Target) -> Self {
        let body: Vec<u8> = (0..=0xFF).cycle().take(LARGE_BODY_BYTES).collect();
        Self::new(target, "POST", b"", &body)
    }

    /// A request with this method and nothing else.
    pub(super) fn method(target: &Target, method: &'static str) -> Self {
        Self::new(target, method, b"", b"")
    }
}

#[cfg(test)]
mod tests {
    use fezz_wire::RequestView;

    use super::*;

    #[test]
    fn every_octet_arrives() {
        let ask = Ask::all_octets(&Target::parse("/").unwrap());
        let view = RequestView::decode(&ask.envelope).unwrap();
        let (_, value) = view.headers().find(|(name, _)| *name == b"x-fezz-check").unwrap();
        let legal = |it: &u8| *it == b'\t' || (*it >= 0x20 && *it != 0x7F);
        assert!((0..=0xFF).filter(legal).all(|octet| value.contains(&octet)));
        assert!(value.iter().all(legal));
        assert!((0..=0xFF).eq(view.body().iter().copied()));
    }

    #[test]
    fn requests_differ() {
        let target = Target::parse("/a?b=c").unwrap();
        let numbered = |number| Ask::get_number(&target, number);
        assert_eq!(numbered(1).label, "GET /a?b=c&number=1");
        assert_ne!(numbered(1).envelope, numbered(2).envelope);
        let posted = |number| Ask::post_number(&target, number).envelope;
        assert_ne!(posted(1), posted(2));
        assert_eq!(Ask::large(&target).label, "POST /a?b=c with a body of 1048576 octets");
        let octets = Ask::get(&target).envelope;
        assert_eq!(RequestView::decode(&octets).unwrap().path_and_query(), "/a?b=c");
    }

    #[test]
    fn what_is_no_target() {
        for text in ["", "a", "/a b", "/\u{e4}", "/\n"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
