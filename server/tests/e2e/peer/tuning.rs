//! Limits of connections: that they hold, and that others can be set while connections are here.

use std::time::Duration;

use super::super::harness::{Client, Running, example, field, serving};
use super::GET;

const HOST: &[u8] = b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_connection_has_so_many_requests() {
    let mut config = serving(example("echo"));
    config.limits.requests_per_connection_max = 3;
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    client.send(&HOST.repeat(4));
    for number in 1..=3 {
        let (head, _) = client.reply();
        assert_eq!(field(&head, "connection"), (number == 3).then_some("close"), "{head}");
    }
    assert_eq!(client.rest(), "");
    server.wait("all are counted", |counted| counted.served() == 3);
}

#[test]
fn a_connection_grows_old() {
    let mut config = serving(example("echo"));
    config.timeouts.connection_age = Duration::from_millis(200);
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    client.send(HOST);
    assert_eq!(field(&client.reply().0, "connection"), None);
    std::thread::sleep(Duration::from_millis(250));
    client.send(HOST);
    assert_eq!(field(&client.reply().0, "connection"), Some("close"));
    assert_eq!(client.rest(), "");
}

#[test]
fn an_idle_connection_ends_in_silence() {
    let mut config = serving(example("echo"));
    config.timeouts.keep_alive = Duration::from_millis(200);
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    client.send(HOST);
    client.reply();
    assert_eq!(client.rest(), "");
    server.wait("it is counted", |counted| counted.timed_out["idle"] == 1);
}

#[test]
fn a_body_has_a_minimum_rate() {
    let mut config = serving(example("echo"));
    config.timeouts.pace_grace = Duration::from_millis(300);
    config.limits.rate_bytes_per_s_min = 10_000;
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n");
    for _ in 0..12 {
        // 200 octets a second, never silent for long.
        if std::io::Write::write_all(&mut client.0, b"0123456789").is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(client.reply().0.starts_with("HTTP/1.1 408 "));
    server.wait("it is counted", |counted| counted.refused.get("too_slow") == Some(&1));
}

#[test]
fn a_linger_reads_so_much_and_no_more() {
    let mut config = serving(example("echo"));
    config.limits.body_bytes_max = 10;
    config.limits.linger_bytes_max = 64 << 10;
    config.timeouts.linger = Duration::from_secs(60);
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    assert!(client.reply().0.starts_with("HTTP/1.1 413 "));
    // Nobody takes a hundred million octets.
    let chunk = [0; 10_000];
    let sent = (0..10_000).take_while(|_| std::io::Write::write_all(&mut client.0, &chunk).is_ok());
    assert!(sent.count() < 10_000);
    server.wait("it is over", |counted| counted.closed["linger"] == 1);
    let counted = server.handle.counted();
    assert!(counted.received_bytes < (128 << 10), "{counted:?}");
}

#[test]
fn other_limits_hold_for_those_who_are_here() {
    let mut config = serving(example("echo"));
    config.event_loops = 2;
    let server = Running::start(&config);
    let mut here: Vec<Client> = (0..8).map(|_| Client::to(server.address)).collect();
    for client in &mut here {
        client.send(HOST);
        assert_eq!(field(&client.reply().0, "connection"), None);
    }
    config.timeouts.keep_alive = Duration::from_millis(300);
    config.limits.requests_per_connection_max = 2;
    config.limits.field_section_bytes_max = 8 << 10;
    server.handle.set_limits(&config, 4_096).expect("the limits agree");
    // The limits of heads stay: they size buffers.
    let long = format!(
        "GET /host HTTP/1.1\r\nHost: a\r\nA: {}\r\nB: {}\r\n\r\n",
        "a".repeat(6_000),
        "b".repeat(6_000)
    );
    let (last, others) = here.split_last_mut().expect("eight");
    server.wait("the others are told to leave", |counted| counted.timed_out["idle"] >= 7);
    for client in others {
        assert_eq!(client.rest(), "");
    }
    let mut client = Client::to(server.address);
    for (number, request) in [long.as_bytes(), HOST].into_iter().enumerate() {
        client.send(request);
        let (head, _) = client.reply();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(field(&head, "connection"), (number == 1).then_some("close"));
    }
    assert_eq!(last.rest(), "");
    config.timeouts.keep_alive = Duration::ZERO;
    assert!(server.handle.set_limits(&config, 4_096).is_err(), "nothing for ever");
}

#[test]
fn an_address_may_have_fewer_after_a_reload_and_keeps_what_it_has() {
    let server = super::behind("fewer", |config| config.listeners[0].proxy_protocol = true);
    let connect = |wanted: bool| {
        let mut client = Client::to(server.address);
        client.send(&[&super::v1("203.0.113.7", 1)[..], GET].concat());
        if wanted {
            super::envelope(&mut client);
        } else {
            assert_eq!(client.rest(), "");
        }
        client
    };
    let mut here = [connect(true), connect(true)];
    let mut config = fezz_server::config::Config::default();
    config.limits.connections_per_ip_max = Some(1);
    server.handle.set_limits(&config, 4_096).expect("the limits agree");
    connect(false);
    for client in &mut here {
        client.send(GET);
        super::envelope(client);
    }
    config.limits.connections_per_ip_max = None;
    server.handle.set_limits(&config, 4_096).expect("the limits agree");
    connect(true);
}

#[test]
fn a_reply_that_nobody_reads_is_given_up() {
    let mut config = serving(example("echo"));
    config.limits.body_bytes_max = 16 << 20;
    config.timeouts.write_idle = Duration::from_millis(300);
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    let content = vec![b'a'; 16 << 20];
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 16 << 20);
    client.send(head.as_bytes());
    client.send(&content);
    server.wait("it is given up", |counted| counted.timed_out["write"] == 1);
    assert_eq!(server.handle.counted().closed["write"], 1);
}

#[test]
fn all_bodies_together_have_a_limit() {
    let mut config = serving(example("echo"));
    config.limits.body_bytes_max = 100_000;
    config.limits.buffered_bytes_max = 100_000;
    let server = Running::start(&config);
    let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n";
    let mut first = Client::to(server.address);
    first.send(head);
    first.send(&[b'a'; 80_000]);
    server.wait("it is here", |counted| counted.received_bytes > 80_000);
    let mut second = Client::to(server.address);
    second.send(head);
    second.send(&[b'b'; 60_000]);
    let (refused, _) = second.reply();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert_eq!(field(&refused, "retry-after"), Some("1"));
    server.wait("it is counted", |counted| counted.refused.get("no_memory") == Some(&1));
    first.send(&[b'a'; 10_000]);
    assert!(first.reply().0.starts_with("HTTP/1.1 200 "));
}
