//! A request written around a body that has not arrived yet: head first, then whatever the socket
//! brings, then at most a small slide of the head.

use alloc::vec::Vec;

use crate::item::{
    EIGHT, FOUR, HEAD_BYTES_MAX, LEAD_BYTES, LEAD_TEXT, LEAD_UNSIGNED, NULL, ONE, TWO, head,
    head_len,
};
use crate::key::{self, lead};
use crate::room::{Room, with_last};

/// What the host knows about a request besides its headers and body.
///
/// The strings are `str`, or `[u8]` for a caller whose parser has kept them to ASCII and who would
/// check them twice otherwise: what is not UTF-8 would make an envelope that nobody can read.
#[derive(Debug)]
pub struct RequestHead<'a, S: ?Sized = str> {
    /// The method, for instance `GET`.
    pub method: &'a S,
    /// `http` or `https`.
    pub scheme: Option<&'a S>,
    /// Host and port.
    pub authority: Option<&'a S>,
    /// The path exactly as received.
    pub path: &'a S,
    /// The query exactly as received, without its `?`.
    pub query: Option<&'a S>,
    /// What the host says about the request.
    pub meta: Meta<'a, S>,
    /// Entries that the headers' iterator will yield.
    pub header_count: usize,
}

/// What the host says about a request. Strings as in [`RequestHead`].
#[derive(Debug)]
pub struct Meta<'a, S: ?Sized = str> {
    /// The W3C trace id, 32 hexadecimal digits.
    pub trace_id: Option<&'a S>,
    /// Milliseconds the function has. Written when the head is, corrected by [`set_deadline`].
    pub deadline_ms: Option<u64>,
    /// The client's address in text form, without port.
    pub client_ip: Option<&'a S>,
    /// The version of `handle` a handshake settled on. Nothing is written without one.
    pub version: Option<u64>,
    /// The call's number, as the host's services and `fezz_cancel_v1` know it. Nothing is written
    /// without one. Corrected by [`set_call`].
    pub call: Option<u64>,
    /// What is known of the connection's TLS: one CBOR map, which is written as it is. Nothing is
    /// written without one.
    pub tls: Option<&'a [u8]>,
    /// Who asks, as far as the host has proof of it. Nothing is written without one.
    pub principal: Option<&'a S>,
}

impl<S: ?Sized> Clone for RequestHead<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for RequestHead<'_, S> {}

impl Default for RequestHead<'_> {
    fn default() -> Self {
        Self {
            method: "",
            scheme: None,
            authority: None,
            path: "",
            query: None,
            meta: Meta::default(),
            header_count: 0,
        }
    }
}

impl<S: ?Sized> Clone for Meta<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Meta<'_, S> {}

impl<S: ?Sized> Default for Meta<'_, S> {
    fn default() -> Self {
        Self {
            trace_id: None,
            deadline_ms: None,
            client_ip: None,
            version: None,
            call: None,
            tls: None,
            principal: None,
        }
    }
}

/// What is known about the body when the head is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodySlot {
    /// Its length in octets: the head is final.
    Known(u64),
    /// Nothing: room for the longest string head is left, and [`close_body`] fills it.
    Open,
}

/// Octets an open slot leaves between head and body.
pub const OPEN_SLOT_BYTES: usize = HEAD_BYTES_MAX;

/// Where things are in a buffer that holds an envelope. Offsets count from the buffer's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    /// The envelope's first octet.
    pub start: u32,
    /// The value of `meta.deadline_ms`.
    pub deadline_at: u32,
    /// The value of `meta.call`; 0 if the request has none.
    pub call_at: u32,
    /// The body's first octet.
    pub body_at: u32,
    /// Whether the body's length is still to be written.
    open: bool,
}

impl Layout {
    /// The envelope in its buffer.
    #[inline]
    pub fn envelope<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        buf.get(self.start as usize..).unwrap_or_default()
    }

    /// Whether [`close_body`] must still be called.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open
    }
}

/// Octets of a header entry beside its strings, at most.
const ENTRY_ROOM: usize = key::NAME.len() + key::VALUE.len() + 2 * HEAD_BYTES_MAX;
/// Octets one header is taken to need when room is made for all of them at once.
const ENTRY_ESTIMATE: usize = 64;
/// Octets in front of the headers beside the strings, at most.
const LINE_ROOM: usize = key::METHOD.len()
    + key::SCHEME.len()
    + key::AUTHORITY.len()
    + key::PATH_AND_QUERY.len()
    + b"?".len()
    + key::HEADERS.len()
    + 5 * HEAD_BYTES_MAX;
/// Octets behind the headers beside the strings, at most.
const META_ROOM: usize = key::TRACEPARENT.len()
    + TRACEPARENT_BYTES
    + key::META.len()
    + key::TRACE_ID.len()
    + key::DEADLINE_MS.len()
    + key::CLIENT_IP.len()
    + key::VERSION.len()
    + key::CALL.len()
    + key::TLS.len()
    + key::PRINCIPAL.len()
    + key::BODY.len()
    + 7 * HEAD_BYTES_MAX;

/// Octets of a `traceparent`, in the only version of Trace Context there is.
pub const TRACEPARENT_BYTES: usize = 55;

/// Appends the envelope up to the body, which the caller then pushes to `buf` as it arrives.
/// Equal arguments append equal octets. `headers` must yield `head.header_count` entries, and the
/// envelope must end below 4 GiB; both are the caller's limits to keep.
#[inline]
pub fn write_request<'h, S: AsRef<[u8]> + ?Sized>(
    buf: &mut Vec<u8>,
    head: &RequestHead<'_, S>,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    slot: BodySlot,
) -> Layout {
    write_traced_request(buf, head, headers, None, slot)
}

/// As [`write_request`], with one header more than `head.header_count` behind the others, if there
/// is one: the `traceparent` of a host that takes part in traces.
#[inline]
pub fn write_traced_request<'h, S: AsRef<[u8]> + ?Sized>(
    buf: &mut Vec<u8>,
    head: &RequestHead<'_, S>,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    traceparent: Option<&[u8; TRACEPARENT_BYTES]>,
    slot: BodySlot,
) -> Layout {
    let start = buf.len();
    let meta_room = META_ROOM + strings_len(&head.meta);
    let estimate = LINE_ROOM + line_len(head) + head.header_count * ENTRY_ESTIMATE + meta_room;
    buf.resize(start + estimate, 0);
    let (mut all, mut written) = (start + estimate, 0);
    let mut room = Room::new(buf.get_mut(start..).unwrap_or_default());
    room = put_line(room, head, head.header_count + usize::from(traceparent.is_some()));
    for (name, value) in headers {
        let need = ENTRY_ROOM + name.len() + value.len() + meta_room;
        if room.left() < need {
            let at = all - room.left();
            all = grow(buf, at + need);
            room = Room::new(buf.get_mut(at..).unwrap_or_default());
        }
        room = room.put_entry([&key::NAME, &key::VALUE], name, value);
        written += 1;
    }
    debug_assert_eq!(written, head.header_count, "headers as announced");
    if let Some(traceparent) = traceparent {
        room = room.put(key::TRACEPARENT).put(*traceparent);
    }
    let (room, marks) = put_meta(room, &head.meta);
    let left = put_slot(room, slot).left();
    buf.truncate(all - left);
    Layout {
        start: offset(start),
        deadline_at: offset(all - marks.deadline),
        call_at: marks.call.map_or(0, |call| offset(all - call)),
        body_at: offset(all - left),
        open: slot == BodySlot::Open,
    }
}

/// Makes room up to `end` and as much again, as vectors grow: the copying adds up to a constant
/// per octet. Says where the room ends.
#[cold]
#[inline(never)]
fn grow(buf: &mut Vec<u8>, end: usize) -> usize {
    buf.resize(2 * end, 0);
    buf.len()
}

/// Where the values are that may still change, counted from the end of the room.
struct Marks {
    deadline: usize,
    call: Option<usize>,
}

/// Completes an open slot after the body's last octet: the length in its shortest form, the head
/// slid forward to touch it. Does nothing if the length was known from the start.
pub fn close_body(buf: &mut [u8], layout: &mut Layout) {
    let body_at = layout.body_at as usize;
    let (octets, width) = head(LEAD_BYTES, buf.len().saturating_sub(body_at) as u64);
    let octets = octets.get(..width).unwrap_or_default();
    if layout.open {
        slide(buf, layout, body_at - OPEN_SLOT_BYTES, OPEN_SLOT_BYTES - width);
        layout.open = false;
        if let Some(slot) = buf.get_mut(body_at - width..body_at) {
            slot.copy_from_slice(octets);
        }
    }
    let head = buf.get(..body_at).unwrap_or_default();
    debug_assert!(head.ends_with(octets), "a body as long as announced");
}

/// Writes the time that is left when the call starts, in shortest form, sliding what stands before
/// it where that form is shorter. The value never takes more octets than the one it replaces: a
/// larger one is cut to what fits. A request written without deadline keeps none.
#[inline]
pub fn set_deadline(buf: &mut [u8], layout: &mut Layout, deadline_ms: u64) {
    let at = layout.deadline_at as usize;
    // From a quarter of a second to a minute, before and after: what calls have, as a rule.
    let usual = buf.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<3>());
    if let Some([TWO, high, low]) = usual
        && let Ok(short) = u16::try_from(deadline_ms)
        && short >= 0x100
    {
        [*high, *low] = short.to_be_bytes();
        return;
    }
    let (room, most) = match buf.get(at) {
        Some(0..=0x17) => (1, 0x17),
        Some(&ONE) => (2, 0xff),
        Some(&TWO) => (3, 0xffff),
        Some(&FOUR) => (5, 0xffff_ffff),
        Some(&EIGHT) => (HEAD_BYTES_MAX, u64::MAX),
        _ => return,
    };
    let deadline_ms = deadline_ms.min(most);
    let width = head_len(deadline_ms);
    if width < room {
        slide(buf, layout, at, room - width);
        layout.deadline_at += offset(room - width);
    }
    let rest = buf.get_mut(layout.deadline_at as usize..).unwrap_or_default();
    Room::new(rest).put_head(LEAD_UNSIGNED, deadline_ms);
}

/// Writes the call's number. It always takes nine octets, so it can be any number at any time, and
/// numbers from 2³² on are in shortest form. A request written without one keeps none.
#[inline]
pub fn set_call(buf: &mut [u8], layout: &Layout, call: u64) {
    if layout.call_at != 0 {
        let rest = buf.get_mut(layout.call_at as usize..).unwrap_or_default();
        Room::new(rest).put(wide(call));
    }
}

/// An unsigned integer in nine octets.
#[inline]
fn wide(number: u64) -> [u8; HEAD_BYTES_MAX] {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    [LEAD_UNSIGNED | EIGHT, a, b, c, d, e, f, g, h]
}

/// Moves the envelope's octets before `until` towards the end by `by`.
#[cold]
fn slide(buf: &mut [u8], layout: &mut Layout, until: usize, by: usize) {
    let start = layout.start as usize;
    if by > 0 && start <= until && until + by <= buf.len() {
        buf.copy_within(start..until, start + by);
        layout.start += offset(by);
        if (layout.deadline_at as usize) < until {
            layout.deadline_at += offset(by);
        }
        if layout.call_at != 0 && (layout.call_at as usize) < until {
            layout.call_at += offset(by);
        }
    }
}

/// Offsets fit 32 bits, as the caller's limits are far below.
#[inline]
fn offset(at: usize) -> u32 {
    debug_assert!(u32::try_from(at).is_ok(), "an envelope below 4 GiB");
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[inline]
fn len<S: AsRef<[u8]> + ?Sized>(text: Option<&S>) -> usize {
    text.map_or(0, |text| text.as_ref().len())
}

/// Octets of the strings in front of the headers.
#[inline]
fn line_len<S: AsRef<[u8]> + ?Sized>(head: &RequestHead<'_, S>) -> usize {
    let start = head.method.as_ref().len() + len(head.scheme) + len(head.authority);
    start + head.path.as_ref().len() + len(head.query)
}

/// Octets of the strings behind the headers.
#[inline]
fn strings_len<S: AsRef<[u8]> + ?Sized>(meta: &Meta<'_, S>) -> usize {
    len(meta.trace_id) + len(meta.client_ip) + len(meta.tls) + len(meta.principal)
}

#[inline(always)]
fn put_line<'v, S: AsRef<[u8]> + ?Sized>(
    room: Room<'v>,
    head: &RequestHead<'_, S>,
    header_count: usize,
) -> Room<'v> {
    let room = put_start(room, head.method.as_ref(), head.scheme.map(AsRef::as_ref));
    let room = put_nullable(room, &key::AUTHORITY, head.authority);
    let path = head.path.as_ref();
    let room = match head.query.map(AsRef::as_ref) {
        None => room.put_string(&key::PATH_AND_QUERY, path),
        Some(query) => {
            let len = path.len() + 1 + query.len();
            let room = room.put_keyed(&key::PATH_AND_QUERY, len as u64).put_slice(path);
            room.put([b'?']).put_slice(query)
        }
    };
    room.put_keyed(&key::HEADERS, header_count as u64)
}

/// Writes the method and the scheme; the most usual ones together.
#[inline(always)]
fn put_start<'v>(room: Room<'v>, method: &[u8], scheme: Option<&[u8]>) -> Room<'v> {
    let is_http = scheme.is_some_and(|scheme| scheme == b"http");
    let is_https = scheme.is_some_and(|scheme| scheme == b"https");
    if is_http && method == b"GET" {
        room.put(key::GET_HTTP)
    } else if is_https && method == b"GET" {
        room.put(key::GET_HTTPS)
    } else if is_http && method == b"POST" {
        room.put(key::POST_HTTP)
    } else if is_https && method == b"POST" {
        room.put(key::POST_HTTPS)
    } else {
        put_any_start(room, method, scheme)
    }
}

#[inline(never)]
fn put_any_start<'v>(room: Room<'v>, method: &[u8], scheme: Option<&[u8]>) -> Room<'v> {
    put_nullable(room.put_string(&key::METHOD, method), &key::SCHEME, scheme)
}

#[inline(always)]
fn put_nullable<'v, const N: usize, S: AsRef<[u8]> + ?Sized>(
    room: Room<'v>,
    key: &'static [u8; N],
    text: Option<&S>,
) -> Room<'v> {
    match text {
        Some(text) => room.put_string(key, text.as_ref()),
        None => room.put(with_last(*key, NULL)),
    }
}

#[inline(always)]
fn put_meta<'v, S: AsRef<[u8]> + ?Sized>(room: Room<'v>, meta: &Meta<'_, S>) -> (Room<'v>, Marks) {
    const DEADLINE: [u8; 12] = lead(key::DEADLINE_MS);
    let Meta { version, call, tls, principal, .. } = *meta;
    let has_rare = version.is_some() || call.is_some() || tls.is_some() || principal.is_some();
    let trace_id = meta.trace_id.map(AsRef::as_ref);
    let room = match trace_id.and_then(|it| <&[u8; key::TRACE_ID_LEN]>::try_from(it).ok()) {
        Some(trace_id) if !has_rare => room.put(key::TRACED).put(*trace_id),
        _ => {
            let more = [version.is_some(), call.is_some(), tls.is_some(), principal.is_some()];
            put_trace_id(room, trace_id, more.map(u8::from).iter().sum())
        }
    };
    let room = room.put(DEADLINE);
    let deadline = room.left();
    let room = match meta.deadline_ms {
        Some(deadline_ms) => room.put_head(LEAD_UNSIGNED, deadline_ms),
        None => room.put([NULL]),
    };
    let room = put_nullable(room, &key::CLIENT_IP, meta.client_ip);
    if !has_rare {
        return (room, Marks { deadline, call: None });
    }
    let rare = Rare { version, call, tls, principal: principal.map(AsRef::as_ref) };
    let (room, call) = put_rare(room, &rare);
    (room, Marks { deadline, call })
}

#[inline(always)]
fn put_slot(room: Room<'_>, slot: BodySlot) -> Room<'_> {
    match slot {
        BodySlot::Known(len) => room.put_keyed(&key::BODY, len),
        BodySlot::Open => room.put(lead::<6, 5>(key::BODY)).put([0; OPEN_SLOT_BYTES]),
    }
}

/// Writes the head of `meta` with so many entries more than the usual three, and any trace id.
#[inline(never)]
fn put_trace_id<'v>(room: Room<'v>, trace_id: Option<&[u8]>, more: u8) -> Room<'v> {
    let mut key = key::TRACE_ID;
    key[0] += more;
    let room = room.put(key::META);
    match trace_id {
        Some(trace_id) => {
            let room = room.put(lead::<11, 10>(key));
            room.put_head(LEAD_TEXT, trace_id.len() as u64).put_slice(trace_id)
        }
        None => room.put(with_last(key, NULL)),
    }
}

/// What most requests do not have: what only some functions, and of some requests, are told.
struct Rare<'a> {
    version: Option<u64>,
    call: Option<u64>,
    tls: Option<&'a [u8]>,
    principal: Option<&'a [u8]>,
}

/// Writes the entries of `meta` behind the usual three. Says where the value of `call` is.
#[inline(never)]
fn put_rare<'v>(mut room: Room<'v>, rare: &Rare<'_>) -> (Room<'v>, Option<usize>) {
    let Rare { version, call, tls, principal } = *rare;
    if let Some(version) = version {
        room = room.put(key::VERSION).put_head(LEAD_UNSIGNED, version);
    }
    let mut mark = None;
    if let Some(call) = call {
        room = room.put(key::CALL);
        mark = Some(room.left());
        room = room.put(wide(call));
    }
    if let Some(tls) = tls {
        room = room.put(key::TLS).put_slice(tls);
    }
    if let Some(principal) = principal {
        room = room.put(key::PRINCIPAL).put_head(LEAD_TEXT, principal.len() as u64);
        room = room.put_slice(principal);
    }
    (room, mark)
}
