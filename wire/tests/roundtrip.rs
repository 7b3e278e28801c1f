//! Two independent libraries, `ciborium` and `serde_cbor`, with nothing but structs of the
//! documented shape: they read what we write, we read what they write.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise; bodies count round"
)]

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use fezz_wire::{
    BodySlot, Meta, RequestHead, RequestView, ResponseView, WireError, WireLimits, encode_response,
    write_request,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    name: ByteBuf,
    value: ByteBuf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RequestMeta {
    trace_id: Option<String>,
    deadline_ms: Option<u64>,
    client_ip: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Request {
    method: String,
    scheme: Option<String>,
    authority: Option<String>,
    path_and_query: String,
    headers: Vec<Header>,
    meta: Option<RequestMeta>,
    body: ByteBuf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Response {
    status: u16,
    headers: Vec<Header>,
    body: ByteBuf,
}

/// A plugin's struct that names everything there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FullResponse {
    status: u16,
    headers: Option<Vec<Header>>,
    meta: Option<ResponseMeta>,
    body: Option<ByteBuf>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ResponseMeta {
    panic: bool,
    version: Option<u64>,
}

/// A plugin that uses strings throughout, in an order of its own, with a field of its own.
#[derive(Serialize)]
struct TextResponse<'a> {
    body: &'a str,
    took_us: f64,
    headers: Vec<(&'a str, &'a str)>,
    status: u16,
}

/// Vectors of integers instead of byte strings: see FORMAT.md, "Byte strings".
#[derive(Serialize)]
struct NaiveResponse {
    status: u16,
    headers: Vec<Header>,
    body: Vec<u8>,
}

/// One way to write and one to read.
struct Library {
    name: &'static str,
    packed: bool,
}

const LIBRARIES: [Library; 3] = [
    Library { name: "ciborium", packed: false },
    Library { name: "serde_cbor", packed: false },
    Library { name: "serde_cbor", packed: true },
];

impl Library {
    fn write(&self, value: &impl Serialize) -> Vec<u8> {
        match (self.name, self.packed) {
            ("ciborium", _) => {
                let mut octets = Vec::new();
                ciborium::into_writer(value, &mut octets).unwrap();
                octets
            }
            (_, true) => serde_cbor::ser::to_vec_packed(value).unwrap(),
            (_, false) => serde_cbor::to_vec(value).unwrap(),
        }
    }

    fn read<T: DeserializeOwned>(&self, octets: &[u8]) -> T {
        match self.name {
            "ciborium" => ciborium::from_reader(octets).unwrap(),
            _ => serde_cbor::from_slice(octets).unwrap(),
        }
    }
}

fn header(name: &[u8], value: &[u8]) -> Header {
    Header { name: ByteBuf::from(name), value: ByteBuf::from(value) }
}

fn pairs(headers: &[Header]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    headers.iter().map(|header| (&header.name[..], &header.value[..]))
}

fn requests() -> Vec<Request> {
    let many = (0..200).map(|n| header(format!("x-{n}").as_bytes(), &vec![b'v'; n * 3])).collect();
    vec![
        Request {
            method: "GET".into(),
            scheme: None,
            authority: None,
            path_and_query: "/".into(),
            headers: vec![],
            meta: Some(RequestMeta { trace_id: None, deadline_ms: None, client_ip: None }),
            body: ByteBuf::new(),
        },
        Request {
            method: "POST".into(),
            scheme: Some("https".into()),
            authority: Some("example.org:8443".into()),
            path_and_query: "/a/b?c=d&e=%20f".into(),
            headers: vec![header(b"Host", b"example.org:8443"), header(b"x", b"caf\xe9")],
            meta: Some(RequestMeta {
                trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
                deadline_ms: Some(u64::from(u32::MAX) + 1),
                client_ip: Some("2001:db8::1".into()),
            }),
            body: ByteBuf::from((0..=255).collect::<Vec<u8>>()),
        },
        Request {
            method: "PUT".into(),
            scheme: Some("http".into()),
            authority: Some("caf\u{e9}.example".into()),
            path_and_query: format!("/{}?{}", "p".repeat(300), "q".repeat(70_000)),
            headers: many,
            meta: Some(RequestMeta {
                trace_id: None,
                deadline_ms: Some(250),
                client_ip: Some("192.0.2.1".into()),
            }),
            body: ByteBuf::from(vec![7; 70_000]),
        },
    ]
}

fn responses() -> Vec<Response> {
    vec![
        Response { status: 204, headers: vec![], body: ByteBuf::new() },
        Response {
            status: 200,
            headers: vec![header(b"content-type", b"text/plain"), header(b"Set-Cookie", b"a=\xff")],
            body: ByteBuf::from("hello".as_bytes()),
        },
        Response {
            status: 599,
            headers: (0..100).map(|n| header(b"x-n", n.to_string().as_bytes())).collect(),
            body: ByteBuf::from((0..100_000u32).map(|n| n as u8).collect::<Vec<u8>>()),
        },
    ]
}

fn written(request: &Request) -> Vec<u8> {
    let (path, query) = match request.path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&request.path_and_query[..], None),
    };
    let meta = request.meta.as_ref().unwrap();
    let head = RequestHead {
        method: request.method.as_str(),
        scheme: request.scheme.as_deref(),
        authority: request.authority.as_deref(),
        path,
        query,
        meta: Meta {
            trace_id: meta.trace_id.as_deref(),
            deadline_ms: meta.deadline_ms,
            client_ip: meta.client_ip.as_deref(),
            ..Meta::default()
        },
        header_count: request.headers.len(),
    };
    let mut buf = Vec::new();
    let slot = BodySlot::Known(request.body.len() as u64);
    write_request(&mut buf, &head, pairs(&request.headers), slot);
    buf.extend_from_slice(&request.body);
    buf
}

fn assert_same_request(octets: &[u8], request: &Request) {
    let view = RequestView::decode(octets).unwrap();
    assert_eq!(view.method(), request.method);
    assert_eq!(view.scheme(), request.scheme.as_deref());
    assert_eq!(view.authority(), request.authority.as_deref());
    assert_eq!(view.path_and_query(), request.path_and_query);
    assert!(view.headers().eq(pairs(&request.headers)));
    let meta = request.meta.as_ref().unwrap();
    assert_eq!(view.meta().trace_id(), meta.trace_id.as_deref());
    assert_eq!(view.meta().deadline_ms(), meta.deadline_ms);
    assert_eq!(view.meta().client_ip(), meta.client_ip.as_deref());
    assert_eq!(view.body(), &request.body[..]);
}

fn decoded(octets: &[u8]) -> FullResponse {
    let view = ResponseView::decode(octets, &WireLimits::default()).unwrap();
    FullResponse {
        status: view.status(),
        headers: Some(view.headers().map(|(n, v)| header(&n.to_vec(), &v.to_vec())).collect()),
        meta: Some(ResponseMeta { panic: view.is_panic(), version: view.meta_version() }),
        body: Some(ByteBuf::from(view.body().to_vec())),
    }
}

#[test]
fn they_read_our_requests() {
    for request in requests() {
        let octets = written(&request);
        for library in &LIBRARIES {
            assert_eq!(library.read::<Request>(&octets), request, "{}", library.name);
        }
    }
}

#[test]
fn we_read_their_requests() {
    for request in requests() {
        for library in &LIBRARIES {
            assert_same_request(&library.write(&request), &request);
        }
    }
}

/// Derived structs in field order come out octet for octet as we write them: serde's most common
/// encoders are canonical enough for recordings to be compared.
#[test]
fn our_requests_are_what_a_derive_writes() {
    for request in requests() {
        assert_eq!(LIBRARIES[0].write(&request), written(&request));
        assert_eq!(LIBRARIES[1].write(&request), written(&request));
    }
}

#[test]
fn we_read_their_responses() {
    for response in responses() {
        for library in &LIBRARIES {
            let full = FullResponse {
                status: response.status,
                headers: Some(response.headers.clone()),
                meta: Some(ResponseMeta { panic: false, version: None }),
                body: Some(response.body.clone()),
            };
            assert_eq!(decoded(&library.write(&response)), full, "{}", library.name);
            assert_eq!(decoded(&library.write(&full)), full, "{}", library.name);
        }
    }
}

#[test]
fn nothing_but_a_status_is_a_response() {
    let none = FullResponse { status: 204, headers: None, meta: None, body: None };
    let read = FullResponse {
        status: 204,
        headers: Some(vec![]),
        meta: Some(ResponseMeta { panic: false, version: None }),
        body: Some(ByteBuf::new()),
    };
    for library in &LIBRARIES {
        assert_eq!(decoded(&library.write(&none)), read);
    }
}

#[test]
fn meta_arrives() {
    let meta = ResponseMeta { panic: true, version: Some(3) };
    let full = FullResponse {
        status: 500,
        headers: Some(vec![]),
        meta: Some(meta),
        body: Some(ByteBuf::new()),
    };
    // A packed encoder numbers the keys of `meta` too, which the format declares no order for.
    for library in LIBRARIES.iter().filter(|library| !library.packed) {
        assert_eq!(decoded(&library.write(&full)), full);
        assert_eq!(library.read::<FullResponse>(&library.write(&full)), full);
    }
}

#[test]
fn they_read_our_responses() {
    for response in responses() {
        let octets =
            encode_response(response.status, pairs(&response.headers), false, &response.body);
        for library in &LIBRARIES {
            assert_eq!(library.read::<Response>(&octets), response, "{}", library.name);
        }
    }
    let octets = encode_response(500, [].into_iter(), true, b"");
    let read: FullResponse = LIBRARIES[0].read(&octets);
    assert_eq!(read.meta, Some(ResponseMeta { panic: true, version: None }));
}

#[test]
fn text_and_pairs_are_a_response() {
    let text = TextResponse {
        body: "<p>caf\u{e9}</p>",
        took_us: 1.25,
        headers: vec![("content-type", "text/html"), ("x-note", "caf\u{e9}")],
        status: 200,
    };
    for library in &LIBRARIES[..2] {
        let read = decoded(&library.write(&text));
        assert_eq!(read.status, 200);
        assert_eq!(read.body.unwrap(), text.body.as_bytes());
        let headers = [header(b"content-type", b"text/html"), header(b"x-note", b"caf\xc3\xa9")];
        assert_eq!(read.headers.unwrap(), headers);
    }
}

/// A list of integers is not a string. The refusal says what stands there and what should.
#[test]
fn a_vector_of_integers_is_not_a_body() {
    let naive = NaiveResponse { status: 200, headers: vec![], body: b"hi".to_vec() };
    for library in &LIBRARIES {
        let octets = library.write(&naive);
        let error = ResponseView::decode(&octets, &WireLimits::default()).map(|_| ()).unwrap_err();
        assert!(matches!(error, WireError::WrongType { .. }), "{error}");
        assert!(error.to_string().contains("is an array, not"), "{error}");
    }
}
