//! The requests that are tried.

use std::borrow::Cow;

use fezz_wire::{BodySlot, Layout, Meta, RequestHead, set_call, write_request};

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

/// What was settled with the function, as far as requests say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// The version of `handle`, if there was a handshake.
    pub(super) version: Option<u64>,
    /// Whether requests say the number of their call.
    pub(super) numbered: bool,
}

/// Makes requests.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) target: Target,
    pub(super) settled: Settled,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What the report calls it.
    pub(super) label: String,
    /// Its method.
    pub(super) method: &'static str,
    octets: Vec<u8>,
    layout: Layout,
}

impl Ask {
    /// Its octets, with the number of a call where it has one.
    pub(super) fn envelope(&self, call: u64) -> Cow<'_, [u8]> {
        if self.layout.call_at == 0 {
            return Cow::Borrowed(self.layout.envelope(&self.octets));
        }
        let mut octets = self.octets.clone();
        set_call(&mut octets, &self.layout, call);
        Cow::Owned(self.layout.envelope(&octets).to_vec())
    }
}

impl Asker {
    fn ask(&self, method: &'static str, value: &[u8], body: &[u8]) -> Ask {
        let target = self.target.as_str();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
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
                version: self.settled.version,
                call: self.settled.numbered.then_some(0),
                ..Meta::default()
            },
            header_count: fields.len(),
        };
        let slot = BodySlot::Known(body.len() as u64);
        let mut octets = Vec::new();
        let layout = write_request(&mut octets, &head, fields.into_iter(), slot);
        octets.extend_from_slice(body);
        let label = match body.len() {
            0 => format!("{method} {target}"),
            bytes => format!("{method} {target} with a body of {bytes} octets"),
        };
        Ask { label, method, octets, layout }
    }

    /// A GET.
    pub(super) fn get(&self) -> Ask {
        self.ask("GET", b"", b"")
    }

    /// A GET with a query that tells it from others.
    pub(super) fn get_number(&self, number: usize) -> Ask {
        let target = self.target.as_str();
        let sign = if target.contains('?') { '&' } else { '?' };
        let target = Target(format!("{target}{sign}number={number}"));
        Self { target, settled: self.settled }.get()
    }

    /// A POST with a body that tells it from others.
    pub(super) fn post_number(&self, number: usize) -> Ask {
        let octet = u8::try_from(number % 26).unwrap_or(0) + b'a';
        self.ask("POST", b"", &[octet; 1_024])
    }

    /// A POST with a short body.
    pub(super) fn post(&self) -> Ask {
        self.ask("POST", b"", b"{\"name\": \"fezz\"}")
    }

    /// A POST with every octet that may stand in a field value (RFC 9110 §5.5), and all of them
    /// in the body.
    pub(super) fn all_octets(&self) -> Ask {
        let value: Vec<u8> = (0x80..=0xFF).chain(0x20..=0x7E).chain([b'\t', b'x']).collect();
        let body: Vec<u8> = (0..=0xFF).collect();
        self.ask("POST", &value, &body)
    }

    /// A POST with a large body.
    pub(super) fn large(&self) -> Ask {
        let body: Vec<u8> = (0..=0xFF).cycle().take(LARGE_BODY_BYTES).collect();
        self.ask("POST", b"", &body)
    }

    /// A request with this method and nothing else.
    pub(super) fn method(&self, method: &'static str) -> Ask {
        self.ask(method, b"", b"")
    }
}

#[cfg(test)]
mod tests {
    use fezz_wire::RequestView;

    use super::*;

    fn asker(target: &str) -> Asker {
        Asker { target: Target::parse(target).unwrap(), settled: Settled::default() }
    }

    #[test]
    fn every_octet_arrives() {
        let ask = asker("/").all_octets();
        let octets = ask.envelope(0);
        let view = RequestView::decode(&octets).unwrap();
        let (_, value) = view.headers().find(|(name, _)| *name == b"x-fezz-check").unwrap();
        let legal = |it: &u8| *it == b'\t' || (*it >= 0x20 && *it != 0x7F);
        assert!((0..=0xFF).filter(legal).all(|octet| value.contains(&octet)));
        assert!(value.iter().all(legal));
        assert!((0..=0xFF).eq(view.body().iter().copied()));
    }

    #[test]
    fn requests_differ() {
        let asker = asker("/a?b=c");
        assert_eq!(asker.get_number(1).label, "GET /a?b=c&number=1");
        assert_ne!(asker.get_number(1).envelope(0), asker.get_number(2).envelope(0));
        assert_ne!(asker.post_number(1).envelope(0), asker.post_number(2).envelope(0));
        assert_eq!(asker.large().label, "POST /a?b=c with a body of 1048576 octets");
        let ask = asker.get();
        let octets = ask.envelope(7);
        let view = RequestView::decode(&octets).unwrap();
        assert_eq!((view.path_and_query(), view.meta().call()), ("/a?b=c", None));
    }

    #[test]
    fn what_was_settled_is_said() {
        let settled = Settled { version: Some(2), numbered: true };
        let ask = Asker { settled, ..asker("/") }.post();
        for call in [1 << 40, 7] {
            let octets = ask.envelope(call);
            let view = RequestView::decode(&octets).unwrap();
            assert_eq!((view.meta().version(), view.meta().call()), (Some(2), Some(call)));
        }
    }

    #[test]
    fn what_is_no_target() {
        for text in ["", "a", "/a b", "/\u{e4}", "/\n"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
