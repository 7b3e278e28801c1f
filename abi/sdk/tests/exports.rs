//! The symbols an attribute generates, called the way a host calls them.
#![expect(unsafe_code, reason = "these tests are the host")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::panic, reason = "the functions under test panic on purpose")]

use fezz::{Error, Request, Response, testing};
use fezz_abi::{FezzIdentityV1, FezzOwned, FezzSlice};
use fezz_wire::{ResponseView, WireLimits};

unsafe extern "C" {
    fn fezz_handle_v2(request: FezzSlice) -> FezzOwned;
    fn fezz_free_v2(buf: FezzOwned);
    static fezz_identity_v1: FezzIdentityV1;
}

#[fezz::function(name = "tested", version = "7.1", max_concurrency = 3, inline)]
fn tested(request: Request) -> Result<Response, Error> {
    match request.path() {
        "/hello" => Ok(Response::text("hello")),
        "/echo" => Ok(Response::bytes(request.body().to_vec())),
        "/refuse" => Err(Error::new(403, "no\n")),
        "/fail" => Err("the secret cause".into()),
        "/panic" => panic!("the secret message"),
        _ => Ok(Response::not_found()),
    }
}

struct Answer {
    status: u16,
    panic: bool,
    body: Vec<u8>,
    address: usize,
}

fn call(envelope: &[u8]) -> Answer {
    // SAFETY: the slice is lent for the call; the answer is read before it is freed, once.
    unsafe {
        let owned = fezz_handle_v2(FezzSlice::lend(envelope));
        assert!(!owned.ptr.is_null());
        let octets = std::slice::from_raw_parts(owned.ptr, owned.len);
        let view = ResponseView::decode(octets, &WireLimits::default()).unwrap();
        let answer = Answer {
            status: view.status(),
            panic: view.is_panic(),
            body: view.body().to_vec(),
            address: owned.ptr.addr(),
        };
        fezz_free_v2(owned);
        answer
    }
}

fn get(path: &str) -> Answer {
    call(&testing::request("GET", path).envelope())
}

#[test]
fn requests_are_answered() {
    let hello = get("/hello");
    assert_eq!((hello.status, hello.panic, &hello.body[..]), (200, false, &b"hello"[..]));
    assert_eq!(get("/nowhere").status, 404);
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let envelope = testing::request("POST", "/echo").body(body.clone()).envelope();
    let echo = call(&envelope);
    assert_eq!(echo.body, body);
    let lent = envelope.as_ptr_range();
    assert!(!(lent.start.addr()..lent.end.addr()).contains(&echo.address));
}

#[test]
fn errors_and_panics_tell_the_client_nothing() {
    let refused = get("/refuse");
    assert_eq!((refused.status, &refused.body[..]), (403, &b"no\n"[..]));
    for (path, panic) in [("/fail", false), ("/panic", true)] {
        let answer = get(path);
        assert_eq!((answer.status, answer.panic), (500, panic));
        assert_eq!(answer.body, b"internal server error\n");
    }
    assert_eq!(get("/hello").status, 200);
}

#[test]
fn what_is_no_envelope_is_answered_all_the_same() {
    for octets in [&b""[..], b"\xA0", b"not cbor", b"\xFF"] {
        assert_eq!(call(octets).status, 500);
    }
}

#[test]
fn an_envelope_in_segments_is_read() {
    // {"method": (_ "G", "ET"), "path_and_query": "/hello"}
    let mut octets = b"\xA2\x66method\x7F\x61G\x62ET\xFF\x6Epath_and_query\x66/hello".to_vec();
    assert_eq!(call(&octets).status, 200);
    octets.push(0);
    assert_eq!(call(&octets).status, 500);
}

#[test]
fn threads_may_call_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    assert_eq!(get("/hello").status, 200);
                }
            });
        }
    });
}

#[test]
fn the_identity_is_what_the_attribute_says() {
    // SAFETY: the static is defined by the attribute above and never written.
    let identity = unsafe { &fezz_identity_v1 };
    assert_eq!((identity.name(), identity.version()), ("tested", "7.1"));
    assert_eq!(identity.sdk(), concat!("fezz ", env!("CARGO_PKG_VERSION")));
    assert_eq!((identity.max_concurrency, identity.inline_ok()), (3, true));
    // SAFETY: plain data without padding, read as octets.
    let octets = unsafe {
        std::slice::from_raw_parts(std::ptr::from_ref(identity).cast::<u8>(), size_of_val(identity))
    };
    assert_eq!(&FezzIdentityV1::read(octets).unwrap(), identity);
}
