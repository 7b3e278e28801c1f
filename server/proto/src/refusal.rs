//! Every way to say no: name, status, whether the connection ends, and the octets.
//!
//! The octets are constants: nothing of a request is ever reflected. Blame comes first: the peer
//! (a head, chunk, size or pace it sent), the function (no, bad or failed answer), or us (busy).

use fezz_parser::Error;

/// Why a request gets no answer from a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The head broke a rule of the parser. Peer.
    Head(Error),
    /// The chunk framing broke a rule of the parser. Peer.
    Chunk(Error),
    /// The content is larger than the route takes. Peer.
    BodyTooLarge,
    /// The head or the content came too slowly. Peer.
    TooSlow,
    /// The target's scheme or authority is not served here. Peer.
    Misdirected,
    /// The path has no canonical form that could be matched. Peer.
    BadPath,
    /// No route matches. Peer.
    NoRoute,
    /// The route does not take this method; the driver's reply names those it takes. Peer.
    NoMethod,
    /// The route's policy does not let this client ask. Peer.
    Denied,
    /// The route's policy wants to know who asks, and what the request said is no proof; the
    /// driver's reply may say more. Peer.
    Unauthorized,
    /// The client asks more often than the route's policy grants. Peer.
    Limited,
    /// As many requests as the route's policy grants are under way. Operator.
    Saturated,
    /// The queue of jobs is full or the request waited in it too long. Us.
    Busy,
    /// The function has as many requests in flight as its operator grants it. Operator, function.
    Crowded,
    /// The function is in quarantine: calls of it did not come back. Function.
    Quarantined,
    /// Memory for content is spent. Us.
    NoMemory,
    /// The handler deadline passed. Function.
    Late,
    /// The function's answer broke the contract. Function.
    BadHandler,
    /// The function failed: it panicked. Function.
    HandlerFailed,
}

impl Refusal {
    /// Every refusal that is not the parser's.
    pub const OWN: [Self; 17] = [
        Self::BodyTooLarge,
        Self::TooSlow,
        Self::Misdirected,
        Self::BadPath,
        Self::NoRoute,
        Self::NoMethod,
        Self::Denied,
        Self::Unauthorized,
        Self::Limited,
        Self::Saturated,
        Self::Busy,
        Self::Crowded,
        Self::Quarantined,
        Self::NoMemory,
        Self::Late,
        Self::BadHandler,
        Self::HandlerFailed,
    ];

    /// The status of the reply.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Head(error) | Self::Chunk(error) => error.status(),
            Self::BodyTooLarge => 413,
            Self::TooSlow => 408,
            Self::Misdirected => 421,
            Self::BadPath => 400,
            Self::NoRoute => 404,
            Self::NoMethod => 405,
            Self::Denied => 403,
            Self::Unauthorized => 401,
            Self::Limited => 429,
            Self::Saturated | Self::Busy | Self::Crowded | Self::Quarantined | Self::NoMemory => {
                503
            }
            Self::Late => 504,
            Self::BadHandler => 502,
            Self::HandlerFailed => 500,
        }
    }

    /// Whether the connection ends with the reply whatever else is true. Where this is false it
    /// still ends when content is unread.
    #[must_use]
    pub const fn closes(self) -> bool {
        match self {
            Self::Head(_)
            | Self::Chunk(_)
            | Self::BodyTooLarge
            | Self::TooSlow
            | Self::NoMemory
            | Self::BadPath => true,
            Self::Misdirected
            | Self::NoRoute
            | Self::NoMethod
            | Self::Denied
            | Self::Unauthorized
            | Self::Limited
            | Self::Saturated
            | Self::Busy
            | Self::Crowded
            | Self::Quarantined
            | Self::Late
            | Self::BadHandler
            | Self::HandlerFailed => false,
        }
    }

    /// The stable reason word in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Head(error) | Self::Chunk(error) => error.name(),
            Self::BodyTooLarge => "body_too_large",
            Self::TooSlow => "too_slow",
            Self::Misdirected => "misdirected",
            Self::BadPath => "bad_path",
            Self::NoRoute => "no_route",
            Self::NoMethod => "no_method",
            Self::Denied => "denied",
            Self::Unauthorized => "unauthorized",
            Self::Limited => "limited",
            Self::Saturated => "saturated",
            Self::Busy => "busy",
            Self::Crowded => "crowded",
            Self::Quarantined => "quarantined",
            Self::NoMemory => "no_memory",
            Self::Late => "late",
            Self::BadHandler => "bad_handler",
            Self::HandlerFailed => "handler_failed",
        }
    }

    /// The reply: status line, field lines and content, without the tail that the outbox adds
    /// between them; and where the content begins.
    #[must_use]
    pub const fn reply(self) -> (&'static [u8], usize) {
        match self.status() {
            401 => UNAUTHORIZED,
            403 => FORBIDDEN,
            413 => CONTENT_TOO_LARGE,
            429 => TOO_MANY_REQUESTS,
            408 => REQUEST_TIMEOUT,
            414 => URI_TOO_LONG,
            417 => EXPECTATION_FAILED,
            421 => MISDIRECTED,
            431 => FIELDS_TOO_LARGE,
            404 => NOT_FOUND,
            405 => METHOD_NOT_ALLOWED,
            500 => INTERNAL_ERROR,
            501 => NOT_IMPLEMENTED,
            502 => BAD_GATEWAY,
            503 => UNAVAILABLE,
            504 => GATEWAY_TIMEOUT,
            505 => VERSION_NOT_SUPPORTED,
            _ => BAD_REQUEST,
        }
    }
}

type Fixed = (&'static [u8], usize);

/// One constant reply. The content is the reason phrase and a line feed, so that its length can be
/// stated by hand and checked by the compiler.
macro_rules! fixed {
    ($line:literal, $length:literal, $fields:literal, $content:literal) => {{
        const HEAD: &str = concat!(
            "HTTP/1.1 ",
            $line,
            "\r\ncontent-type: text/plain\r\ncontent-length: ",
            $length,
            "\r\n",
            $fields
        );
        const ALL: &str = concat!(
            "HTTP/1.1 ",
            $line,
            "\r\ncontent-type: text/plain\r\ncontent-length: ",
            $length,
            "\r\n",
            $fields,
            $content
        );
        const _: () = assert!($content.len() == $length);
        (ALL.as_bytes(), HEAD.len())
    }};
}

const BAD_REQUEST: Fixed = fixed!("400 Bad Request", 12, "", "bad request\n");
/// RFC 9110 §15.5.2: a challenge must be there, and there is one scheme (RFC 6750 §3).
const UNAUTHORIZED: Fixed =
    fixed!("401 Unauthorized", 13, "www-authenticate: Bearer\r\n", "unauthorized\n");
const FORBIDDEN: Fixed = fixed!("403 Forbidden", 10, "", "forbidden\n");
const TOO_MANY_REQUESTS: Fixed =
    fixed!("429 Too Many Requests", 18, "retry-after: 1\r\n", "too many requests\n");
const NOT_FOUND: Fixed = fixed!("404 Not Found", 10, "", "not found\n");
/// Without `Allow` this is a last resort: the driver stages a reply that has it
/// (RFC 9110 §15.5.6).
const METHOD_NOT_ALLOWED: Fixed =
    fixed!("405 Method Not Allowed", 19, "allow: \r\n", "method not allowed\n");
const REQUEST_TIMEOUT: Fixed = fixed!("408 Request Timeout", 16, "", "request timeout\n");
const CONTENT_TOO_LARGE: Fixed = fixed!("413 Content Too Large", 18, "", "content too large\n");
const URI_TOO_LONG: Fixed = fixed!("414 URI Too Long", 13, "", "uri too long\n");
const EXPECTATION_FAILED: Fixed = fixed!("417 Expectation Failed", 19, "", "expectation failed\n");
const MISDIRECTED: Fixed = fixed!("421 Misdirected Request", 20, "", "misdirected request\n");
const FIELDS_TOO_LARGE: Fixed =
    fixed!("431 Request Header Fields Too Large", 32, "", "request header fields too large\n");
const INTERNAL_ERROR: Fixed =
    fixed!("500 Internal Server Error", 22, "", "internal server error\n");
const NOT_IMPLEMENTED: Fixed = fixed!("501 Not Implemented", 16, "", "not implemented\n");
const BAD_GATEWAY: Fixed = fixed!("502 Bad Gateway", 12, "", "bad gateway\n");
const UNAVAILABLE: Fixed =
    fixed!("503 Service Unavailable", 20, "retry-after: 1\r\n", "service unavailable\n");
const GATEWAY_TIMEOUT: Fixed = fixed!("504 Gateway Timeout", 16, "", "gateway timeout\n");
const VERSION_NOT_SUPPORTED: Fixed =
    fixed!("505 HTTP Version Not Supported", 27, "", "http version not supported\n");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_octets_state_the_status() {
        for refusal in Refusal::OWN {
            let (octets, head_bytes) = refusal.reply();
            let line = core::str::from_utf8(&octets[9..12]).unwrap();
            assert_eq!(line, alloc::format!("{}", refusal.status()), "{}", refusal.name());
            assert!(octets[..head_bytes].ends_with(b"\r\n"));
        }
    }

    #[test]
    fn a_refusal_we_are_to_blame_for_says_when_to_come_back() {
        for refusal in [Refusal::Busy, Refusal::Saturated, Refusal::Limited] {
            let (octets, _) = refusal.reply();
            assert!(octets.windows(16).any(|window| window == b"retry-after: 1\r\n"));
        }
    }
}
