//! What functions and their host settle: begin, handshake, version, cancellation, the end.

use std::path::PathBuf;
use std::time::Duration;

use fezz_server::assemble::Functions;

use super::harness::{Client, Running, c_function, serving, statuses};

/// A function in C that exports all there is, and says by `/__count` how often each was called:
/// init, handshake, cancel, drain, fini, and the reason of the last cancellation.
fn talkative(name: &str, ttl_ms: u32, version: u32) -> PathBuf {
    let body = format!("#define TTL_MS {ttl_ms}\n#define VERSION {version}\n{TALKATIVE}");
    c_function(name, &body)
}

const TALKATIVE: &str = r#"
#include <stdatomic.h>
#include <stdio.h>
static atomic_int inits, shakes, cancels, reason, drains, finis;
static const FezzHostV1 *host;
static _Atomic uint64_t waiting, told;
static FezzOwned give(const void *octets, size_t length) {
    FezzOwned o = { malloc(length), length };
    memcpy(o.ptr, octets, length);
    return o;
}
static int asks(FezzSlice r, const char *what) {
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}
static uint64_t call_of(FezzSlice r) {
    for (size_t at = 0; at + 14 <= r.len; at++)
        if (!memcmp(r.ptr + at, "\x64" "call" "\x1b", 6)) {
            uint64_t call = 0;
            for (int i = 0; i < 8; i++) call = call << 8 | r.ptr[at + 6 + i];
            return call;
        }
    return 0;
}
int32_t fezz_init_v1(const FezzHostV1 *table, FezzSlice settings) {
    if (asks(settings, "refuse")) return 7;
    if (asks(settings, "hang")) for (;;) pause();
    host = table;
    inits++;
    const char *line = "begun\nforged";
    host->log(host->ctx, 0, FEZZ_LOG_INFO, (FezzSlice){ (const uint8_t *)line, strlen(line) });
    return 0;
}
FezzOwned fezz_handshake_v1(FezzSlice offer) {
    (void)offer;
    shakes++;
    uint8_t answer[] = "\xa2\x69" "functions\xa1\x66handle\x02\x66ttl_ms\x1a\0\0\0\0";
    for (int i = 0; i < 4; i++) answer[sizeof answer - 5 + i] = (uint8_t)(TTL_MS >> (24 - 8 * i));
    return give(answer, sizeof answer - 1);
}
void fezz_cancel_v1(uint64_t call, uint32_t why) {
    cancels++;
    reason = (int)why;
    told = call;
}
int32_t fezz_drain_v1(uint64_t deadline_ns) { drains += deadline_ns > 0; return 0; }
void fezz_fini_v1(void) { finis++; }
FezzOwned fezz_handle_v2(FezzSlice r) {
    uint64_t call = call_of(r);
    if (asks(r, "/__count")) {
        char text[64];
        int length = snprintf(text, sizeof text, "i%d h%d c%d r%d d%d f%d", (int)inits,
                              (int)shakes, (int)cancels, (int)reason, (int)drains, (int)finis);
        uint8_t head[] = "\xa2\x66status\x18\xc8\x64" "body\x58\0";
        uint8_t all[128];
        memcpy(all, head, sizeof head - 1);
        all[sizeof head - 2] = (uint8_t)length;
        memcpy(all + sizeof head - 1, text, (size_t)length);
        return give(all, sizeof head - 1 + (size_t)length);
    }
    if (asks(r, "/until-told")) {
        waiting = call;
        while (told != call) usleep(1000);
    }
    if (asks(r, "/until-cancelled")) {
        waiting = call;
        while (!host->cancelled(host->ctx, call)) usleep(1000);
    }
    if (asks(r, "/services")) {
        uint64_t left = host->remaining_ns(host->ctx, call);
        FezzOwned out;
        int32_t no = host->invoke(host->ctx, call, FEZZ_FORMAT_CBOR, r, &out);
        int good = call && left > 0 && left <= 30000000000ull && no == FEZZ_INVOKE_UNSUPPORTED
            && !host->cancelled(host->ctx, call) && host->cancelled(host->ctx, call + 1);
        if (!good) return give("\xa1\x66status\x19\x01\xf4", 11);
    }
    uint8_t answer[] = "\xa2\x66status\x18\xc8\x64meta\xa1\x67version\x02";
    answer[sizeof answer - 2] = VERSION;
    return give(answer, sizeof answer - 1);
}
void fezz_free_v2(FezzOwned o) { free(o.ptr); }
"#;

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// What the function says it counted.
fn counts(server: &Running) -> String {
    let text = server.talk(&get("/__count"));
    text.split("\r\n\r\n").nth(1).expect("a body").to_owned()
}

/// Asks until the function has counted what `until` wants.
fn wait_for(server: &Running, until: impl Fn(&str) -> bool) -> String {
    for _ in 0..1_000 {
        let counted = counts(server);
        if until(&counted) {
            return counted;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the function counted {}", counts(server));
}

#[test]
fn a_function_begins_once_and_may_ask_its_host() {
    let server = Running::start(&serving(talkative("begins", 60_000, 2)));
    for _ in 0..5 {
        assert_eq!(statuses(&server.talk(&get("/services"))), [200]);
    }
    assert_eq!(counts(&server), "i1 h1 c0 r0 d0 f0");
}

#[test]
fn an_answer_of_another_version_is_refused() {
    let server = Running::start(&serving(talkative("other_version", 60_000, 3)));
    assert_eq!(statuses(&server.talk(&get("/"))), [502]);
    server.wait("the stage is counted", |counted| {
        counted.functions["main"].errors.get("response_envelope") == Some(&1)
    });
}

#[test]
fn a_handshake_that_expired_is_renewed_before_the_next_call() {
    let server = Running::start(&serving(talkative("expires", 50, 2)));
    assert_eq!(counts(&server), "i1 h1 c0 r0 d0 f0");
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(counts(&server), "i1 h2 c0 r0 d0 f0", "the function is not begun anew");
    std::thread::sleep(Duration::from_millis(60));
    // Many at once: one of them asks, the others wait for that.
    let mut clients: Vec<Client> = (0..8).map(|_| Client::to(server.address)).collect();
    for client in &mut clients {
        client.send(&get("/services"));
    }
    for client in &mut clients {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    let counted = counts(&server);
    assert!(counted.starts_with("i1 h3 ") || counted.starts_with("i1 h4 "), "{counted}");
}

#[test]
fn a_function_hears_that_nobody_waits() {
    let mut config = serving(talkative("cancels", 60_000, 2));
    config.workers.threads = 2;
    config.functions[0].options.timeout = Some(Duration::from_secs(1));
    let server = Running::start(&config);
    assert_eq!(statuses(&server.talk(&get("/until-told"))), [504]);
    let counted = wait_for(&server, |counted| counted.contains(" c1 "));
    assert_eq!(counted, "i1 h1 c1 r1 d0 f0", "the deadline");
    assert_eq!(statuses(&server.talk(&get("/until-cancelled"))), [504]);
    wait_for(&server, |counted| counted.contains(" c2 r1 "));
    let mut leaving = Client::to(server.address);
    leaving.send(&get("/until-told"));
    server.wait("it is inside", |counted| counted.workers.busy == 1);
    let socket = socket2::SockRef::from(&leaving.0);
    socket.set_linger(Some(Duration::ZERO)).expect("a reset at the end");
    drop(leaving);
    wait_for(&server, |counted| counted.contains(" c3 r2 "));
    // It came back by itself each time: nothing is left inside.
    server.wait("all are back", |counted| {
        counted.workers.busy == 0 && counted.workers.abandoned == 0
    });
    let counted = server.handle.counted();
    assert_eq!(counted.functions["main"].errors.get("cancelled"), Some(&1), "{counted:?}");
    assert_eq!(counted.functions["main"].errors.get("timeout"), Some(&2), "{counted:?}");
}

#[test]
fn an_idle_function_is_brought_to_an_end_and_begins_anew() {
    let mut config = serving(talkative("idle", 60_000, 2));
    config.functions[0].options.ttl = Some(Duration::from_millis(300));
    let server = Running::start(&config);
    assert_eq!(counts(&server), "i1 h1 c0 r0 d0 f0");
    server.wait("it was ended", |counted| counted.functions["main"].dormant);
    assert_eq!(counts(&server), "i2 h2 c0 r0 d1 f1");
    assert!(!server.handle.counted().functions["main"].dormant);
}

#[test]
fn a_function_that_does_not_begin_is_not_served() {
    for (name, key, stage) in [("refuses", "refuse", "load"), ("hangs", "hang", "handshake")] {
        let mut config = serving(talkative(name, 60_000, 2));
        config.functions[0].options.config = vec![(key.to_owned(), "yes".to_owned())];
        let complaints = Functions::load(&config).expect_err("it does not begin");
        let text = complaints[0].to_string();
        assert!(text.contains(&format!("stage={stage}")), "{text}");
    }
}

#[test]
fn functions_hear_of_the_end_of_the_server() {
    let mut server = Running::start(&serving(talkative("the_end", 60_000, 2)));
    assert_eq!(counts(&server), "i1 h1 c0 r0 d0 f0");
    server.handle.drain();
    let report = server.join();
    assert_eq!((report.cut, report.abandoned), (0, 0));
}

#[test]
fn a_call_without_a_socket_settles_as_well() {
    let artifact = talkative("invoked", 60_000, 2);
    let invoke = |settings: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_fezz"))
            .arg("invoke")
            .arg(&artifact)
            .args(["GET", "/services"])
            .args(settings)
            .output()
            .expect("fezz runs")
    };
    assert_eq!(invoke(&["--fail"]).status.code(), Some(0));
    let refused = invoke(&["--config", "refuse=yes"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("stage=load"), "{said}");
}
