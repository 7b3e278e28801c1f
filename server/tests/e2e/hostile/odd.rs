//! What the contract allows although nobody writes it so, and what reaches past the answer: content
//! where there is none, descriptors, exceptions, half a function.

use std::os::unix::process::ExitStatusExt as _;

use fezz_server::assemble::Functions;

use super::crash::serving;
use super::{Ward, artifact, get, with_healthy};
use crate::harness::{Client, field, statuses};

/// The number of SIGABRT (signal(7)); the same on every architecture.
const ABORTED: i32 = 6;

#[test]
fn envelopes_that_nobody_writes_are_read_or_refused_as_the_format_says() {
    let ward = Ward::of(artifact("odd_envelope"), |_| {});
    let mut panics = 0;
    let mut stages: Vec<(&'static str, u64)> =
        ["deserialize_response", "response_envelope", "response_decode", "panic"]
            .map(|it| (it, 0))
            .to_vec();
    let rows = [
        ("/segments", ""),
        ("/padded", ""),
        ("/packed", ""),
        ("/pairs", ""),
        ("/unknown", ""),
        ("/shuffled", ""),
        ("/settled", ""),
        ("/open", "deserialize_response"),
        ("/segment-kind", "deserialize_response"),
        ("/segment-in-segment", "deserialize_response"),
        ("/stray-break", "deserialize_response"),
        ("/reserved", "deserialize_response"),
        ("/odd-map", "deserialize_response"),
        ("/tagged", "response_decode"),
        ("/undefined", "response_decode"),
        ("/numbers", "response_decode"),
        ("/three", "response_decode"),
        ("/version", "response_envelope"),
        ("/panic", "panic"),
        ("/segments", ""),
    ];
    for (path, stage) in rows {
        let (status, text) = ward.ask(path);
        let expected = match stage {
            "" => 200,
            "panic" => 500,
            _ => 502,
        };
        assert_eq!(status, expected, "{path}: {text}");
        assert_eq!(text.ends_with("\r\n\r\nwell\n"), stage.is_empty(), "{path}: {text}");
        panics += u64::from(stage == "panic");
        for (name, count) in &mut stages {
            *count += u64::from(*name == stage);
        }
        ward.failed(&stages);
    }
    let pairs = ward.ask("/pairs").1;
    assert_eq!(field(&pairs, "x-a"), Some("b"), "{pairs}");
    let refused = ward.server.handle.counted().refused;
    assert_eq!(refused.get("handler_failed"), Some(&panics), "{refused:?}");
    ward.settled(rows.len() as u64 + 1);
}

/// The content looks like a reply: a client that got it would take it for the next one.
#[test]
fn content_where_there_is_none_is_not_sent() {
    let ward = Ward::of(artifact("content_anyway"), |_| {});
    let mut client = Client::to(ward.server.address);
    let mut octets = Vec::new();
    let paths = ["/204", "/205", "/304", "/204"];
    for path in paths {
        octets.extend(get(path));
    }
    octets.extend(b"HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n");
    octets.extend(get("/hello"));
    client.send(&octets);
    client.end();
    let text = client.rest();
    assert_eq!(statuses(&text), [204, 205, 304, 204, 200, 200], "{text}");
    assert!(!text.contains("split") && text.ends_with("\r\n\r\nhello"), "{text}");
    // What HEAD says is the length that GET would have (RFC 9110 §9.3.2).
    assert!(text.contains("\r\ncontent-length: 43\r\n"), "{text}");
    ward.failed(&[]);
    ward.settled(paths.len() as u64 + 1);
}

#[test]
fn half_a_function_is_not_loaded() {
    let config = with_healthy(artifact("lacks_free"));
    let complaints = Functions::load(&config).expect_err("a symbol is missing");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let text = complaints[0].to_string();
    for word in ["libhostile_lacks_free.so", "fezz_free_v2"] {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

/// Nobody knows in which state the function is, or has a thread that is silently gone: the process
/// ends, and the last line says whose fault it was.
#[test]
fn what_unwinds_out_of_a_function_ends_the_process_under_its_name() {
    for name in ["throws", "ends_thread"] {
        for placement in ["worker", "inline"] {
            let placed = format!("sick.placement={placement}");
            let server = serving(&artifact(name), &["--set", &placed]);
            let mut client = Client::to(server.address);
            client.send(&get("/sick/"));
            let reply = client.rest();
            assert_eq!(statuses(&reply), [0_u16; 0], "{name} {placement}: {reply}");
            let (said, status) = server.ended();
            assert_eq!(status.signal(), Some(ABORTED), "{name} {placement}: {said}");
            for word in [&format!("libhostile_{name}.so"), "left the function"] {
                assert!(said.contains(word), "{name} {placement}: no '{word}' in: {said}");
            }
            assert!(!said.contains("secret"), "{name} {placement}: {said}");
        }
    }
}

/// In a process of its own, because the others' tests need descriptors.
#[test]
fn without_descriptors_the_idle_leave_for_the_new() {
    let server = serving(&artifact("eats_descriptors"), &["--set", "sick.placement=worker"]);
    let mut early = Client::to(server.address);
    early.send(&get("/hello"));
    early.reply();
    let limit = format!("--nofile={0}:{0}", open_descriptors(&server) + 20);
    let id = server.id().to_string();
    let status = std::process::Command::new("prlimit").args(["--pid", &id, &limit]).status();
    assert!(status.expect("prlimit runs").success());
    early.send(&get("/sick/"));
    assert!(early.reply().0.starts_with("HTTP/1.1 200 "));
    let mut later = Client::to(server.address);
    later.send(&get("/hello"));
    assert_eq!(later.reply().1, b"hello");
    assert_eq!(early.rest(), "", "it was idle");
    for _ in 0..50 {
        later.send(&get("/hello"));
        assert_eq!(later.reply().1, b"hello");
    }
    later.send(&get("/sick/release"));
    assert!(later.reply().0.starts_with("HTTP/1.1 200 "));
    server.signal("TERM");
    let (said, code) = server.end();
    assert_eq!(code, Some(0), "{said}");
}

fn open_descriptors(server: &crate::binary::Serving) -> usize {
    let list = std::fs::read_dir(format!("/proc/{}/fd", server.id())).expect("our child");
    list.count()
}
