//! Logs as an operator meets them: real files, full disks, pipes that nobody reads, rotation under
//! load, and clients that would like to write lines of their own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::binary::Serving;
use super::harness::{Client, example, present_user, signal, statuses};

/// An empty directory of a test's own.
fn place(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("logs").join(name);
    drop(std::fs::remove_dir_all(&directory));
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Every line of a log, each of which has to be one object.
fn objects(path: &Path) -> Vec<Map<String, Value>> {
    let text = std::fs::read_to_string(path).expect("a log in UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines");
    let object = |line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
    text.lines().map(object).collect()
}

/// The lines once there are `count` of them.
#[expect(clippy::disallowed_methods, reason = "a test waits for a writer")]
fn wait_for(path: &Path, count: usize) -> Vec<Map<String, Value>> {
    let begin = Instant::now();
    loop {
        let whole = std::fs::read(path).unwrap_or_default().ends_with(b"\n");
        let found = if whole { objects(path) } else { Vec::new() };
        if found.len() >= count || begin.elapsed() > Duration::from_secs(30) {
            assert_eq!(found.len(), count, "{found:#?}");
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn echo() -> String {
    format!("echo@2.1.0={}@/{{*rest}}", example("echo").display())
}

fn serving(words: &[&str]) -> Serving {
    let function = echo();
    let mut all = vec!["--function", &function, "--workers", "2"];
    if !words.contains(&"--event-loops") {
        all.extend(["--event-loops", "2"]);
    }
    all.extend(words);
    Serving::start(&[], &all)
}

/// One request on a connection of its own; the whole reply.
fn ask(server: &Serving, request: &[u8]) -> String {
    let mut client = Client::to(server.address);
    client.send(request);
    client.end();
    client.rest()
}

#[test]
fn each_request_is_one_line_that_tells_what_happened() {
    let directory = place("lines");
    let (access, audit) = (directory.join("access.log"), directory.join("audit.log"));
    // Lines of one loop are in order.
    let logs = ["--access-log", text(&access), "--audit-log", text(&audit)];
    let server = serving(&[&logs[..], &["--event-loops", "1"]].concat());
    let rows: [(&[u8], u16, &str, Option<&str>); 5] = [
        (b"GET /host?secret=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\n\r\n", 200, "ok", None),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, "ok", None),
        (b"GET /a/../../b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "rejected", Some("bad_path")),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "rejected", Some("host_missing")),
        (b"GET /status/404 HTTP/1.0\r\n\r\n", 404, "ok", None),
    ];
    for (request, status, ..) in rows {
        assert_eq!(statuses(&ask(&server, request).replace("HTTP/1.0 ", "HTTP/1.1 ")), [status]);
    }
    // Kept alive: the second request of its connection.
    let mut client = Client::to(server.address);
    for _ in 0..2 {
        client.send(b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n");
        client.reply();
    }
    drop(client);
    let lines = wait_for(&access, rows.len() + 2);
    for (line, (request, status, outcome, reason)) in lines.iter().zip(rows) {
        assert_eq!(line["status"], status, "{line:?}");
        assert_eq!(line["outcome"], outcome, "{line:?}");
        if status == 200 || reason == Some("bad_path") {
            assert_eq!(line["reason"].as_str(), reason, "{line:?}");
        }
        assert_eq!(line["client_ip"], "127.0.0.1");
        assert_eq!(line["req"], 1);
        let received = line["bytes_in"].as_u64().expect("a number");
        assert!((1..=request.len() as u64).contains(&received), "{line:?}");
        assert!(line["bytes_out"].as_u64().expect("a number") > 0);
        let total = line["total_ms"].as_f64().expect("a number");
        assert!((0.0..30_000.0).contains(&total));
        assert_eq!(line.len(), 31, "{line:?}");
    }
    let first = &lines[0];
    for (key, value) in [
        ("method", "GET"),
        ("scheme", "http"),
        ("host", "a"),
        ("path", "/host"),
        ("version", "1.1"),
        ("route", "/{*rest}"),
        ("function", "echo"),
        ("function_version", "2.1.0"),
        ("user_agent", "me"),
    ] {
        assert_eq!(first[key], value, "{first:?}");
    }
    assert!(first["call_ms"].as_f64().expect("a number") > 0.0, "{first:?}");
    assert_eq!((&lines[5]["req"], &lines[6]["req"]), (&1.into(), &2.into()));
    assert_eq!(lines[5]["conn"], lines[6]["conn"]);
    let whole = std::fs::read_to_string(&access).expect("text");
    assert!(!whole.contains("secret"), "no query strings: {whole}");
    // Only those that asked a function are invocations.
    let invocations = wait_for(&audit, 5);
    for line in &invocations {
        assert_eq!((&line["function"], &line["outcome"]), (&"echo".into(), &"ok".into()));
        assert_eq!(line["target"], "fezz::audit");
    }
    server.signal("TERM");
    let (said, code) = server.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_client_that_leaves_is_no_failure_and_a_late_function_is_one() {
    let directory = place("endings");
    let access = directory.join("access.log");
    let words = ["--access-log", text(&access), "--set", "echo.timeout=300ms"];
    let server = serving(&words);
    let mut leaving = Client::to(server.address);
    leaving.send(b"GET /delay/200 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut half = Client::to(server.address);
    half.send(b"GET /half HT");
    std::thread::sleep(Duration::from_millis(50));
    let socket = socket2::SockRef::from(&leaving.0);
    socket.set_linger(Some(Duration::ZERO)).expect("a reset at the end");
    drop((leaving, half));
    let late = ask(&server, b"GET /delay/5000 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(statuses(&late), [504]);
    let lines = wait_for(&access, 3);
    let mut seen = BTreeMap::new();
    for line in &lines {
        let key = (line["outcome"].as_str().expect("a word"), line["path"].as_str());
        seen.insert(key, line["status"].as_u64());
    }
    assert_eq!(seen[&("client_abort", Some("/delay/200"))], None, "{seen:?}");
    assert_eq!(seen[&("client_abort", None)], None, "{seen:?}");
    assert_eq!(seen[&("timeout", Some("/delay/5000"))], Some(504), "{seen:?}");
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}

#[test]
fn no_octet_of_a_request_forges_a_line() {
    let directory = place("forged");
    let (access, combined) = (directory.join("access.log"), directory.join("combined.log"));
    let forged: [&[u8]; 6] = [
        b"x\", \"status\":999, \"a\":\"",
        b"\\\",\\\"status\\\":999",
        b"\x1b[2K\x1b[1G{\"status\":999}",
        b"\xff\xfe\xc0\xaf\xed\xa0\x80",
        "\u{202e}\u{2066}\u{2028}{\"status\":999}".as_bytes(),
        b"%0d%0a{\"status\":999}%00",
    ];
    for (path, format) in [(&access, "json"), (&combined, "combined")] {
        let server = serving(&["--access-log", text(path), "--access-log-format", format]);
        let mut sent = 0;
        for words in forged {
            for (before, after) in [
                ("GET /host HTTP/1.1\r\nHost: a\r\nUser-Agent: ", "\r\n\r\n"),
                ("GET /host HTTP/1.1\r\nHost: a\r\nReferer: ", "\r\n\r\n"),
                ("GET /", " HTTP/1.1\r\nHost: a\r\n\r\n"),
                ("GET / HTTP/1.1\r\nHost: ", "\r\n\r\n"),
                ("GET /host HTTP/1.1\r\nHost: a\r\ntraceparent: ", "\r\n\r\n"),
                ("", " / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ] {
                let mut request = before.as_bytes().to_vec();
                request.extend_from_slice(words);
                request.extend_from_slice(after.as_bytes());
                ask(&server, &request);
                sent += 1;
            }
        }
        server.signal("TERM");
        let (said, code) = server.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(!said.contains("999"), "{said}");
        if format == "json" {
            let lines = objects(path);
            assert_eq!(lines.len(), sent);
            for line in lines {
                assert_ne!(line["status"], 999);
                assert_eq!(line.len(), 31, "{line:?}");
            }
        } else {
            let text = std::fs::read_to_string(path).expect("ASCII");
            assert_eq!(text.lines().count(), sent);
            for line in text.lines() {
                assert!(line.bytes().all(|octet| (0x20..0x7F).contains(&octet)), "{line}");
                assert_eq!(line.matches('"').count(), 6, "{line}");
            }
        }
    }
}

/// What an access log never shows, whatever is configured.
#[test]
fn credentials_are_in_no_log() {
    let directory = place("credentials");
    let access = directory.join("access.log");
    let words = ["--access-log", text(&access), "--log-level", "debug"];
    let server = serving(&words);
    for name in ["Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key"] {
        let request =
            format!("GET /host HTTP/1.1\r\nHost: a\r\n{name}: Bearer SECRET-OCTETS\r\n\r\n");
        assert_eq!(statuses(&ask(&server, request.as_bytes())), [200]);
    }
    wait_for(&access, 4);
    server.signal("TERM");
    let (said, _) = server.end();
    let logged = std::fs::read_to_string(&access).expect("text");
    assert!(!said.contains("SECRET") && !logged.contains("SECRET"), "{said}{logged}");
}

#[test]
fn rotation_under_load_loses_no_line() {
    let directory = place("rotation");
    let access = directory.join("access.log");
    let server = serving(&["--access-log", text(&access)]);
    let (address, over) = (server.address, AtomicBool::new(false));
    let (sent, rotations) = (AtomicU64::new(0), 12);
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (over, sent) = (&over, &sent);
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    let mut connection = Client::to(address);
                    for _ in 0..50 {
                        let request = format!(
                            "GET /host?{client} HTTP/1.1\r\nHost: c{client}-{number}\r\n\r\n"
                        );
                        connection.send(request.as_bytes());
                        assert!(connection.reply().0.starts_with("HTTP/1.1 200 "));
                        number += 1;
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for rotation in 0..rotations {
            let before = sent.load(Ordering::Relaxed);
            while sent.load(Ordering::Relaxed) < before + 100 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let old = directory.join(format!("access.log.{rotation}"));
            std::fs::rename(&access, old).expect("rotated");
            server.signal("USR1");
            while !access.exists() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    server.signal("TERM");
    let (said, code) = server.end();
    assert_eq!(code, Some(0), "{said}");
    let mut hosts = BTreeMap::new();
    let old = (0..rotations).map(|number| directory.join(format!("access.log.{number}")));
    let mut files = 0;
    for path in old.chain([access.clone()]) {
        let lines = objects(&path);
        files += usize::from(!lines.is_empty());
        for line in lines {
            *hosts.entry(line["host"].as_str().expect("a host").to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(hosts.len() as u64, sent.load(Ordering::Relaxed));
    assert!(hosts.values().all(|count| *count == 1), "each request has one line");
    assert!(files > 2, "the load went on while files changed");
}

/// Asks so often that lines are lost which nobody takes; true when every request was answered.
fn flood(server: &Serving, requests: usize) -> Duration {
    let request = b"GET /host HTTP/1.1\r\nHost: a\r\nUser-Agent: ".to_vec();
    let request = [request, vec![b'x'; 1_500], b"\r\n\r\n".to_vec()].concat();
    #[expect(clippy::disallowed_methods, reason = "a test measures")]
    let begin = Instant::now();
    let mut left = requests;
    while left > 0 {
        let some = left.min(500);
        let mut client = Client::to(server.address);
        for _ in 0..some {
            client.send(&request);
            assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
        }
        left -= some;
    }
    begin.elapsed()
}

#[test]
fn a_full_disk_and_a_pipe_that_nobody_reads_slow_nobody() {
    let directory = place("stuck");
    let (plain, pipe) = (directory.join("plain.log"), directory.join("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    // Somebody has it open, and does not read.
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe");
    let requests = 8_000;
    let mut took = Vec::new();
    for path in [&plain, Path::new("/dev/full"), &pipe] {
        let mut server = serving(&["--access-log", text(path), "--event-loops", "1"]);
        took.push(flood(&server, requests));
        if path.ends_with("full") {
            let line = server.line_with("the access log cannot be written");
            assert!(line.contains("No space left on device"), "{line}");
        }
        if path == pipe {
            // The reader wakes up: what was kept comes, and how much was lost is said, once.
            let mut lines = BufReader::new(reader.try_clone().expect("a reader"));
            let mut line = String::new();
            let mut read = 0;
            while read < 100 {
                line.clear();
                lines.read_line(&mut line).expect("a line");
                assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
                read += 1;
            }
            std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
            let line = server.line_with("the access log is written again");
            let lost = line.rsplit_once("lost=").map(|(_, rest)| rest.split(' ').next());
            let lost: usize = lost.flatten().expect("a number").parse().expect("digits");
            assert!(lost > 0 && lost < requests, "{line}");
        }
        server.signal("TERM");
        let (said, code) = server.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("served={requests} cut=0")), "{said}");
    }
    let [plain, full, stuck] = took.try_into().expect("three");
    let most = plain * 3 + Duration::from_secs(1);
    assert!(full < most && stuck < most, "plain {plain:?}, full {full:?}, stuck {stuck:?}");
}

#[test]
fn the_server_log_for_machines() {
    let function = echo();
    let mut child = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .arg("serve")
        .args(present_user())
        .args(["--listen", "127.0.0.1:0", "--function", &function])
        .stderr(Stdio::piped())
        .spawn()
        .expect("fezz runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped"));
    let mut seen = Vec::new();
    let mut next = || {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        serde_json::from_str::<Map<String, Value>>(&line).ok()
    };
    while let Some(line) = next() {
        let ready = line["message"].as_str().is_some_and(|it| it.starts_with("ready: http://"));
        seen.push(line);
        if ready {
            signal(child.id(), "TERM");
        }
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    for line in &seen {
        let level = line["level"].as_str().expect("a level");
        assert!(["error", "warn", "info", "debug"].contains(&level), "{line:?}");
        assert!(line["ts"].as_str().is_some_and(|ts| ts.len() == 27 && ts.ends_with('Z')));
        assert!(line["target"].as_str().is_some_and(|it| it.starts_with("fezz")));
    }
    let last = seen.last().and_then(|line| line["message"].as_str()).unwrap_or_default();
    assert!(last.starts_with("drained: served=0"), "{seen:?}");
}

#[test]
fn a_level_keeps_the_finer_ones_away() {
    let directory = place("level");
    let artifact = example("echo").display().to_string();
    let log = directory.join("stderr");
    let file = std::fs::File::create(&log).expect("a file");
    let child = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .arg("serve")
        .args(present_user())
        .args(["--listen", "127.0.0.1:0", "--function", &artifact])
        .args(["--log-level", "error"])
        .stderr(file)
        .spawn()
        .expect("fezz runs");
    let id = child.id().to_string();
    // It is ready when it has its loops.
    for _ in 0..1_000 {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).expect("a process");
        let is_loop = |task: PathBuf| {
            std::fs::read_to_string(task.join("comm")).unwrap_or_default().starts_with("fezz-loop")
        };
        if tasks.flatten().any(|task| is_loop(task.path())) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(child.id(), "TERM");
    let mut child = child;
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(std::fs::read_to_string(&log).expect("text"), "");
}

#[test]
fn a_log_that_cannot_be_opened_is_refused_at_the_start() {
    let artifact = example("echo").display().to_string();
    for (flag, path) in [("--access-log", "/nonexistent/access.log"), ("--audit-log", "/proc/x")] {
        let output = Command::new(env!("CARGO_BIN_EXE_fezz"))
            .arg("serve")
            .args(present_user())
            .args(["--listen", "127.0.0.1:0", "--function", &artifact, flag, path])
            .output()
            .expect("fezz runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("the log {path} cannot be opened")), "{said}");
    }
}

/// What a function gets of `traceparent` and `tracestate` when these field lines are sent.
fn traced(server: &Serving, fields: &str) -> Vec<(String, String)> {
    let request = format!("GET /headers HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n");
    let reply = ask(server, request.as_bytes());
    let content = reply.split_once("\r\n\r\n").expect("a reply").1.to_owned();
    let lines = content.lines().filter_map(|line| line.split_once(": "));
    let lines = lines.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    lines.filter(|(name, _)| name.starts_with("trace")).collect()
}

#[test]
fn a_trace_goes_on_through_function_and_log() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";
    let directory = place("trace");
    let (access, audit) = (directory.join("access.log"), directory.join("audit.log"));
    let logs = ["--access-log", text(&access), "--audit-log", text(&audit)];
    let server = serving(&[&logs[..], &["--event-loops", "1"]].concat());
    let valid = format!("TraceParent: 00-{TRACE}-{SPAN}-01\r\n");
    let state = "tracestate: a=1\r\nTraceState: b=2\r\n";
    let rows = [
        // Continued: our span, their state, in its order.
        (format!("{valid}{state}"), true, 2),
        (format!("{state}{valid}"), true, 2),
        (valid.clone(), true, 0),
        // Begun: no state of another trace.
        (String::new(), false, 0),
        (state.to_owned(), false, 0),
        (format!("traceparent: 00-{TRACE}-{SPAN}-01-x\r\n{state}"), false, 0),
        (format!("traceparent: 00-{}-{SPAN}-01\r\n", "0".repeat(32)), false, 0),
        (format!("traceparent: ff-{TRACE}-{SPAN}-01\r\n"), false, 0),
        (format!("{valid}{valid}{state}"), false, 0),
    ];
    let mut told = Vec::new();
    for (fields, continued, states) in &rows {
        let got = traced(&server, fields);
        let parents: Vec<&str> =
            got.iter().filter(|(name, _)| name == "traceparent").map(|it| &*it.1).collect();
        let [parent] = parents.as_slice() else { panic!("{fields}: {got:?}") };
        let parts: Vec<&str> = parent.split('-').collect();
        let [version, trace, span, flags] = parts.as_slice() else { panic!("{parent}") };
        assert_eq!((*version, trace.len(), span.len(), *flags), ("00", 32, 16, "01"));
        assert_eq!(*trace == TRACE, *continued, "{fields}: {parent}");
        assert_ne!(*span, SPAN, "a span of our own");
        assert_eq!(got.len() - 1, *states, "{fields}: {got:?}");
        told.push((*trace).to_owned());
    }
    for path in [&access, &audit] {
        let lines = wait_for(path, rows.len());
        let logged: Vec<&str> =
            lines.iter().map(|line| line["trace_id"].as_str().expect("a trace")).collect();
        assert_eq!(logged, told);
    }
    // Switched off, fields are what the client sent.
    let server = serving(&["--tracing", "off"]);
    let sent = traced(&server, &format!("{valid}{valid}tracestate: a=1\r\n"));
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(traced(&server, ""), []);
}
