//! A head becomes a request envelope; an answer becomes a reply.

mod answer;
mod constant;
mod text;

use fezz_parser::Head;
use fezz_wire::{BodySlot, Layout, Meta, RequestHead};

use crate::config::Forwarded;
use crate::peer;
use crate::trace::{self, Trace};
pub(crate) use answer::judge;
pub(crate) use constant::{
    come_back, constant, invalid_token, method_not_allowed, server_options, too_early,
};

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
    let Meta { version: None, call: None, tls: None, principal: None, .. } = meta else {
        return request_of_any_kind(into, head, scheme, meta, edits);
    };
    if edits.has_delicate {
        return request_of_any_kind(into, head, scheme, meta, edits);
    }
    // All that most requests have: what is not there is not asked for again.
    let Meta { trace_id, deadline_ms, client_ip, .. } = meta;
    let meta = Meta { trace_id, deadline_ms, client_ip, ..Meta::default() };
    let request = line(head, scheme, meta, head.end_to_end_count());
    let own = edits.trace.map(Trace::value);
    fezz_wire::write_traced_request(into, &request, fields(head), own, slot(head))
}

#[inline(never)]
fn request_of_any_kind(
    into: &mut Vec<u8>,
    head: &Head<'_>,
    scheme: &[u8],
    meta: Meta<'_, [u8]>,
    edits: Edits<'_>,
) -> Layout {
    let kept = fields(head).filter(|(name, _)| edits.keeps(name));
    let request = line(head, scheme, meta, kept.clone().count());
    let own = edits.trace.map(Trace::value);
    fezz_wire::write_traced_request(into, &request, kept, own, slot(head))
}

#[inline(always)]
fn line<'a>(
    head: &Head<'a>,
    scheme: &'a [u8],
    meta: Meta<'a, [u8]>,
    header_count: usize,
) -> RequestHead<'a, [u8]> {
    RequestHead {
        method: head.method_octets(),
        scheme: Some(scheme),
        authority: head.authority_octets(),
        path: head.path_octets(),
        query: head.query_octets(),
        meta,
        header_count,
    }
}

#[inline(always)]
fn fields<'h>(head: &Head<'h>) -> impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone + use<'h> {
    head.end_to_end_fields().map(|field| (field.name, field.value))
}

#[inline(always)]
fn slot(head: &Head<'_>) -> BodySlot {
    match head.framing() {
        fezz_parser::Framing::None => BodySlot::Known(0),
        fezz_parser::Framing::Length(length) => BodySlot::Known(length),
        fezz_parser::Framing::Chunked => BodySlot::Open,
    }
}
