//! The requests that are tried.

use fezz_wire::{BodySlot, Meta, RequestHead, write_request};

/// Milliseconds a function is told it has.
const DEADLINE_MS: u64 = 30_000;
/// Octets of the largest body that the server accepts by default.
const LARGE_BODY_BYTES: usize = 1 << 20;

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
    fn new(method: &'static str, query: Option<&str>, value: &[u8], body: &[u8]) -> Self {
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
            path: "/",
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
        let target = query.map_or_else(|| "/".to_owned(), |query| format!("/?{query}"));
        let label = match body.len() {
            0 => format!("{method} {target}"),
            bytes => format!("{method} {target} with a body of {bytes} octets"),
        };
        Self { label, method, envelope: layout.envelope(&octets).to_vec() }
    }

    /// `GET /`.
    pub(super) fn get() -> Self {
        Self::new("GET", None, b"", b"")
    }

    /// `GET /` with a query that tells it from others.
    pub(super) fn get_number(number: usize) -> Self {
        Self::new("GET", Some(&format!("number={number}")), b"", b"")
    }

    /// `POST /` with a body that tells it from others.
    pub(super) fn post_number(number: usize) -> Self {
        let octet = u8::try_from(number % 26).unwrap_or(0) + b'a';
        Self::new("POST", None, b"", &[octet; 1_024])
    }

    /// `POST /` with a short body.
    pub(super) fn post() -> Self {
        Self::new("POST", None, b"", b"{\"name\": \"fezz\"}")
    }

    /// `POST /` with every octet that may stand in a field value (RFC 9110 §5.5), and all of them
    /// in the body.
    pub(super) fn all_octets() -> Self {
        let value: Vec<u8> = (0x80..=0xFF).chain(0x20..=0x7E).chain([b'\t', b'x']).collect();
        let body: Vec<u8> = (0..=0xFF).collect();
        Self::new("POST", None, &value, &body)
    }

    /// `POST /` with a large body.
    pub(super) fn large() -> Self {
        let body: Vec<u8> = (0..=0xFF).cycle().take(LARGE_BODY_BYTES).collect();
        Self::new("POST", None, b"", &body)
    }

    /// `METHOD /`.
    pub(super) fn method(method: &'static str) -> Self {
        Self::new(method, None, b"", b"")
    }
}

#[cfg(test)]
mod tests {
    use fezz_wire::RequestView;

    use super::*;

    #[test]
    fn every_octet_arrives() {
        let ask = Ask::all_octets();
        let view = RequestView::decode(&ask.envelope).unwrap();
        let (_, value) = view.headers().find(|(name, _)| *name == b"x-fezz-check").unwrap();
        let legal = |it: &u8| *it == b'\t' || (*it >= 0x20 && *it != 0x7F);
        assert!((0..=0xFF).filter(legal).all(|octet| value.contains(&octet)));
        assert!(value.iter().all(|octet| legal(octet)));
        assert!((0..=0xFF).eq(view.body().iter().copied()));
    }

    #[test]
    fn requests_differ() {
        assert_ne!(Ask::get_number(1).envelope, Ask::get_number(2).envelope);
        assert_ne!(Ask::post_number(1).envelope, Ask::post_number(2).envelope);
        assert_eq!(Ask::large().label, "POST / with a body of 1048576 octets");
    }
}
