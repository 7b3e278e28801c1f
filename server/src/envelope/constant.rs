//! Replies that no function makes: the server's own, and its operator's.

use fezz_parser::{ReplyBody, status_has_content, write_field, write_framing, write_status_line};
use fezz_proto::Reply;

use super::text::Text;

/// Octets that most such heads have room in.
const HEAD_ROOM: usize = 256;

/// The reply to a method that a route does not take (RFC 9110 §15.5.6).
pub(crate) fn method_not_allowed(into: Vec<u8>, allow: &str) -> Reply {
    let content = b"method not allowed\n";
    let fields = [("content-type", "text/plain"), ("allow", allow)];
    constant(into, 405, &fields, content)
}

/// The reply to `OPTIONS *` (RFC 9110 §9.3.7).
pub(crate) fn server_options(into: Vec<u8>, allow: &str) -> Reply {
    constant(into, 200, &[("allow", allow)], b"")
}

/// The reply to a request whose function is not asked for `micros` microseconds
/// (RFC 9110 §10.2.3).
pub(crate) fn come_back(micros: u64) -> Reply {
    let seconds = micros.div_ceil(1_000_000).max(1).to_string();
    let fields = [("content-type", "text/plain"), ("retry-after", seconds.as_str())];
    constant(Vec::new(), 503, &fields, b"service unavailable\n")
}

/// The reply to a token that is nobody's (RFC 6750 §3.1).
pub(crate) fn invalid_token() -> Reply {
    let challenge = "Bearer error=\"invalid_token\"";
    let fields = [("content-type", "text/plain"), ("www-authenticate", challenge)];
    constant(Vec::new(), 401, &fields, b"unauthorized\n")
}

/// The reply to a request that comes `micros` microseconds too early (RFC 6585 §4).
pub(crate) fn too_early(micros: u64) -> Reply {
    let seconds = micros.div_ceil(1_000_000).max(1).to_string();
    let fields = [("content-type", "text/plain"), ("retry-after", seconds.as_str())];
    constant(Vec::new(), 429, &fields, b"too many requests\n")
}

/// A reply of the server's own, or of its operator's.
#[inline(never)]
pub(crate) fn constant(
    mut into: Vec<u8>,
    status: u16,
    fields: &[(&str, &str)],
    content: &[u8],
) -> Reply {
    let mut text = Text::new(&mut into, HEAD_ROOM);
    write_status_line(&mut text, status);
    for (name, value) in fields {
        // Names and values are ours: method tokens and constants.
        let written = write_field(&mut text, name.as_bytes(), value.as_bytes());
        debug_assert!(written.is_ok());
    }
    // RFC 9110 §8.6: no length where there can be no content.
    let has_content = status_has_content(status);
    let framing = match has_content {
        true => ReplyBody::Length(content.len() as u64),
        false => ReplyBody::NoContentLength,
    };
    write_framing(&mut text, framing);
    let head_bytes = u32::try_from(text.finish()).unwrap_or(u32::MAX);
    if has_content {
        into.extend_from_slice(content);
    }
    Reply { octets: into, head_bytes, status }
}
