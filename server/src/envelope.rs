//! A head becomes a request envelope; an answer becomes a reply. Nothing a function returns is
//! trusted: what breaks the contract is a 502 with one stage label, never a partial answer.

use fezz_abi::Stage;
use fezz_abi::host::CallError;
use fezz_parser::{
    Head, Octets, ReplyBody, status_has_content, write_field, write_framing, write_status_line,
};
use fezz_proto::Reply;
use fezz_wire::{BodySlot, Layout, Meta, RequestHead, ResponseView, WireLimits};

use crate::config::Forwarded;
use crate::fault::Fault;
use crate::peer;
use crate::policy::is_about_origins;
use crate::trace::{self, Trace};

/// The only place where the parser's writer meets the server's buffers.
struct Text<'a>(&'a mut Vec<u8>);

impl Octets for Text<'_> {
    #[inline]
    fn put(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }
}

/// What of a request's fields is not passed on as it came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edits<'t> {
    /// `Authorization` was for the server (RFC 9110 §11.6.2).
    pub(crate) hides_credentials: bool,
    /// Which claims about the client a trusted proxy makes; others are left out.
    pub(crate) passes: Forwarded,
    /// What `traceparent` says, in place of what its client said.
    pub(crate) trace: Option<&'t Trace>,
    /// Whether there are fields that may have to be left out, as [`Survey`] found.
    pub(crate) has_delicate: bool,
}

/// What one walk over the fields of a head finds, before anybody needs to know more of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Survey<'h> {
    /// What the request says of its trace.
    pub(crate) trace: trace::Said<'h>,
    /// Whether there are fields that may have to be left out.
    pub(crate) has_delicate: bool,
}

impl<'h> Survey<'h> {
    #[inline]
    pub(crate) fn of(head: &Head<'h>) -> Self {
        let mut survey = Self::default();
        for field in head.end_to_end_fields() {
            let name = field.name;
            survey.has_delicate |= survey.trace.add(name, field.value)
                || peer::is_claim(name)
                || is_authorization(name);
        }
        survey
    }
}

#[inline]
const fn is_authorization(name: &[u8]) -> bool {
    name.len() == 13 && name.eq_ignore_ascii_case(b"authorization")
}

impl Edits<'_> {
    /// Whether a field is passed on.
    #[inline]
    fn keeps(self, name: &[u8]) -> bool {
        let hidden = self.hides_credentials && is_authorization(name);
        let replaced = self.trace.is_some_and(|trace| trace::is_replaced(name, trace));
        let claimed = peer::is_claim(name) && !peer::may_say(name, self.passes);
        !(hidden | replaced | claimed)
    }
}

/// Writes the envelope of a request up to its content.
pub(crate) fn request(
    into: &mut Vec<u8>,
    head: &Head<'_>,
    scheme: &[u8],
    meta: Meta<'_, [u8]>,
    edits: Edits<'_>,
) -> Layout {
    let slot = match head.framing() {
        fezz_parser::Framing::None => BodySlot::Known(0),
        fezz_parser::Framing::Length(length) => BodySlot::Known(length),
        fezz_parser::Framing::Chunked => BodySlot::Open,
    };
    let fields = head.end_to_end_fields().map(|field| (field.name, field.value));
    let own = edits.trace.map(|trace| (&b"traceparent"[..], &trace.value()[..]));
    let dropped = match edits.has_delicate {
        true => fields.clone().filter(|(name, _)| !edits.keeps(name)).count(),
        false => 0,
    };
    let request = RequestHead {
        method: head.method_octets(),
        scheme: Some(scheme),
        authority: head.authority_octets(),
        path: head.path_octets(),
        query: head.query_octets(),
        meta,
        header_count: head.end_to_end_count() - dropped + usize::from(own.is_some()),
    };
    if dropped == 0 {
        return fezz_wire::write_request(into, &request, fields.chain(own), slot);
    }
    let kept = fields.filter(|(name, _)| edits.keeps(name));
    fezz_wire::write_request(into, &request, kept.chain(own), slot)
}

/// An answer that may be sent: the reply's head octets, its content behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) head_bytes: u32,
    pub(crate) status: u16,
}

/// Judges a function's answer and writes the reply into `into`, which is empty. The answer's
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
) -> Result<Judged, fezz_parser::ReplyError> {
    let status = view.status();
    let content = if status_has_content(status) && status != 205 { view.body_len() } else { 0 };
    into.reserve(content + 512);
    write_status_line(&mut Text(into), status);
    for (name, value) in view.headers() {
        if decides_origins && is_about_origins(&name.to_vec()) {
            continue;
        }
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
pub(crate) fn constant(
    mut into: Vec<u8>,
    status: u16,
    fields: &[(&str, &str)],
    content: &[u8],
) -> Reply {
    into.clear();
    write_status_line(&mut Text(&mut into), status);
    for (name, value) in fields {
        // Names and values are ours: method tokens and constants.
        let written = write_field(&mut Text(&mut into), name.as_bytes(), value.as_bytes());
        debug_assert!(written.is_ok());
    }
    // RFC 9110 §8.6: no length where there can be no content.
    let has_content = status_has_content(status);
    let framing = match has_content {
        true => ReplyBody::Length(content.len() as u64),
        false => ReplyBody::NoContentLength,
    };
    write_framing(&mut Text(&mut into), framing);
    let head_bytes = u32::try_from(into.len()).unwrap_or(u32::MAX);
    if has_content {
        into.extend_from_slice(content);
    }
    Reply { octets: into, head_bytes, status }
}
