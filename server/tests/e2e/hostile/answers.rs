//! Answers that are none, that break a rule, or that try to frame themselves.

use super::{Ward, artifact, get};
use crate::harness::{Client, field};

/// A path, the status the client gets, and the stage that is counted; none if it is well.
type Row = (&'static str, u16, &'static str);

/// Asks for each path once. Exactly one stage is counted for each failure, nothing of a refused
/// answer is sent, and in the end everything was given back once.
fn each(name: &str, rows: &[Row]) {
    let ward = Ward::of(artifact(name), |config| {
        config.limits.response_body_bytes_max = 2 << 20;
    });
    let mut stages = std::collections::BTreeMap::new();
    for (path, status, stage) in rows {
        let (found, text) = ward.ask(path);
        assert_eq!(found, *status, "{name}{path}: {text:.400}");
        if !stage.is_empty() {
            assert!(text.ends_with("\r\n\r\nbad gateway\n"), "{name}{path}: {text:.400}");
            *stages.entry(*stage).or_default() += 1;
        }
        assert!(!text.contains("split"), "{name}{path}: {text:.400}");
        ward.failed(&stages.iter().map(|(stage, count)| (*stage, *count)).collect::<Vec<_>>());
    }
    ward.settled(rows.len() as u64);
    let refused: u64 = stages.values().sum();
    ward.server.wait("each refusal has its reason", |counted| {
        counted.refused.get("bad_handler").copied().unwrap_or(0) == refused
    });
    assert_eq!(ward.sick().abandoned + ward.sick().late + ward.sick().rescues, 0);
}

#[test]
fn what_is_no_answer_is_a_502_and_is_given_back_if_it_can_be() {
    each("returns_null", &[("/", 502, "plugin_call")]);
    each("null_with_length", &[("/", 502, "plugin_call"), ("/all", 502, "plugin_call")]);
    each("empty_answer", &[("/", 502, "deserialize_response")]);
    each(
        "points_into_request",
        &[
            ("/", 502, "plugin_call"),
            ("/inside", 502, "plugin_call"),
            ("/end", 502, "plugin_call"),
            ("/empty", 502, "plugin_call"),
        ],
    );
    each(
        "wrong_length",
        &[
            ("/slack", 502, "response_decode"),
            ("/tail", 502, "response_decode"),
            ("/half", 502, "deserialize_response"),
            ("/all", 502, "plugin_call"),
            ("/request", 502, "plugin_call"),
        ],
    );
    each(
        "huge_answer",
        &[
            ("/2048", 200, ""),
            ("/2049", 502, "response_decode"),
            ("/65536", 502, "plugin_call"),
            ("/1", 200, ""),
        ],
    );
}

#[test]
fn what_is_no_envelope_is_a_502_whatever_it_claims() {
    each(
        "no_envelope",
        &[
            ("/noise", 502, "deserialize_response"),
            ("/cut", 502, "deserialize_response"),
            ("/claim", 502, "deserialize_response"),
            ("/claim-list", 502, "response_decode"),
            ("/claim-map", 502, "deserialize_response"),
            ("/words", 502, "deserialize_response"),
            ("/list", 502, "response_envelope"),
            ("/no-status", 502, "response_decode"),
            ("/text-status", 502, "response_decode"),
            ("/twice", 502, "response_decode"),
            ("/twice-mixed", 502, "response_decode"),
            ("/twice-body", 502, "response_decode"),
            ("/tail", 502, "response_decode"),
        ],
    );
    each(
        "deep_nesting",
        &[
            ("/1", 200, ""),
            ("/7", 200, ""),
            ("/8", 502, "response_decode"),
            ("/1000000", 502, "response_decode"),
        ],
    );
}

#[test]
fn what_would_break_the_head_is_a_502() {
    let bad = |path| (path, 502, "response_decode");
    let statuses = ["/0", "/99", "/100", "/101", "/199", "/600", "/1000", "/18446744073709551615"];
    let mut rows: Vec<Row> = statuses.map(bad).to_vec();
    rows.extend([("/200", 200, ""), ("/599", 599, "")]);
    each("bad_status", &rows);
    let values = ["/value-crlf", "/value-lf", "/value-nul"];
    let names = ["/name-crlf", "/name-colon", "/name-nul", "/name-space", "/name-empty"];
    each("splits_response", &values.into_iter().chain(names).map(bad).collect::<Vec<_>>());
    each("many_fields", &[("/256", 200, ""), bad("/257"), bad("/20000")]);
}

/// The server alone frames: whatever the function says, the next answer on the connection begins
/// where the last one ended.
#[test]
fn framing_of_its_own_is_dropped() {
    let ward = Ward::of(artifact("own_framing"), |_| {});
    let mut client = Client::to(ward.server.address);
    for path in ["/length", "/coding", "/connection", "/upgrade", "/"] {
        client.send(&get(path));
        let (head, content) = client.reply();
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        assert_eq!(content, if path == "/" { "well\n" } else { "one field\n" }.as_bytes());
        for name in ["transfer-encoding", "connection", "upgrade"] {
            assert_eq!(field(&head, name), None, "{path}: {head}");
        }
        assert_eq!(head.matches("content-length").count(), 1, "{path}: {head}");
    }
    drop(client);
    ward.failed(&[]);
    ward.settled(5);
}

/// The loan is overwritten: the server does not read it any more, and nobody else's is meant.
#[test]
fn a_request_that_is_overwritten_is_nobody_elses() {
    let ward = Ward::of(artifact("writes_request"), |_| {});
    let mut client = Client::to(ward.server.address);
    for round in 0_usize..50 {
        // Two in one segment: the second is received before the first is overwritten.
        let content = vec![b'x'; round * 100];
        let mut octets =
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len())
                .into_bytes();
        octets.extend(content);
        octets.extend(get("/"));
        client.send(&octets);
        for _ in 0..2 {
            let (head, content) = client.reply();
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(content, b"well\n");
        }
    }
    drop(client);
    ward.failed(&[]);
    ward.settled(100);
}

/// Failing is no reason for a quarantine as long as it is in time.
#[test]
fn what_fails_now_and_then_is_served_now_and_then() {
    let ward = Ward::of(artifact("flaky"), |_| {});
    for round in 1..=20 {
        assert_eq!(ward.status("/"), 200);
        assert_eq!(ward.status("/"), 502);
        ward.failed(&[("plugin_call", round)]);
    }
    ward.settled(40);
}

/// A leak and a thread of its own cannot be told from a cache and a pool.
#[test]
fn what_it_keeps_is_its_own_business() {
    let ward = Ward::of(artifact("leaks"), |_| {});
    for _ in 0..20 {
        assert_eq!(ward.status("/"), 200);
    }
    ward.failed(&[]);
    assert_eq!(ward.settled(20)["leaked_mib"], 20);
    let ward = Ward::of(artifact("leaves_thread"), |_| {});
    assert_eq!(ward.status("/"), 200);
    ward.failed(&[]);
    ward.settled(1);
    let before = ward.own("beats");
    for _ in 0..1_000 {
        if ward.own("beats") > before {
            return;
        }
    }
    panic!("the thread does not live on");
}
