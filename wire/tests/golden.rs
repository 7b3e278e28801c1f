//! Envelopes that do not drift: each case is written to exactly the octets of `golden/NAME.hex`,
//! those octets read back to the case, and `golden/NAME.diag` says the same in CBOR diagnostic
//! notation (RFC 8949 §8), checked with another library's printer.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise; octets are made of digits"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use fezz_wire::{
    Answer, BodySlot, Meta, Offer, RequestHead, RequestView, ResponseView, SelfCheckVerdict,
    WireLimits, close_body, encode_response, joined, set_call, set_deadline, write_request,
};

type Headers<'a> = &'a [(&'a [u8], &'a [u8])];

fn read(name: &str, extension: &str) -> String {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push(format!("tests/golden/{name}.{extension}"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(digits.len() % 2, 0, "whole octets");
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// Diagnostic notation without blanks, byte strings in hexadecimal. A `#` begins a comment.
fn plain(diagnostic: &str) -> String {
    let mut out = String::new();
    let mut chars = diagnostic.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let text: String = chars.by_ref().take_while(|c| *c != '"').collect();
                write!(out, "\"{text}\"").unwrap();
            }
            'h' => {
                assert_eq!(chars.next(), Some('\''));
                let hex = chars.by_ref().take_while(|c| *c != '\'');
                let hex: String = hex.filter(|c| !c.is_whitespace()).collect();
                write!(out, "h'{hex}'").unwrap();
            }
            '\'' => {
                out.push_str("h'");
                for octet in chars.by_ref().take_while(|c| *c != '\'').collect::<String>().bytes() {
                    write!(out, "{octet:02x}").unwrap();
                }
                out.push('\'');
            }
            '#' => drop(chars.by_ref().find(|c| *c == '\n')),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// The octets of a golden file, which its notation describes.
fn golden(name: &str) -> Vec<u8> {
    let octets = unhex(&read(name, "hex"));
    let shown = minicbor::display(&octets).to_string();
    assert_eq!(plain(&shown), plain(&read(name, "diag")), "{name}");
    octets
}

fn request(name: &str, head: &RequestHead<'_>, headers: Headers<'_>, body: &[u8]) {
    let head = RequestHead { header_count: headers.len(), ..*head };
    let mut buf = Vec::new();
    let slot = BodySlot::Known(body.len() as u64);
    write_request(&mut buf, &head, headers.iter().copied(), slot);
    buf.extend_from_slice(body);
    let octets = golden(name);
    assert_eq!(buf, octets, "{name}");
    let view = RequestView::decode(&octets).unwrap();
    assert_eq!(view.method(), head.method);
    assert_eq!(view.scheme(), head.scheme);
    assert_eq!(view.authority(), head.authority);
    let query = head.query.map(|query| format!("?{query}")).unwrap_or_default();
    assert_eq!(view.path_and_query(), format!("{}{query}", head.path));
    assert!(view.headers().eq(headers.iter().copied()));
    assert_eq!(view.meta().trace_id(), head.meta.trace_id);
    assert_eq!(view.meta().deadline_ms(), head.meta.deadline_ms);
    assert_eq!(view.meta().client_ip(), head.meta.client_ip);
    assert_eq!(view.meta().version(), head.meta.version);
    assert_eq!(view.meta().call(), head.meta.call);
    assert_eq!(view.body(), body);
}

fn reads_as(name: &str, status: u16, headers: Headers<'_>, panic: bool, body: &[u8]) -> Vec<u8> {
    let octets = golden(name);
    let view = ResponseView::decode(&octets, &WireLimits::default()).unwrap();
    assert_eq!(view.status(), status);
    let found: Vec<_> =
        view.headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    let wanted: Vec<_> = headers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    assert_eq!(found, wanted);
    assert_eq!(view.is_panic(), panic);
    assert_eq!(view.body_segments().flatten().copied().collect::<Vec<_>>(), body);
    octets
}

fn response(name: &str, status: u16, headers: Headers<'_>, panic: bool, body: &[u8]) {
    let octets = reads_as(name, status, headers, panic, body);
    assert_eq!(encode_response(status, headers.iter().copied(), panic, body), octets, "{name}");
}

const GET: RequestHead<'_> = RequestHead {
    method: "GET",
    scheme: Some("http"),
    authority: Some("localhost:8080"),
    path: "/hello",
    query: Some("name=Ada"),
    meta: Meta {
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        deadline_ms: Some(30_000),
        client_ip: Some("127.0.0.1"),
        version: None,
        call: None,
        tls: None,
        principal: None,
    },
    header_count: 0,
};

#[test]
fn request_get() {
    request("request-get", &GET, &[(b"host", b"localhost:8080"), (b"accept", b"*/*")], b"");
}

#[test]
fn request_minimal() {
    let head = RequestHead { method: "GET", path: "/", ..RequestHead::default() };
    request("request-minimal", &head, &[], b"");
}

#[test]
fn request_post() {
    let head = RequestHead {
        method: "POST",
        scheme: Some("https"),
        path: "/caf%C3%A9",
        query: None,
        meta: Meta { deadline_ms: Some(250), client_ip: Some("2001:db8::1"), ..Meta::default() },
        ..GET
    };
    // Names keep their case, values their octets, duplicates their places.
    let headers: Headers<'_> = &[
        (b"Content-Type", b"application/json; charset=utf-8"),
        (b"x-tag", b"one"),
        (b"X-Tag", b"caf\xe9"),
    ];
    request("request-post", &head, headers, br#"{"id": 7, "note": "more than 23 octets"}"#);
}

/// What functions are told that have a handshake and host services.
#[test]
fn request_call() {
    let meta = Meta { version: Some(2), call: Some(0x0000_0007_0000_002a), ..GET.meta };
    request("request-call", &RequestHead { meta, ..GET }, &[(b"accept", b"*/*")], b"hi");
}

/// The call's number may be told late, before or after everything else that is told late.
#[test]
fn request_call_written_in_pieces() {
    let meta = Meta { version: Some(2), call: Some(0), deadline_ms: Some(1_000_000), ..GET.meta };
    let head = RequestHead { header_count: 1, meta, ..GET };
    let headers: Headers<'_> = &[(b"accept", b"*/*")];
    for late in [false, true] {
        let mut buf = b"left over".to_vec();
        let mut layout = write_request(&mut buf, &head, headers.iter().copied(), BodySlot::Open);
        set_call(&mut buf, &layout, if late { u64::MAX } else { 0x0000_0007_0000_002a });
        buf.extend_from_slice(b"hi");
        close_body(&mut buf, &mut layout);
        set_deadline(&mut buf, &mut layout, 30_000);
        if late {
            set_call(&mut buf, &layout, 0x0000_0007_0000_002a);
        }
        assert_eq!(layout.envelope(&buf), golden("request-call"));
    }
}

/// A body of unknown length and a deadline corrected late end up as the same octets.
#[test]
fn request_written_in_pieces() {
    let headers: Headers<'_> = &[(b"host", b"localhost:8080"), (b"accept", b"*/*")];
    let meta = Meta { deadline_ms: Some(u64::MAX), ..GET.meta };
    let head = RequestHead { header_count: 2, meta, ..GET };
    let mut buf = b"left over".to_vec();
    let mut layout = write_request(&mut buf, &head, headers.iter().copied(), BodySlot::Open);
    assert!(layout.is_open());
    close_body(&mut buf, &mut layout);
    set_deadline(&mut buf, &mut layout, 30_000);
    assert!(!layout.is_open());
    assert_eq!(layout.envelope(&buf), golden("request-get"));
    // A later correction never takes more octets: 65,535 is what fits in place of 30,000.
    set_deadline(&mut buf, &mut layout, 1_000_000);
    let view = RequestView::decode(layout.envelope(&buf)).unwrap();
    assert_eq!(view.meta().deadline_ms(), Some(65_535));
}

#[test]
fn a_request_without_deadline_gets_none() {
    let head = RequestHead { method: "GET", path: "/", ..RequestHead::default() };
    let mut buf = Vec::new();
    let none = std::iter::empty();
    let mut layout = write_request(&mut buf, &head, none, BodySlot::Known(0));
    set_deadline(&mut buf, &mut layout, 5);
    set_call(&mut buf, &layout, 5);
    assert_eq!(layout.envelope(&buf), golden("request-minimal"));
}

#[test]
fn response_hello() {
    let headers: Headers<'_> = &[(b"content-type", b"text/plain; charset=utf-8")];
    response("response-hello", 200, headers, false, b"hello, Ada\n");
}

#[test]
fn response_empty() {
    response("response-empty", 204, &[], false, b"");
}

#[test]
fn response_panic() {
    response("response-panic", 500, &[], true, b"");
}

/// Field order, string kinds, entry kinds, lengths and unknown keys as other encoders choose them.
#[test]
fn response_lenient() {
    let headers: Headers<'_> = &[(b"content-type", b"text/html"), (b"x-a", b"1"), (b"x-b", b"")];
    reads_as("response-lenient", 201, headers, false, b"<p>two segments</p>");
}

/// Integer keys in declaration order, from a struct without `meta`.
#[test]
fn response_packed() {
    reads_as("response-packed", 200, &[(b"a", b"b")], false, b"ok");
}

/// What a function sees of a request in segments, and of keys it does not know.
#[test]
fn request_lenient() {
    let octets = golden("request-lenient");
    let error = RequestView::decode(&octets).map(|_| ()).unwrap_err();
    assert_eq!(error.name(), "segmented");
    let octets = joined(&octets).unwrap();
    let view = RequestView::decode(&octets).unwrap();
    assert_eq!(view.method(), "PURGE");
    assert_eq!(view.path_and_query(), "/a/b");
    assert_eq!(view.scheme(), None);
    let headers: Vec<_> = view.headers().collect();
    assert_eq!(headers, [(&b"host"[..], &b"example.org"[..])]);
    assert_eq!(view.meta().get("http_version"), Some(&b"\x18\x0b"[..]));
    assert_eq!(view.meta().get("tls"), Some(&b"\xa1\x64\x61\x6c\x70\x6e\xf6"[..]));
    assert_eq!(view.meta().get("absent"), None);
    assert_eq!(view.body(), b"xyz");
}

/// What is told before the first request.
#[test]
fn offer_answer_and_verdict() {
    let offer = Offer {
        capabilities: vec!["log".to_owned()],
        limits: vec![("response_bytes".to_owned(), 17_825_792)],
        ..Offer::new("fezz 0.1.0")
    };
    assert_eq!(offer.encode(), golden("offer"));
    assert_eq!(Offer::decode(&golden("offer")).unwrap(), offer);
    let answer =
        Answer { fallback: Some("previous".to_owned()), ttl_ms: Some(30_000), ..Answer::default() };
    assert_eq!(answer.encode(), golden("answer"));
    assert_eq!(Answer::decode(&golden("answer")).unwrap(), answer);
    let verdict = SelfCheckVerdict { checks: Some(3), failures: vec!["no disk".to_owned()] };
    assert_eq!(verdict.encode(), golden("verdict"));
    assert_eq!(SelfCheckVerdict::decode(&golden("verdict")).unwrap(), verdict);
}
