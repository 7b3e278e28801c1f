//! The envelope's four ways: each as the server and the SDK take it.

use std::hint::black_box;

use fezz::{Request, Response};
use fezz_parser::{Head, HeadLimits, Index, Resume, parse_head};
use fezz_wire::{
    BodySlot, Meta, RequestHead, RequestView, ResponseView, WireLimits, close_body,
    encode_response, set_deadline, write_request,
};

use super::parser;

/// Requests to write and read: no fields but Host, the four of a small client, those of a browser.
pub(super) const NONE: &str = "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
pub(super) const FEW: &str = "GET /hello HTTP/1.1\r\nHost: localhost:8080\r\n\
    User-Agent: curl/8.5.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n";
pub(super) const BROWSER: &str = "";

const FIELDS: [(&[u8], &[u8]); 2] =
    [(b"content-type", b"text/plain; charset=utf-8"), (b"x-served-by", b"hello")];

struct Parsed {
    octets: Vec<u8>,
    index: Index,
}

fn parsed(text: &str) -> Parsed {
    let octets = match text {
        BROWSER => parser::head("browser"),
        other => other.as_bytes().to_vec(),
    };
    let mut index = Index::new();
    let end = parse_head(&octets, &HeadLimits::DEFAULT, &mut Resume::default(), &mut index);
    assert_eq!(end, Ok(Some(octets.len())));
    Parsed { octets, index }
}

/// Writes the request as the server does: when its head is read, and the deadline when it is
/// called. Where the envelope begins.
fn write(request: &Parsed, into: &mut Vec<u8>) -> usize {
    let head = Head::new(black_box(&request.octets), black_box(&request.index));
    let fields = head.end_to_end_fields().map(|field| (field.name, field.value));
    let line = RequestHead {
        method: head.method_octets(),
        scheme: Some(black_box(&b"http"[..])),
        authority: head.authority_octets(),
        path: head.path_octets(),
        query: head.query_octets(),
        meta: Meta {
            trace_id: Some(black_box(&b"4bf92f3577b34da6a3ce929d0e0e4736"[..])),
            deadline_ms: Some(30_000),
            client_ip: Some(black_box(&b"127.0.0.1"[..])),
            ..Meta::default()
        },
        header_count: head.end_to_end_count(),
    };
    into.clear();
    let mut layout = write_request(into, &line, fields, BodySlot::Known(0));
    close_body(into, &mut layout);
    set_deadline(into, &mut layout, black_box(29_990));
    layout.start as usize
}

fn envelope(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let start = write(&parsed(text), &mut octets);
    octets.split_off(start)
}

fn answer() -> Vec<u8> {
    encode_response(black_box(200), black_box(&FIELDS).iter().copied(), false, b"hello, world\n")
}

/// A parsed head becomes an envelope.
pub(super) fn host_writes(text: &'static str) -> Box<dyn FnMut()> {
    let (request, mut buffer) = (parsed(text), Vec::with_capacity(4 * 1024));
    Box::new(move || {
        black_box(write(&request, &mut buffer));
        black_box(&buffer);
    })
}

/// An envelope is read as far as a small function needs it.
pub(super) fn function_reads(text: &'static str) -> Box<dyn FnMut()> {
    let octets = envelope(text);
    Box::new(move || {
        let request = RequestView::decode(black_box(&octets)).expect("a request");
        black_box((request.method(), request.path_and_query(), request.body()));
    })
}

/// An answer becomes an envelope: one allocation, which is freed.
pub(super) fn function_writes() -> Box<dyn FnMut()> {
    Box::new(|| drop(black_box(answer())))
}

/// An answer is read and judged, every field and piece of it looked at.
pub(super) fn host_reads() -> Box<dyn FnMut()> {
    reads(answer())
}

/// The same with an order and kinds of its own: what encoders of other languages write.
pub(super) fn host_reads_unusual() -> Box<dyn FnMut()> {
    let mut octets = b"\xbf\x64body\x6dhello, world\n\x67headers\x82".to_vec();
    for (name, value) in FIELDS {
        octets.extend([0x82, 0x78, u8::try_from(name.len()).expect("short")]);
        octets.extend(name);
        octets.extend([0x78, u8::try_from(value.len()).expect("short")]);
        octets.extend(value);
    }
    octets.extend(b"\x66status\x18\xc8\xff");
    reads(octets)
}

fn reads(octets: Vec<u8>) -> Box<dyn FnMut()> {
    let limits = WireLimits::default();
    Box::new(move || {
        let response = ResponseView::decode(black_box(&octets), &limits).expect("a response");
        black_box(response.status());
        for (name, value) in response.headers() {
            black_box((name.as_slice(), value.as_slice()));
        }
        response.body_segments().for_each(|piece| {
            black_box(piece);
        });
    })
}

/// What a call of the smallest function costs inside its artifact: the envelope read, a response
/// made and written, and freed again.
pub(super) fn hello() -> Box<dyn FnMut()> {
    fn hello(_: Request<'_>) -> Response {
        Response::text("hello")
    }
    let octets = envelope(FEW);
    Box::new(move || {
        let answer = fezz::__private::serve(black_box(&octets), hello);
        fezz::__private::take_back(black_box(answer));
    })
}
