//! The usual layout, recognised octet for octet: what our own writers and field-order encoders
//! emit is read here by comparing constants. Whatever looks different in any way is left to the
//! general reader, which alone decides and alone explains refusals.

use crate::check;
use crate::headers::List;
use crate::item::{BYTES, EIGHT, FOUR, LEAD_ARRAY, NULL, ONE, TEXT, TWO};
use crate::key::{self, lead};
use crate::limits::WireLimits;
use crate::octets::Str;
use crate::request_view::{MetaView, RequestView};
use crate::response_view::{ResponseView, STATUS_RANGE};

/// A string of definite length.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'b> {
    pub(crate) octets: &'b [u8],
    text: bool,
}

impl<'b> Plain<'b> {
    /// The octets, if a text string is plainly text.
    #[inline]
    fn valid(self) -> Option<&'b [u8]> {
        if self.text && !self.octets.is_ascii() {
            core::str::from_utf8(self.octets).ok()?;
        }
        Some(self.octets)
    }
}

/// Consumes exactly these octets.
#[inline]
fn literal<const N: usize>(rest: &mut &[u8], octets: [u8; N]) -> Option<()> {
    let (found, after) = rest.split_first_chunk::<N>()?;
    if *found != octets {
        return None;
    }
    *rest = after;
    Some(())
}

/// Consumes the argument of an item head whose additional information is `info`.
#[inline]
fn argument(rest: &mut &[u8], info: u8) -> Option<u64> {
    if info < ONE {
        return Some(u64::from(info));
    }
    let (value, after) = match info {
        ONE => rest.split_first_chunk().map(|(n, after)| (u64::from(u8::from_be_bytes(*n)), after)),
        TWO => {
            rest.split_first_chunk().map(|(n, after)| (u64::from(u16::from_be_bytes(*n)), after))
        }
        FOUR => {
            rest.split_first_chunk().map(|(n, after)| (u64::from(u32::from_be_bytes(*n)), after))
        }
        EIGHT => rest.split_first_chunk().map(|(n, after)| (u64::from_be_bytes(*n), after)),
        _ => None,
    }?;
    *rest = after;
    Some(value)
}

/// Consumes a byte or text string.
#[inline]
fn string<'b>(rest: &mut &'b [u8]) -> Option<Plain<'b>> {
    let (&first, mut after) = rest.split_first()?;
    if !matches!(first >> 5, BYTES | TEXT) {
        return None;
    }
    let len = usize::try_from(argument(&mut after, first & 0x1f)?).ok()?;
    let (octets, after) = after.split_at_checked(len)?;
    *rest = after;
    Some(Plain { octets, text: first >> 5 == TEXT })
}

/// Consumes a text string; only its form is checked here.
#[inline]
fn text<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let plain = string(rest)?;
    if plain.text { plain.valid() } else { None }
}

/// Consumes a text string or `null`.
#[inline]
fn nullable_text<'b>(rest: &mut &'b [u8]) -> Option<Option<&'b [u8]>> {
    if let Some((&NULL, after)) = rest.split_first() {
        *rest = after;
        return Some(None);
    }
    text(rest).map(Some)
}

/// Consumes a header entry in the usual form.
#[inline]
pub(crate) fn entry<'b>(rest: &mut &'b [u8]) -> Option<(Plain<'b>, Plain<'b>)> {
    let mut after = *rest;
    literal(&mut after, lead::<7, 6>(key::NAME))?;
    let name = string(&mut after)?;
    literal(&mut after, lead::<7, 6>(key::VALUE))?;
    let value = string(&mut after)?;
    *rest = after;
    Some((name, value))
}

/// Consumes the head of an array of definite length.
#[inline]
fn array(rest: &mut &[u8]) -> Option<usize> {
    let (&first, mut after) = rest.split_first()?;
    let count = argument(&mut after, first.checked_sub(LEAD_ARRAY).filter(|info| *info <= EIGHT)?)?;
    *rest = after;
    usize::try_from(count).ok()
}

/// Consumes an unsigned integer.
#[inline]
fn unsigned(rest: &mut &[u8]) -> Option<u64> {
    let (&first, mut after) = rest.split_first()?;
    let value = argument(&mut after, first)?;
    *rest = after;
    Some(value)
}

/// Consumes `headers`, every entry of which passes `accept`.
#[inline]
fn headers<'b>(
    rest: &mut &'b [u8],
    limits: &WireLimits,
    accept: impl Fn(Plain<'b>, Plain<'b>) -> bool,
) -> Option<List<'b>> {
    literal(rest, lead::<9, 8>(key::HEADERS))?;
    let count = array(rest)?;
    if count > limits.header_count_max {
        return None;
    }
    let entries = *rest;
    for _ in 0..count {
        let (name, value) = entry(rest)?;
        if !accept(name, value) {
            return None;
        }
    }
    Some(List { entries, count })
}

/// Levels of the usual layout: the envelope, its list of headers, an entry.
const NESTING: u8 = 3;

/// Reads a request as [`write_request`](crate::write_request) lays it out.
#[inline]
pub(crate) fn request<'b>(octets: &'b [u8], limits: &WireLimits) -> Option<RequestView<'b>> {
    let mut rest = octets;
    literal(&mut rest, lead::<9, 8>(key::METHOD))?;
    let method = text(&mut rest)?;
    literal(&mut rest, lead::<8, 7>(key::SCHEME))?;
    let scheme = nullable_text(&mut rest)?;
    literal(&mut rest, lead::<11, 10>(key::AUTHORITY))?;
    let authority = nullable_text(&mut rest)?;
    literal(&mut rest, lead::<16, 15>(key::PATH_AND_QUERY))?;
    let path_and_query = text(&mut rest)?;
    let list = headers(&mut rest, limits, |name, value| {
        name.valid().is_some() && value.valid().is_some()
    })?;
    literal(&mut rest, key::META)?;
    let map = rest;
    literal(&mut rest, lead::<11, 10>(key::TRACE_ID))?;
    let trace_id = nullable_text(&mut rest)?;
    literal(&mut rest, key::DEADLINE_MS)?;
    let deadline_ms = match rest.split_first() {
        Some((&NULL, after)) => {
            rest = after;
            None
        }
        _ => Some(unsigned(&mut rest)?),
    };
    literal(&mut rest, lead::<11, 10>(key::CLIENT_IP))?;
    let client_ip = nullable_text(&mut rest)?;
    literal(&mut rest, lead::<6, 5>(key::BODY))?;
    let body = string(&mut rest)?.valid()?;
    if !rest.is_empty() || limits.nesting_max < NESTING {
        return None;
    }
    let meta = MetaView { map, trace_id, deadline_ms, client_ip };
    Some(RequestView { method, scheme, authority, path_and_query, list, meta, body })
}

/// Reads a response as [`encode_response`](crate::encode_response) lays it out, without `meta`.
#[inline]
pub(crate) fn response<'b>(octets: &'b [u8], limits: &WireLimits) -> Option<ResponseView<'b>> {
    let mut rest = octets;
    literal(&mut rest, key::STATUS)?;
    let status = u16::try_from(unsigned(&mut rest)?).ok()?;
    if !STATUS_RANGE.contains(&status) {
        return None;
    }
    let list = headers(&mut rest, limits, |name, value| {
        !name.octets.is_empty()
            && check::name_fault(name.octets).is_none()
            && check::value_fault(value.octets).is_none()
            && value.valid().is_some()
    })?;
    literal(&mut rest, lead::<6, 5>(key::BODY))?;
    let body = string(&mut rest)?.valid()?;
    if !rest.is_empty()
        || limits.nesting_max < NESTING
        || body.len() > limits.body_bytes_max
        || octets.len() - body.len() > limits.head_bytes_max
    {
        return None;
    }
    Some(ResponseView { status, list, body: Str::whole(body), panic: false, version: None })
}
