//! Where a request comes from, as proxies say: read from right to left, as far as they are trusted.
//!
//! Each proxy adds what it saw at the end, so that only the end of the list was written by somebody
//! we know; what is left of the first address that is no proxy's may be a client's invention. For
//! the same reason even quotes are read from the right: what a client left open must not swallow
//! what a proxy said behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fezz_parser::Head;

use super::Trust;
use crate::config::Forwarded;

/// Digits of a port.
const PORT_DIGITS_MAX: usize = 5;

/// Whose request it is that came from `origin`, one of the trusted proxies.
pub(crate) fn client_of(head: &Head<'_>, trust: &Trust, origin: IpAddr) -> IpAddr {
    let (name, way): (&[u8], Way) = match trust.forwarded {
        Forwarded::Off => return origin,
        Forwarded::Rfc7239 => (b"forwarded", Way { split: split_quoted, read: read_element }),
        Forwarded::XForwardedFor => (
            b"x-forwarded-for",
            Way { split: split_plain, read: |element| read_node(element, true) },
        ),
    };
    // RFC 9110 §5.3: several lines are one list, in their order.
    let lines = head.fields().rev().filter(|field| field.name.eq_ignore_ascii_case(name));
    walk(lines.map(|field| field.value), way, trust, origin)
}

/// What is before the last comma of a list, if there is one, and what is behind it.
type Split<'l> = (Option<&'l [u8]>, &'l [u8]);

/// How a list is written.
#[derive(Clone, Copy)]
struct Way {
    /// The last element, and what is before its comma.
    split: fn(&[u8]) -> Split<'_>,
    /// The address in an element.
    read: fn(&[u8]) -> Option<IpAddr>,
}

/// Walks through `lines`, the last one first, to the first element that is no trusted proxy's or
/// cannot be read. The client is the last that somebody trusted has named.
fn walk<'l>(
    lines: impl Iterator<Item = &'l [u8]>,
    way: Way,
    trust: &Trust,
    origin: IpAddr,
) -> IpAddr {
    let mut client = origin;
    for line in lines {
        let mut rest = Some(line);
        while let Some(list) = rest {
            let (before, element) = (way.split)(list);
            rest = before;
            let element = element.trim_ascii();
            // RFC 9110 §5.6.1.2: empty elements are none.
            if element.is_empty() {
                continue;
            }
            let Some(address) = (way.read)(element) else { return client };
            client = address;
            if !trust.is_proxy(address) {
                return client;
            }
        }
    }
    client
}

fn split_plain(list: &[u8]) -> Split<'_> {
    split_at(list, list.iter().rposition(|octet| *octet == b','))
}

/// A comma inside quotes is none. A quote behind an odd number of backslashes is no quote, inside
/// of quotes (RFC 9110 §5.6.4).
fn split_quoted(list: &[u8]) -> Split<'_> {
    let mut quoted = false;
    let mut at = list.len();
    while let Some((octet, before)) = list.get(..at).and_then(<[u8]>::split_last) {
        at = before.len();
        match octet {
            b',' if !quoted => return split_at(list, Some(at)),
            b'"' if quoted => {
                let escapes = before.iter().rev().take_while(|octet| **octet == b'\\').count();
                quoted = escapes % 2 == 1;
                // Looked at once.
                at -= escapes;
            }
            b'"' => quoted = true,
            _ => {}
        }
    }
    split_at(list, None)
}

fn split_at(list: &[u8], comma: Option<usize>) -> Split<'_> {
    match comma {
        Some(at) => (list.get(..at), list.get(at + 1..).unwrap_or_default()),
        None => (None, list),
    }
}

/// The address in an element of `Forwarded` (RFC 7239 §4): that of its one `for`.
fn read_element(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = element;
    loop {
        rest = rest.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b";") {
            let equals = rest.iter().position(|octet| *octet == b'=')?;
            let (name, value) = rest.split_at_checked(equals)?;
            let (value, behind) = read_value(value.get(1..)?)?;
            if !is_token(name) {
                return None;
            }
            // A parameter is there once.
            if name.eq_ignore_ascii_case(b"for") && found.replace(value).is_some() {
                return None;
            }
            rest = behind.trim_ascii_start();
        }
        match rest.split_first() {
            None => return read_node(found?, false),
            Some((b';', behind)) => rest = behind,
            Some(_) => return None,
        }
    }
}

/// A token, or what is between quotes, as written; and what is behind.
fn read_value(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some((b'"', inside)) = octets.split_first() else {
        let end = octets.iter().position(|octet| !is_tchar(*octet)).unwrap_or(octets.len());
        return octets.split_at_checked(end).filter(|(token, _)| !token.is_empty());
    };
    let mut at = 0;
    loop {
        match inside.get(at)? {
            b'"' => return Some((inside.get(..at)?, inside.get(at + 1..)?)),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The address of a node (RFC 7239 §6), its port checked and dropped. Whoever is `unknown` or hides
/// behind a name of his own has none. `X-Forwarded-For` has IPv6 addresses without brackets, too.
fn read_node(node: &[u8], bare: bool) -> Option<IpAddr> {
    let text = std::str::from_utf8(node).ok()?;
    if bare && let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(IpAddr::V6(address).to_canonical());
    }
    let (address, port): (IpAddr, &str) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.into(), port)
        }
        None => {
            let (address, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (address.parse::<Ipv4Addr>().ok()?.into(), port)
        }
    };
    let right = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    right.then(|| address.to_canonical())
}

/// A number, or a name of the proxy's own.
fn is_port(port: &str) -> bool {
    let legal = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    match port.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(legal),
        None => {
            (1..=PORT_DIGITS_MAX).contains(&port.len())
                && port.bytes().all(|it| it.is_ascii_digit())
        }
    }
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|octet| is_tchar(*octet))
}

/// RFC 9110 §5.6.2.
fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[cfg(test)]
mod tests;
