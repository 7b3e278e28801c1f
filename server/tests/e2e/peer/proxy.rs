//! Listeners where every connection begins with a PROXY header.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use fezz_server::config::{Config, ListenerConfig};

use super::super::harness::{Client, PATIENCE, c_function, statuses};
use super::super::tls::{meta::MIRROR, pki};
use super::{GET, asked_as, behind, client_ip, envelope, v1, v2};

fn announced(config: &mut Config) {
    config.listeners[0].proxy_protocol = true;
}

#[test]
fn functions_are_told_whom_the_proxy_speaks_for() {
    let server = behind("told", announced);
    for source in ["203.0.113.7", "2001:db8::7"] {
        assert_eq!(asked_as(server.address, &v1(source, 5_000)), source);
        assert_eq!(asked_as(server.address, &v2(source, 5_000)), source);
    }
    let mapped = v1("::ffff:203.0.113.7", 1);
    assert_eq!(asked_as(server.address, &mapped), "203.0.113.7");
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for unknown in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN 1.1.1.1 what\r\n", local] {
        assert_eq!(asked_as(server.address, unknown), "127.0.0.1");
    }
    server.wait("all are counted", |counted| counted.served() == 8);
    let seen = server.seen();
    assert_eq!(seen[0].client.to_string(), "203.0.113.7");
    assert!(seen.iter().all(|one| one.peer.is_loopback()), "{seen:?}");
}

/// Octet by octet, header and requests; what is behind the header is nobody else's.
#[test]
fn nothing_is_lost_at_any_cut() {
    let server = behind("cuts", announced);
    for header in [v1("203.0.113.7", 5_000), v2("2001:db8::7", 5_000)] {
        let all = [&header[..], GET, GET].concat();
        let mut client = Client::to(server.address);
        client.0.set_nodelay(true).expect("an option");
        for octet in &all {
            client.send(&[*octet]);
        }
        let first = client_ip(&envelope(&mut client));
        assert_eq!(first, client_ip(&envelope(&mut client)));
        assert!(first == "203.0.113.7" || first == "2001:db8::7");
    }
    for cut in (1..v1("203.0.113.7", 5_000).len() + 9).step_by(7) {
        let all = [&v1("203.0.113.7", 5_000)[..], GET].concat();
        let mut client = Client::to(server.address);
        client.0.set_nodelay(true).expect("an option");
        client.send(&all[..cut]);
        // The server has seen the first part when it has answered somebody else.
        assert_eq!(asked_as(server.address, &v2("203.0.113.9", 1)), "203.0.113.9");
        client.send(&all[cut..]);
        assert_eq!(client_ip(&envelope(&mut client)), "203.0.113.7", "cut at {cut}");
    }
}

#[test]
fn a_large_request_behind_the_header_arrives_whole() {
    let server = behind("large", announced);
    let content = "0123456789abcdef".repeat(4_000);
    let request =
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}", content.len());
    let mut client = Client::to(server.address);
    client.send(&[&v2("203.0.113.7", 1)[..], request.as_bytes()].concat());
    assert!(envelope(&mut client).ends_with(&content));
}

#[test]
fn who_is_no_proxy_is_closed_and_counted() {
    let server = behind("denied", |config| {
        announced(config);
        config.listeners[0].trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    for octets in [&v1("203.0.113.7", 1)[..], GET] {
        let mut client = Client::to(server.address);
        // It may be gone before that.
        let _gone = client.0.write_all(octets);
        assert_eq!(client.rest(), "");
    }
    server.wait("both are counted", |counted| counted.rejected["denied"] == 2);
    assert_eq!(server.handle.counted().accepted, 0);
}

#[test]
fn what_is_no_header_is_closed_and_counted_by_its_name() {
    let server = behind("malformed", announced);
    let wrong: [(&str, &[u8]); 6] = [
        ("no_header", GET),
        ("line_end", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 1\nGET"),
        ("address", b"PROXY TCP4 1.1.1.256 2.2.2.2 1 1\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("command", b"\r\n\r\n\0\r\nQUIT\n\x2f\x11\0\x0c"),
        ("too_long", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"),
        ("line_too_long", &[b"PROXY TCP4 ".as_slice(), &[b'1'; 120]].concat()),
    ];
    for (name, octets) in wrong {
        let mut client = Client::to(server.address);
        client.send(octets);
        assert_eq!(client.rest(), "", "{name}: nothing is said");
        server.wait(name, |counted| counted.proxy_faults[name] == 1);
    }
    let mut cut = Client::to(server.address);
    cut.send(b"PROXY TC");
    cut.end();
    assert_eq!(cut.rest(), "");
    server.wait("it is cut", |counted| counted.proxy_faults["cut"] == 1);
    assert_eq!(server.handle.counted().rejected["proxy"], 7);
}

#[test]
fn a_header_has_a_deadline_and_a_look_at_the_port_is_no_fault() {
    let server = behind("late", |config| {
        announced(config);
        config.timeouts.proxy_header = Duration::from_millis(200);
    });
    // As balancers look whether somebody listens.
    drop(Client::to(server.address));
    server.wait("it came and went", |counted| counted.closed["handshake"] == 1);
    let mut silent = Client::to(server.address);
    let mut slow = Client::to(server.address);
    slow.send(b"PROXY TCP4 203.0.");
    for client in [&mut silent, &mut slow] {
        assert_eq!(client.rest(), "");
    }
    server.wait("both were late", |counted| counted.proxy_faults["too_slow"] == 2);
    let counted = server.handle.counted();
    assert_eq!((counted.rejected["proxy"], counted.timed_out["handshake"]), (2, 2));
    // Its time was the header's, not the request's.
    let mut client = Client::to(server.address);
    client.send(&v1("203.0.113.7", 1));
    std::thread::sleep(Duration::from_millis(400));
    client.send(GET);
    assert_eq!(client_ip(&envelope(&mut client)), "203.0.113.7");
}

#[test]
fn a_drain_does_not_wait_for_headers() {
    let mut server = behind("drain", announced);
    let mut waiting = Client::to(server.address);
    waiting.send(b"PROXY");
    server.wait("it is here", |counted| counted.accepted == 1);
    server.handle.drain();
    assert_eq!(server.join().cut, 0);
    assert_eq!(waiting.rest(), "");
}

#[test]
fn several_loops_and_a_redirect_take_headers() {
    let server = behind("loops", |config| {
        announced(config);
        config.event_loops = 4;
        let redirect = ListenerConfig::redirect(([127, 0, 0, 1], 0).into(), 443, None);
        let first = &config.listeners[0];
        config.listeners.push(ListenerConfig {
            proxy_protocol: true,
            trusted_proxies: first.trusted_proxies.clone(),
            ..redirect
        });
    });
    for number in 0..64_u8 {
        let source = format!("203.0.113.{number}");
        assert_eq!(asked_as(server.address, &v2(&source, 1)), source);
    }
    let mut client = Client::to(server.addresses[1]);
    client.send(&[&v1("203.0.113.7", 1)[..], GET].concat());
    client.end();
    assert_eq!(statuses(&client.rest()), [308]);
}

/// A proxy that writes `header` in front of what it carries.
fn proxy_to(address: SocketAddr, header: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let own = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut server = TcpStream::connect(address).expect("somebody listens");
            server.write_all(&header).expect("taken");
            carry(client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            carry(server, client);
        }
    });
    own
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let mut octets = [0; 1_000];
        while let Ok(bytes @ 1..) = from.read(&mut octets) {
            if to.write_all(&octets[..bytes]).is_err() {
                break;
            }
        }
        // It may be closed already.
        let _closed = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn tls_comes_behind_the_header() {
    let authority = pki::Authority::new(pki::directory("proxy"));
    let server = behind("tls", |config| {
        let secured = pki::secured(vec![authority.sign("server", &["localhost"])]);
        config.tls = secured.tls;
        let trusted = config.listeners[0].trusted_proxies.clone();
        config.listeners = secured.listeners;
        config.listeners[0].trusted_proxies = trusted;
        announced(config);
    });
    let get = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for header in [v1("203.0.113.7", 1), v2("203.0.113.7", 1)] {
        let proxy = proxy_to(server.address, header);
        let text = pki::s_client(proxy, &["-servername", "localhost"], get);
        assert_eq!(client_ip(text.split_once("content-length").expect("a reply").1), "203.0.113.7");
    }
    // A whole hello in the same segment as the header, and the header in its middle.
    let curl = Command::new("curl")
        .args(["--silent", "--show-error", "--haproxy-protocol", "--insecure", "--output", "-"])
        .args(["--max-time", &PATIENCE.as_secs().to_string()])
        .args(["--connect-to", &format!("localhost:443:{}", server.address)])
        .arg("https://localhost/")
        .output()
        .expect("curl runs");
    let said = String::from_utf8_lossy(&curl.stderr).into_owned();
    assert!(curl.status.success(), "{said}");
    assert_eq!(client_ip(&String::from_utf8_lossy(&curl.stdout)), "127.0.0.1");
    server.wait("three handshakes", |counted| counted.secured == 3);
    // Without a header it is no TLS that comes, but somebody who is no proxy.
    pki::s_client(server.address, &["-servername", "localhost"], get);
    server.wait("it was none", |counted| counted.proxy_faults["no_header"] == 1);
}

#[test]
fn handshakes_that_wait_for_a_header_are_counted_once() {
    let authority = pki::Authority::new(pki::directory("proxy-count"));
    let mut config = pki::secured(vec![authority.sign("server", &["localhost"])]);
    config.functions[0].artifact = c_function("peer-count", MIRROR);
    config.listeners[0].proxy_protocol = true;
    config.listeners[0].trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    config.tls.handshakes_max = 1;
    let server = super::Running::start(&config);
    for round in 1..=5 {
        let mut client = Client::to(server.address);
        client.send(b"NONE");
        assert_eq!(client.rest(), "");
        server.wait("it is over", |counted| counted.closed["handshake"] == round);
    }
    let get = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for _ in 0..3 {
        let proxy = proxy_to(server.address, v1("203.0.113.7", 1));
        assert!(pki::s_client(proxy, &["-servername", "localhost"], get).contains("200 OK"));
    }
}
