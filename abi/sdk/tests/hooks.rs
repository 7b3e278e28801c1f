//! Every option beside the identity's, called the way a host calls what it exports.
#![expect(unsafe_code, reason = "these tests are the host")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::panic, reason = "the functions under test panic on purpose")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fezz::{Call, CancelReason, Error, Init, LogLevel, Request, Response, SelfCheck, testing};
use fezz_abi::services::{self, HostServices, InvokeError, NO_DEADLINE_NS};
use fezz_abi::{FezzHostV1, FezzOwned, FezzSlice};
use fezz_wire::{
    Answer, BodySlot, Meta, Offer, RequestHead, ResponseView, SelfCheckSpec, SelfCheckVerdict,
    WireLimits, encode_settings, write_request,
};

unsafe extern "C" {
    fn fezz_handle_v2(request: FezzSlice) -> FezzOwned;
    fn fezz_free_v2(buf: FezzOwned);
    fn fezz_init_v1(host: *const FezzHostV1, settings: FezzSlice) -> i32;
    fn fezz_handshake_v1(offer: FezzSlice) -> FezzOwned;
    fn fezz_selfcheck_v1(spec: FezzSlice) -> FezzOwned;
    fn fezz_cancel_v1(call: u64, reason: u32);
    fn fezz_drain_v1(deadline_ns: u64) -> i32;
    fn fezz_fini_v1();
}

#[fezz::function(
    capabilities = ["log", "cancelled"],
    fallback = "previous",
    ttl = "90s",
    init = start,
    selfcheck = check,
    cancel = cancelled,
    drain = drain,
    fini = fini
)]
fn tested(request: Request) -> Result<Response, Error> {
    let call = fezz::call();
    assert_eq!(call, request.call());
    match request.path() {
        "/ask" => {
            call.info("asked");
            Ok(Response::text(format!("{} {:?}", call.cancelled(), call.remaining())))
        }
        "/thread" => {
            let there = std::thread::spawn(move || (fezz::call().number(), call.cancelled()));
            Ok(Response::text(format!("{:?}", there.join().unwrap_or_default())))
        }
        "/fail" => Err("the cause".into()),
        "/panic" => panic!("the message"),
        _ => Ok(Response::not_found()),
    }
}

fn start(init: &Init) -> Result<(), String> {
    match init.setting("mode") {
        Some("panic") => panic!("the message"),
        Some(_) => Ok(()),
        None => Err(format!("no mode among {}", init.settings().count())),
    }
}

fn check(check: &mut SelfCheck) {
    check.that("one is one", true);
    check.that("cats bark", false);
    assert_eq!(check.worked("parsing", "7".parse::<u8>()), Some(7));
    assert_eq!(check.worked("parsing x", "x".parse::<u8>()), None);
}

static TOLD: Mutex<Vec<(u64, Option<CancelReason>)>> = Mutex::new(Vec::new());
static ENDS: AtomicU64 = AtomicU64::new(0);

fn cancelled(call: Call, reason: Option<CancelReason>) {
    TOLD.lock().unwrap().push((call.number(), reason));
}

fn drain(left: Duration) -> bool {
    left > Duration::from_secs(1)
}

fn fini() {
    ENDS.fetch_add(1, Ordering::SeqCst);
}

/// Call 1 << 40 is cancelled and has no deadline; every other has its number in nanoseconds.
struct Host(Mutex<Vec<(u64, LogLevel, String)>>);

const GONE: u64 = 1 << 40;

impl HostServices for Host {
    fn log(&self, call: u64, level: LogLevel, text: &[u8]) {
        let text = String::from_utf8(text.to_vec()).unwrap();
        self.0.lock().unwrap().push((call, level, text));
    }

    fn cancelled(&self, call: u64) -> bool {
        call == GONE
    }

    fn remaining_ns(&self, call: u64) -> u64 {
        if call == GONE { NO_DEADLINE_NS } else { call }
    }

    fn invoke(&self, _: u64, _: u32, _: &[u8]) -> Result<Vec<u8>, InvokeError> {
        Err(InvokeError::Unsupported)
    }
}

static HOST: Host = Host(Mutex::new(Vec::new()));

fn init(settings: &[(&str, &str)]) -> i32 {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let settings = encode_settings(&settings.iter().map(owned).collect::<Vec<_>>());
    // SAFETY: a table that is never freed, and settings lent for the call.
    unsafe { fezz_init_v1(services::table(&HOST), FezzSlice::lend(&settings)) }
}

/// The octets of an answer, which is given back.
fn taken(owned: FezzOwned) -> Vec<u8> {
    assert!(!owned.ptr.is_null());
    // SAFETY: handed over by the function; given back once.
    unsafe {
        let octets = std::slice::from_raw_parts(owned.ptr, owned.len).to_vec();
        fezz_free_v2(owned);
        octets
    }
}

fn get(path: &str, call: Option<u64>) -> (u16, String) {
    let meta = Meta { call, ..Meta::default() };
    let head = RequestHead { method: "GET", path, meta, ..RequestHead::default() };
    let mut envelope = Vec::new();
    write_request(&mut envelope, &head, std::iter::empty(), BodySlot::Known(0));
    // SAFETY: the envelope is lent for the call.
    let octets = taken(unsafe { fezz_handle_v2(FezzSlice::lend(&envelope)) });
    let view = ResponseView::decode(&octets, &WireLimits::default()).unwrap();
    (view.status(), String::from_utf8(view.body().to_vec()).unwrap())
}

#[test]
fn the_host_is_asked_about_the_call_that_runs() {
    assert_eq!(init(&[("mode", "x")]), 0);
    assert_eq!(get("/ask", Some(GONE)), (200, "true None".to_owned()));
    assert_eq!(get("/ask", Some(5)), (200, "false Some(5ns)".to_owned()));
    assert_eq!(get("/ask", None), (200, "false Some(0ns)".to_owned()));
    assert_eq!(get("/thread", Some(GONE)), (200, "(0, true)".to_owned()));
    assert_eq!(get("/fail", Some(6)).0, 500);
    assert_eq!(get("/panic", Some(7)).0, 500);
    assert_eq!(fezz::call().number(), 0, "also after a panic");
    let lines = HOST.0.lock().unwrap().clone();
    assert!(lines.contains(&(GONE, LogLevel::Info, "asked".to_owned())));
    assert!(lines.contains(&(6, LogLevel::Error, "answered 500: the cause".to_owned())));
}

#[test]
fn init_takes_settings_refuses_and_panics() {
    assert_eq!(init(&[("mode", "a"), ("other", "b")]), 0);
    assert_eq!(init(&[("other", "b")]), 1);
    let line = (0, LogLevel::Error, "no mode among 1".to_owned());
    assert!(HOST.0.lock().unwrap().contains(&line));
    assert_eq!(init(&[("mode", "panic")]), 2);
    // SAFETY: what a table of an earlier size would be, and settings lent for the call.
    unsafe {
        let table = services::table(&HOST);
        let small = FezzHostV1 { struct_size: 8, ..*table };
        assert_eq!(fezz_init_v1(&raw const small, FezzSlice::lend(b"\xa0")), 3);
        assert_eq!(fezz_init_v1(table, FezzSlice::lend(b"\x80")), 1);
    }
    // In a test of the author's own, without a host.
    assert!(testing::init(start, &[("mode", "x")]).is_ok());
    assert_eq!(testing::init(start, &[]).unwrap_err(), "no mode among 0");
}

#[test]
fn the_handshake_says_what_the_attribute_says() {
    let offer = Offer::new("test").encode();
    // SAFETY: the offer is lent for the call.
    let answer = taken(unsafe { fezz_handshake_v1(FezzSlice::lend(&offer)) });
    let expected = Answer {
        handle: 2,
        capabilities: vec!["log".to_owned(), "cancelled".to_owned()],
        fallback: Some("previous".to_owned()),
        ttl_ms: Some(90_000),
    };
    assert_eq!(Answer::decode(&answer).unwrap(), expected);
    // SAFETY: as above; what is no offer has no answer.
    assert!(unsafe { fezz_handshake_v1(FezzSlice::lend(b"\xa0")) }.ptr.is_null());
}

#[test]
fn the_self_check_answers_samples_and_runs_the_hook() {
    let sample = |path| testing::request("GET", path).envelope();
    let spec = SelfCheckSpec { samples: vec![sample("/ask"), sample("/panic")] }.encode();
    // SAFETY: the specification is lent for the call.
    let verdict = taken(unsafe { fezz_selfcheck_v1(FezzSlice::lend(&spec)) });
    let verdict = SelfCheckVerdict::decode(&verdict).unwrap();
    assert_eq!(verdict.checks, Some(6));
    let [panicked, bark, parsing] = &verdict.failures[..] else { panic!("{verdict:?}") };
    assert_eq!(panicked, "sample 1: the function panicked");
    assert_eq!(bark, "cats bark");
    assert!(parsing.starts_with("parsing x: invalid digit"));
    assert_eq!(testing::self_check(check).len(), 2);
}

#[test]
fn ends_are_told() {
    // SAFETY: numbers.
    unsafe {
        fezz_cancel_v1(GONE, CancelReason::ClientGone.code());
        fezz_cancel_v1(9, 4711);
        assert_eq!(fezz_drain_v1(2_000_000_000), 0);
        assert_eq!(fezz_drain_v1(1), 1);
        fezz_fini_v1();
    }
    assert_eq!(*TOLD.lock().unwrap(), [(GONE, Some(CancelReason::ClientGone)), (9, None)]);
    assert_eq!(ENDS.load(Ordering::SeqCst), 1);
}
