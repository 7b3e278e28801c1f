//! Version 2: a signature, lengths, addresses, and extensions that are skipped but for a checksum.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Announced, ProxyFault, Source};

/// Octets of a header, its extensions included: those that load balancers add are some hundreds.
pub(crate) const V2_BYTES_MAX: usize = 4 * 1024;

/// How every header begins (PROXY protocol, section 2.2).
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Octets of the part that every header has.
const FIXED_BYTES: usize = 16;
/// Octets of an extension before its value: one of type, two of length.
const EXTENSION_BYTES: usize = 3;
/// The type of the extension with the checksum.
const CRC32C: u8 = 0x03;
/// Octets of two addresses and two ports, by family.
const INET_BYTES: usize = 12;
const INET6_BYTES: usize = 36;
const UNIX_BYTES: usize = 216;

/// What the addresses are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Unspecified,
    Inet,
    Inet6,
    Unix,
}

impl Family {
    const fn bytes(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::Inet => INET_BYTES,
            Self::Inet6 => INET6_BYTES,
            Self::Unix => UNIX_BYTES,
        }
    }
}

pub(super) fn look(octets: &[u8]) -> Result<Option<Announced>, ProxyFault> {
    let Some(command) = octets.get(SIGNATURE.len()) else { return Ok(None) };
    let local = match command {
        0x20 => true,
        0x21 => false,
        0x22..=0x2f => return Err(ProxyFault::Command),
        _ => return Err(ProxyFault::Version),
    };
    let Some(family) = octets.get(SIGNATURE.len() + 1) else { return Ok(None) };
    let family = match family {
        // Not looked at where the proxy speaks for itself.
        _ if local => Family::Unspecified,
        0x00 => Family::Unspecified,
        // Over streams, or over datagrams: QUIC may end at the proxy.
        0x11 | 0x12 => Family::Inet,
        0x21 | 0x22 => Family::Inet6,
        0x31 | 0x32 => Family::Unix,
        _ => return Err(ProxyFault::Family),
    };
    let Some((fixed, rest)) = octets.split_at_checked(FIXED_BYTES) else { return Ok(None) };
    let announced = match fixed {
        [.., high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let bytes = FIXED_BYTES + announced;
    if bytes > V2_BYTES_MAX {
        return Err(ProxyFault::TooLong);
    }
    if announced < family.bytes() {
        return Err(ProxyFault::AddressesCut);
    }
    let Some(rest) = rest.get(..announced) else { return Ok(None) };
    if local {
        return Ok(Some(Announced { bytes, source: Source::Itself }));
    }
    let (addresses, extensions) = rest.split_at(family.bytes());
    if let Some(said) = read_extensions(extensions)? {
        let at = bytes - extensions.len() + said.at;
        let header = octets.get(..bytes).unwrap_or_default();
        if crc32c(header, at) != said.value {
            return Err(ProxyFault::Checksum);
        }
    }
    Ok(Some(Announced { bytes, source: source(family, addresses) }))
}

fn source(family: Family, addresses: &[u8]) -> Source {
    match (family, addresses) {
        (Family::Inet, [a, b, c, d, _, _, _, _, high, low, ..]) => {
            let address = Ipv4Addr::new(*a, *b, *c, *d);
            Source::Address(IpAddr::V4(address), u16::from_be_bytes([*high, *low]))
        }
        (Family::Inet6, octets) => {
            let (Some(address), Some([high, low])) =
                (octets.first_chunk::<16>(), octets.get(32..34).and_then(<[u8]>::first_chunk))
            else {
                return Source::Unknown;
            };
            let address = IpAddr::V6(Ipv6Addr::from(*address));
            Source::Address(address, u16::from_be_bytes([*high, *low]))
        }
        (Family::Inet | Family::Unspecified | Family::Unix, _) => Source::Unknown,
    }
}

/// A checksum, and where it is in the extensions.
struct Said {
    at: usize,
    value: u32,
}

/// Steps through the extensions to their end; the checksum if there is one.
fn read_extensions(extensions: &[u8]) -> Result<Option<Said>, ProxyFault> {
    let mut said = None;
    let mut at = 0;
    while at < extensions.len() {
        let head = extensions.get(at..at + EXTENSION_BYTES);
        let Some(&[kind, high, low]) = head else { return Err(ProxyFault::Extension) };
        at += EXTENSION_BYTES;
        let bytes = usize::from(u16::from_be_bytes([high, low]));
        let value = extensions.get(at..at + bytes).ok_or(ProxyFault::Extension)?;
        if kind == CRC32C {
            let value: [u8; 4] = value.try_into().map_err(|_| ProxyFault::Extension)?;
            let repeated = said.replace(Said { at, value: u32::from_be_bytes(value) });
            if repeated.is_some() {
                return Err(ProxyFault::Extension);
            }
        }
        at += bytes;
    }
    Ok(said)
}

/// CRC-32C (RFC 4960, appendix B) of `octets`, the four from `zeroed` on taken as zeros.
fn crc32c(octets: &[u8], zeroed: usize) -> u32 {
    /// The Castagnoli polynomial, reflected.
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = u32::MAX;
    for (at, octet) in octets.iter().enumerate() {
        let octet = if (zeroed..zeroed + 4).contains(&at) { 0 } else { *octet };
        crc ^= u32::from(octet);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_iscsi() {
        // RFC 3720, appendix B.4: 32 octets of zeros, of ones, and counted.
        assert_eq!(crc32c(&[0; 32], 32), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32], 32), 0x62a8_ab43);
        let counted: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&counted, 32), 0x46dd_794e);
        assert_eq!(crc32c(&[0xff; 4], 0), crc32c(&[0; 4], 4));
    }
}
