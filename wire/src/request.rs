//! A request written around a body that has not arrived yet: head first, then whatever the socket
//! brings, then at most a small slide of the head.

use alloc::vec::Vec;

use crate::item::{
    EIGHT, FOUR, HEAD_BYTES_MAX, LEAD_BYTES, LEAD_TEXT, LEAD_UNSIGNED, NULL, ONE, TWO, head,
    head_len, put_head,
};
use crate::key::{self, lead};
use crate::room::{Room, Sheet, with_last};

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
/// Octets of the header entry that may follow the others.
const TRACEPARENT_ROOM: usize = key::TRACEPARENT.len() + TRACEPARENT_BYTES;
/// Octets from `meta` to the body's head beside the strings, at most.
const META_ROOM: usize = key::META.len()
    + key::TRACE_ID.len()
    + key::DEADLINE_MS.len()
    + key::CLIENT_IP.len()
    + key::BODY.len()
    + 4 * HEAD_BYTES_MAX;

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
    let count = head.header_count + usize::from(traceparent.is_some());
    let tail_room = TRACEPARENT_ROOM + META_ROOM + strings_len(&head.meta);
    let estimate = head_room(head) + head.header_count * ENTRY_ESTIMATE + tail_room;
    let mut sheet = Sheet::new(buf, estimate);
    sheet.write(head_room(head), |room| put_line(room, head, count));
    let written = sheet.write_each(
        headers,
        |(name, value)| ENTRY_ROOM + name.len() + value.len(),
        #[inline(always)]
        |room, (name, value)| room.put_short_entry([&key::NAME, &key::VALUE], name, value),
    );
    debug_assert_eq!(written, head.header_count, "headers as announced");
    let (mut meta_at, mut deadline_at) = (0, 0);
    let at = sheet.at();
    sheet.write(tail_room, |room| {
        let all = room.left();
        if let Some(traceparent) = traceparent {
            room.put_around(key::TRACEPARENT, traceparent, []);
        }
        meta_at = at + all - room.left();
        put_before_deadline(room, &head.meta);
        deadline_at = at + all - room.left();
        put_after_deadline(room, &head.meta, slot);
    });
    sheet.finish();
    let mut call_at = 0;
    let Meta { version, call, tls, principal, .. } = head.meta;
    if version.is_some() || call.is_some() || tls.is_some() || principal.is_some() {
        let rare = Rare { version, call, tls, principal: principal.map(AsRef::as_ref) };
        call_at = offset(negotiated(buf, meta_at, &rare, slot));
    }
    Layout {
        start: offset(start),
        deadline_at: offset(deadline_at),
        call_at,
        body_at: offset(buf.len()),
        open: slot == BodySlot::Open,
    }
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

/// Octets of the request line's parts, at most.
#[inline]
fn head_room<S: AsRef<[u8]> + ?Sized>(head: &RequestHead<'_, S>) -> usize {
    const KEYS: usize = key::METHOD.len()
        + key::SCHEME.len()
        + key::AUTHORITY.len()
        + key::PATH_AND_QUERY.len()
        + key::HEADERS.len()
        + 5 * HEAD_BYTES_MAX;
    KEYS + head.method.as_ref().len()
        + len(head.scheme)
        + len(head.authority)
        + head.path.as_ref().len()
        + head.query.map_or(0, |query| query.as_ref().len() + 1)
}

#[inline]
fn len<S: AsRef<[u8]> + ?Sized>(text: Option<&S>) -> usize {
    text.map_or(0, |text| text.as_ref().len())
}

#[inline(always)]
fn put_line<S: AsRef<[u8]> + ?Sized>(
    room: &mut Room<'_>,
    head: &RequestHead<'_, S>,
    header_count: usize,
) {
    match (head.method.as_ref(), head.scheme.map(AsRef::as_ref)) {
        (b"GET", Some(b"http")) => room.put(key::GET_HTTP),
        (b"GET", Some(b"https")) => room.put(key::GET_HTTPS),
        (b"POST", Some(b"http")) => room.put(key::POST_HTTP),
        (b"POST", Some(b"https")) => room.put(key::POST_HTTPS),
        (method, scheme) => put_start(room, method, scheme),
    }
    put_nullable(room, &key::AUTHORITY, head.authority);
    let path = head.path.as_ref();
    match head.query.map(AsRef::as_ref) {
        None => room.put_string(&key::PATH_AND_QUERY, path),
        Some(query) => {
            room.put_keyed(&key::PATH_AND_QUERY, (path.len() + 1 + query.len()) as u64);
            room.put_slice(path);
            room.put([b'?']);
            room.put_slice(query);
        }
    }
    room.put_keyed(&key::HEADERS, header_count as u64);
}

/// Writes any method and scheme.
#[inline(never)]
fn put_start(room: &mut Room<'_>, method: &[u8], scheme: Option<&[u8]>) {
    room.put_string(&key::METHOD, method);
    put_nullable(room, &key::SCHEME, scheme);
}

#[inline(always)]
fn put_nullable<const N: usize, S: AsRef<[u8]> + ?Sized>(
    room: &mut Room<'_>,
    key: &'static [u8; N],
    text: Option<&S>,
) {
    match text {
        Some(text) => room.put_string(key, text.as_ref()),
        None => room.put(with_last(*key, NULL)),
    }
}

#[inline]
fn strings_len<S: AsRef<[u8]> + ?Sized>(meta: &Meta<'_, S>) -> usize {
    len(meta.trace_id) + len(meta.client_ip)
}

#[inline(always)]
fn put_before_deadline<S: AsRef<[u8]> + ?Sized>(room: &mut Room<'_>, meta: &Meta<'_, S>) {
    const DEADLINE: [u8; 12] = lead(key::DEADLINE_MS);
    let trace_id = meta.trace_id.map(AsRef::as_ref);
    if let Some(trace_id) = trace_id.and_then(|it| <&[u8; key::TRACE_ID_LEN]>::try_from(it).ok()) {
        return room.put_around(key::TRACED, trace_id, DEADLINE);
    }
    room.put(key::META);
    put_nullable(room, &key::TRACE_ID, trace_id);
    room.put(DEADLINE);
}

#[inline(always)]
fn put_after_deadline<S: AsRef<[u8]> + ?Sized>(
    room: &mut Room<'_>,
    meta: &Meta<'_, S>,
    slot: BodySlot,
) {
    match meta.deadline_ms {
        Some(deadline_ms) => room.put_head(LEAD_UNSIGNED, deadline_ms),
        None => room.put([NULL]),
    }
    put_nullable(room, &key::CLIENT_IP, meta.client_ip);
    match slot {
        BodySlot::Known(len) => room.put_keyed(&key::BODY, len),
        BodySlot::Open => {
            room.put(lead::<6, 5>(key::BODY));
            room.put([0; OPEN_SLOT_BYTES]);
        }
    }
}

/// What most requests do not have.
struct Rare<'a> {
    version: Option<u64>,
    call: Option<u64>,
    tls: Option<&'a [u8]>,
    principal: Option<&'a [u8]>,
}

/// Puts what only some functions, and of some requests, are told between `meta`, which was
/// written for the usual three entries at `meta_at`, and the body's head. Says where the value of
/// `call` is; 0 if there is none.
#[cold]
#[inline(never)]
fn negotiated(buf: &mut Vec<u8>, meta_at: usize, rare: &Rare<'_>, slot: BodySlot) -> usize {
    let Rare { version, call, tls, principal } = *rare;
    let body_key = key::BODY.len() - 1;
    let body_head = match slot {
        BodySlot::Known(len) => body_key + head_len(len),
        BodySlot::Open => body_key + OPEN_SLOT_BYTES,
    };
    if let Some(head) = buf.get_mut(meta_at + key::META.len()) {
        let more = [version.is_some(), call.is_some(), tls.is_some(), principal.is_some()];
        *head += more.map(u8::from).iter().sum::<u8>();
    }
    // Written behind the body's head, then turned to stand before it.
    let body_head_at = buf.len().saturating_sub(body_head);
    if let Some(version) = version {
        buf.extend_from_slice(&key::VERSION);
        put_head(buf, LEAD_UNSIGNED, version);
    }
    let mut call_at = 0;
    if let Some(call) = call {
        buf.extend_from_slice(&key::CALL);
        call_at = buf.len() - body_head;
        buf.extend_from_slice(&wide(call));
    }
    if let Some(tls) = tls {
        buf.extend_from_slice(&key::TLS);
        buf.extend_from_slice(tls);
    }
    if let Some(principal) = principal {
        buf.extend_from_slice(&key::PRINCIPAL);
        put_head(buf, LEAD_TEXT, principal.len() as u64);
        buf.extend_from_slice(principal);
    }
    if let Some(turned) = buf.get_mut(body_head_at..) {
        turned.rotate_left(body_head);
    }
    call_at
}
