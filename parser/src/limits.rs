//! How much of a request head, a chunk line or a trailer section is read before it is refused.
//!
//! Every limit is a number of octets or of lines; none of them can be switched off. Limits an
//! operator may move are fields, limits nobody needs to move are constants.

use core::fmt;

/// Longest method, in octets; a longer one is none that is implemented (RFC 9112 §3: 501).
pub const METHOD_BYTES_MAX: usize = 32;
/// Most empty lines skipped in front of a request line (RFC 9112 §2.2 asks for "at least one").
pub const LEADING_EMPTY_LINES_MAX: usize = 2;
/// Longest host name or address literal in an authority, in octets (RFC 1035 §2.3.4).
pub const HOST_NAME_BYTES_MAX: usize = 255;
/// Most field lines an [`Index`](crate::Index) has room for; 8 octets of memory each.
pub const FIELD_COUNT_CAP: usize = 256;
/// Longest head whose offsets fit an [`Index`](crate::Index), in octets.
pub const HEAD_BYTES_CAP: usize = u16::MAX as usize;
/// Most options in all `Connection` lines together; each is compared with each field name.
pub const CONNECTION_OPTION_COUNT_MAX: usize = 32;
/// Most digits of a `Content-Length` behind its leading zeros: always fits a `u64`.
pub const CONTENT_LENGTH_DIGITS_MAX: usize = 19;
/// Most hexadecimal digits of a chunk size, leading zeros included: always fits a `u64`.
pub const CHUNK_SIZE_DIGITS_MAX: usize = 16;

const _: () = assert!(HEAD_BYTES_CAP <= u16::MAX as usize);
const _: () = assert!(FIELD_COUNT_CAP <= u8::MAX as usize + 1);
const _: () = assert!(HeadLimits::DEFAULT.head_bytes_max() <= HEAD_BYTES_CAP);
const _: () = assert!(HeadLimits::DEFAULT.check().is_ok());

/// Bounds on one request head.
///
/// Worst-case memory per connection that is reading a head: [`HeadLimits::head_bytes_max`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Longest request line, in octets without its CRLF; beyond it 414.
    pub request_line_bytes_max: u32,
    /// Longest field line, in octets without its CRLF; beyond it 431.
    pub field_line_bytes_max: u32,
    /// Longest field section, in octets with the CRLF of each line and without the empty line
    /// at its end; beyond it 431.
    pub field_section_bytes_max: u32,
    /// Most field lines, at most [`FIELD_COUNT_CAP`]; beyond it 431.
    pub field_count_max: u16,
}

impl HeadLimits {
    /// The values used when nobody asks for others.
    pub const DEFAULT: Self = Self {
        request_line_bytes_max: 8192,
        field_line_bytes_max: 8192,
        field_section_bytes_max: 16384,
        field_count_max: 100,
    };

    /// Octets a buffer must be able to hold so that [`parse_head`](crate::parse_head) always
    /// decides: leading empty lines, request line, field section, and the two line ends that no
    /// limit counts.
    #[must_use]
    pub const fn head_bytes_max(&self) -> usize {
        2 * LEADING_EMPTY_LINES_MAX
            + self.request_line_bytes_max as usize
            + 2
            + self.field_section_bytes_max as usize
            + 2
    }

    /// Whether these limits can be kept.
    ///
    /// # Errors
    /// The first relation that does not hold. Limits that were never checked are still obeyed
    /// without a panic, but may refuse every request.
    pub const fn check(&self) -> Result<(), LimitsError> {
        if (self.request_line_bytes_max as usize) < REQUEST_LINE_BYTES_LEAST {
            return Err(LimitsError::RequestLineTooSmall {
                bytes: self.request_line_bytes_max as u64,
                least: REQUEST_LINE_BYTES_LEAST as u64,
            });
        }
        if self.field_line_bytes_max > self.field_section_bytes_max {
            return Err(LimitsError::FieldLineAboveSection {
                line_bytes: self.field_line_bytes_max as u64,
                section_bytes: self.field_section_bytes_max as u64,
            });
        }
        if self.field_count_max as usize > FIELD_COUNT_CAP {
            return Err(LimitsError::TooManyFields {
                count: self.field_count_max as u64,
                cap: FIELD_COUNT_CAP as u64,
            });
        }
        if self.head_bytes_max() > HEAD_BYTES_CAP {
            return Err(LimitsError::HeadTooLarge {
                bytes: self.head_bytes_max() as u64,
                cap: HEAD_BYTES_CAP as u64,
            });
        }
        Ok(())
    }
}

/// A method of the longest kind, a short target and the version must fit a request line.
const REQUEST_LINE_BYTES_LEAST: usize = METHOD_BYTES_MAX + 32;

impl Default for HeadLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Bounds on the framing of one chunked body; the data itself is bounded by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Longest chunk-size line with its extensions, in octets without its CRLF; beyond it 400.
    pub size_line_bytes_max: u32,
    /// Octets of chunk extensions in the whole message, counted from the first octet behind
    /// the size digits; beyond it 400.
    pub extension_bytes_max: u32,
    /// Longest trailer section, counted like a field section; beyond it 431.
    pub trailer_bytes_max: u32,
    /// Longest trailer field line, in octets without its CRLF; beyond it 431.
    pub trailer_line_bytes_max: u32,
    /// Most trailer field lines; beyond it 431.
    pub trailer_count_max: u16,
}

impl ChunkLimits {
    /// The values used when nobody asks for others.
    pub const DEFAULT: Self = Self {
        size_line_bytes_max: 4096,
        extension_bytes_max: 8192,
        trailer_bytes_max: 8192,
        trailer_line_bytes_max: 8192,
        trailer_count_max: 32,
    };
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A relation between limits that does not hold: the operator's mistake, never the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitsError {
    /// The request line limit leaves no room for a method, a target and a version.
    RequestLineTooSmall {
        /// Octets asked for.
        bytes: u64,
        /// Octets needed at least.
        least: u64,
    },
    /// One field line may be longer than the section it stands in.
    FieldLineAboveSection {
        /// Octets of one line.
        line_bytes: u64,
        /// Octets of the section.
        section_bytes: u64,
    },
    /// More field lines are allowed than an index has room for.
    TooManyFields {
        /// Lines asked for.
        count: u64,
        /// Lines there is room for.
        cap: u64,
    },
    /// The limits together allow a head whose offsets do not fit an index.
    HeadTooLarge {
        /// Octets the limits add up to.
        bytes: u64,
        /// Octets there is room for.
        cap: u64,
    },
}

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RequestLineTooSmall { bytes, least } => {
                write!(f, "a request line of {bytes} octets is allowed, {least} are needed")
            }
            Self::FieldLineAboveSection { line_bytes, section_bytes } => write!(
                f,
                "one field line may have {line_bytes} octets, the whole section {section_bytes}"
            ),
            Self::TooManyFields { count, cap } => {
                write!(f, "{count} field lines are allowed, there is room for {cap}")
            }
            Self::HeadTooLarge { bytes, cap } => {
                write!(f, "the head limits add up to {bytes} octets, there is room for {cap}")
            }
        }
    }
}

impl core::error::Error for LimitsError {}
