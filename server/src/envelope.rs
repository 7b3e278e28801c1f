//! A head becomes a request envelope; an answer becomes a reply. Nothing a function returns is
//! trusted: what breaks the contract is a 502 with one stage label, never a partial answer.

use fezz_abi::Stage;
use fezz_abi::host::CallError;
use fezz_parser::{
    Head, Octets, ReplyBody, status_has_content, write_field, write_framing, write_status_line,
};
use fezz_proto::{Refusal, Reply};
use fezz_wire::{BodySlot, Layout, Meta, RequestHead, ResponseView, WireLimits};

use crate::log;

/// The only place where the parser's writer meets the server's buffers.
struct Text<'a>(&'a mut Vec<u8>);

impl Octets for Text<'_> {
    #[inline]
    fn put(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }
}

/// Writes the envelope of a request up to its content.
pub(crate) fn request(
    into: &mut Vec<u8>,
    head: &Head<'_>,
    client_ip: &[u8],
    deadline_ms: u64,
) -> Layout {
    let slot = match head.framing() {
        fezz_parser::Framing::None => BodySlot::Known(0),
        fezz_parser::Framing::Length(length) => BodySlot::Known(length),
        fezz_parser::Framing::Chunked => BodySlot::Open,
    };
    let request = RequestHead {
        method: head.method_octets(),
        scheme: Some(b"http".as_slice()),
        authority: head.authority_octets(),
        path: head.path_octets(),
        query: head.query_octets(),
        meta: Meta {
            deadline_ms: Some(deadline_ms),
            client_ip: Some(client_ip),
            ..Meta::default()
        },
        header_count: head.end_to_end_count(),
    };
    let headers = head.end_to_end_fields().map(|field| (field.name, field.value));
    fezz_wire::write_request(into, &request, headers, slot)
}

/// An answer that may be sent: the reply's head octets, its content behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) head_bytes: u32,
    pub(crate) status: u16,
}

/// Judges a function's answer and writes the reply into `into`, which is empty.
pub(crate) fn judge(
    function: &str,
    answer: Result<&[u8], CallError>,
    limits: &WireLimits,
    into: &mut Vec<u8>,
) -> Result<Judged, Refusal> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(blame(function, error.stage(), &error)),
    };
    let view = match ResponseView::decode(answer, limits) {
        Ok(view) => view,
        Err(error) => return Err(blame(function, stage_of(error.stage()), &error)),
    };
    if view.is_panic() {
        blame(function, Stage::Panic, &"the function panicked; its own log says why");
        return Err(Refusal::HandlerFailed);
    }
    write(&view, into).map_err(|error| blame(function, Stage::ResponseDecode, &error))
}

fn write(view: &ResponseView<'_>, into: &mut Vec<u8>) -> Result<Judged, fezz_parser::ReplyError> {
    let status = view.status();
    let content = if status_has_content(status) && status != 205 { view.body_len() } else { 0 };
    into.reserve(content + 512);
    write_status_line(&mut Text(into), status);
    for (name, value) in view.headers() {
        match (name.as_slice(), value.as_slice()) {
            (Some(name), Some(value)) => write_field(&mut Text(into), name, value)?,
            _ => write_field(&mut Text(into), &name.to_vec(), &value.to_vec())?,
        };
    }
    let framing = if status_has_content(status) {
        ReplyBody::Length(content as u64)
    } else {
        ReplyBody::NoContentLength
    };
    write_framing(&mut Text(into), framing);
    let head_bytes = u32::try_from(into.len()).unwrap_or(u32::MAX);
    if content > 0 {
        for segment in view.body_segments() {
            into.extend_from_slice(segment);
        }
    }
    Ok(Judged { head_bytes, status })
}

/// One log line and one refusal for a dispatch that failed.
#[cold]
fn blame(function: &str, stage: Stage, why: &dyn std::fmt::Display) -> Refusal {
    log::line("fezz::dispatch", format_args!("function={function} stage={stage} error={why}"));
    Refusal::BadHandler
}

fn stage_of(stage: fezz_wire::Stage) -> Stage {
    match stage {
        fezz_wire::Stage::DeserializeResponse => Stage::DeserializeResponse,
        fezz_wire::Stage::ResponseEnvelope => Stage::ResponseEnvelope,
        fezz_wire::Stage::ResponseDecode => Stage::ResponseDecode,
    }
}

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

fn constant(mut into: Vec<u8>, status: u16, fields: &[(&str, &str)], content: &[u8]) -> Reply {
    into.clear();
    write_status_line(&mut Text(&mut into), status);
    for (name, value) in fields {
        // Names and values are ours: method tokens and constants.
        let written = write_field(&mut Text(&mut into), name.as_bytes(), value.as_bytes());
        debug_assert!(written.is_ok());
    }
    write_framing(&mut Text(&mut into), ReplyBody::Length(content.len() as u64));
    let head_bytes = u32::try_from(into.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(content);
    Reply { octets: into, head_bytes, status }
}
