//! Who is at the other end: proxies that say so, clients that would like to, and crowds.

mod crowds;
mod forwarded;
mod proxy;
mod tuning;

use std::net::{IpAddr, SocketAddr};

use fezz_server::config::Config;

use super::harness::{Client, Running, c_function, serving};
use super::tls::meta::MIRROR;

/// A server whose function answers with its envelope; loopback is a trusted proxy.
fn behind(name: &str, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = serving(c_function(&format!("peer-{name}"), MIRROR));
    config.listeners[0].trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    change(&mut config);
    Running::start(&config)
}

/// A header of version 1.
fn v1(source: &str, port: u16) -> Vec<u8> {
    let (family, destination) =
        if source.contains(':') { ("TCP6", "::1") } else { ("TCP4", "10.0.0.1") };
    format!("PROXY {family} {source} {destination} {port} 443\r\n").into_bytes()
}

/// A header of version 2 with two extensions.
fn v2(source: &str, port: u16) -> Vec<u8> {
    let source: IpAddr = source.parse().expect("an address");
    let (family, mut addresses) = match source {
        IpAddr::V4(source) => (0x11, [source.octets(), [10, 0, 0, 1]].concat()),
        IpAddr::V6(source) => (0x21, [source.octets(), [0; 16]].concat()),
    };
    addresses.extend(port.to_be_bytes());
    addresses.extend(443_u16.to_be_bytes());
    addresses.extend([2, 0, 11]);
    addresses.extend(b"example.org");
    addresses.extend([4, 0, 2, 0, 0]);
    let length = u16::try_from(addresses.len()).expect("a length").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family][..], &length, &addresses].concat()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The envelope that a request led to, as far as it is text.
fn envelope(client: &mut Client) -> String {
    let (head, content) = client.reply();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    String::from_utf8_lossy(&content).into_owned()
}

/// The client's address in an envelope.
fn client_ip(envelope: &str) -> String {
    let (_, rest) = envelope.split_once("client_ip").expect("a client");
    // RFC 8949 §3: a text of less than 24 octets, or one whose length is in the next octet.
    let (length, text) = match rest.as_bytes() {
        [b'x', length, ..] => (usize::from(*length), &rest[2..]),
        [short, ..] => (usize::from(*short - 0x60), &rest[1..]),
        [] => (0, ""),
    };
    text[..length].to_owned()
}

/// Asks once with `header` in front, and gives the address that the function was told.
fn asked_as(address: SocketAddr, header: &[u8]) -> String {
    let mut client = Client::to(address);
    client.send(&[header, GET].concat());
    client_ip(&envelope(&mut client))
}
