//! A record becomes one line. Keys and their order never depend on what a client sent; values are
//! escaped, and cut at [`VALUE_BYTES_MAX`].

use std::io::Write as _;
use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use super::Shown;
use super::page::Page;
use crate::escape::{Into as As, Out as _, cut, escape};
use crate::log::stamp::Stamp;
use crate::observe::{Outcome, Record};

/// Octets of one value that a client chose; `…` stands for the rest.
pub(super) const VALUE_BYTES_MAX: usize = 2_048;
const CUT: &[u8] = "…".as_bytes();
/// Octets of the longest text of an IPv6 address.
const V6_BYTES_MAX: usize = 45;
/// The status in the combined format of an exchange whose client left before it had one.
const CLIENT_LEFT: u64 = 499;

/// One flat object with all keys, `null` where there is nothing to say.
pub(super) fn json(out: &mut Page, stamp: &mut Stamp, record: &Record<'_>, shown: &Shown) {
    let said = record.said.as_ref();
    begin(out, stamp, record);
    text(out, b",\"listener\":", Some(record.listener.as_bytes()));
    count(out, b",\"conn\":", record.connection);
    count(out, b",\"req\":", record.request.into());
    address(out, b",\"client_ip\":", record.client);
    address(out, b",\"peer_ip\":", record.peer);
    let method = said.map(|said| said.method).or(record.method.map(str::as_bytes));
    text(out, b",\"method\":", method);
    word(out, b",\"scheme\":", Some(if record.secured { "https" } else { "http" }));
    text(out, b",\"host\":", said.and_then(|said| said.authority));
    text(out, b",\"path\":", said.map(|said| said.path));
    if shown.query {
        text(out, b",\"query\":", said.and_then(|said| said.query));
    }
    word(out, b",\"version\":", record.minor_version.map(version));
    status(out, record);
    text(out, b",\"route\":", record.route.map(str::as_bytes));
    function(out, record);
    word(out, b",\"outcome\":", Some(record.outcome.name().as_bytes()));
    word(out, b",\"reason\":", record.refusal.map(|why| why.name().as_bytes()));
    count(out, b",\"bytes_in\":", record.received_bytes);
    count(out, b",\"bytes_out\":", record.sent_bytes);
    let took = &record.took;
    millis(out, b",\"head_ms\":", took.head_us);
    millis(out, b",\"body_ms\":", took.body_us);
    millis(out, b",\"queue_ms\":", took.queue_us);
    millis(out, b",\"call_ms\":", took.call_us);
    millis(out, b",\"write_ms\":", took.write_us);
    millis(out, b",\"total_ms\":", took.total_us);
    let (protocol, cipher, name) = match record.tls {
        Some((protocol, cipher, name)) => (Some(protocol), Some(cipher), name),
        None => (None, None, None),
    };
    word(out, b",\"tls_version\":", protocol.map(str::as_bytes));
    word(out, b",\"tls_cipher\":", cipher.map(str::as_bytes));
    text(out, b",\"sni\":", name.map(str::as_bytes));
    word(out, b",\"trace_id\":", record.trace.map(|(trace, _)| trace.as_bytes()));
    let user_agent = said.and_then(|said| said.user_agent).filter(|_| shown.user_agent);
    text(out, b",\"user_agent\":", user_agent);
    if shown.referer {
        text(out, b",\"referer\":", said.and_then(|said| said.referer));
    }
    for (name, key) in shown.names.iter().zip(&shown.keys) {
        out.put(key);
        text(out, b"", said.and_then(|said| said.fields.get(name)));
    }
    out.put_all(b"}\n");
}

/// `client - principal [moment] "request line" status octets "referer" "user agent"`
pub(super) fn combined(out: &mut Page, stamp: &mut Stamp, record: &Record<'_>, shown: &Shown) {
    ip(out, record.client);
    out.put_all(b" - ");
    // A name may have spaces, which part the columns here.
    let user = record.principal.unwrap_or("-");
    for part in user.split_inclusive(' ') {
        value(out, part.trim_end_matches(' ').as_bytes(), As::Combined);
        if part.ends_with(' ') {
            out.put_all(b"\\x20");
        }
    }
    out.put_all(b" ");
    stamp.combined(out, record.began.duration_since(UNIX_EPOCH).unwrap_or_default());
    out.put_all(b" \"");
    if let Some(said) = &record.said {
        value(out, said.method, As::Combined);
        out.put_all(b" ");
        value(out, said.path, As::Combined);
        if let Some(query) = said.query.filter(|_| shown.query) {
            out.put_all(b"?");
            value(out, query, As::Combined);
        }
        out.put_all(b" HTTP/");
        out.put(record.minor_version.map_or(b"1.1", version));
    } else {
        out.put_all(b"-");
    }
    out.put_all(b"\" ");
    match (told(record), record.outcome) {
        (Some(status), _) => number(out, status),
        (None, Outcome::ClientAbort) => number(out, CLIENT_LEFT),
        (None, _) => out.put_all(b"-"),
    }
    out.put_all(b" ");
    number(out, record.sent_bytes);
    let said = record.said.as_ref();
    for it in [
        said.and_then(|said| said.referer).filter(|_| shown.referer),
        said.and_then(|said| said.user_agent).filter(|_| shown.user_agent),
    ] {
        out.put_all(b" \"");
        value(out, it.unwrap_or(b"-"), As::Combined);
        out.put_all(b"\"");
    }
    out.put_all(b"\n");
}

/// Who asked which function, and what came of it.
pub(super) fn audit(out: &mut Page, stamp: &mut Stamp, record: &Record<'_>) {
    begin(out, stamp, record);
    out.put_all(b",\"target\":\"fezz::audit\"");
    text(out, b",\"principal\":", record.principal);
    address(out, b",\"client_ip\":", record.client);
    function(out, record);
    text(out, b",\"route\":", record.route.map(str::as_bytes));
    word(out, b",\"outcome\":", Some(record.outcome.name().as_bytes()));
    status(out, record);
    millis(out, b",\"duration_ms\":", record.took.total_us);
    millis(out, b",\"call_ms\":", record.took.call_us);
    word(out, b",\"trace_id\":", record.trace.map(|(trace, _)| trace.as_bytes()));
    count(out, b",\"conn\":", record.connection);
    count(out, b",\"req\":", record.request.into());
    out.put_all(b"}\n");
}

fn begin(out: &mut Page, stamp: &mut Stamp, record: &Record<'_>) {
    out.put_all(b"{\"ts\":\"");
    stamp.rfc3339(out, record.began.duration_since(UNIX_EPOCH).unwrap_or_default());
    out.put_all(b"\"");
}

fn function(out: &mut Page, record: &Record<'_>) {
    let (name, version) = record.function.unzip();
    text(out, b",\"function\":", name.map(str::as_bytes));
    text(out, b",\"function_version\":", version.flatten().map(str::as_bytes));
}

/// The status that the client got. Whoever left did not get a failure of ours.
fn told(record: &Record<'_>) -> Option<u64> {
    let left = record.outcome == Outcome::ClientAbort && record.status >= 500;
    (record.status != 0 && !left).then_some(record.status.into())
}

fn status(out: &mut Page, record: &Record<'_>) {
    out.put_all(b",\"status\":");
    match told(record) {
        Some(status) => number(out, status),
        None => out.put_all(b"null"),
    }
}

const fn version(minor: u8) -> &'static [u8] {
    if minor == 0 { b"1.0" } else { b"1.1" }
}

/// A word of our own, which needs no care.
#[inline]
fn word<const N: usize>(out: &mut Page, key: &[u8; N], said: Option<impl AsRef<[u8]>>) {
    out.put_all(key);
    match said {
        Some(said) => {
            out.put_all(b"\"");
            out.put(said.as_ref());
            out.put_all(b"\"");
        }
        None => out.put_all(b"null"),
    }
}

#[inline]
fn text<const N: usize>(out: &mut Page, key: &[u8; N], said: Option<impl AsRef<[u8]>>) {
    out.put_all(key);
    match said {
        Some(said) => {
            out.put_all(b"\"");
            value(out, said.as_ref(), As::Json);
            out.put_all(b"\"");
        }
        None => out.put_all(b"null"),
    }
}

#[inline]
fn value(out: &mut Page, octets: &[u8], format: As) {
    let (kept, is_cut) = cut(octets, VALUE_BYTES_MAX);
    escape(out, kept, format);
    if is_cut {
        out.put(CUT);
    }
}

#[inline]
fn count<const N: usize>(out: &mut Page, key: &[u8; N], it: u64) {
    out.put_all(key);
    number(out, it);
}

/// Milliseconds with three digits of fraction.
#[inline]
fn millis<const N: usize>(out: &mut Page, key: &[u8; N], micros: u64) {
    out.put_all(key);
    if micros == 0 {
        return out.put_all(b"0.000");
    }
    number(out, micros / 1_000);
    let rest = micros % 1_000;
    out.put_all(&[b'.', digit(rest / 100), digit(rest / 10 % 10), digit(rest % 10)]);
}

#[inline]
fn address<const N: usize>(out: &mut Page, key: &[u8; N], it: IpAddr) {
    out.put_all(key);
    out.put_all(b"\"");
    ip(out, it);
    out.put_all(b"\"");
}

fn ip(out: &mut Page, it: IpAddr) {
    match it.to_canonical() {
        IpAddr::V4(it) => {
            let [first, rest @ ..] = it.octets();
            number(out, first.into());
            for octet in rest {
                out.put_all(b".");
                number(out, octet.into());
            }
        }
        IpAddr::V6(it) => {
            let mut text = [0; V6_BYTES_MAX];
            let mut room = text.as_mut_slice();
            // Its longest text fits.
            let _fits = write!(room, "{it}");
            let left = room.len();
            out.put(text.get(..V6_BYTES_MAX - left).unwrap_or_default());
        }
    }
}

fn number(out: &mut Page, mut it: u64) {
    if it < 10 {
        return out.put_all(&[digit(it)]);
    }
    let mut digits = [0; 20];
    let mut first = digits.len();
    while it > 0 && first > 0 {
        first -= 1;
        digits[first] = digit(it);
        it /= 10;
    }
    out.put(digits.get(first..).unwrap_or_default());
}

#[inline]
const fn digit(it: u64) -> u8 {
    b'0' + (it % 10) as u8
}
