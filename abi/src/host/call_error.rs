//! What can be wrong with an answer before anybody reads its envelope.

use std::fmt;

use crate::version::Stage;

/// An answer that is not memory the host may read. The function is to blame, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// A null pointer with length 0: the function has no response.
    NoResponse,
    /// A pointer with length 0: a response without an envelope. It was freed.
    EmptyResponse,
    /// A null pointer with a length.
    NullWithLength {
        /// The length, in octets.
        len: usize,
    },
    /// More octets than an answer may have, or than memory can hold. It was freed, unread.
    LengthTooLarge {
        /// The length that was returned, in octets.
        len: usize,
        /// The most that is accepted, in octets.
        max: usize,
    },
    /// The pointer lies inside the request, which belongs to the host. It was not freed.
    PointsIntoRequest,
    /// The answer would begin before the request and end inside or behind it, so its length is
    /// wrong. It was freed, unread.
    RunsIntoRequest {
        /// The length that was returned, in octets.
        len: usize,
    },
    /// JSON boundary: no NUL among the first octets of the text. It was freed.
    Unterminated {
        /// The octets that were looked at.
        max: usize,
    },
    /// JSON boundary: the text is not UTF-8. It was freed.
    NotUtf8 {
        /// Where the first octet stands that cannot be, from 0.
        at: usize,
    },
    /// JSON boundary: the text is not JSON. It was freed.
    NotJson {
        /// The line that cannot be, from 1.
        line: usize,
        /// The octet in that line, from 1.
        column: usize,
    },
    /// JSON boundary: the text is JSON, but not a response. It was freed.
    NotAResponse {
        /// The line with the value that does not fit, from 1.
        line: usize,
        /// Where that value ends in it, in octets from 1.
        column: usize,
    },
    /// JSON boundary: the host's own request cannot be read, so the function was not called.
    RequestUnreadable,
}

impl CallError {
    /// The stage a dispatch with this error failed at.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::EmptyResponse | Self::NotUtf8 { .. } | Self::NotJson { .. } => {
                Stage::DeserializeResponse
            }
            Self::NotAResponse { .. } => Stage::ResponseEnvelope,
            Self::RequestUnreadable => Stage::SerializeRequest,
            Self::NoResponse
            | Self::NullWithLength { .. }
            | Self::LengthTooLarge { .. }
            | Self::PointsIntoRequest
            | Self::RunsIntoRequest { .. }
            | Self::Unterminated { .. } => Stage::PluginCall,
        }
    }

    /// The stable name of the reason.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoResponse => "no_response",
            Self::EmptyResponse => "empty_response",
            Self::NullWithLength { .. } => "null_with_length",
            Self::LengthTooLarge { .. } => "length_too_large",
            Self::PointsIntoRequest => "points_into_request",
            Self::RunsIntoRequest { .. } => "runs_into_request",
            Self::Unterminated { .. } => "unterminated",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::NotJson { .. } => "not_json",
            Self::NotAResponse { .. } => "not_a_response",
            Self::RequestUnreadable => "request_unreadable",
        }
    }

    /// Whether the function gets its pointer back.
    pub(crate) const fn owes_free(self) -> bool {
        match self {
            Self::NoResponse
            | Self::NullWithLength { .. }
            | Self::PointsIntoRequest
            | Self::RequestUnreadable => false,
            Self::EmptyResponse
            | Self::LengthTooLarge { .. }
            | Self::RunsIntoRequest { .. }
            | Self::Unterminated { .. }
            | Self::NotUtf8 { .. }
            | Self::NotJson { .. }
            | Self::NotAResponse { .. } => true,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoResponse => f.write_str("the function returned no response"),
            Self::EmptyResponse => f.write_str("the function returned a response of 0 octets"),
            Self::NullWithLength { len } => {
                write!(f, "the function returned a null pointer with length {len}")
            }
            Self::LengthTooLarge { len, max } => {
                write!(f, "the function returned {len} octets; at most {max} are accepted")
            }
            Self::PointsIntoRequest => f.write_str(
                "the function returned a pointer into the request instead of memory of its own",
            ),
            Self::RunsIntoRequest { len } => {
                write!(f, "the function returned {len} octets that would overlap the request")
            }
            Self::Unterminated { max } => {
                write!(f, "the function returned a text without a NUL in its first {max} octets")
            }
            Self::NotUtf8 { at } => {
                write!(f, "the function returned a text that is not UTF-8 at octet {at}")
            }
            Self::NotJson { line, column } => {
                write!(f, "the function returned no JSON: line {line} column {column}")
            }
            Self::NotAResponse { line, column } => {
                write!(f, "the function returned no response: line {line} column {column}")
            }
            Self::RequestUnreadable => f.write_str("the request is not an envelope"),
        }
    }
}

impl std::error::Error for CallError {}
