//! Where readers may differ, reason by reason: what is not in these tables is a failure.

use crate::ours::Ours;
use crate::peer::Head;

/// Another reader of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// The Rust crate, which reads heads.
    Httparse,
    /// The C library, which reads heads and bodies; here with every lenient flag off.
    Llhttp,
}

impl Peer {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Httparse, Self::Llhttp];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Httparse => "httparse",
            Self::Llhttp => "llhttp",
        }
    }
}

/// How two readers differ about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// We refuse, by the name of [`fezz_parser::Error`], what it accepts.
    WeRefuse,
    /// It refuses, by the name of its own error, what we accept.
    TheyRefuse,
    /// We end the connection with this request, it does not.
    WeClose,
    /// It ends the connection with this request, we do not.
    TheyClose,
    /// It ends the body elsewhere.
    TheyFrame,
}

impl Kind {
    /// In words, with the peer as "it".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::WeRefuse => "we refuse",
            Self::TheyRefuse => "it refuses",
            Self::WeClose => "we close",
            Self::TheyClose => "it closes",
            Self::TheyFrame => "it frames otherwise",
        }
    }
}

/// A request about which readers differ.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its octets and what is behind them.
    pub octets: &'a [u8],
    /// Octets of its head, when we take it.
    pub head_bytes: usize,
    /// Its head, when we take it.
    pub head: Option<&'a Head<'a>>,
}

impl<'a> Case<'a> {
    /// What our parser made of these octets.
    #[must_use]
    pub fn of(octets: &'a [u8], ours: &'a Ours<'a>) -> Self {
        let head = ours.head.as_ref();
        let head_bytes = head.map_or(0, |taken| taken.bytes);
        Self { octets, head_bytes, head: head.map(|taken| &taken.head) }
    }
}

/// One difference that is known and meant.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// With whom.
    pub peers: &'static [Peer],
    /// In what.
    pub kind: Kind,
    /// The name of the error of whoever refuses, or [`PERSISTENCE`], or [`FRAMING`].
    pub said: &'static str,
    /// Why that is meant.
    pub why: &'static str,
    /// Whether the case is what the row says.
    pub holds: fn(&Case<'_>) -> bool,
}

/// What rows about the end of a connection are about.
pub const PERSISTENCE: &str = "persistence";
/// What rows about the end of a body are about.
pub const FRAMING: &str = "framing";

const BOTH: &[Peer] = &Peer::ALL;
const HTTPARSE: &[Peer] = &[Peer::Httparse];
const LLHTTP: &[Peer] = &[Peer::Llhttp];

const fn refused(said: &'static str, peers: &'static [Peer], why: &'static str) -> Row {
    Row { peers, kind: Kind::WeRefuse, said, why, holds: |_| true }
}

const fn they_refuse(
    said: &'static str,
    peers: &'static [Peer],
    why: &'static str,
    holds: fn(&Case<'_>) -> bool,
) -> Row {
    Row { peers, kind: Kind::TheyRefuse, said, why, holds }
}

/// Every difference that is meant.
pub const ROWS: &[Row] = &[
    // Lines.
    refused("bare_lf", BOTH, "RFC 9112 §2.2 lets a line end with LF alone: a way to smuggle"),
    refused("bare_cr", LLHTTP, "a CR in front of a request line ends no line"),
    refused("leading_empty_lines", BOTH, "two are skipped, not any number"),
    refused("request_line_too_long", BOTH, "a limit of ours"),
    refused("field_line_too_long", BOTH, "a limit of ours"),
    refused("field_section_too_long", BOTH, "a limit of ours"),
    refused("too_many_fields", BOTH, "a limit of ours"),
    // Request line.
    refused("request_line_incomplete", LLHTTP, "HTTP/0.9 is not spoken"),
    refused("method_too_long", HTTPARSE, "no method has more than 32 octets"),
    refused("target_empty", LLHTTP, "RFC 9112 §3: exactly one space on each side of the target"),
    refused("version_syntax", LLHTTP, "RFC 9112 §3: exactly one space on each side of the target"),
    refused("version_unsupported", LLHTTP, "HTTP/0.9 and HTTP/2.0 are not spoken in this form"),
    refused("target_octet", HTTPARSE, "RFC 3986 has ASCII alone"),
    refused("target_form", BOTH, "RFC 9112 §3.2 has four forms, each for its methods"),
    refused("path_octet", BOTH, "RFC 3986 §3.3"),
    refused("query_octet", BOTH, "RFC 3986 §3.4, and what browsers send"),
    refused("percent_encoding", BOTH, "RFC 3986 §2.1: two hexadecimal digits"),
    refused("percent_nul", BOTH, "NUL ends strings elsewhere"),
    refused("scheme_unsupported", BOTH, "neither http nor https: not served here"),
    refused("connect_unsupported", BOTH, "no tunnels"),
    // Authority: peers do not look at it.
    refused("host_missing", BOTH, "RFC 9112 §3.2"),
    refused("host_repeated", BOTH, "RFC 9112 §3.2"),
    refused("host_empty", BOTH, "an authority names a host"),
    refused("host_octet", BOTH, "RFC 3986 §3.2.2"),
    refused("host_too_long", BOTH, "RFC 1035 §2.3.4"),
    refused("host_address", BOTH, "RFC 3986 §3.2.2"),
    refused("port_invalid", BOTH, "RFC 3986 §3.2.3, and 65535 is the last"),
    refused("port_missing", BOTH, "RFC 9112 §3.2.3"),
    refused("userinfo", BOTH, "RFC 9110 §4.2.4"),
    // Framing: httparse does not look at it.
    refused("content_length_invalid", HTTPARSE, "RFC 9110 §8.6"),
    refused("content_length_repeated", HTTPARSE, "RFC 9112 §6.3 item 5"),
    refused("content_length_too_large", BOTH, "more than 19 digits can be received by nobody"),
    refused("transfer_encoding_in_http10", BOTH, "RFC 9112 §6.1: framing is faulty"),
    refused("transfer_encoding_with_length", HTTPARSE, "RFC 9112 §6.3 item 3"),
    refused("transfer_encoding_invalid", BOTH, "`chunked`, once, alone; no empty members"),
    refused("transfer_coding_unknown", BOTH, "RFC 9112 §6.1: not implemented"),
    // Other fields.
    refused("connection_option_invalid", BOTH, "RFC 9110 §7.6.1: tokens"),
    refused("too_many_connection_options", BOTH, "a limit of ours"),
    refused("expectation_unknown", BOTH, "RFC 9110 §10.1.1"),
    // Chunks.
    refused("chunk_size_too_long", LLHTTP, "more than 16 digits, though they be zeros"),
    refused("chunk_line_too_long", LLHTTP, "a limit of ours"),
    refused("chunk_extension_invalid", LLHTTP, "RFC 9112 §7.1.1: an extension has a name"),
    refused("chunk_extensions_too_long", LLHTTP, "a limit of ours"),
    refused("trailer_section_too_long", LLHTTP, "a limit of ours"),
    refused("too_many_trailers", LLHTTP, "a limit of ours"),
    // What they refuse and we accept.
    they_refuse("version", HTTPARSE, "RFC 9110 §2.5: a higher minor version is 1.1", is_newer),
    they_refuse(
        "HPE_INVALID_VERSION",
        LLHTTP,
        "RFC 9110 §2.5: a higher minor version is 1.1",
        is_newer,
    ),
    they_refuse("HPE_INVALID_VERSION", LLHTTP, "PRI is HTTP/2 to it", is_unlisted),
    they_refuse("HPE_INVALID_METHOD", LLHTTP, "it has a list of methods", is_unlisted),
    they_refuse(
        "HPE_INVALID_CHUNK_SIZE",
        LLHTTP,
        "RFC 9112 §7.1.1: white space around chunk extensions",
        has_spaced_extension,
    ),
    they_refuse(
        "HPE_STRICT",
        LLHTTP,
        "RFC 9112 §7.1.1: white space around chunk extensions",
        has_spaced_extension,
    ),
    they_refuse(
        "HPE_INVALID_TRANSFER_ENCODING",
        LLHTTP,
        "RFC 9110 §5.5: HTAB behind a value is not a part of it",
        has_tab_behind_coding,
    ),
    they_refuse(
        "HPE_INVALID_CONTENT_LENGTH",
        LLHTTP,
        "RFC 9112 §7.1.2: trailers are dropped, it reads them as a head's fields",
        |case| has_trailer(case, b"content-length"),
    ),
    they_refuse(
        "HPE_INVALID_TRANSFER_ENCODING",
        LLHTTP,
        "RFC 9112 §7.1.2: trailers are dropped, it reads them as a head's fields",
        |case| has_trailer(case, b"transfer-encoding"),
    ),
    // The end of the connection.
    Row {
        peers: LLHTTP,
        kind: Kind::WeClose,
        said: PERSISTENCE,
        why: "RFC 9112 §9.3: close wins in HTTP/1.0, too",
        holds: |case| says(case, b"connection", b"close"),
    },
    Row {
        peers: LLHTTP,
        kind: Kind::TheyClose,
        said: PERSISTENCE,
        why: "it takes Proxy-Connection, which no RFC has, for Connection",
        holds: |case| says(case, b"proxy-connection", b"close"),
    },
    Row {
        peers: LLHTTP,
        kind: Kind::TheyClose,
        said: PERSISTENCE,
        why: "RFC 9112 §7.1.2: trailers are dropped, it reads them as a head's fields",
        holds: |case| has_trailer(case, b"connection") || has_trailer(case, b"proxy-connection"),
    },
    // The end of the body.
    Row {
        peers: LLHTTP,
        kind: Kind::TheyFrame,
        said: FRAMING,
        why: "an upgrade that is offered is taken, so that a coding it does not know has no body",
        holds: |case| says(case, b"connection", b"upgrade") && has_tab_behind_coding(case),
    },
];

/// Methods that llhttp takes with `HTTP/`.
const LISTED: [&[u8]; 34] = [
    b"DELETE",
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"COPY",
    b"LOCK",
    b"MKCOL",
    b"MOVE",
    b"PROPFIND",
    b"PROPPATCH",
    b"SEARCH",
    b"UNLOCK",
    b"BIND",
    b"REBIND",
    b"UNBIND",
    b"ACL",
    b"REPORT",
    b"MKACTIVITY",
    b"CHECKOUT",
    b"MERGE",
    b"M-SEARCH",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"PATCH",
    b"PURGE",
    b"MKCALENDAR",
    b"LINK",
    b"UNLINK",
    b"QUERY",
];

fn is_unlisted(case: &Case<'_>) -> bool {
    case.head.is_some_and(|head| !LISTED.contains(&head.method))
}

/// The request line ends with a minor version above 1.
fn is_newer(case: &Case<'_>) -> bool {
    let Some(head) = case.head else { return false };
    let line = head.target.as_ptr().addr() - case.octets.as_ptr().addr() + head.target.len();
    let version = case.octets.get(line..).and_then(|rest| rest.strip_prefix(b" HTTP/1."));
    version.is_some_and(|digits| matches!(digits, [b'2'..=b'9', b'\r', ..]))
}

/// Whether lines of this name say this option.
fn says(case: &Case<'_>, name: &[u8], option: &[u8]) -> bool {
    case.head.is_some_and(|head| {
        head.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name)).any(|field| {
            let mut options = field.1.split(|octet| *octet == b',').map(<[u8]>::trim_ascii);
            options.any(|one| one.eq_ignore_ascii_case(option))
        })
    })
}

/// The value of Transfer-Encoding stands in front of white space that holds HTAB.
fn has_tab_behind_coding(case: &Case<'_>) -> bool {
    let Some(head) = case.head else { return false };
    let mut lines = head.fields.iter();
    let line = lines.find(|field| field.0.eq_ignore_ascii_case(b"transfer-encoding"));
    line.is_some_and(|(_, value)| {
        let end = value.as_ptr().addr() - case.octets.as_ptr().addr() + value.len();
        let rest = case.octets.get(end..).unwrap_or_default();
        rest.iter().take_while(|octet| **octet != b'\r').any(|octet| *octet == b'\t')
    })
}

/// White space in one of the lines that say the sizes of chunks.
fn has_spaced_extension(case: &Case<'_>) -> bool {
    ChunkLines::of(case).any(|line| line.iter().any(|octet| matches!(octet, b' ' | b'\t')))
}

/// A trailer of this name.
fn has_trailer(case: &Case<'_>, name: &[u8]) -> bool {
    let mut lines = ChunkLines::of(case);
    lines.by_ref().for_each(drop);
    let mut trailers = lines.rest.split(|octet| *octet == b'\n');
    trailers.any(|line| {
        line.split(|octet| *octet == b':').next().is_some_and(|it| it.eq_ignore_ascii_case(name))
    })
}

/// The lines that say the sizes of chunks, without their ends; behind the last one, `rest` is the
/// trailer section.
struct ChunkLines<'a> {
    rest: &'a [u8],
    at_end: bool,
}

impl<'a> ChunkLines<'a> {
    fn of(case: &Case<'a>) -> Self {
        Self { rest: case.octets.get(case.head_bytes..).unwrap_or_default(), at_end: false }
    }
}

impl<'a> Iterator for ChunkLines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.at_end {
            return None;
        }
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n");
        let (line, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.get(2..).unwrap_or_default();
        let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        let digits = line.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
        let size = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        self.at_end = matches!(size, None | Some(0)) || self.rest.is_empty();
        if !self.at_end {
            let data_end = size.and_then(|size| size.checked_add(2));
            self.rest = data_end.and_then(|end| self.rest.get(end..)).unwrap_or_default();
        }
        Some(line)
    }
}
