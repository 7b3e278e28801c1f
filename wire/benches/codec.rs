//! The codec's four directions, one at a time: run under callgrind to count instructions.
//!
//! `codec [DIRECTION] [ROUNDS]`, DIRECTION one of `host-encode`, `function-decode`,
//! `function-encode`, `host-decode`, `nothing` (the harness alone),
//! `allocate` (the part of `function-encode` that is malloc and free) or `all`. Instructions for one
//! round are the difference of two runs divided by the difference of their rounds.
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that is wrong")]

use std::hint::black_box;

use fezz_wire::{
    BodySlot, Meta, RequestHead, RequestView, ResponseView, WireLimits, close_body,
    encode_response, set_deadline, write_request,
};

const REQUEST_HEADERS: [(&[u8], &[u8]); 4] = [
    (b"host", b"localhost:8080"),
    (b"user-agent", b"curl/8.5.0"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
];
const RESPONSE_HEADERS: [(&[u8], &[u8]); 2] =
    [(b"content-type", b"text/plain; charset=utf-8"), (b"x-served-by", b"hello")];

/// Writes the request as the server does: the head when it is read, the deadline when the call
/// starts.
#[inline(never)]
fn host_encode(buf: &mut Vec<u8>) -> usize {
    let head = black_box(RequestHead {
        method: "GET",
        scheme: Some("http"),
        authority: Some("localhost:8080"),
        path: "/hello",
        query: None,
        meta: Meta {
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
            deadline_ms: Some(30_000),
            client_ip: Some("127.0.0.1"),
        },
        header_count: REQUEST_HEADERS.len(),
    });
    buf.clear();
    let headers = black_box(&REQUEST_HEADERS).iter().copied();
    let mut layout = write_request(buf, &head, headers, BodySlot::Known(0));
    close_body(buf, &mut layout);
    set_deadline(buf, &mut layout, black_box(29_990));
    layout.start as usize
}

/// Reads the request as far as a small function does.
#[inline(never)]
fn function_decode(octets: &[u8]) -> usize {
    let request = RequestView::decode(octets).expect("a request");
    request.method().len() + request.path_and_query().len() + request.body().len()
}

#[inline(never)]
fn function_encode() -> Vec<u8> {
    let headers = black_box(&RESPONSE_HEADERS).iter().copied();
    encode_response(black_box(200), headers, false, black_box(b"hello, world\n"))
}

/// Reads the response and looks at every header and piece of the body, as the reply's writer does.
#[inline(never)]
fn host_decode(octets: &[u8], limits: &WireLimits) -> usize {
    let response = ResponseView::decode(octets, limits).expect("a response");
    let mut seen = usize::from(response.status());
    for (name, value) in response.headers() {
        seen += black_box(name.as_slice()).map_or(0, <[u8]>::len);
        seen += black_box(value.as_slice()).map_or(0, <[u8]>::len);
    }
    response.body_segments().fold(seen, |seen, piece| seen + black_box(piece).len())
}

fn main() {
    // Cargo passes `--bench`, which says nothing here.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let direction = arguments.next().unwrap_or_else(|| "all".into());
    let rounds = arguments.next().map_or(1000, |n| n.parse().expect("a number of rounds"));

    let mut request = Vec::with_capacity(1024);
    let start = host_encode(&mut request);
    let request = request.split_off(start);
    let response = function_encode();
    let limits = WireLimits::default();
    let mut buf = Vec::with_capacity(1024);
    let mut seen = 0;
    let mut run = |name: &str, step: &mut dyn FnMut() -> usize| {
        if direction == name || direction == "all" {
            (0..rounds).for_each(|_| seen += step());
        }
    };
    run("nothing", &mut || black_box(0));
    run("host-encode", &mut || host_encode(&mut buf));
    run("function-decode", &mut || function_decode(black_box(&request)));
    run("function-encode", &mut || black_box(function_encode()).len());
    run("allocate", &mut || black_box(Vec::<u8>::with_capacity(response.len())).capacity());
    run("host-decode", &mut || host_decode(black_box(&response), &limits));
    println!(
        "{direction}: {rounds} rounds, request {} octets, response {} octets, {seen} seen",
        request.len(),
        response.len()
    );
}
