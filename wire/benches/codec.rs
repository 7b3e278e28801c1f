//! The codec's four directions, one at a time: run under callgrind to count instructions.
//!
//! `codec [DIRECTION] [ROUNDS]`, DIRECTION one of `host-encode`, `function-decode`,
//! `function-encode`, `host-decode`; `host-decode-unusual` (an encoder with its own order and
//! kinds), `minicbor-decode` (a generic decoder, for comparison), `allocate` (the part of
//! `function-encode` that is malloc and free), `nothing` (the harness alone); or `all`.
//! Instructions for one round are the difference of two runs divided by that of their rounds.
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
            ..Meta::default()
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

/// The same envelope through minicbor's generic decoder, borrowing, without any of the checks: what
/// the specialised reader replaces.
#[inline(never)]
fn minicbor_decode(octets: &[u8]) -> Result<usize, minicbor::decode::Error> {
    let mut decoder = minicbor::Decoder::new(octets);
    let mut seen = 0;
    for _ in 0..decoder.map()?.unwrap_or(0) {
        match decoder.str()? {
            "status" => seen += usize::from(decoder.u16()?),
            "headers" => {
                for _ in 0..decoder.array()?.unwrap_or(0) {
                    for _ in 0..decoder.map()?.unwrap_or(0) {
                        seen += match decoder.str()? {
                            "name" | "value" => black_box(decoder.bytes()?).len(),
                            _ => decoder.skip().map(|()| 0)?,
                        };
                    }
                }
            }
            "body" => seen += black_box(decoder.bytes()?).len(),
            _ => decoder.skip()?,
        }
    }
    Ok(seen)
}

/// The response as an encoder with an order and kinds of its own writes it.
fn unusual_response() -> Vec<u8> {
    let mut octets = b"\xbf\x64body\x6dhello, world\n\x67headers\x82".to_vec();
    for (name, value) in RESPONSE_HEADERS {
        octets.extend([0x82, 0x78, u8::try_from(name.len()).expect("short")]);
        octets.extend(name);
        octets.extend([0x78, u8::try_from(value.len()).expect("short")]);
        octets.extend(value);
    }
    octets.extend(b"\x66status\x18\xc8\xff");
    octets
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
    let unusual = unusual_response();
    run("host-decode-unusual", &mut || host_decode(black_box(&unusual), &limits));
    run("minicbor-decode", &mut || minicbor_decode(black_box(&response)).expect("a response"));
    println!(
        "{direction}: {rounds} rounds, request {} octets, response {} octets, {seen} seen",
        request.len(),
        response.len()
    );
}
