//! A record becomes one line. Keys and their order never depend on what a client sent; values are
//! escaped, and cut at [`VALUE_BYTES_MAX`].

use std::io::Write as _;
use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use super::Shown;
use crate::log::escape::{Into as As, cut, escape};
use crate::log::stamp::Stamp;
use crate::observe::{Outcome, Record};

/// Octets of one value that a client chose; `…` stands for the rest.
pub(super) const VALUE_BYTES_MAX: usize = 2_048;
const CUT: &[u8] = "…".as_bytes();
/// The status in the combined format of an exchange whose client left before it had one.
const CLIENT_LEFT: u64 = 499;

/// One flat object with all keys, `null` where there is nothing to say.
pub(super) fn json(out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>, shown: Shown) {
    let said = record.said.as_ref();
    begin(out, stamp, record);
    text(out, "listener", Some(record.listener.as_bytes()));
    count(out, "conn", record.connection);
    count(out, "req", record.request.into());
    address(out, "client_ip", record.client);
    address(out, "peer_ip", record.peer);
    let method = said.map(|said| said.method).or(record.method.map(str::as_bytes));
    text(out, "method", method);
    text(out, "scheme", Some(if record.secured { "https" } else { "http" }));
    text(out, "host", said.and_then(|said| said.authority));
    text(out, "path", said.map(|said| said.path));
    if shown.query {
        text(out, "query", said.and_then(|said| said.query));
    }
    text(out, "version", record.minor_version.map(version));
    status(out, record);
    text(out, "route", record.route.map(str::as_bytes));
    function(out, record);
    text(out, "outcome", Some(record.outcome.name().as_bytes()));
    text(out, "reason", record.refusal.map(|why| why.name().as_bytes()));
    count(out, "bytes_in", record.received_bytes);
    count(out, "bytes_out", record.sent_bytes);
    let took = &record.took;
    for (key, micros) in [
        ("head_ms", took.head_us),
        ("body_ms", took.body_us),
        ("queue_ms", took.queue_us),
        ("call_ms", took.call_us),
        ("write_ms", took.write_us),
        ("total_ms", took.total_us),
    ] {
        millis(out, key, micros);
    }
    let (protocol, cipher, name) = match record.tls {
        Some((protocol, cipher, name)) => (Some(protocol), Some(cipher), name),
        None => (None, None, None),
    };
    text(out, "tls_version", protocol.map(str::as_bytes));
    text(out, "tls_cipher", cipher.map(str::as_bytes));
    text(out, "sni", name.map(str::as_bytes));
    text(out, "trace_id", record.trace.map(|(trace, _)| trace.as_bytes()));
    let user_agent = said.and_then(|said| said.user_agent).filter(|_| shown.user_agent);
    text(out, "user_agent", user_agent);
    if shown.referer {
        text(out, "referer", said.and_then(|said| said.referer));
    }
    out.extend_from_slice(b"}\n");
}

/// `client - principal [moment] "request line" status octets "referer" "user agent"`
pub(super) fn combined(out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>, shown: Shown) {
    ip(out, record.client);
    out.extend_from_slice(b" - ");
    // A name may have spaces, which part the columns here.
    let user = record.principal.unwrap_or("-");
    for part in user.split_inclusive(' ') {
        value(out, part.trim_end_matches(' ').as_bytes(), As::Combined);
        if part.ends_with(' ') {
            out.extend_from_slice(b"\\x20");
        }
    }
    out.push(b' ');
    stamp.combined(out, record.began.duration_since(UNIX_EPOCH).unwrap_or_default());
    out.extend_from_slice(b" \"");
    if let Some(said) = &record.said {
        value(out, said.method, As::Combined);
        out.push(b' ');
        value(out, said.path, As::Combined);
        if let Some(query) = said.query.filter(|_| shown.query) {
            out.push(b'?');
            value(out, query, As::Combined);
        }
        out.extend_from_slice(b" HTTP/");
        out.extend_from_slice(record.minor_version.map_or(b"1.1", version));
    } else {
        out.push(b'-');
    }
    out.extend_from_slice(b"\" ");
    match (told(record), record.outcome) {
        (Some(status), _) => number(out, status),
        (None, Outcome::ClientAbort) => number(out, CLIENT_LEFT),
        (None, _) => out.push(b'-'),
    }
    out.push(b' ');
    number(out, record.sent_bytes);
    let said = record.said.as_ref();
    for it in [
        said.and_then(|said| said.referer).filter(|_| shown.referer),
        said.and_then(|said| said.user_agent).filter(|_| shown.user_agent),
    ] {
        out.extend_from_slice(b" \"");
        value(out, it.unwrap_or(b"-"), As::Combined);
        out.push(b'"');
    }
    out.push(b'\n');
}

/// Who asked which function, and what came of it.
pub(super) fn audit(out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>) {
    begin(out, stamp, record);
    out.extend_from_slice(b",\"target\":\"fezz::audit\"");
    text(out, "principal", record.principal);
    address(out, "client_ip", record.client);
    function(out, record);
    text(out, "route", record.route.map(str::as_bytes));
    text(out, "outcome", Some(record.outcome.name().as_bytes()));
    status(out, record);
    millis(out, "duration_ms", record.took.total_us);
    millis(out, "call_ms", record.took.call_us);
    text(out, "trace_id", record.trace.map(|(trace, _)| trace.as_bytes()));
    count(out, "conn", record.connection);
    count(out, "req", record.request.into());
    out.extend_from_slice(b"}\n");
}

fn begin(out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>) {
    out.extend_from_slice(b"{\"ts\":\"");
    stamp.rfc3339(out, record.began.duration_since(UNIX_EPOCH).unwrap_or_default());
    out.push(b'"');
}

fn function(out: &mut Vec<u8>, record: &Record<'_>) {
    let (name, version) = record.function.unzip();
    text(out, "function", name.map(str::as_bytes));
    text(out, "function_version", version.flatten().map(str::as_bytes));
}

/// The status that the client got. Whoever left did not get a failure of ours.
fn told(record: &Record<'_>) -> Option<u64> {
    let left = record.outcome == Outcome::ClientAbort && record.status >= 500;
    (record.status != 0 && !left).then_some(record.status.into())
}

fn status(out: &mut Vec<u8>, record: &Record<'_>) {
    key(out, "status");
    match told(record) {
        Some(status) => number(out, status),
        None => out.extend_from_slice(b"null"),
    }
}

const fn version(minor: u8) -> &'static [u8] {
    if minor == 0 { b"1.0" } else { b"1.1" }
}

#[inline]
fn key(out: &mut Vec<u8>, key: &'static str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

#[inline]
fn text<T: AsRef<[u8]> + ?Sized>(out: &mut Vec<u8>, name: &'static str, said: Option<&T>) {
    key(out, name);
    match said {
        Some(said) => {
            out.push(b'"');
            value(out, said.as_ref(), As::Json);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

#[inline]
fn value(out: &mut Vec<u8>, octets: &[u8], format: As) {
    let (kept, is_cut) = cut(octets, VALUE_BYTES_MAX);
    escape(out, kept, format);
    if is_cut {
        out.extend_from_slice(CUT);
    }
}

#[inline]
fn count(out: &mut Vec<u8>, name: &'static str, it: u64) {
    key(out, name);
    number(out, it);
}

/// Milliseconds with three digits of fraction.
#[inline]
fn millis(out: &mut Vec<u8>, name: &'static str, micros: u64) {
    key(out, name);
    number(out, micros / 1_000);
    let rest = micros % 1_000;
    out.extend([b'.', digit(rest / 100), digit(rest / 10 % 10), digit(rest % 10)]);
}

fn address(out: &mut Vec<u8>, name: &'static str, it: IpAddr) {
    key(out, name);
    out.push(b'"');
    ip(out, it);
    out.push(b'"');
}

fn ip(out: &mut Vec<u8>, it: IpAddr) {
    match it.to_canonical() {
        IpAddr::V4(it) => {
            for (place, octet) in it.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                number(out, octet.into());
            }
        }
        // Writing to a vector cannot fail.
        it @ IpAddr::V6(_) => drop(write!(out, "{it}")),
    }
}

#[inline]
fn number(out: &mut Vec<u8>, mut it: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = digit(it % 10);
        it /= 10;
        if it == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

const fn digit(it: u64) -> u8 {
    b'0' + (it % 10) as u8
}
