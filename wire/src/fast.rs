//! The usual layout, recognised octet for octet: what our own writers and field-order encoders
//! emit is read here by comparing constants. Whatever looks different in any way is left to the
//! general reader, which alone decides and alone explains refusals.

use crate::check;
use crate::headers::List;
use crate::item::{EIGHT, FOUR, LEAD_ARRAY, LEAD_BYTES, LEAD_TEXT, NULL, ONE, TWO};
use crate::key;
use crate::limits::WireLimits;
use crate::octets::Str;
use crate::request_view::{MetaView, Negotiated, RequestView};
use crate::response_view::{ResponseView, STATUS_RANGE};

/// A string of definite length.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'b> {
    pub(crate) octets: &'b [u8],
    text: bool,
}

impl Plain<'_> {
    /// Whether a text string is text.
    #[inline(always)]
    fn is_valid(&self) -> bool {
        !self.text || check::is_text(self.octets)
    }
}

/// What was consumed and what follows it.
type Found<'b, T> = Option<(T, &'b [u8])>;

/// Consumes all octets of `key` but the last, then the first octet of an item, which it returns.
#[inline(always)]
fn keyed<'b, const N: usize>(rest: &'b [u8], key: &[u8; N]) -> Found<'b, u8> {
    let (found, after) = rest.split_first_chunk::<N>()?;
    if found[..N - 1] != key[..N - 1] {
        return None;
    }
    Some((found[N - 1], after))
}

/// Consumes the content of a string, where `info` is what its first octet adds to the major type.
#[inline(always)]
fn content(rest: &[u8], info: u8) -> Found<'_, &[u8]> {
    match info {
        ..ONE => rest.split_at_checked(usize::from(info)),
        ONE => {
            let (&len, after) = rest.split_first()?;
            after.split_at_checked(usize::from(len))
        }
        _ => long_content(rest, info),
    }
}

#[cold]
#[inline(never)]
fn long_content(rest: &[u8], info: u8) -> Found<'_, &[u8]> {
    let (len, after) = argument(rest, info)?;
    after.split_at_checked(usize::try_from(len).ok()?)
}

/// Consumes the argument of an item head.
#[inline]
fn argument(rest: &[u8], info: u8) -> Found<'_, u64> {
    match info {
        ..ONE => Some((u64::from(info), rest)),
        ONE => rest.split_first().map(|(n, after)| (u64::from(*n), after)),
        TWO => {
            rest.split_first_chunk().map(|(n, after)| (u64::from(u16::from_be_bytes(*n)), after))
        }
        FOUR => {
            rest.split_first_chunk().map(|(n, after)| (u64::from(u32::from_be_bytes(*n)), after))
        }
        EIGHT => rest.split_first_chunk().map(|(n, after)| (u64::from_be_bytes(*n), after)),
        _ => None,
    }
}

/// Consumes a key and a byte or text string.
#[inline(always)]
fn string<'b, const N: usize>(rest: &'b [u8], key: &[u8; N]) -> Found<'b, Plain<'b>> {
    let (first, after) = keyed(rest, key)?;
    let text = first & (LEAD_BYTES ^ LEAD_TEXT) != 0;
    let info = (first & !(LEAD_BYTES ^ LEAD_TEXT)).wrapping_sub(LEAD_BYTES);
    let (octets, after) = content(after, info)?;
    Some((Plain { octets, text }, after))
}

/// Consumes a key and a text string, which is not checked yet.
#[inline(always)]
fn text<'b, const N: usize>(rest: &'b [u8], key: &[u8; N]) -> Found<'b, &'b [u8]> {
    let (first, after) = keyed(rest, key)?;
    content(after, first.wrapping_sub(LEAD_TEXT))
}

/// Consumes a key and a text string, which is not checked yet, or `null`.
#[inline(always)]
fn nullable<'b, const N: usize>(rest: &'b [u8], key: &[u8; N]) -> Found<'b, Option<&'b [u8]>> {
    let (first, after) = keyed(rest, key)?;
    if first == NULL {
        return Some((None, after));
    }
    let (octets, after) = content(after, first.wrapping_sub(LEAD_TEXT))?;
    Some((Some(octets), after))
}

/// Whether these texts, which stand with their keys between `from` and `to`, are texts. Where all
/// octets in between are ASCII, keys and all, so are the texts: one look instead of several.
#[inline(always)]
fn are_texts(from: &[u8], to: &[u8], texts: [Option<&[u8]>; 2]) -> bool {
    let between = from.get(..from.len() - to.len()).unwrap_or_default();
    check::is_plain_text(between) || each_is_text(texts)
}

#[cold]
#[inline(never)]
fn each_is_text(texts: [Option<&[u8]>; 2]) -> bool {
    texts.iter().flatten().all(|text| check::is_text(text))
}

/// Consumes a key of seven octets with the first octet of a byte string, and the string. Seen as
/// one number, what stands here differs from the key of an empty string by what the first octet
/// adds: the length, or that the length stands in the next octet, which is part of the number too.
/// Anything else differs by more, and is left to [`other_entry`].
#[inline(always)]
fn entry_string<'b>(rest: &'b [u8], key: &'static [u8; 7]) -> Found<'b, &'b [u8]> {
    let [a, b, c, d, e, f, g] = *key;
    let word = u64::from_be_bytes(*rest.first_chunk::<8>()?);
    let difference = (word ^ u64::from_be_bytes([a, b, c, d, e, f, g, 0])) >> 8;
    if difference < u64::from(ONE) {
        rest.get(7..)?.split_at_checked(difference as usize)
    } else if difference == u64::from(ONE) {
        rest.get(8..)?.split_at_checked((word & 0xff) as usize)
    } else {
        None
    }
}

/// Consumes a header entry of two byte strings with fewer than 256 octets.
#[inline(always)]
fn short_entry(rest: &[u8]) -> Found<'_, (&[u8], &[u8])> {
    let (name, after) = entry_string(rest, &key::NAME)?;
    let (value, after) = entry_string(after, &key::VALUE)?;
    Some(((name, value), after))
}

/// Consumes a header entry that has both keys in their order, and strings that are right.
#[inline(never)]
fn other_entry(rest: &[u8]) -> Found<'_, (&[u8], &[u8])> {
    let (name, after) = string(rest, &key::NAME)?;
    let (value, after) = string(after, &key::VALUE)?;
    (name.is_valid() && value.is_valid()).then_some(((name.octets, value.octets), after))
}

/// Consumes a header entry in the usual form.
#[inline(always)]
pub(crate) fn entry(rest: &[u8]) -> Found<'_, (&[u8], &[u8])> {
    match short_entry(rest) {
        Some(found) => Some(found),
        None => other_entry(rest),
    }
}

/// Consumes `headers`, every entry of which passes `accept`.
#[inline(always)]
fn headers<'b>(
    rest: &'b [u8],
    limits: &WireLimits,
    mut accept: impl FnMut(&'b [u8], &'b [u8]) -> bool,
) -> Found<'b, List<'b>> {
    let (first, after) = keyed(rest, &key::HEADERS)?;
    let (count, entries) = argument(after, first.wrapping_sub(LEAD_ARRAY))?;
    let count = usize::try_from(count).ok().filter(|count| *count <= limits.header_count_max)?;
    let mut rest = entries;
    for _ in 0..count {
        let ((name, value), after) = entry(rest)?;
        if !accept(name, value) {
            return None;
        }
        rest = after;
    }
    Some((List { entries, count }, rest))
}

/// The head of a `meta` with its three usual entries.
const META_OF_THREE: u8 = key::TRACE_ID[0];

/// All octets of a key but the first, which belongs to the map around it.
const fn tail(key: &[u8; 11]) -> [u8; 10] {
    let mut tail = [0; 10];
    let mut at = 0;
    while at < tail.len() {
        tail[at] = key[at + 1];
        at += 1;
    }
    tail
}

/// Levels of the usual layout: the envelope, its list of headers, an entry.
const NESTING: u8 = 3;

/// Reads a request as [`write_request`](crate::write_request) lays it out.
#[inline(always)]
pub(crate) fn request<'b>(octets: &'b [u8], limits: &WireLimits) -> Option<RequestView<'b>> {
    let ((method, scheme), line) = match usual_start(octets) {
        Some(found) => found,
        None => start(octets)?,
    };
    let (authority, rest) = nullable(line, &key::AUTHORITY)?;
    let (path_and_query, rest) = text(rest, &key::PATH_AND_QUERY)?;
    if !are_texts(line, rest, [authority, Some(path_and_query)]) {
        return None;
    }
    let (list, rest) = headers(rest, limits, |_, _| true)?;
    let (mut meta, rest) = match traced_meta(rest) {
        Some(found) => found,
        None => meta(rest)?,
    };
    let in_meta = rest;
    let (client_ip, mut rest) = nullable(rest, &key::CLIENT_IP)?;
    if !are_texts(in_meta, rest, [client_ip, None]) {
        return None;
    }
    meta.client_ip = client_ip;
    if meta.map.first() != Some(&META_OF_THREE) {
        (meta.negotiated, rest) = negotiated(rest, meta.map)?;
    }
    let (body, rest) = string(rest, &key::BODY)?;
    if !rest.is_empty() || !body.is_valid() || limits.nesting_max < NESTING {
        return None;
    }
    let body = body.octets;
    Some(RequestView { method, scheme, authority, path_and_query, list, meta, body })
}

/// A request's method and its scheme.
type Start<'b> = (&'b [u8], Option<&'b [u8]>);

/// Consumes the method and the scheme where they are the most usual ones.
#[inline(always)]
fn usual_start(octets: &[u8]) -> Found<'_, Start<'_>> {
    let start = |method: &'static [u8], scheme: &'static [u8]| (method, Some(scheme));
    if let Some(rest) = octets.strip_prefix(&key::GET_HTTP) {
        Some((start(b"GET", b"http"), rest))
    } else if let Some(rest) = octets.strip_prefix(&key::GET_HTTPS) {
        Some((start(b"GET", b"https"), rest))
    } else if let Some(rest) = octets.strip_prefix(&key::POST_HTTP) {
        Some((start(b"POST", b"http"), rest))
    } else if let Some(rest) = octets.strip_prefix(&key::POST_HTTPS) {
        Some((start(b"POST", b"https"), rest))
    } else {
        None
    }
}

/// Consumes any method and scheme.
#[inline(never)]
fn start(octets: &[u8]) -> Found<'_, Start<'_>> {
    let (_, line) = octets.split_first()?;
    let (method, rest) = text(octets, &key::METHOD)?;
    let (scheme, rest) = nullable(rest, &key::SCHEME)?;
    are_texts(line, rest, [Some(method), scheme]).then_some(((method, scheme), rest))
}

/// Consumes a `meta` of three entries up to the key of the third, where the trace id has its usual
/// length: constants at constant places.
#[inline(always)]
fn traced_meta(rest: &[u8]) -> Found<'_, MetaView<'_>> {
    const KEY: [u8; 12] = key::lead(key::DEADLINE_MS);
    let (before, after) = rest.split_first_chunk::<{ key::TRACED.len() }>()?;
    let (trace_id, after) = after.split_first_chunk::<{ key::TRACE_ID_LEN }>()?;
    let (behind, after) = after.split_first_chunk::<{ KEY.len() }>()?;
    if *before != key::TRACED || *behind != KEY || !check::is_ascii(*trace_id) {
        return None;
    }
    let (deadline_ms, after) = deadline(after)?;
    let map = rest.get(key::META.len()..)?;
    let trace_id = Some(&trace_id[..]);
    Some((MetaView { map, trace_id, deadline_ms, ..MetaView::default() }, after))
}

/// Consumes any `meta` up to the key of the third entry.
#[inline(never)]
fn meta(rest: &[u8]) -> Found<'_, MetaView<'_>> {
    let map = rest.strip_prefix(&key::META)?;
    let (trace_id, rest) = match nullable(map, &key::TRACE_ID) {
        Some(found) => found,
        None => trace_id_of_more(map)?,
    };
    let (_, in_map) = map.split_first()?;
    if !are_texts(in_map, rest, [trace_id, None]) {
        return None;
    }
    let after = rest.strip_prefix(&key::lead::<13, 12>(key::DEADLINE_MS))?;
    let (deadline_ms, after) = deadline(after)?;
    Some((MetaView { map, trace_id, deadline_ms, ..MetaView::default() }, after))
}

/// Consumes an unsigned integer or `null`.
#[inline(always)]
fn deadline(rest: &[u8]) -> Found<'_, Option<u64>> {
    let (&first, after) = rest.split_first()?;
    match first {
        // Between a quarter of a second and a minute: what calls are given.
        TWO => {
            let (octets, after) = after.split_first_chunk()?;
            Some((Some(u64::from(u16::from_be_bytes(*octets))), after))
        }
        NULL => Some((None, after)),
        _ => argument(after, first).map(|(number, after)| (Some(number), after)),
    }
}

/// Reads the first entry of a `meta` with more than the usual three.
#[inline(never)]
fn trace_id_of_more(map: &[u8]) -> Found<'_, Option<&[u8]>> {
    const KEY: [u8; 10] = tail(&key::TRACE_ID);
    let (head, rest) = map.split_first()?;
    matches!(head.wrapping_sub(META_OF_THREE), 1 | 2).then_some(())?;
    nullable(rest, &KEY)
}

/// Reads the entries of `map` behind the usual three.
#[inline(never)]
fn negotiated<'b>(mut rest: &'b [u8], map: &[u8]) -> Found<'b, Negotiated> {
    let entries = map.first()?.wrapping_sub(META_OF_THREE);
    let mut found = Negotiated::default();
    if entries == 2 || rest.get(1) == Some(&key::VERSION[1]) {
        let (&first, after) = rest.strip_prefix(&key::VERSION)?.split_first()?;
        let (version, after) = argument(after, first)?;
        (found.version, rest) = (Some(version), after);
    }
    if entries == 2 || found.version.is_none() {
        let (&first, after) = rest.strip_prefix(&key::CALL)?.split_first()?;
        let (call, after) = argument(after, first)?;
        (found.call, rest) = (Some(call), after);
    }
    Some((found, rest))
}

/// Consumes the head of the map and the status, which takes one octet or two behind its first.
#[inline(always)]
fn status(octets: &[u8]) -> Found<'_, u16> {
    let (&[ref lead @ .., high, low], after) =
        octets.split_first_chunk::<{ key::STATUS.len() + 2 }>()?;
    let (status, rest) = match lead.strip_prefix(&key::lead::<9, 8>(key::STATUS))? {
        [ONE] => (u16::from(high), octets.get(key::STATUS.len() + 1..)?),
        [TWO] => (u16::from_be_bytes([high, low]), after),
        _ => return None,
    };
    STATUS_RANGE.contains(&status).then_some((status, rest))
}

/// A response in the layout of [`encode_response`](crate::encode_response) without `meta`, read in
/// the order of its octets: for a host that writes its reply while it reads.
///
/// It only ever accepts. Where it declines, [`ResponseView::decode`] decides, and explains.
#[derive(Debug, Clone, Copy)]
pub struct UsualResponse<'b> {
    status: u16,
    octets: &'b [u8],
    /// What follows the status.
    rest: &'b [u8],
}

impl<'b> UsualResponse<'b> {
    /// Reads up to the status.
    #[inline(always)]
    pub fn open(octets: &'b [u8]) -> Option<Self> {
        let (status, rest) = status(octets)?;
        Some(Self { status, octets, rest })
    }

    /// The status, 200 to 599.
    #[inline(always)]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Reads the rest within its limits and returns the body. Each header is shown to `accept`, in
    /// order, as the function wrote it: whether name and value are right is for `accept` to say.
    #[inline(always)]
    pub fn read(
        &self,
        limits: &WireLimits,
        accept: impl FnMut(&'b [u8], &'b [u8]) -> bool,
    ) -> Option<&'b [u8]> {
        self.list_and_body(limits, accept).map(|(_, body)| body)
    }

    #[inline(always)]
    fn list_and_body(
        &self,
        limits: &WireLimits,
        accept: impl FnMut(&'b [u8], &'b [u8]) -> bool,
    ) -> Option<(List<'b>, &'b [u8])> {
        let (list, rest) = headers(self.rest, limits, accept)?;
        let (body, rest) = string(rest, &key::BODY)?;
        if !rest.is_empty()
            || !body.is_valid()
            || limits.nesting_max < NESTING
            || body.octets.len() > limits.body_bytes_max
            || self.octets.len() - body.octets.len() > limits.head_bytes_max
        {
            return None;
        }
        Some((list, body.octets))
    }
}

/// Reads a response in the usual layout, and judges its headers.
#[inline]
pub(crate) fn response<'b>(octets: &'b [u8], limits: &WireLimits) -> Option<ResponseView<'b>> {
    let usual = UsualResponse::open(octets)?;
    let (list, body) = usual.list_and_body(limits, |name, value| {
        // The one name that nearly every answer has is known to be right.
        (name == b"content-type" || !name.is_empty() && check::name_fault(name).is_none())
            && check::value_fault(value).is_none()
    })?;
    let (status, body) = (usual.status, Str::whole(body));
    Some(ResponseView { status, list, body, panic: false, version: None })
}
