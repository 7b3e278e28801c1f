//! What functions are told about a handshake, as the octets that go into their envelopes.

use rustls::{CipherSuite, ProtocolVersion};
use sha2::{Digest, Sha256};

use super::fingerprint::{Fingerprints, hex};
use super::hello::Hello;
use super::x509;

/// What the two sides settled on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled<'a> {
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) cipher: Option<CipherSuite>,
    pub(crate) protocol: Option<&'a [u8]>,
    pub(crate) resumed: bool,
    /// The client's certificate, which was verified.
    pub(crate) client: Option<&'a [u8]>,
}

const TEXT: u8 = 0x60;
const BYTES: u8 = 0x40;
const ARRAY: u8 = 0x80;
const MAP: u8 = 0xa0;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;

/// Entries of a map that is written before their number is known; fewer than 24.
#[derive(Default)]
struct Entries {
    octets: Vec<u8>,
    count: u8,
}

impl Entries {
    fn key(&mut self, key: &str) {
        self.count += 1;
        string(&mut self.octets, TEXT, key.as_bytes());
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(key);
            string(&mut self.octets, TEXT, value.as_bytes());
        }
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.key(key);
            head(&mut self.octets, ARRAY, values.len());
            for value in values {
                string(&mut self.octets, TEXT, value.as_bytes());
            }
        }
    }

    fn map(&mut self, key: &str, entries: &Self) {
        self.key(key);
        self.octets.push(MAP | entries.count);
        self.octets.extend_from_slice(&entries.octets);
    }
}

/// RFC 8949 §3: the shortest head.
fn head(into: &mut Vec<u8>, kind: u8, number: usize) {
    let octets = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    match octets {
        [0, 0, 0, short @ 0..=23] => into.push(kind | short),
        [0, 0, 0, one] => into.extend_from_slice(&[kind | 24, one]),
        [0, 0, high, low] => into.extend_from_slice(&[kind | 25, high, low]),
        [a, b, c, d] => into.extend_from_slice(&[kind | 26, a, b, c, d]),
    }
}

fn string(into: &mut Vec<u8>, kind: u8, octets: &[u8]) {
    head(into, kind, octets.len());
    into.extend_from_slice(octets);
}

/// Writes the map; what is not known is not in it. `with_hello` adds the octets of the hello.
pub(super) fn write(
    settled: &Settled<'_>,
    server_name: Option<&str>,
    hello: Option<&[u8]>,
    with_hello: bool,
) -> Box<[u8]> {
    let mut entries = Entries::default();
    entries.text("protocol", settled.version.and_then(version));
    entries.text("cipher", settled.cipher.and_then(cipher));
    entries.text("sni", server_name);
    entries.text("alpn", settled.protocol.and_then(|name| std::str::from_utf8(name).ok()));
    entries.key("resumed");
    entries.octets.push(if settled.resumed { TRUE } else { FALSE });
    if let Some(said) = hello.and_then(Hello::read) {
        let Fingerprints { ja3, ja4 } = Fingerprints::of(&said);
        entries.text("ja3", Some(&ja3));
        entries.text("ja4", Some(&ja4));
    }
    if let Some(certificate) = settled.client {
        entries.map("client", &client(certificate));
    }
    if let Some(hello) = hello.filter(|_| with_hello) {
        entries.key("hello");
        string(&mut entries.octets, BYTES, hello);
    }
    let mut map = vec![MAP | entries.count];
    map.append(&mut entries.octets);
    map.into_boxed_slice()
}

/// The identity of a client: its certificate's digest always, and what the certificate says.
fn client(certificate: &[u8]) -> Entries {
    let mut entries = Entries::default();
    entries.text("sha256", Some(&hex(&Sha256::digest(certificate))));
    if let Some(facts) = x509::Facts::read(certificate) {
        entries.text("common_name", facts.common_name.as_deref());
        entries.texts("dns", &facts.dns);
        entries.texts("uri", &facts.uri);
        entries.texts("email", &facts.email);
    }
    entries
}

pub(super) const fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        _ => None,
    }
}

/// The names that OpenSSL made common.
pub(super) const fn cipher(cipher: CipherSuite) -> Option<&'static str> {
    Some(match cipher {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            "ECDHE-ECDSA-CHACHA20-POLY1305"
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => return None,
    })
}
