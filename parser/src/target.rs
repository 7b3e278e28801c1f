//! The four forms of a request target, and the one authority that a request has.
//!
//! Nothing is decoded and no dot segment is removed here: what routing sees is made elsewhere,
//! once. An authority is read the same way in a target and in Host.

use crate::class::{Class, hex_digit};
use crate::error::Error;
use crate::index::{Index, Span, Version};
use crate::limits::HOST_NAME_BYTES_MAX;
use crate::scan::Scan;
use core::net::Ipv6Addr;

/// The form of an accepted request target (RFC 9112 §3.2).
///
/// The fourth one, authority-form, belongs to CONNECT, which is refused once it is validated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// A path and perhaps a query.
    #[default]
    Origin,
    /// A whole URI.
    Absolute,
    /// `*`, with OPTIONS only.
    Asterisk,
}

/// The scheme of a target in absolute-form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    Https,
}

/// Where the path of a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    At(Span),
    /// Empty in absolute-form: `/` (RFC 9110 §4.2.3).
    Root,
    /// Empty in absolute-form, with OPTIONS: `*` (RFC 9112 §3.2.4).
    Server,
}

/// What a target is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) form: TargetForm,
    pub(crate) scheme: Option<Scheme>,
    /// A request this server never serves; said when the rest of the head is known to be right.
    pub(crate) refusal: Option<Unserved>,
    pub(crate) path: Path,
    pub(crate) query: Option<Span>,
    pub(crate) authority: Option<Authority>,
}

/// Targets that are well formed and served by nobody here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    Tunnel,
    OtherScheme,
}

/// A host and perhaps a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) whole: Span,
    pub(crate) host: Span,
}

/// Whether an authority may do without a port.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Optional,
    Required,
}

impl Target {
    pub(crate) const NONE: Self = Self {
        form: TargetForm::Origin,
        scheme: None,
        refusal: None,
        path: Path::Root,
        query: None,
        authority: None,
    };

    /// A path and a query whose octets have been checked.
    #[inline]
    pub(crate) fn origin(path: Span, query: Option<Span>) -> Self {
        Self { path: Path::At(path), query, ..Self::NONE }
    }

    /// Takes a target of visible octets apart.
    pub(crate) fn read(octets: &[u8], method: Span, target: Span) -> Result<Self, Error> {
        let method = method.of(octets);
        let none = Self::NONE;
        if method == b"CONNECT" {
            // RFC 9112 §3.2.3: authority-form, and a port is a part of it.
            let authority = Some(Authority::read(octets, target, Port::Required)?);
            return Ok(Self { refusal: Some(Unserved::Tunnel), authority, ..none });
        }
        match target.of(octets) {
            [b'/', ..] => {
                let (path, query) = path_and_query(octets, target)?;
                Ok(Self::origin(path, query))
            }
            // RFC 9112 §3.2.4: asterisk-form is for OPTIONS alone.
            b"*" if method == b"OPTIONS" => {
                Ok(Self { form: TargetForm::Asterisk, path: Path::At(target), ..none })
            }
            _ => absolute(octets, method == b"OPTIONS", target),
        }
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::NONE
    }
}

/// RFC 9112 §3.2.2: absolute-form, which a server MUST accept for every method.
fn absolute(octets: &[u8], options: bool, target: Span) -> Result<Target, Error> {
    let text = target.of(octets);
    let wrong_form = Error::TargetForm { offset: target.offset() };
    let scheme_end = text.iter().position(|octet| *octet == b':').ok_or(wrong_form)?;
    let (scheme, rest) = text.split_at(scheme_end);
    if !is_scheme(scheme) || !rest.starts_with(b"://") {
        return Err(wrong_form);
    }
    let (start, end) = (target.start() + scheme_end + 3, target.end());
    let none = Target { form: TargetForm::Absolute, ..Target::NONE };
    let scheme = if scheme.eq_ignore_ascii_case(b"http") {
        Scheme::Http
    } else if scheme.eq_ignore_ascii_case(b"https") {
        Scheme::Https
    } else {
        // RFC 9110 §7.4: a URI this server does not serve.
        path_and_query(octets, Span::new(start, end))?;
        return Ok(Target { refusal: Some(Unserved::OtherScheme), ..none });
    };
    let rest = octets.get(start..end).unwrap_or(&[]);
    let length = rest.iter().position(|octet| matches!(octet, b'/' | b'?'));
    let split = length.map_or(end, |length| start + length);
    let authority = Authority::read(octets, Span::new(start, split), Port::Optional)?;
    let (path, query) = path_and_query(octets, Span::new(split, end))?;
    let path = match (path.start() == path.end(), options && query.is_none()) {
        (false, _) => Path::At(path),
        (true, false) => Path::Root,
        (true, true) => Path::Server,
    };
    Ok(Target { scheme: Some(scheme), path, query, authority: Some(authority), ..none })
}

/// RFC 3986 §3.1.
fn is_scheme(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.iter().all(|o| o.is_ascii_alphanumeric() || matches!(o, b'+' | b'-' | b'.'))
}

/// Checks the octets of a path and of a query (RFC 3986 §3.3, §3.4); there is no fragment.
fn path_and_query(octets: &[u8], text: Span) -> Result<(Span, Option<Span>), Error> {
    let octets = octets.get(..text.end()).unwrap_or(octets);
    let path_end = stretch(octets, text.start(), Class::PATH)?;
    match octets.get(path_end) {
        None => Ok((text, None)),
        Some(b'?') => {
            let query_end = stretch(octets, path_end + 1, Class::QUERY)?;
            if query_end < octets.len() {
                return Err(Error::QueryOctet { offset: query_end as u64 });
            }
            let path = Span::new(text.start(), path_end);
            Ok((path, Some(Span::new(path_end + 1, query_end))))
        }
        Some(_) => Err(Error::PathOctet { offset: path_end as u64 }),
    }
}

/// Skips octets of a class and percent-encodings; stops at the first octet that is neither.
fn stretch(octets: &[u8], at: usize, class: Class) -> Result<usize, Error> {
    let mut at = class.end(octets, at);
    while octets.get(at) == Some(&b'%') {
        at = class.end(octets, percent(octets, at)?);
    }
    Ok(at)
}

/// One percent-encoding at `at`: two digits, and not NUL, which ends strings elsewhere
/// (RFC 3986 §2.1, §7.3). Returns the index behind it.
#[inline]
pub(crate) fn percent(octets: &[u8], at: usize) -> Result<usize, Error> {
    let digit = |ahead: usize| octets.get(at + ahead).copied().and_then(hex_digit);
    match (digit(1), digit(2)) {
        (Some(0), Some(0)) => Err(Error::PercentNul { offset: at as u64 }),
        (Some(_), Some(_)) => Ok(at + 3),
        _ => Err(Error::PercentEncoding { offset: at as u64 }),
    }
}

impl Authority {
    /// Reads `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2).
    pub(crate) fn read(octets: &[u8], whole: Span, port: Port) -> Result<Self, Error> {
        let text = whole.of(octets);
        match host_length(text).and_then(|host| check_port(text, host, port).map(|()| host)) {
            Ok(host) => Ok(Self::split(whole, host)),
            // RFC 9110 §4.2.4: user information is an error in a target and in Host alike.
            Err(error) => Err(match text.iter().position(|octet| *octet == b'@') {
                Some(at) => Error::Userinfo { offset: at as u64 },
                None => error,
            }
            .moved(whole.offset())),
        }
    }

    #[inline]
    fn split(whole: Span, host: usize) -> Self {
        Self { whole, host: Span::new(whole.start(), whole.start() + host) }
    }

    /// Accepts what nearly every authority is: a name of host octets and perhaps a port of four
    /// digits. The rest is left to [`Authority::read`].
    #[inline(always)]
    pub(crate) fn plain<S: Scan>(scan: &mut S, octets: &[u8], whole: Span) -> Option<Self> {
        let length = match whole.of(octets) {
            &[ref host @ .., b':', a, b, c, d] if are_digits([a, b, c, d]) => host.len(),
            host => host.len(),
        };
        let plain = Self::split(whole, length);
        let right = matches!(length, 1..=HOST_NAME_BYTES_MAX) && scan.is_host(octets, plain.host);
        right.then_some(plain)
    }
}

/// Whether four octets, as most ports have, are digits: three in the upper half, before and after
/// six is added to the lower one. A carry into the next octet comes from one that is none.
#[inline(always)]
const fn are_digits(octets: [u8; 4]) -> bool {
    const UPPER: u32 = 0xf0f0_f0f0;
    let word = u32::from_le_bytes(octets);
    (word & UPPER) | (word.wrapping_add(0x0606_0606) & UPPER) >> 4 == 0x3333_3333
}

/// Length of the host an authority starts with.
fn host_length(text: &[u8]) -> Result<usize, Error> {
    let length = match text {
        [] | [b':', ..] => return Err(Error::HostEmpty { offset: 0 }),
        [b'[', inner @ ..] => {
            let closed = inner.iter().position(|octet| *octet == b']');
            let address = closed.and_then(|end| inner.get(..end));
            let text = address.and_then(|octets| core::str::from_utf8(octets).ok());
            match text.map(str::parse::<Ipv6Addr>) {
                Some(Ok(_)) => address.map_or(0, |octets| octets.len() + 2),
                _ => return Err(Error::HostAddress { offset: 0 }),
            }
        }
        _ => stretch(text, 0, Class::HOST)?,
    };
    if length > HOST_NAME_BYTES_MAX {
        let max = HOST_NAME_BYTES_MAX as u64;
        return Err(Error::HostTooLong { offset: HOST_NAME_BYTES_MAX as u64, max });
    }
    Ok(length)
}

/// What follows the host: nothing, or a colon and digits (RFC 3986 §3.2.3: perhaps none).
#[inline]
fn check_port(text: &[u8], host: usize, port: Port) -> Result<(), Error> {
    match text.get(host..).unwrap_or(&[]) {
        [] | [b':'] if port == Port::Required => Err(Error::PortMissing { offset: host as u64 }),
        [] => Ok(()),
        [b':', digits @ ..] => {
            let mut number = 0u32;
            for digit in digits {
                number = number.saturating_mul(10).saturating_add(u32::from(digit ^ b'0'));
                if !digit.is_ascii_digit() || number > u32::from(u16::MAX) {
                    return Err(Error::PortInvalid { offset: host as u64 + 1 });
                }
            }
            Ok(())
        }
        _ => Err(Error::HostOctet { offset: host as u64 }),
    }
}

/// The one authority of a request (RFC 9112 §3.2, §3.3): Host must be there and right even when
/// an absolute-form target replaces it.
pub(crate) fn effective_authority(
    octets: &[u8],
    index: &Index,
) -> Result<Option<Authority>, Error> {
    let facts = &index.facts;
    let host = match facts.seen.host.count {
        0 if facts.version == Version::Http10 => None,
        0 => return Err(Error::HostMissing { offset: facts.target_offset() }),
        1 => {
            let value = index.first(facts.seen.host).value();
            match facts.authority {
                Some(plain) => Some(plain),
                None => Some(Authority::read(octets, value, Port::Optional)?),
            }
        }
        _ => {
            let again = index.lines(octets, facts.seen.host, b"host").nth(1).unwrap_or_default();
            return Err(Error::HostRepeated { offset: again.name().offset() });
        }
    };
    Ok(facts.target.authority.or(host))
}

/// Refuses what is well formed and served by nobody here.
#[inline]
pub(crate) fn check_served(index: &Index) -> Result<(), Error> {
    let offset = index.facts.target_offset();
    match index.facts.target.refusal {
        None => Ok(()),
        Some(Unserved::Tunnel) => Err(Error::ConnectUnsupported { offset }),
        Some(Unserved::OtherScheme) => Err(Error::SchemeUnsupported { offset }),
    }
}
