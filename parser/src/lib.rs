//! HTTP/1.1 octets in both directions: what is accepted, what is refused, and nothing else.
//!
//! There is no clock here, no socket and no allocation; there are no dependencies and no leniency
//! switches. The only `unsafe` is in the engine for AVX2, which the tests hold against two others.
//! Octets come in as slices of any cut and go out as slices of the same memory.
//!
//! * [`parse_head`] finds a request head and fills an [`Index`]; [`Head`] is the view of it.
//! * [`Chunked`] removes the framing of a chunked body in place.
//! * [`write_status_line`], [`write_field`], [`write_framing`] and [`write_tail`] are the only
//!   way octets become a response head.
//!
//! # Strictness
//! Everything not listed is refused (RFC 9112 §2.2), for everybody, with the reason an [`Error`]
//! names. Where the RFCs leave a choice, this is the one taken:
//!
//! | place | accepted |
//! |---|---|
//! | line ends | CRLF; never a bare LF or CR; at most two empty lines before a request line |
//! | method | 1 to 32 token octets |
//! | version | `HTTP/1.0`; `HTTP/1.1` to `HTTP/1.9` as 1.1 |
//! | target | origin-form, absolute-form, `*` (OPTIONS); CONNECT is validated, then 501 |
//! | path | `pchar` and `/`; `%` and two hexadecimal digits, not `%00` |
//! | query | the same, `?`, and the raw octets browsers send: `{}^`, <code>&#124;</code>, `` ` `` |
//! | Host | once (HTTP/1.0: at most once): name or IPv6 address in brackets, port to 65535 |
//! | field line | name, colon, value; no controls but HTAB, no folding, no space before the colon |
//! | Content-Length | one line of digits, at most 19 behind leading zeros |
//! | Transfer-Encoding | one line that says `chunked`, in HTTP/1.1, without Content-Length |
//! | Connection | a list of at most 32 tokens over all lines; `close` wins |
//! | Expect | `100-continue`; ignored in HTTP/1.0 |
//! | chunk | 1 to 16 hexadecimal digits, extensions by their grammar, exact CRLF behind the data |
//! | trailer section | field lines as in a head; checked and dropped |
//!
//! # One head
//! ```
//! use fezz_parser::{Head, HeadLimits, Index, Resume, parse_head};
//!
//! let octets = b"GET /a?b HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! let (mut resume, mut index) = (Resume::default(), Index::new());
//! let end = parse_head(octets, &HeadLimits::default(), &mut resume, &mut index);
//! assert_eq!(end, Ok(Some(octets.len())));
//! let head = Head::new(octets, &index);
//! assert_eq!((head.method(), head.path(), head.query()), ("GET", "/a", Some("b")));
//! assert_eq!(head.authority(), Some("example.org"));
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
extern crate std;

#[doc(hidden)]
pub mod check;
mod chunked;
mod class;
mod copy;
mod error;
mod framing;
mod head;
mod index;
mod limits;
mod quick;
mod reply;
mod scan;
mod target;
mod walk;

pub use chunked::{Chunked, Decoded};
pub use error::Error;
pub use framing::{Framing, Persistence};
pub use head::{Field, Head, parse_head};
pub use index::{Index, Version};
pub use limits::{
    CHUNK_SIZE_DIGITS_MAX, CONNECTION_OPTION_COUNT_MAX, CONTENT_LENGTH_DIGITS_MAX, ChunkLimits,
    FIELD_COUNT_CAP, HEAD_BYTES_CAP, HOST_NAME_BYTES_MAX, HeadLimits, LEADING_EMPTY_LINES_MAX,
    LimitsError, METHOD_BYTES_MAX,
};
pub use reply::{
    CONTINUE, Cursor, Ending, FieldFate, Octets, ReplyBody, ReplyError, TAIL_BYTES_MAX, civil_date,
    imf_fixdate, status_has_content, write_field, write_framing, write_status_line, write_tail,
};
pub use target::{Scheme, TargetForm};
pub use walk::Resume;

/// Counts the octets looked at, so that a test can say how often that is.
#[cfg(test)]
mod work {
    use core::cell::Cell;

    std::thread_local! {
        static OCTETS: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn add(octets: usize) {
        OCTETS.set(OCTETS.get() + octets);
    }

    pub(crate) fn take() -> usize {
        OCTETS.replace(0)
    }
}
