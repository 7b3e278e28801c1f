//! How a client says hello, in two short words: JA3 and JA4.
//!
//! JA4 sorts what browsers shuffle and is the one to compare; JA3 is there for those who have
//! collections of it. Neither proves anything: a client can say hello like another.

use std::fmt::Write;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::hello::Hello;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// Hexadecimal digits of each digest in a JA4.
const JA4_DIGITS: usize = 12;

/// The fingerprints of one hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprints {
    pub(crate) ja3: String,
    pub(crate) ja4: String,
}

impl Fingerprints {
    pub(crate) fn of(hello: &Hello<'_>) -> Self {
        Self { ja3: hex(&Md5::digest(ja3_text(hello))), ja4: ja4(hello) }
    }
}

/// RFC 8701: values that only test whether unknown ones are ignored.
const fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// Five lists of decimal numbers: version, ciphers, extensions, groups, point formats.
fn ja3_text(hello: &Hello<'_>) -> String {
    fn put(text: &mut String, numbers: impl Iterator<Item = u16>) {
        let mut separator = ",";
        let mut empty = true;
        for number in numbers.filter(|number| !is_grease(*number)) {
            let _infallible = write!(text, "{separator}{number}");
            separator = "-";
            empty = false;
        }
        if empty {
            text.push(',');
        }
    }
    let mut text = hello.legacy_version.to_string();
    put(&mut text, hello.ciphers());
    put(&mut text, hello.extensions().map(|(kind, _)| kind));
    put(&mut text, hello.groups());
    put(&mut text, hello.point_formats().iter().map(|format| u16::from(*format)));
    text
}

fn ja4(hello: &Hello<'_>) -> String {
    let known = |number: &u16| !is_grease(*number);
    let mut ciphers: Vec<u16> = hello.ciphers().filter(known).collect();
    let mut extensions: Vec<u16> = hello.extensions().map(|(kind, _)| kind).filter(known).collect();
    let version = hello.versions().filter(known).max().unwrap_or(hello.legacy_version);
    let version = match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        _ => "00",
    };
    let name = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let counts = (ciphers.len().min(99), extensions.len().min(99));
    let alpn = first_and_last(hello.protocols().next());
    ciphers.sort_unstable();
    extensions.retain(|kind| !matches!(*kind, SERVER_NAME | ALPN));
    extensions.sort_unstable();
    let mut second = list(&extensions);
    let schemes: Vec<u16> = hello.signature_schemes().filter(known).collect();
    if !schemes.is_empty() {
        second.push('_');
        second.push_str(&list(&schemes));
    }
    let ciphers = digest(&list(&ciphers), ciphers.is_empty());
    let extensions = digest(&second, extensions.is_empty());
    format!("t{version}{name}{:02}{:02}{alpn}_{ciphers}_{extensions}", counts.0, counts.1)
}

/// The first and the last character of a protocol's name; of its hexadecimal digits where these are
/// no letters or digits.
fn first_and_last(protocol: Option<&[u8]>) -> String {
    let Some((Some(first), Some(last))) = protocol.map(|name| (name.first(), name.last())) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn list(numbers: &[u16]) -> String {
    let mut text = String::with_capacity(numbers.len() * 5);
    for number in numbers {
        if !text.is_empty() {
            text.push(',');
        }
        let _infallible = write!(text, "{number:04x}");
    }
    text
}

fn digest(text: &str, nothing: bool) -> String {
    if nothing {
        return "0".repeat(JA4_DIGITS);
    }
    let mut digits = hex(&Sha256::digest(text));
    digits.truncate(JA4_DIGITS);
    digits
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _infallible = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(digits: &str) -> Fingerprints {
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
        let octet =
            |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let message: Vec<u8> = digits.as_chunks::<2>().0.iter().map(octet).collect();
        Fingerprints::of(&Hello::read(&message).unwrap())
    }

    /// Hellos as three stacks of TLS sent them (OpenSSL 3.0, BoringSSL, NSS), and what others have
    /// published of these clients.
    #[test]
    fn clients_are_recognised_as_elsewhere() {
        let chrome = of(include_str!("hellos/chrome99.hex"));
        assert_eq!(chrome.ja3, "cd08e31494f9531f560d64c695473da9");
        assert_eq!(chrome.ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
        let newer = of(include_str!("hellos/chrome131.hex"));
        assert_eq!(newer.ja4, "t13d1516h2_8daaf6152771_02713d6af862");
        let firefox = of(include_str!("hellos/firefox135.hex"));
        assert_eq!(firefox.ja4, "t13d1717h2_5b57614c22b0_3cbfd9057e0d");
        let curl = of(include_str!("hellos/curl-ip.hex"));
        assert_eq!(curl.ja4, "t13i3111h2_e8f1e7e78f70_b26ce05bbdd6");
        let named = of(include_str!("hellos/curl-sni.hex"));
        assert_eq!(named.ja4, "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6");
    }

    #[test]
    fn a_protocol_has_two_characters() {
        assert_eq!(first_and_last(None), "00");
        assert_eq!(first_and_last(Some(b"")), "00");
        assert_eq!(first_and_last(Some(b"http/1.1")), "h1");
        assert_eq!(first_and_last(Some(b"\xab\xcd")), "ad");
    }
}
