//! Every map key, once: as the octets the writers emit, and as the tables the readers look up.

use crate::error::Part;

/// The keys of one kind of map, in declaration order: the integer keys of packed encoders count
/// along this order.
pub(crate) struct Table {
    pub(crate) rows: &'static [(&'static [u8], Part)],
    /// How many rows an integer key may name.
    pub(crate) packed: u64,
}

pub(crate) static REQUEST: Table = Table {
    rows: &[
        (b"method", Part::Method),
        (b"scheme", Part::Scheme),
        (b"authority", Part::Authority),
        (b"path_and_query", Part::PathAndQuery),
        (b"headers", Part::Headers),
        (b"meta", Part::Meta),
        (b"body", Part::Body),
    ],
    packed: 7,
};

pub(crate) static REQUEST_META: Table = Table {
    rows: &[
        (b"trace_id", Part::TraceId),
        (b"deadline_ms", Part::DeadlineMs),
        (b"client_ip", Part::ClientIp),
        (b"version", Part::Version),
        (b"call", Part::Call),
    ],
    // The two last came later and have text keys only.
    packed: 3,
};

pub(crate) static RESPONSE: Table = Table {
    rows: &[
        (b"status", Part::Status),
        (b"headers", Part::Headers),
        (b"meta", Part::Meta),
        (b"body", Part::Body),
    ],
    packed: 4,
};

/// The format declares no order for these, so no integer names them.
pub(crate) static RESPONSE_META: Table =
    Table { rows: &[(b"panic", Part::Panic), (b"version", Part::Version)], packed: 0 };

pub(crate) static HEADER: Table =
    Table { rows: &[(b"name", Part::Name), (b"value", Part::Value)], packed: 2 };

// What the writers emit, and what the readers look for first: keys together with the constant
// octets around them. Most end with the first octet of an item whose argument is 0 (0x00
// integer, 0x40 byte string, 0x60 text string, 0x80 array), which the argument is added to.

pub(crate) const METHOD: [u8; 9] = *b"\xa7\x66method\x60";
pub(crate) const SCHEME: [u8; 8] = *b"\x66scheme\x60";
pub(crate) const AUTHORITY: [u8; 11] = *b"\x69authority\x60";
pub(crate) const PATH_AND_QUERY: [u8; 16] = *b"\x6epath_and_query\x60";
pub(crate) const HEADERS: [u8; 9] = *b"\x67headers\x80";
pub(crate) const NAME: [u8; 7] = *b"\xa2\x64name\x40";
pub(crate) const VALUE: [u8; 7] = *b"\x65value\x40";
pub(crate) const META: [u8; 5] = *b"\x64meta";
pub(crate) const TRACE_ID: [u8; 11] = *b"\xa3\x68trace_id\x60";
pub(crate) const DEADLINE_MS: [u8; 13] = *b"\x6bdeadline_ms\x00";
pub(crate) const CLIENT_IP: [u8; 11] = *b"\x69client_ip\x60";
/// After it, an unsigned integer of nine octets.
pub(crate) const CALL: [u8; 5] = *b"\x64call";
pub(crate) const VERSION: [u8; 8] = *b"\x67version";
pub(crate) const TLS: [u8; 4] = *b"\x63tls";
pub(crate) const PRINCIPAL: [u8; 10] = *b"\x69principal";
pub(crate) const BODY: [u8; 6] = *b"\x64body\x40";

pub(crate) const STATUS: [u8; 9] = *b"\xa3\x66status\x00";
pub(crate) const STATUS_WITH_META: [u8; 9] = *b"\xa4\x66status\x00";
pub(crate) const PANIC: [u8; 13] = *b"\x64meta\xa1\x65panic\xf5";

/// Before a `traceparent` of 55 octets: a whole header entry but for them.
pub(crate) const TRACEPARENT: [u8; 26] = *b"\xa2\x64name\x4btraceparent\x65value\x58\x37";

// How most envelopes begin, and the `meta` of a request that has a trace id of 32 octets and
// nothing unusual behind it: several keys and values that are compared and written at once.

pub(crate) const GET_HTTP: [u8; 24] = *b"\xa7\x66method\x63GET\x66scheme\x64http";
pub(crate) const GET_HTTPS: [u8; 25] = *b"\xa7\x66method\x63GET\x66scheme\x65https";
pub(crate) const POST_HTTP: [u8; 25] = *b"\xa7\x66method\x64POST\x66scheme\x64http";
pub(crate) const POST_HTTPS: [u8; 26] = *b"\xa7\x66method\x64POST\x66scheme\x65https";
/// Before the trace id.
pub(crate) const TRACED: [u8; 17] = *b"\x64meta\xa3\x68trace_id\x78\x20";
/// Octets of such a trace id.
pub(crate) const TRACE_ID_LEN: usize = 32;

/// `key` without its last octet: the part before a string of any length.
pub(crate) const fn lead<const N: usize, const M: usize>(key: [u8; N]) -> [u8; M] {
    assert!(M + 1 == N, "the lead is one octet shorter");
    let mut lead = [0; M];
    let mut at = 0;
    while at < M {
        lead[at] = key[at];
        at += 1;
    }
    lead
}
