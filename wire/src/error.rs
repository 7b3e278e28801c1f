//! Why an envelope is refused: one variant per reason, with the numbers and no text of its own.

use core::fmt;

/// A part of an envelope, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The envelope's own map.
    Envelope,
    /// `method` of a request.
    Method,
    /// `scheme` of a request.
    Scheme,
    /// `authority` of a request.
    Authority,
    /// `path_and_query` of a request.
    PathAndQuery,
    /// `status` of a response.
    Status,
    /// The list of headers.
    Headers,
    /// One entry of `headers`.
    Header,
    /// `name` of a header entry.
    Name,
    /// `value` of a header entry.
    Value,
    /// The `meta` map.
    Meta,
    /// `meta.trace_id` of a request.
    TraceId,
    /// `meta.deadline_ms` of a request.
    DeadlineMs,
    /// `meta.client_ip` of a request.
    ClientIp,
    /// `meta.panic` of a response.
    Panic,
    /// `meta.version` of a request or a response.
    Version,
    /// `meta.call` of a request.
    Call,
    /// The body.
    Body,
    /// `functions` of an offer or its answer.
    Functions,
    /// `functions.handle` of an offer.
    HandleRange,
    /// `functions.handle.min` of an offer.
    Min,
    /// `functions.handle.max` of an offer.
    Max,
    /// `functions.handle` of an answer.
    Handle,
    /// `capabilities` of an offer or its answer.
    Capabilities,
    /// One of `capabilities`.
    Capability,
    /// `limits` of an offer.
    Limits,
    /// `host` of an offer.
    Host,
    /// `fallback` of an answer.
    Fallback,
    /// `ttl_ms` of an answer.
    TtlMs,
    /// `samples` of a self-check's specification.
    Samples,
    /// One of `samples`.
    Sample,
    /// `checks` of a self-check's verdict.
    Checks,
    /// `failures` of a self-check's verdict.
    Failures,
    /// One of `failures`.
    Failure,
    /// The value of a setting.
    Setting,
}

impl Part {
    /// The key that holds this part, or a word for the parts that have no key.
    pub const fn name(self) -> &'static str {
        match self {
            Part::Envelope => "envelope",
            Part::Method => "method",
            Part::Scheme => "scheme",
            Part::Authority => "authority",
            Part::PathAndQuery => "path_and_query",
            Part::Status => "status",
            Part::Headers => "headers",
            Part::Header => "header entry",
            Part::Name => "name",
            Part::Value => "value",
            Part::Meta => "meta",
            Part::TraceId => "meta.trace_id",
            Part::DeadlineMs => "meta.deadline_ms",
            Part::ClientIp => "meta.client_ip",
            Part::Panic => "meta.panic",
            Part::Version => "meta.version",
            Part::Call => "meta.call",
            Part::Body => "body",
            Part::Functions => "functions",
            Part::HandleRange | Part::Handle => "functions.handle",
            Part::Min => "functions.handle.min",
            Part::Max => "functions.handle.max",
            Part::Capabilities => "capabilities",
            Part::Capability => "capability",
            Part::Limits => "limits",
            Part::Host => "host",
            Part::Fallback => "fallback",
            Part::TtlMs => "ttl_ms",
            Part::Samples => "samples",
            Part::Sample => "sample",
            Part::Checks => "checks",
            Part::Failures => "failures",
            Part::Failure => "failure",
            Part::Setting => "setting",
        }
    }

    /// What may stand there, in words.
    pub const fn expected(self) -> &'static str {
        match self {
            Part::Envelope | Part::HandleRange => "a map",
            Part::Method
            | Part::PathAndQuery
            | Part::Capability
            | Part::Failure
            | Part::Setting => "a text string",
            Part::Scheme
            | Part::Authority
            | Part::TraceId
            | Part::ClientIp
            | Part::Host
            | Part::Fallback => "a text string or null",
            Part::Status | Part::Min | Part::Max | Part::Handle => "an unsigned integer",
            Part::Headers | Part::Capabilities | Part::Samples => "an array or null",
            Part::Failures => "an array",
            Part::Header => "a map or an array of two",
            Part::Name | Part::Value | Part::Sample => "a byte or text string",
            Part::Meta | Part::Functions | Part::Limits => "a map or null",
            Part::DeadlineMs | Part::Version | Part::Call | Part::TtlMs | Part::Checks => {
                "an unsigned integer or null"
            }
            Part::Panic => "true, false or null",
            Part::Body => "a byte or text string, or null",
        }
    }
}

/// What stands at a place of an envelope, by its first octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An unsigned integer.
    Unsigned,
    /// A negative integer.
    Negative,
    /// A byte string.
    Bytes,
    /// A text string.
    Text,
    /// An array.
    Array,
    /// A map.
    Map,
    /// A tag and what it tags.
    Tag,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
    /// `undefined`.
    Undefined,
    /// Another simple value.
    Simple,
    /// A floating-point number.
    Float,
}

impl Kind {
    /// The kind of the item that begins with this octet.
    // RFC 8949 §3.1, §3.3
    pub(crate) const fn of(octet: u8) -> Kind {
        match octet >> 5 {
            0 => Kind::Unsigned,
            1 => Kind::Negative,
            2 => Kind::Bytes,
            3 => Kind::Text,
            4 => Kind::Array,
            5 => Kind::Map,
            6 => Kind::Tag,
            _ => match octet & 0x1f {
                20 | 21 => Kind::Bool,
                22 => Kind::Null,
                23 => Kind::Undefined,
                25..=27 => Kind::Float,
                _ => Kind::Simple,
            },
        }
    }

    /// The kind in words.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Unsigned => "an unsigned integer",
            Kind::Negative => "a negative integer",
            Kind::Bytes => "a byte string",
            Kind::Text => "a text string",
            Kind::Array => "an array",
            Kind::Map => "a map",
            Kind::Tag => "a tag",
            Kind::Bool => "a boolean",
            Kind::Null => "null",
            Kind::Undefined => "undefined",
            Kind::Simple => "a simple value",
            Kind::Float => "a floating-point number",
        }
    }
}

/// The dispatch stage a refused response is counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The octets are not one whole CBOR item.
    DeserializeResponse,
    /// They are, but the item is not a response.
    ResponseEnvelope,
    /// It is a response, but a rule of the format is broken.
    ResponseDecode,
}

impl Stage {
    /// The stage's label, the same in logs, metrics and the admin view.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::DeserializeResponse => "deserialize_response",
            Stage::ResponseEnvelope => "response_envelope",
            Stage::ResponseDecode => "response_decode",
        }
    }
}

/// Why an envelope is refused. Whoever wrote the envelope is to blame: of a response the function,
/// of a request the host. Offsets `at` count octets from the start of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// There is no octet at all.
    Empty,
    /// The item at `at` needs `missing` more octets than there are.
    Truncated {
        /// Where the unfinished item begins.
        at: usize,
        /// Octets it lacks, at least.
        missing: u64,
    },
    /// The octet at `at` cannot begin an item there (RFC 8949 §3).
    Malformed {
        /// Where the octet stands.
        at: usize,
        /// The octet.
        octet: u8,
    },
    /// The text string at `at` is not UTF-8.
    NotUtf8 {
        /// Where the string begins.
        at: usize,
    },
    /// Maps, arrays and tags are nested deeper than `max` at `at`.
    TooDeep {
        /// Where the level too many begins.
        at: usize,
        /// Levels allowed.
        max: u8,
    },
    /// At `at`, the wrong kind of item stands for `part`.
    WrongType {
        /// Where the item begins.
        at: usize,
        /// What should stand there.
        part: Part,
        /// What stands there.
        found: Kind,
    },
    /// The key of `part` appears again at `at`.
    DuplicateKey {
        /// Where the second key begins.
        at: usize,
        /// What the key holds.
        part: Part,
    },
    /// The map at `at` lacks the key of `part`.
    MissingKey {
        /// Where the map begins.
        at: usize,
        /// What the key would hold.
        part: Part,
    },
    /// The header entry at `at` is an array of `found` items, not of two.
    EntryLength {
        /// Where the array begins.
        at: usize,
        /// Items in it; 3 stands for three or more where the length is indefinite.
        found: u64,
    },
    /// The string for `part` at `at` comes in several segments and cannot be borrowed whole: pass
    /// the envelope through [`joined`](crate::joined) first. Raised for requests only.
    Segmented {
        /// Where the string begins.
        at: usize,
        /// What the string is.
        part: Part,
    },
    /// The status is outside 200..=599.
    StatusRange {
        /// The status.
        found: u64,
    },
    /// The header name at `at` is empty.
    HeaderNameEmpty {
        /// Where the name begins.
        at: usize,
    },
    /// The header name at `at` holds an octet that no token may (RFC 9110 §5.6.2).
    HeaderNameOctet {
        /// Where the name begins.
        at: usize,
        /// The first such octet.
        octet: u8,
    },
    /// The header value at `at` holds a control octet other than HTAB (RFC 9110 §5.5).
    HeaderValueOctet {
        /// Where the value begins.
        at: usize,
        /// The first such octet.
        octet: u8,
    },
    /// There are `count` headers or more, where `max` are allowed.
    HeaderCount {
        /// Headers declared, or counted until the limit was passed.
        count: u64,
        /// Headers allowed.
        max: usize,
    },
    /// The envelope has `len` octets beside its body, where `max` are allowed.
    HeadTooLarge {
        /// Octets found.
        len: usize,
        /// Octets allowed.
        max: usize,
    },
    /// The body has `len` octets, where `max` are allowed.
    BodyTooLarge {
        /// Octets found.
        len: usize,
        /// Octets allowed.
        max: usize,
    },
    /// After the envelope, `len` octets follow at `at`.
    TrailingOctets {
        /// Where the envelope ended.
        at: usize,
        /// Octets that follow.
        len: usize,
    },
}

impl WireError {
    /// The refusal's stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            WireError::Empty => "empty",
            WireError::Truncated { .. } => "truncated",
            WireError::Malformed { .. } => "malformed",
            WireError::NotUtf8 { .. } => "not_utf8",
            WireError::TooDeep { .. } => "too_deep",
            WireError::WrongType { .. } => "wrong_type",
            WireError::DuplicateKey { .. } => "duplicate_key",
            WireError::MissingKey { .. } => "missing_key",
            WireError::EntryLength { .. } => "entry_length",
            WireError::Segmented { .. } => "segmented",
            WireError::StatusRange { .. } => "status_range",
            WireError::HeaderNameEmpty { .. } => "header_name_empty",
            WireError::HeaderNameOctet { .. } => "header_name_octet",
            WireError::HeaderValueOctet { .. } => "header_value_octet",
            WireError::HeaderCount { .. } => "header_count",
            WireError::HeadTooLarge { .. } => "head_too_large",
            WireError::BodyTooLarge { .. } => "body_too_large",
            WireError::TrailingOctets { .. } => "trailing_octets",
        }
    }

    /// The dispatch stage that failed, if the envelope was a response.
    pub const fn stage(&self) -> Stage {
        match self {
            WireError::Empty
            | WireError::Truncated { .. }
            | WireError::Malformed { .. }
            | WireError::NotUtf8 { .. } => Stage::DeserializeResponse,
            WireError::WrongType { part: Part::Envelope, .. } => Stage::ResponseEnvelope,
            WireError::TooDeep { .. }
            | WireError::WrongType { .. }
            | WireError::DuplicateKey { .. }
            | WireError::MissingKey { .. }
            | WireError::EntryLength { .. }
            | WireError::Segmented { .. }
            | WireError::StatusRange { .. }
            | WireError::HeaderNameEmpty { .. }
            | WireError::HeaderNameOctet { .. }
            | WireError::HeaderValueOctet { .. }
            | WireError::HeaderCount { .. }
            | WireError::HeadTooLarge { .. }
            | WireError::BodyTooLarge { .. }
            | WireError::TrailingOctets { .. } => Stage::ResponseDecode,
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            WireError::Empty => f.write_str("no octets where an envelope should be"),
            WireError::Truncated { at, missing } => {
                write!(f, "the item at octet {at} lacks {missing} octets")
            }
            WireError::Malformed { at, octet } => {
                write!(f, "octet 0x{octet:02x} at {at} begins no CBOR item that may stand there")
            }
            WireError::NotUtf8 { at } => write!(f, "the text string at octet {at} is not UTF-8"),
            WireError::TooDeep { at, max } => {
                write!(f, "at octet {at} items are nested deeper than {max} levels")
            }
            WireError::WrongType { at, part, found } => {
                let (part, expected, found) = (part.name(), part.expected(), found.name());
                write!(f, "{part} at octet {at} is {found}, not {expected}")
            }
            WireError::DuplicateKey { at, part } => {
                write!(f, "the key of {} appears again at octet {at}", part.name())
            }
            WireError::MissingKey { at, part } => {
                write!(f, "the map at octet {at} has no {}", part.name())
            }
            WireError::EntryLength { at, found } => {
                write!(f, "the header entry at octet {at} has {found} items, not 2")
            }
            WireError::Segmented { at, part } => {
                write!(f, "{} at octet {at} comes in several segments", part.name())
            }
            WireError::StatusRange { found } => write!(f, "status {found} is not in 200..=599"),
            WireError::HeaderNameEmpty { at } => write!(f, "header name at octet {at} is empty"),
            WireError::HeaderNameOctet { at, octet } => {
                write!(f, "header name at octet {at} holds 0x{octet:02x}, which no token may")
            }
            WireError::HeaderValueOctet { at, octet } => {
                write!(f, "header value at octet {at} holds the control octet 0x{octet:02x}")
            }
            WireError::HeaderCount { count, max } => {
                write!(f, "{count} headers where {max} are allowed")
            }
            WireError::HeadTooLarge { len, max } => {
                write!(f, "{len} octets beside the body where {max} are allowed")
            }
            WireError::BodyTooLarge { len, max } => {
                write!(f, "{len} octets of body where {max} are allowed")
            }
            WireError::TrailingOctets { at, len } => {
                write!(f, "{len} octets follow the envelope that ends at {at}")
            }
        }
    }
}

impl core::error::Error for WireError {}
