//! Requests that say where they come from, and clients that would like to.

use fezz_server::config::{Forwarded, ListenerConfig};

use super::super::harness::Client;
use super::{behind, client_ip, envelope, v1};

/// Asks with these field lines, and gives the envelope.
fn ask(client: &mut Client, lines: &str) -> String {
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
    envelope(client)
}

#[test]
fn each_request_of_a_trusted_proxy_has_its_own_client() {
    let server = behind("forwarded", |config| config.listeners[0].forwarded = Forwarded::Rfc7239);
    let mut client = Client::to(server.address);
    for (lines, wanted) in [
        ("", "127.0.0.1"),
        ("Forwarded: for=203.0.113.7;proto=https\r\n", "203.0.113.7"),
        ("Forwarded: for=1.1.1.1\r\nForwarded: for=\"[2001:db8::7]:99\"\r\n", "2001:db8::7"),
        ("Forwarded: for=203.0.113.7, for=127.0.0.9\r\n", "203.0.113.7"),
        ("Forwarded: for=203.0.113.7, for=_hidden\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1"),
        ("", "127.0.0.1"),
    ] {
        let envelope = ask(&mut client, lines);
        assert_eq!(client_ip(&envelope), wanted, "{lines}");
        // What a proxy says about schemes and hosts is not made ours.
        assert!(envelope.contains("schemedhttp"), "{envelope}");
    }
    server.wait("all are counted", |counted| counted.served() == 7);
    let clients: Vec<String> = server.seen().iter().map(|one| one.client.to_string()).collect();
    assert_eq!(clients[..3], ["127.0.0.1", "203.0.113.7", "2001:db8::7"]);
    assert!(server.seen().iter().all(|one| one.peer.is_loopback()));
}

#[test]
fn x_forwarded_for_is_read_where_the_listener_says_so() {
    let server =
        behind("x-forwarded", |config| config.listeners[0].forwarded = Forwarded::XForwardedFor);
    let mut client = Client::to(server.address);
    let lines = "X-Forwarded-For: 127.0.0.1, 203.0.113.7:81, 127.0.0.2\r\n\
        X-Forwarded-Proto: https\r\nForwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n";
    let envelope = ask(&mut client, lines);
    assert_eq!(client_ip(&envelope), "203.0.113.7");
    assert!(envelope.contains("X-Forwarded-Proto"), "the proxy may say more: {envelope}");
    assert!(!envelope.contains("X-Real-IP") && !envelope.contains("Forwarded\u{fffd}"));
    assert!(!envelope.contains("1.1.1.1"), "{envelope}");
}

/// Everything that frameworks believe about clients, in many spellings.
const CLAIMS: &str = "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\n\
    x-forwarded-host: evil6666\r\nX-FORWARDED-PROTO: https6666\r\nX-Forwarded-Client-Cert: 6666\r\n\
    X-Real-IP: 6.6.6.6\r\nTrue-Client-IP: 6.6.6.6\r\nCF-Connecting-IP: 6.6.6.6\r\n\
    X_Forwarded_For: 6.6.6.6\r\nX_Real-IP: 6.6.6.6\r\nClient-Cert: :6666:\r\n\
    X-SSL-Client-Verify: 6666\r\nFezz-Principal: 6666\r\nX-Remote-User: 6666\r\n";

#[test]
fn a_client_can_claim_nothing() {
    let kept = "Cookie: kept1\r\nX-Request-Id: kept2\r\nReferer: kept3\r\n";
    let lines = format!("{CLAIMS}{kept}Transfer-Encoding: chunked\r\n");
    let server = behind("claims", |config| {
        let plain = |address| ListenerConfig::plain(address);
        // Nobody is trusted; somebody else is; what is trusted is the connection, not requests.
        config.listeners[0].trusted_proxies.clear();
        config.listeners[0].forwarded = Forwarded::XForwardedFor;
        let mut other = plain(([127, 0, 0, 1], 0).into());
        other.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        other.forwarded = Forwarded::Rfc7239;
        let mut announced = plain(([127, 0, 0, 1], 0).into());
        announced.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        announced.proxy_protocol = true;
        announced.forwarded = Forwarded::XForwardedFor;
        config.listeners.extend([other, announced]);
    });
    for (place, header, wanted) in [
        (0, Vec::new(), "127.0.0.1"),
        (1, Vec::new(), "127.0.0.1"),
        (2, v1("203.0.113.7", 1), "203.0.113.7"),
    ] {
        let mut client = Client::to(server.addresses[place]);
        client.send(&header);
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n0\r\n\r\n").as_bytes());
        let envelope = envelope(&mut client);
        assert_eq!(client_ip(&envelope), wanted);
        assert!(!envelope.contains("6666") && !envelope.contains("6.6.6.6"), "{envelope}");
        for kept in ["kept1", "kept2", "kept3"] {
            assert!(envelope.contains(kept), "{envelope}");
        }
    }
}

/// The balancer names a proxy, and that one its client.
#[test]
fn a_proxy_behind_a_proxy_is_believed_if_both_are_trusted() {
    let server = behind("both", |config| {
        config.listeners[0].proxy_protocol = true;
        config.listeners[0].forwarded = Forwarded::XForwardedFor;
        config.listeners[0].trusted_proxies.push("198.51.100.0/24".parse().expect("a network"));
    });
    for (source, wanted) in [("198.51.100.1", "203.0.113.7"), ("192.0.2.55", "192.0.2.55")] {
        let mut client = Client::to(server.address);
        client.send(&v1(source, 1));
        for _ in 0..2 {
            let envelope = ask(&mut client, "X-Forwarded-For: 203.0.113.7\r\n");
            assert_eq!(client_ip(&envelope), wanted);
        }
    }
    server.wait("all are counted", |counted| counted.served() == 4);
    assert!(server.seen().iter().all(|one| one.peer.is_loopback()));
}
