//! Every exchange that began is told of once, with what really happened to it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use fezz_server::Outcome;

use super::harness::{Client, Running, Seen, example, serving};

/// Waits until so many exchanges are over; they are all there are.
fn seen(server: &Running, count: usize) -> Vec<Seen> {
    server.wait("the exchanges are over", |_| server.seen().len() >= count);
    let seen = server.seen();
    assert_eq!(seen.len(), count, "{seen:#?}");
    seen
}

#[test]
fn a_record_says_who_asked_for_what_and_how_long_it_took() {
    let before = SystemTime::UNIX_EPOCH.elapsed().expect("a clock");
    let server = Running::start(&serving(example("echo")));
    let get = "GET /delay/30?a=b HTTP/1.1\r\nHost: h.example\r\nUser-Agent: u/1\r\n\
               Referer: http://r/\r\n\r\n";
    let post = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    let mut client = Client::to(server.address);
    client.send([get, post].concat().as_bytes());
    client.end();
    let replies = client.rest();
    let seen = seen(&server, 2);
    let first = &seen[0];
    assert_eq!(first.said, "GET h.example /delay/30 a=b u/1 http://r/");
    assert_eq!((first.method, first.status, first.minor_version), (Some("GET"), 200, Some(1)));
    assert_eq!((first.listener.as_str(), first.request), ("http", 1));
    assert_eq!(first.client, IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(
        (first.route.as_deref(), first.function.as_deref()),
        (Some("/{*rest}"), Some("main@0.1.0"))
    );
    assert_eq!((first.outcome, first.refusal.as_deref()), (Outcome::Ok, None));
    assert_eq!(first.received_bytes, get.len() as u64);
    let took = first.took;
    assert!(took.call_us >= 30_000 && took.total_us >= took.call_us + took.queue_us, "{took:?}");
    assert!(first.began.elapsed().expect("past") < Duration::from_secs(60));
    assert!(first.began.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970") >= before);
    let second = &seen[1];
    assert_eq!((second.request, second.connection), (2, first.connection));
    assert_eq!(second.said, "POST h /echo - - -");
    assert_eq!(second.received_bytes, post.len() as u64);
    assert_eq!(first.sent_bytes + second.sent_bytes, replies.len() as u64);
}

#[test]
fn what_is_refused_is_told_of_with_its_reason() {
    let mut config = serving(example("echo"));
    config.routes[0].pattern =
        fezz_server::plugin::pattern::Pattern::parse("GET:/delay/{n}").expect("a pattern");
    config.timeouts.handler = Duration::from_millis(50);
    let server = Running::start(&config);
    for (request, status) in [
        ("GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("POST /delay/1 HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("GET /delay/1 HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        ("GET /delay/400 HTTP/1.1\r\nHost: h\r\n\r\n", 504),
    ] {
        let reply = server.talk(request.as_bytes());
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
    }
    let seen = seen(&server, 4);
    let facts = |one: &Seen| (one.status, one.outcome, one.refusal.clone().unwrap_or_default());
    assert_eq!(facts(&seen[0]), (404, Outcome::Rejected, "no_route".to_owned()));
    assert_eq!((seen[0].route.as_deref(), seen[0].function.as_deref()), (None, None));
    assert_eq!(facts(&seen[1]), (405, Outcome::Rejected, "no_method".to_owned()));
    assert_eq!((seen[2].status, seen[2].outcome, seen[2].method), (400, Outcome::Rejected, None));
    assert_eq!((seen[2].said.as_str(), seen[2].refusal.is_some()), ("", true));
    assert_eq!(facts(&seen[3]), (504, Outcome::Timeout, "late".to_owned()));
    assert!(seen[3].took.call_us >= 50_000, "{:?}", seen[3].took);
    assert_eq!(seen[3].function.as_deref(), Some("main@0.1.0"));
}

#[test]
fn a_client_that_leaves_is_told_of_in_every_phase() {
    let mut config = serving(example("echo"));
    config.workers.threads = 1;
    let server = Running::start(&config);
    // In the middle of its head, of its content, and while a function has it.
    drop({
        let mut client = Client::to(server.address);
        client.send(b"GET / HTT");
        client
    });
    seen(&server, 1);
    drop({
        let mut client = Client::to(server.address);
        client.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhel");
        client
    });
    seen(&server, 2);
    let client = {
        let mut client = Client::to(server.address);
        client.send(b"GET /delay/300 HTTP/1.1\r\nHost: h\r\n\r\n");
        server.wait("it is called", |counted| counted.dispatched == 1);
        client
    };
    socket2::SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(client);
    let seen = seen(&server, 3);
    for one in &seen {
        assert_eq!((one.status, one.outcome), (0, Outcome::ClientAbort), "{one:?}");
        assert_eq!((one.sent_bytes, one.refusal.as_deref()), (0, None));
    }
    assert_eq!((seen[0].method, seen[0].received_bytes), (None, 9));
    assert_eq!((seen[1].method, seen[1].route.as_deref()), (Some("POST"), Some("/{*rest}")));
    assert_eq!(seen[2].function.as_deref(), Some("main@0.1.0"));
}

#[test]
fn a_killed_server_tells_of_what_it_cut() {
    let server = Running::start(&serving(example("echo")));
    let mut client = Client::to(server.address);
    client.send(b"GET /delay/2000 HTTP/1.1\r\nHost: h\r\n\r\n");
    server.wait("it is called", |counted| counted.dispatched == 1);
    server.handle.kill();
    assert_eq!(client.rest(), "");
    let seen = seen(&server, 1);
    assert_eq!((seen[0].status, seen[0].outcome), (0, Outcome::Drained));
}
