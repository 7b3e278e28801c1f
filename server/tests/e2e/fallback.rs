//! What a client gets when a function fails and its operator has a remedy.

use std::time::Duration;

use fezz_server::assemble::Functions;
use fezz_server::config::{Config, Fallback};
use fezz_server::plugin::version::Version;

use super::harness::{Client, Running, c_function, serving, statuses};

/// Answers `status` and hangs on `/hang`; a status of 0 is no answer at all.
fn function(name: &str, status: u16) -> std::path::PathBuf {
    let body = format!(
        r#"
static int asks(FezzSlice r, const char *what) {{
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}}
FezzOwned fezz_handle_v2(FezzSlice r) {{
    FezzOwned o = {{ NULL, 0 }};
    if (asks(r, "/hang")) for (;;) pause();
    if (!{status}) return o;
    uint8_t answer[] = "\xa1\x66status\x19\0\0";
    answer[9] = {status} >> 8;
    answer[10] = {status} & 255;
    o.len = sizeof answer - 1;
    o.ptr = malloc(o.len);
    memcpy(o.ptr, answer, o.len);
    return o;
}}
void fezz_free_v2(FezzOwned o) {{ free(o.ptr); }}
"#
    );
    c_function(name, &body)
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

fn apology(config: &mut Config) {
    let options = &mut config.functions[0].options;
    options.fallback = Some(Fallback::Static {
        status: 203,
        content_type: "text/x-sorry".to_owned(),
        body: b"we are sorry".to_vec(),
    });
    options.timeout = Some(Duration::from_millis(600));
    options.abandon_max = 1;
}

#[test]
fn the_operator_has_an_answer_of_its_own() {
    let mut config = serving(function("static_answer", 0));
    config.workers.threads = 1;
    config.workers.queue_jobs_max = 1;
    apology(&mut config);
    let server = Running::start(&config);
    let sorry = |text: &str| {
        assert_eq!(statuses(text), [203], "{text}");
        assert!(text.contains("content-type: text/x-sorry\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nwe are sorry"), "{text}");
    };
    // No answer; no room in the queue; no answer in time; quarantine.
    sorry(&server.talk(&get("/")));
    let mut hanging: Vec<Client> = (0..2).map(|_| Client::to(server.address)).collect();
    for (number, client) in hanging.iter_mut().enumerate() {
        client.send(&get("/hang"));
        server.wait("it is handed over", |counted| counted.dispatched == 2 + number as u64);
    }
    sorry(&server.talk(&get("/")));
    for client in &mut hanging {
        let (head, content) = client.reply();
        assert!(head.starts_with("HTTP/1.1 203 "), "{head}");
        assert_eq!(content, b"we are sorry");
    }
    server.wait("it is given up", |counted| counted.workers.abandoned == 1);
    sorry(&server.talk(&get("/")));
    let sick = &server.handle.counted().functions["main"];
    assert_eq!(sick.fallbacks.get("static"), Some(&5), "{sick:?}");
    // On a slow machine the call that waits comes to its end by the quarantine, not by its
    // deadline.
    let [limit, timeout] = ["limit", "timeout"].map(|stage| sick.errors.get(stage).copied());
    assert_eq!(sick.errors.get("plugin_call"), Some(&1), "{sick:?}");
    assert!(matches!((limit, timeout), (Some(2), Some(2)) | (Some(3), Some(1))), "{sick:?}");
}

/// A version that does not begin is held back: the one before serves on its routes.
#[test]
fn a_version_that_does_not_begin_is_held_back() {
    let refusing = c_function(
        "refusing",
        "int32_t fezz_init_v1(const FezzHostV1 *h, FezzSlice s) { (void)h; (void)s; return 9; }\n\
         FezzOwned fezz_handle_v2(FezzSlice r) { (void)r; return (FezzOwned){ NULL, 0 }; }\n\
         void fezz_free_v2(FezzOwned o) { (void)o; }\n",
    );
    let mut config = serving(refusing);
    config.functions[0].name = Some("same".to_owned());
    config.functions[0].version = Version::parse("2.0").ok();
    assert!(Functions::load(&config).is_err(), "there is nobody to stand in");
    let mut older = config.functions[0].clone();
    older.version = Version::parse("1.0").ok();
    older.artifact = function("held_back", 201);
    config.functions.push(older);
    config.functions[0].options.fallback = Some(Fallback::FailRequest);
    let complaints = Functions::load(&config).expect_err("nobody wants the older one");
    assert!(complaints[0].to_string().contains("stage=load"), "{}", complaints[0]);
    config.functions[0].options.fallback = Some(Fallback::Previous);
    let server = Running::start(&config);
    assert_eq!(statuses(&server.talk(&get("/"))), [201]);
}

#[test]
fn the_version_before_answers() {
    let mut config = serving(function("newer", 0));
    config.functions[0].name = Some("same".to_owned());
    config.functions[0].version = Version::parse("1.1").ok();
    config.functions[0].options.fallback = Some(Fallback::Previous);
    config.functions[0].options.timeout = Some(Duration::from_millis(600));
    config.functions[0].options.abandon_max = 1;
    for (version, status) in [("1.0", 202), ("0.9", 201), ("1.2", 203)] {
        let mut other = config.functions[0].clone();
        other.version = Version::parse(version).ok();
        other.artifact = function(&format!("older_{status}"), status);
        other.options.fallback = None;
        config.functions.push(other);
        let mut route = config.routes[0].clone();
        let pattern = format!("/{status}/{{*rest}}");
        route.pattern = fezz_server::plugin::pattern::Pattern::parse(&pattern).expect("a pattern");
        route.target = fezz_server::config::Target::Function(config.functions.len() - 1);
        config.routes.push(route);
    }
    let server = Running::start(&config);
    for _ in 0..3 {
        assert_eq!(statuses(&server.talk(&get("/"))), [202], "1.0, which is next below 1.1");
    }
    // Nobody has the time to answer after the deadline.
    assert_eq!(statuses(&server.talk(&get("/hang"))), [504]);
    server.wait("it is given up", |counted| counted.workers.abandoned == 1);
    assert_eq!(statuses(&server.talk(&get("/"))), [202], "1.1 is in quarantine");
    let counted = server.handle.counted();
    let sick = &counted.functions["same@1.1"];
    assert_eq!(sick.fallbacks.get("previous"), Some(&4), "{sick:?}");
    assert!(counted.functions["same@1.0"].errors.is_empty());
}

/// Fails after 150 ms, and says by a header of `/__count` how often it was called and told that
/// nobody waits; `answers` instead of failing.
fn slow(name: &str, answers: bool) -> std::path::PathBuf {
    let body = format!(
        r#"
#include <stdatomic.h>
static atomic_int calls, cancels;
static int asks(FezzSlice r, const char *what) {{
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}}
void fezz_cancel_v1(uint64_t call, uint32_t why) {{ cancels += call && why == 2; }}
FezzOwned fezz_handle_v2(FezzSlice r) {{
    FezzOwned o = {{ NULL, 0 }};
    if (!asks(r, "/__count")) {{
        calls++;
        usleep(150 * 1000);
        if (!{answers}) return o;
    }}
    o.ptr = malloc(18);
    o.len = 18;
    memcpy(o.ptr, "\xa2\x66status\x18\xc8\x64" "body\x42", 16);
    o.ptr[16] = (uint8_t)('0' + calls);
    o.ptr[17] = (uint8_t)('0' + cancels);
    return o;
}}
void fezz_free_v2(FezzOwned o) {{ free(o.ptr); }}
"#,
        answers = i32::from(answers)
    );
    c_function(name, &body)
}

fn leave(server: &Running, path: &str, after: Duration) {
    let mut leaving = Client::to(server.address);
    leaving.send(&get(path));
    std::thread::sleep(after);
    let socket = socket2::SockRef::from(&leaving.0);
    socket.set_linger(Some(Duration::ZERO)).expect("a reset at the end");
}

/// A call fails when nobody waits for its answer any more: its dispatch failed once, not twice, and
/// nobody is asked instead.
#[test]
fn a_dispatch_fails_once() {
    let mut config = serving(slow("slow_newer", false));
    config.functions[0].name = Some("same".to_owned());
    config.functions[0].version = Version::parse("2.0").ok();
    config.functions[0].options.fallback = Some(Fallback::Previous);
    let mut older = config.functions[0].clone();
    older.version = Version::parse("1.0").ok();
    older.artifact = slow("slow_older", true);
    older.options.fallback = None;
    config.functions.push(older);
    let mut route = config.routes[0].clone();
    let pattern = "/older/{*rest}";
    route.pattern = fezz_server::plugin::pattern::Pattern::parse(pattern).expect("a pattern");
    route.target = fezz_server::config::Target::Function(1);
    config.routes.push(route);
    let server = Running::start(&config);
    let of_older = || server.talk(&get("/older/__count"));
    leave(&server, "/", Duration::from_millis(50));
    server.wait("it is noticed", |counted| counted.functions["same@2.0"].errors.len() == 1);
    std::thread::sleep(Duration::from_millis(300));
    let sick = &server.handle.counted().functions["same@2.0"];
    assert_eq!(sick.errors, [("cancelled", 1)].into_iter().collect(), "{sick:?}");
    assert!(sick.fallbacks.is_empty(), "{sick:?}");
    assert!(of_older().ends_with("\r\n\r\n00"), "nobody called it");
    // Whoever leaves while the other version answers: that one hears of it, and is charged.
    leave(&server, "/", Duration::from_millis(230));
    server.wait("it is noticed", |counted| counted.functions["same@1.0"].errors.len() == 1);
    let counted = server.handle.counted();
    let (sick, well) = (&counted.functions["same@2.0"], &counted.functions["same@1.0"]);
    let all = [("cancelled", 1), ("plugin_call", 1)];
    assert_eq!(sick.errors, all.into_iter().collect(), "{sick:?}");
    assert_eq!(well.errors, [("cancelled", 1)].into_iter().collect(), "{well:?}");
    std::thread::sleep(Duration::from_millis(200));
    assert!(of_older().ends_with("\r\n\r\n11"), "it was called, and told: {}", of_older());
}

/// The same at the deadline: the call comes back with nothing in the moment that it is left.
#[test]
fn who_is_late_and_fails_was_late() {
    let mut config = serving(slow("late_and_fails", false));
    config.functions[0].options.timeout = Some(Duration::from_millis(135));
    config.functions[0].options.abandon_max = 100;
    config.workers.abandoned_max = 100;
    let server = Running::start(&config);
    let failed = (0..6).filter(|_| statuses(&server.talk(&get("/"))) == [504]).count();
    assert!(failed > 0, "all of them were late enough to be in time");
    std::thread::sleep(Duration::from_millis(100));
    let sick = &server.handle.counted().functions["main"];
    assert_eq!(sick.errors.values().sum::<u64>(), 6, "{sick:?}");
}
