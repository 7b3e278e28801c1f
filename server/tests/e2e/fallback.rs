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
    options.timeout = Some(Duration::from_millis(200));
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
    // On a slow machine the call that waits comes to its end by the quarantine, not by its deadline.
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
    config.functions[0].options.timeout = Some(Duration::from_millis(200));
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
