//! Version 1: one line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Announced, ProxyFault, Source};

/// Octets of the longest line, its CRLF included (PROXY protocol, section 2.1).
pub(crate) const V1_BYTES_MAX: usize = 107;

/// How every line begins.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";

pub(super) fn look(octets: &[u8]) -> Result<Option<Announced>, ProxyFault> {
    let ends = |octet: &u8| matches!(octet, b'\r' | b'\n');
    let Some(at) = octets.iter().take(V1_BYTES_MAX).position(ends) else {
        let too_long = octets.len() >= V1_BYTES_MAX;
        return if too_long { Err(ProxyFault::LineTooLong) } else { Ok(None) };
    };
    let bytes = at + 2;
    if bytes > V1_BYTES_MAX {
        return Err(ProxyFault::LineTooLong);
    }
    match octets.get(at..) {
        Some([b'\r', b'\n', ..]) => {}
        Some([b'\r']) => return Ok(None),
        _ => return Err(ProxyFault::LineEnd),
    }
    let line = octets.get(SIGNATURE.len()..at).ok_or(ProxyFault::Parts)?;
    Ok(Some(Announced { bytes, source: read(line)? }))
}

/// Reads what is between the signature and the end of the line.
fn read(line: &[u8]) -> Result<Source, ProxyFault> {
    let mut parts = line.split(|octet| *octet == b' ');
    let address: fn(&[u8]) -> Option<IpAddr> = match parts.next() {
        // Whatever follows is to be ignored.
        Some(b"UNKNOWN") => return Ok(Source::Unknown),
        Some(b"TCP4") => |part| ascii(part)?.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some(b"TCP6") => |part| ascii(part)?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return Err(ProxyFault::Protocol),
    };
    let mut part = || parts.next().ok_or(ProxyFault::Parts);
    let [source, destination, source_port, destination_port] = [part()?, part()?, part()?, part()?];
    if parts.next().is_some() {
        return Err(ProxyFault::Parts);
    }
    let source = address(source).ok_or(ProxyFault::Address)?;
    address(destination).ok_or(ProxyFault::Address)?;
    let source_port = port(source_port).ok_or(ProxyFault::Port)?;
    port(destination_port).ok_or(ProxyFault::Port)?;
    Ok(Source::Address(source, source_port))
}

fn port(part: &[u8]) -> Option<u16> {
    // Neither a sign nor a zero in front: one number, one spelling.
    let plain =
        part.iter().all(u8::is_ascii_digit) && (part.len() == 1 || part.first() != Some(&b'0'));
    if plain { ascii(part)?.parse().ok() } else { None }
}

fn ascii(part: &[u8]) -> Option<&str> {
    std::str::from_utf8(part).ok()
}
