//! A request written around a body that has not arrived yet: head first, then whatever the socket
//! brings, then at most a small slide of the head.

use alloc::vec::Vec;

use crate::item::{
    EIGHT, FOUR, HEAD_BYTES_MAX, LEAD_ARRAY, LEAD_BYTES, LEAD_TEXT, LEAD_UNSIGNED, NULL, ONE, TWO,
    head, head_len, put_head, put_string,
};
use crate::key::{self, lead};

/// What the host knows about a request besides its headers and body.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestHead<'a> {
    /// The method, for instance `GET`.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: Option<&'a str>,
    /// Host and port.
    pub authority: Option<&'a str>,
    /// The path exactly as received.
    pub path: &'a str,
    /// The query exactly as received, without its `?`.
    pub query: Option<&'a str>,
    /// What the host says about the request.
    pub meta: Meta<'a>,
    /// Entries that the headers' iterator will yield.
    pub header_count: usize,
}

/// What the host says about a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meta<'a> {
    /// The W3C trace id, 32 hexadecimal digits.
    pub trace_id: Option<&'a str>,
    /// Milliseconds the function has. Written when the head is, corrected by [`set_deadline`].
    pub deadline_ms: Option<u64>,
    /// The client's address in text form, without port.
    pub client_ip: Option<&'a str>,
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

/// Octets of a request beside strings and headers, heads of short strings included.
const FIXED_BYTES: usize = 128;
/// Octets around a header's name and value.
const ENTRY_BYTES: usize = 24;
/// What a header's strings are taken to need when room is made for all of them at once.
const ENTRY_STRING_BYTES: usize = 48;

/// Appends the envelope up to the body, which the caller then pushes to `buf` as it arrives.
/// Equal arguments append equal octets. `headers` must yield `head.header_count` entries, and the
/// envelope must end below 4 GiB; both are the caller's limits to keep.
#[inline]
pub fn write_request<'h>(
    buf: &mut Vec<u8>,
    head: &RequestHead<'_>,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    slot: BodySlot,
) -> Layout {
    let start = buf.len();
    buf.reserve(
        FIXED_BYTES
            + head.path.len()
            + head.query.map_or(0, str::len)
            + head.authority.map_or(0, str::len)
            + head.header_count * (ENTRY_BYTES + ENTRY_STRING_BYTES),
    );
    put_string(buf, key::METHOD, head.method.as_bytes());
    put_nullable(buf, key::SCHEME, head.scheme);
    put_nullable(buf, key::AUTHORITY, head.authority);
    put_target(buf, head.path, head.query);
    buf.extend_from_slice(&lead::<9, 8>(key::HEADERS));
    put_head(buf, LEAD_ARRAY, head.header_count as u64);
    let mut written = 0;
    for (name, value) in headers {
        put_entry(buf, name, value);
        written += 1;
    }
    debug_assert_eq!(written, head.header_count, "headers as announced");
    let deadline_at = put_meta(buf, &head.meta);
    buf.extend_from_slice(&lead::<6, 5>(key::BODY));
    match slot {
        BodySlot::Known(len) => put_head(buf, LEAD_BYTES, len),
        BodySlot::Open => buf.extend_from_slice(&[0; OPEN_SLOT_BYTES]),
    }
    Layout {
        start: offset(start),
        deadline_at: offset(deadline_at),
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
    let (octets, _) = head(LEAD_UNSIGNED, deadline_ms);
    let at = layout.deadline_at as usize;
    for (to, octet) in buf.iter_mut().skip(at).take(width).zip(octets) {
        *to = octet;
    }
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
    }
}

/// Offsets fit 32 bits, as the caller's limits are far below.
#[inline]
fn offset(at: usize) -> u32 {
    debug_assert!(u32::try_from(at).is_ok(), "an envelope below 4 GiB");
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[inline]
fn put_nullable<const N: usize>(buf: &mut Vec<u8>, mut key: [u8; N], text: Option<&str>) {
    match text {
        Some(text) => put_string(buf, key, text.as_bytes()),
        None => {
            if let Some(last) = key.last_mut() {
                *last = NULL;
            }
            buf.extend_from_slice(&key);
        }
    }
}

#[inline]
fn put_target(buf: &mut Vec<u8>, path: &str, query: Option<&str>) {
    match query {
        None => put_string(buf, key::PATH_AND_QUERY, path.as_bytes()),
        Some(query) => {
            buf.extend_from_slice(&lead::<16, 15>(key::PATH_AND_QUERY));
            put_head(buf, LEAD_TEXT, (path.len() + 1 + query.len()) as u64);
            buf.extend_from_slice(path.as_bytes());
            buf.push(b'?');
            buf.extend_from_slice(query.as_bytes());
        }
    }
}

/// Appends one header entry; shared with the writer of responses.
#[inline]
pub(crate) fn put_entry(buf: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    put_string(buf, key::NAME, name);
    put_string(buf, key::VALUE, value);
}

/// Appends `meta` and says where the deadline stands.
#[inline]
fn put_meta(buf: &mut Vec<u8>, meta: &Meta<'_>) -> usize {
    buf.extend_from_slice(&key::META);
    put_nullable(buf, key::TRACE_ID, meta.trace_id);
    buf.extend_from_slice(&key::DEADLINE_MS);
    let deadline_at = buf.len();
    match meta.deadline_ms {
        Some(deadline_ms) => put_head(buf, LEAD_UNSIGNED, deadline_ms),
        None => buf.push(NULL),
    }
    put_nullable(buf, key::CLIENT_IP, meta.client_ip);
    deadline_at
}
