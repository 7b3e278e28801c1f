//! An answer becomes a reply. Nothing a function returns is trusted: what breaks the contract is a
//! 502 with one stage label, never a partial answer.
//!
//! An answer in the usual layout is judged and written in one pass. Whatever else it is, or what is
//! wrong with it, is found out by reading it anew.

use fezz_abi::Stage;
use fezz_abi::host::CallError;
use fezz_parser::{
    ReplyBody, ReplyError, status_has_content, write_field, write_framing, write_status_line,
};
use fezz_wire::{ResponseView, UsualResponse, WireLimits};

use super::text::Text;
use crate::fault::Fault;
use crate::policy::is_about_origins;

/// Octets of a reply's head that are not in the answer's, at most: reason phrase and length. The
/// fields themselves take fewer octets than in the answer.
const OWN_BYTES_MAX: usize = 128;
/// Octets of an answer that are taken for its head's when room is made for all of it at once.
const HEAD_BYTES_USUAL: usize = 1_024;
/// Octets behind a reply that its connection's core may need.
const SPARE_BYTES: usize = 512;

/// An answer that may be sent: the reply's head octets, its content behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) head_bytes: u32,
    pub(crate) status: u16,
}

/// Judges a function's answer and writes the reply into `into`, whatever that held. The answer's
/// version, if it states one, must be the `negotiated` one. Where the server `decides_origins`,
/// what the answer says about them is left out.
pub(crate) fn judge(
    answer: Result<&[u8], CallError>,
    negotiated: Option<u64>,
    limits: &WireLimits,
    decides_origins: bool,
    into: &mut Vec<u8>,
) -> Result<Judged, Fault> {
    let answer = answer.map_err(|error| Fault::new(error.stage(), error))?;
    into.reserve((answer.len() + SPARE_BYTES).saturating_sub(into.len()));
    match write_usual(answer, limits, decides_origins, into) {
        Some(judged) => Ok(judged),
        None => judge_any(answer, negotiated, limits, decides_origins, into),
    }
}

/// Writes while it reads, and declines whatever is unusual. Such an answer states no version.
#[inline(never)]
fn write_usual(
    answer: &[u8],
    limits: &WireLimits,
    decides_origins: bool,
    into: &mut Vec<u8>,
) -> Option<Judged> {
    let usual = UsualResponse::open(answer)?;
    let status = usual.status();
    let mut text = Text::new(into, answer.len().min(HEAD_BYTES_USUAL) + OWN_BYTES_MAX);
    write_status_line(&mut text, status);
    let content = usual.read(limits, |name, value| {
        let is_other = !decides_origins || !is_about_origins(name);
        is_other && write_field(&mut text, name, value).is_ok()
    })?;
    let content = if may_have_content(status) { content } else { &[] };
    let head_bytes = end_head(text, status, content.len());
    into.extend_from_slice(content);
    Some(Judged { head_bytes, status })
}

#[inline(never)]
fn judge_any(
    answer: &[u8],
    negotiated: Option<u64>,
    limits: &WireLimits,
    decides_origins: bool,
    into: &mut Vec<u8>,
) -> Result<Judged, Fault> {
    let view = ResponseView::decode(answer, limits)
        .map_err(|error| Fault::new(Stage::from(error.stage()), error))?;
    if view.is_panic() {
        return Err(Fault::new(Stage::Panic, "the function panicked; its own log says why"));
    }
    if let (Some(wanted), Some(found)) = (negotiated, view.meta_version())
        && wanted != found
    {
        let why = format!("the answer is of version {found}; version {wanted} was negotiated");
        return Err(Fault::new(Stage::ResponseEnvelope, why));
    }
    write(&view, decides_origins, into).map_err(|error| Fault::new(Stage::ResponseDecode, error))
}

fn write(
    view: &ResponseView<'_>,
    decides_origins: bool,
    into: &mut Vec<u8>,
) -> Result<Judged, ReplyError> {
    let status = view.status();
    let mut text = Text::new(into, HEAD_BYTES_USUAL);
    write_status_line(&mut text, status);
    for (name, value) in view.headers() {
        if decides_origins && is_about_origins(&name.to_vec()) {
            continue;
        }
        match (name.as_slice(), value.as_slice()) {
            (Some(name), Some(value)) => write_field(&mut text, name, value)?,
            _ => write_field(&mut text, &name.to_vec(), &value.to_vec())?,
        };
    }
    let content = if may_have_content(status) { view.body_len() } else { 0 };
    let head_bytes = end_head(text, status, content);
    if content > 0 {
        for segment in view.body_segments() {
            into.extend_from_slice(segment);
        }
    }
    Ok(Judged { head_bytes, status })
}

/// Whether an answer's body is sent (RFC 9110 §6.4.1, §15.3.6).
#[inline]
const fn may_have_content(status: u16) -> bool {
    status_has_content(status) && status != 205
}

/// Says how long the content is, and returns the octets of the head.
#[inline(always)]
fn end_head(mut text: Text<'_>, status: u16, content: usize) -> u32 {
    let framing = match status_has_content(status) {
        true => ReplyBody::Length(content as u64),
        false => ReplyBody::NoContentLength,
    };
    write_framing(&mut text, framing);
    u32::try_from(text.finish()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use fezz_wire::encode_response;

    use super::*;

    /// Whatever is written in one pass is written alike, and as willingly, by reading first.
    fn check(answer: &[u8], limits: &WireLimits, decides_origins: bool) -> Option<Judged> {
        let (mut one, mut two) = (Vec::new(), b"left over".to_vec());
        let usual = write_usual(answer, limits, decides_origins, &mut one);
        let any = judge_any(answer, Some(1), limits, decides_origins, &mut two);
        if let Some(usual) = usual {
            assert_eq!((usual, one), (any.ok()?, two));
        }
        usual
    }

    #[test]
    fn one_pass_writes_what_two_do() {
        let values: [&[u8]; 6] =
            [b"text/plain", b"", b"a\tb", &[b'v'; 300], b"split\r\nhere", "caf\u{e9}".as_bytes()];
        let names: [&[u8]; 8] = [
            b"content-type",
            b"x-served-by",
            b"Connection",
            b"date",
            b"Access-Control-Allow-Origin",
            b"",
            b"not a token",
            b"content-length",
        ];
        let (mut written, mut declined) = (0, 0);
        for status in [199, 200, 204, 205, 304, 404, 599, 600] {
            for (name, value) in names.iter().flat_map(|name| values.map(|value| (*name, value))) {
                for body in [&b""[..], b"hello", &[7; 70_000]] {
                    let fields = [(&b"content-type"[..], &b"text/html"[..]), (name, value)];
                    let answer = encode_response(status, fields.into_iter(), false, body);
                    for decides_origins in [false, true] {
                        match check(&answer, &WireLimits::default(), decides_origins) {
                            Some(_) => written += 1,
                            None => declined += 1,
                        }
                    }
                }
            }
        }
        assert!(written > 500 && declined > 500, "{written} {declined}");
    }

    #[test]
    fn whatever_ends_or_changes_an_answer_is_judged_alike() {
        let limits = WireLimits::default();
        let fields = [(&b"content-type"[..], &b"text/html"[..]), (b"x-y", &[b'v'; 30])];
        let answer = encode_response(200, fields.into_iter(), false, b"hello");
        for at in 0..answer.len() {
            assert_eq!(check(&answer[..at], &limits, false), None);
            for octet in [0, b'\r', b'a', 0x40, 0x60, 0x78, 0x80, 0xa2, 0xff] {
                let mut changed = answer.clone();
                changed[at] = octet;
                check(&changed, &limits, false);
            }
        }
        for tight in 0..answer.len() {
            check(&answer, &WireLimits { head_bytes_max: tight, ..limits }, false);
            check(&answer, &WireLimits { body_bytes_max: tight, ..limits }, false);
        }
    }

    #[test]
    fn a_long_head_is_written_whole() {
        let fields = vec![(&b"x-name"[..], &[b'v'; 200][..]); 50];
        let answer = encode_response(200, fields.into_iter(), false, b"hello");
        let judged = check(&answer, &WireLimits::default(), false).unwrap();
        assert!(judged.head_bytes > 10_000);
    }
}
