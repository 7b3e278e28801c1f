//! The page of metrics and the two of health, as a scraper and a balancer see them.

mod page;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use fezz_server::assemble::Functions;
use fezz_server::config::Config;
use fezz_server::metrics::FAMILIES;
use fezz_server::{Server, Settings};

use self::page::Page;
use super::binary::Serving;
use super::harness::{Client, Running, example, field, route, serving};

fn watched(mut config: Config) -> Running {
    config.metrics.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    Running::start(&config)
}

/// Status and content of one target.
fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut client = Client::to(address);
    client.send(format!("{request} HTTP/1.1\r\nHost: m\r\n\r\n").as_bytes());
    let (head, content) = client.reply();
    let status = head[9..12].parse().expect("a status");
    (status, String::from_utf8(content).expect("text"))
}

fn scrape(server: &Running) -> Page {
    let (status, text) = ask(server.watched(), "GET /metrics");
    assert_eq!(status, 200, "{text}");
    Page::parse(&text)
}

/// Scrapes until the page satisfies `until`.
fn wait(server: &Running, what: &str, until: impl Fn(&Page) -> bool) -> Page {
    for _ in 0..300 {
        let page = scrape(server);
        if until(&page) {
            return page;
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    panic!("{what} did not come true:\n{}", scrape(server).text);
}

#[test]
fn the_page_has_every_metric_with_help_and_type() {
    let server = watched(serving(example("hello")));
    assert!(server.talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 200 "));
    let page = wait(&server, "the exchange is counted", |page| {
        page.sum("http_server_request_duration_seconds_count", &[]) == 1.0
    });
    let found: Vec<_> = page.families.keys().map(String::as_str).collect();
    let mut expected: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for family in FAMILIES {
        let (kind, help) = &page.families[family.name];
        assert_eq!((kind.as_str(), help.as_str()), (family.kind.name(), family.help));
    }
    let labels = [
        ("http_request_method", "GET"),
        ("url_scheme", "http"),
        ("http_response_status_code", "200"),
        ("http_route", "/{*rest}"),
        ("network_protocol_version", "1.1"),
    ];
    assert_eq!(page.sum("http_server_request_duration_seconds_count", &labels), 1.0);
    let hello = [("faas_name", "main"), ("faas_version", "0.1.0"), ("faas_trigger", "http")];
    assert_eq!(page.sum("faas_invocations_total", &hello), 1.0);
    assert_eq!(page.sum("faas_invoke_duration_seconds_count", &hello), 1.0);
    assert_eq!(page.sum("fezz_queue_wait_seconds_count", &[]), 1.0);
    assert_eq!(page.sum("fezz_function_info", &[("faas_name", "main"), ("abi", "v2")]), 1.0);
    assert_eq!(page.sum("fezz_ready", &[]), 1.0);
    assert!(page.sum("fezz_event_loop_lag_seconds_count", &[("loop", "0")]) >= 1.0);
    assert!(page.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(page.sum("process_open_fds", &[]) > 3.0);
}

#[test]
fn what_clients_say_becomes_no_label() {
    let server = watched(serving(example("echo")));
    for request in [
        "BREW /a-path-of-the-client HTTP/1.1\r\nHost: host-of-the-client\r\n",
        "GET /echo?query-of-the-client HTTP/1.1\r\nHost: h\r\nUser-Agent: agent-of-the-client\r\n",
        "G\"ET /echo HTTP/1.1\r\nHost: h\r\n",
        "PROPFIND /echo HTTP/1.1\r\nHost: h\r\n",
    ] {
        server.talk(format!("{request}\r\n").as_bytes());
    }
    let page = wait(&server, "all are counted", |page| {
        page.sum("http_server_request_duration_seconds_count", &[]) == 4.0
    });
    for word in ["of-the-client", "BREW", "PROPFIND", "G\\\"ET"] {
        assert!(!page.text.contains(word), "{word}");
    }
    let other = [("http_request_method", "_OTHER")];
    assert_eq!(page.sum("http_server_request_duration_seconds_count", &other), 3.0);
}

/// What each request was sent for, and how often.
#[test]
fn every_request_is_accounted_for() {
    let mut config = serving(example("echo"));
    config.routes.clear();
    route(&mut config, "slow", example("echo"), "GET,POST:/delay/{n}");
    route(&mut config, "echo", example("echo"), "/echo");
    route(&mut config, "status", example("echo"), "/status/{n}");
    config.functions.remove(0);
    for (place, one) in config.routes.iter_mut().enumerate() {
        one.target = fezz_server::config::Target::Function(place);
    }
    config.timeouts.handler = Duration::from_millis(100);
    let server = watched(config);
    let mut sent = BTreeMap::new();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut send = |text: &str, times: u32, labels: &'static [(&'static str, &'static str)]| {
        for _ in 0..times {
            server.talk(text.as_bytes());
        }
        *sent.entry(labels).or_insert(0.0) += f64::from(times);
    };
    const STATUS: &str = "http_response_status_code";
    send(&get("/echo"), 7, &[(STATUS, "200"), ("http_route", "/echo")]);
    send(&get("/status/503"), 2, &[(STATUS, "503"), ("error_type", "503")]);
    send(&get("/nowhere"), 3, &[(STATUS, "404")]);
    send(&get("/delay/1").replace("GET", "PUT"), 2, &[(STATUS, "405")]);
    send(&get("/delay/900"), 1, &[(STATUS, "504"), ("error_type", "late")]);
    send("GET /echo HTTP/1.1\r\nHost : h\r\n\r\n", 2, &[(STATUS, "400")]);
    send("GET /ec", 4, &[("error_type", "client_abort")]);
    let all: f64 = sent.values().sum();
    const COUNT: &str = "http_server_request_duration_seconds_count";
    let page = wait(&server, "all are counted", |page| page.sum(COUNT, &[]) == all);
    for (labels, times) in &sent {
        assert_eq!(page.sum(COUNT, labels), *times, "{labels:?}\n{}", page.text);
    }
    assert_eq!(page.sum("http_server_active_requests", &[]), 0.0);
    assert_eq!(page.sum("fezz_http_rejected_total", &[("reason", "no_route")]), 3.0);
    assert_eq!(page.sum("faas_timeouts_total", &[("faas_name", "slow")]), 1.0);
    assert_eq!(page.sum("faas_invocations_total", &[]), 9.0);
    assert_eq!(page.sum("fezz_connections_accepted_total", &[("listener", "http")]), 21.0);
    let closed = wait(&server, "all are closed", |page| {
        page.sum("fezz_connections_closed_total", &[]) == 21.0
    });
    assert_eq!(closed.sum("fezz_connections_active", &[]), 0.0, "{}", closed.text);
}

#[test]
fn connections_and_requests_are_seen_while_they_are_there() {
    let server = watched(serving(example("echo")));
    let mut idle = Client::to(server.address);
    idle.send(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    idle.reply();
    let mut busy = Client::to(server.address);
    busy.send(b"GET /delay/400 HTTP/1.1\r\nHost: h\r\n\r\n");
    let gets = [("http_request_method", "GET"), ("url_scheme", "http")];
    // A worker comes for it a moment after it is counted.
    wait(&server, "one is handled, by a worker, and one is idle", |page| {
        page.sum("fezz_connections_active", &[("state", "handle")]) == 1.0
            && page.sum("fezz_connections_active", &[("state", "idle")]) == 1.0
            && page.sum("http_server_active_requests", &gets) == 1.0
            && page.sum("fezz_workers", &[("state", "busy")]) == 1.0
    });
    busy.reply();
    wait(&server, "none is handled", |page| page.sum("http_server_active_requests", &[]) == 0.0);
}

#[test]
fn health_follows_the_drain() {
    let mut config = serving(example("echo"));
    config.drain.delay = Duration::from_millis(1_500);
    let server = watched(config);
    let watched = server.watched();
    assert_eq!(ask(watched, "GET /readyz"), (200, "ready\n".to_owned()));
    assert_eq!(ask(watched, "GET /healthz"), (200, "ok\n".to_owned()));
    server.handle.drain();
    // During the delay: it serves, and says that it will not.
    assert_eq!(ask(watched, "GET /readyz"), (503, "draining\n".to_owned()));
    assert_eq!(ask(watched, "GET /healthz"), (200, "ok\n".to_owned()));
    let page = scrape(&server);
    assert_eq!((page.sum("fezz_ready", &[]), page.sum("fezz_draining", &[])), (0.0, 1.0));
    assert!(server.talk(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_server_whose_workers_are_lost_is_not_ready() {
    let mut config = serving(example("echo"));
    config.workers.abandoned_max = 1;
    config.timeouts.handler = Duration::from_millis(50);
    let server = watched(config);
    let late = server.talk(b"GET /delay/3000 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(late.starts_with("HTTP/1.1 504 "), "{late}");
    for _ in 0..300 {
        let (status, reason) = ask(server.watched(), "GET /readyz");
        if status == 503 {
            assert_eq!(reason, "workers_exhausted\n");
            return assert_eq!(ask(server.watched(), "GET /healthz").0, 200, "loops are well");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it stays ready");
}

#[test]
fn only_three_targets_are_there_and_only_to_be_read() {
    let server = watched(serving(example("hello")));
    let watched = server.watched();
    for request in ["GET /", "GET /metrics/", "GET /metrics/../healthz", "OPTIONS *"] {
        assert_eq!(ask(watched, request).0, 404, "{request}");
    }
    assert_eq!(ask(watched, "POST /metrics").0, 405);
    let mut client = Client::to(watched);
    client.send(b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    let (head, _) = client.reply();
    assert_eq!(field(&head, "content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(field(&head, "cache-control"), Some("no-store"));
    let mut client = Client::to(watched);
    client.send(b"HEAD /metrics HTTP/1.0\r\n\r\n");
    let text = client.rest();
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn slow_scrapers_and_garbage_hurt_nobody() {
    let server = watched(serving(example("hello")));
    let watched = server.watched();
    // More than may be there at once, each with half a request; and one that never reads.
    let mut slow: Vec<Client> = (0..80).map(|_| Client::to(watched)).collect();
    for (number, client) in slow.iter_mut().enumerate() {
        let half: &[u8] = if number % 2 == 0 { b"GET /met" } else { b"\x16\x03\x01\x02\x00\x01" };
        // Who is turned away by then has had the answer.
        drop(std::io::Write::write_all(&mut client.0, half));
    }
    let mut deaf = Client::to(server.address);
    deaf.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(deaf.reply().0.starts_with("HTTP/1.1 200 "), "the server itself is not concerned");
    drop(slow);
    assert_eq!(ask(watched, "GET /readyz").0, 200);
}

#[test]
fn a_port_that_is_taken_is_said_before_anything_is_served() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut config = serving(example("hello"));
    config.metrics.listen = taken.local_addr().ok();
    let functions = Functions::load(&config).expect("the artifacts load");
    let settings = Settings::of(&config, functions, 4_096).expect("the limits agree");
    let error = Server::bind(settings).err().expect("the port is taken");
    assert_eq!(error.name(), "listen");
    let port = taken.local_addr().expect("an address").port();
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[test]
fn the_program_says_where_it_is_watched_and_refuses_a_port_that_is_taken() {
    let artifact = example("hello");
    let artifact = artifact.to_str().expect("text");
    let serving = Serving::start(&[], &["-f", artifact, "--metrics", "127.0.0.1:0"]);
    let watched = serving.watched();
    assert_eq!(ask(watched, "GET /readyz"), (200, "ready\n".to_owned()));
    let address = watched.to_string();
    let program = env!("CARGO_BIN_EXE_fezz");
    let words = ["serve", "--listen", "127.0.0.1:0", "-f", artifact, "--metrics", &address];
    let second = std::process::Command::new(program).args(words).output().expect("it runs");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(71), "{said}");
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
    // A reload that changes nothing is one that went well.
    serving.signal("HUP");
    for _ in 0..300 {
        let page = Page::parse(&ask(watched, "GET /metrics").1);
        if page.sum("fezz_config_reloads_total", &[("result", "ok")]) == 1.0 {
            serving.signal("TERM");
            return assert_eq!(serving.end().1, Some(0));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    panic!("the reload was not counted");
}
