//! Connections: order, persistence, ends, drain; one loop and several.

use std::io::Read;
use std::time::Duration;

use super::harness::{Client, Running, example, field, serving, statuses};

const GET: &[u8] = b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn pipelined_requests_are_answered_in_order_also_after_a_half_close() {
    let server = Running::start(&serving(example("echo")));
    let mut requests = Vec::new();
    for number in 0..40 {
        requests.extend(format!("GET /host HTTP/1.1\r\nHost: h{number}\r\n\r\n").into_bytes());
        if number % 10 == 3 {
            requests
                .extend(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            requests.extend(b"3;x=\"y\"\r\nabc\r\n0\r\nT: r\r\n\r\n");
        }
    }
    let text = server.talk(&requests);
    assert_eq!(statuses(&text), [200; 44]);
    let places: Vec<usize> =
        (0..40).map(|number| text.find(&format!("\r\n\r\nh{number}")).expect("there")).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn a_head_request_and_bodiless_statuses_have_no_content() {
    let server = Running::start(&serving(example("echo")));
    let text = server.talk(
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n\
          GET /status/304 HTTP/1.1\r\nHost: a\r\n\r\nGET /host HTTP/1.1\r\nHost: last\r\n\r\n",
    );
    assert_eq!(statuses(&text), [200, 204, 304, 200]);
    let parts: Vec<&str> = text.split("\r\n\r\n").collect();
    assert_eq!(parts.len(), 5, "{text}");
    assert!(parts[1].starts_with("HTTP/1.1 204"), "HEAD has no content: {text}");
    assert!(field(parts[0], "content-length").is_some_and(|length| length != "0"));
    assert!(field(parts[1], "content-length").is_none());
    assert_eq!(parts[4], "last");
}

#[test]
fn the_server_answers_for_itself_without_refusing() {
    let server = Running::start(&serving(example("echo")));
    let text = server.talk(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(statuses(&text), [200]);
    server.wait("it is counted", |counted| counted.answered == 1);
    let counted = server.handle.counted();
    assert_eq!((counted.refused.len(), counted.served()), (0, 0), "{counted:?}");
}

#[test]
fn a_steady_slow_reader_gets_all_of_a_long_reply() {
    const CONTENT_BYTES: usize = 16 * 1024 * 1024;
    let mut config = serving(example("echo"));
    config.limits.body_bytes_max = CONTENT_BYTES as u64;
    config.timeouts.write_idle = Duration::from_secs(2);
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    let socket = socket2::SockRef::from(&client.0);
    socket.set_recv_buffer_size(64 * 1024).expect("a small window");
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {CONTENT_BYTES}\r\n\r\n");
    client.send(&[head.as_bytes(), &vec![b'~'; CONTENT_BYTES]].concat());
    // Two hundred times the rate that is asked for, but the kernel's buffer hides most of it.
    let mut some = [0; 4_096];
    let mut content_bytes = 0;
    for _ in 0..100 {
        client.0.read_exact(&mut some).expect("the server goes on");
        content_bytes += some.iter().filter(|octet| **octet == b'~').count();
        std::thread::sleep(Duration::from_millis(40));
    }
    client.end();
    content_bytes += client.rest().matches('~').count();
    assert_eq!(content_bytes, CONTENT_BYTES);
}

#[test]
fn connection_options_are_obeyed() {
    let server = Running::start(&serving(example("echo")));
    let mut client = Client::to(server.address);
    client.send(b"GET /host HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    let (head, _) = client.reply();
    assert_eq!(field(&head, "connection"), Some("keep-alive"));
    client.send(b"GET /host HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.send(GET);
    let text = client.rest();
    assert_eq!(statuses(&text), [200], "nothing is answered after a close: {text}");
    assert_eq!(field(&text, "connection"), Some("close"));
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let mut config = serving(example("echo"));
    config.limits.body_bytes_max = 10;
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    client.send(&[b'x'; 100_000]);
    let text = client.rest();
    assert_eq!(statuses(&text), [413]);
    assert_eq!(field(&text, "connection"), Some("close"));
    server.wait("the refusal is counted", |counted| {
        counted.refused.get("body_too_large") == Some(&1)
    });
}

#[test]
fn slow_heads_and_bodies_get_408_and_silence_gets_nothing() {
    let mut config = serving(example("echo"));
    config.timeouts.request_header = Duration::from_millis(200);
    config.timeouts.body_idle = Duration::from_millis(200);
    let server = Running::start(&config);
    for (octets, expected) in [
        (b"GET / HT".as_slice(), vec![408]),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab", vec![408]),
        (b"", vec![]),
    ] {
        let mut client = Client::to(server.address);
        client.send(octets);
        assert_eq!(statuses(&client.rest()), expected);
    }
}

#[test]
fn a_large_reply_reaches_a_slow_reader_whole() {
    let mut config = serving(example("echo"));
    config.limits.body_bytes_max = 8 << 20;
    let server = Running::start(&config);
    let content: Vec<u8> = (0..6_000_000_u32).map(|place| (place % 251) as u8).collect();
    let mut client = Client::to(server.address);
    let head =
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len());
    client.send(head.as_bytes());
    client.send(&content);
    std::thread::sleep(Duration::from_millis(200));
    let (_, echoed) = client.reply();
    assert!(echoed == content, "the octets differ");
}

#[test]
fn several_loops_share_an_address() {
    let mut config = serving(example("echo"));
    config.event_loops = 4;
    let server = Running::start(&config);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let address = server.address;
            std::thread::spawn(move || {
                for _ in 0..50 {
                    let mut client = Client::to(address);
                    client.send(GET);
                    client.send(GET);
                    assert_eq!(client.reply().1, b"a");
                    assert_eq!(client.reply().1, b"a");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("no client fails");
    }
    assert_eq!(server.handle.counted().served(), 800);
}

#[test]
fn a_drain_answers_what_is_under_way_and_says_goodbye_to_the_idle() {
    let mut server = Running::start(&serving(example("echo")));
    let mut idle = Client::to(server.address);
    idle.send(GET);
    idle.reply();
    let mut busy = Client::to(server.address);
    busy.send(b"GET /delay/300 HTTP/1.1\r\nHost: a\r\n\r\n");
    server.wait("the request is with a worker", |counted| counted.dispatched == 2);
    server.handle.drain();
    let (head, _) = busy.reply();
    assert_eq!(field(&head, "connection"), Some("close"));
    assert_eq!(idle.rest(), "");
    let mut late = busy;
    assert_eq!(late.rest(), "");
    drop((idle, late));
    let report = server.join();
    assert_eq!((report.served, report.cut), (2, 0), "{report}");
    assert!(std::net::TcpStream::connect(server.address).is_err(), "nobody listens any more");
}

#[test]
fn a_drain_that_takes_too_long_is_cut() {
    let mut config = serving(example("echo"));
    config.drain.grace = Duration::from_millis(100);
    let mut server = Running::start(&config);
    let mut busy = Client::to(server.address);
    busy.send(b"GET /delay/1500 HTTP/1.1\r\nHost: a\r\n\r\n");
    server.wait("the request is with a worker", |counted| counted.dispatched == 1);
    server.handle.drain();
    assert_eq!(busy.rest(), "");
    let report = server.join();
    assert_eq!((report.served, report.cut, report.abandoned), (0, 1, 1), "{report}");
}
