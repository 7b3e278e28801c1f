//! A request as a function reads it: everything borrowed from the envelope, headers on demand.

use crate::error::{Part, WireError};
use crate::fast;
use crate::headers::{Entry, List, PlainHeaders, read_list};
use crate::item::{BYTES, MAP, NULL, TEXT};
use crate::key;
use crate::limits::WireLimits;
use crate::octets::Str;
use crate::reader::{Left, Reader};

/// What a request is read with.
const LIMITS: WireLimits = WireLimits::request();

/// A request, borrowed from its envelope. Text that is not one of the usual methods and schemes is
/// checked when the envelope is read and turned into `str` at each call.
#[derive(Debug, Clone, Copy)]
pub struct RequestView<'b> {
    pub(crate) method: &'b [u8],
    pub(crate) scheme: Option<&'b [u8]>,
    pub(crate) authority: Option<&'b [u8]>,
    pub(crate) path_and_query: &'b [u8],
    pub(crate) list: List<'b>,
    pub(crate) meta: MetaView<'b>,
    pub(crate) body: &'b [u8],
}

impl<'b> RequestView<'b> {
    /// Reads one envelope: all of `octets`, nothing less and nothing more. Names and values are
    /// taken as the host passed them on; its parser has judged them.
    ///
    /// # Errors
    /// Any [`WireError`] but those of statuses, header octets, head and body sizes. A
    /// [`WireError::Segmented`] envelope can be read after [`joined`](crate::joined).
    #[inline]
    pub fn decode(octets: &'b [u8]) -> Result<Self, WireError> {
        match Self::usual(octets) {
            Some(request) => Ok(request),
            None => decode_any(octets, &LIMITS),
        }
    }

    /// Reads one envelope in the layout of [`write_request`](crate::write_request), for readers
    /// that have another way for all others: `None` says nothing about the octets.
    #[inline]
    pub fn usual(octets: &'b [u8]) -> Option<Self> {
        fast::request(octets, &LIMITS)
    }

    /// The method, for instance `GET`.
    #[inline]
    pub fn method(&self) -> &'b str {
        match self.method {
            b"GET" => "GET",
            b"HEAD" => "HEAD",
            b"POST" => "POST",
            b"PUT" => "PUT",
            b"DELETE" => "DELETE",
            b"OPTIONS" => "OPTIONS",
            b"PATCH" => "PATCH",
            other => as_text(other),
        }
    }

    /// `http` or `https`, as far as the host knows it.
    #[inline]
    pub fn scheme(&self) -> Option<&'b str> {
        match self.scheme {
            Some(b"http") => Some("http"),
            Some(b"https") => Some("https"),
            other => other.map(as_text),
        }
    }

    /// Host and port the request was sent to.
    #[inline]
    pub fn authority(&self) -> Option<&'b str> {
        self.authority.map(as_text)
    }

    /// Path and query exactly as received, for instance `/orders?id=7`.
    #[inline]
    pub fn path_and_query(&self) -> &'b str {
        as_text(self.path_and_query)
    }

    /// Names and values in the order received, duplicates kept.
    #[inline]
    pub fn headers(&self) -> PlainHeaders<'b> {
        PlainHeaders::new(self.list)
    }

    /// Header entries in the request.
    #[inline]
    pub fn header_count(&self) -> usize {
        self.list.count
    }

    /// What the host says about the request.
    #[inline]
    pub fn meta(&self) -> MetaView<'b> {
        self.meta
    }

    /// The body; no octets if there is none.
    #[inline]
    pub fn body(&self) -> &'b [u8] {
        self.body
    }
}

/// What the host says about a request, borrowed from the envelope.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetaView<'b> {
    /// From the map's head on; nothing if the envelope has no `meta`.
    pub(crate) map: &'b [u8],
    pub(crate) trace_id: Option<&'b [u8]>,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) client_ip: Option<&'b [u8]>,
    pub(crate) negotiated: Negotiated,
}

/// What only functions with a handshake or host services are told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Negotiated {
    pub(crate) version: Option<u64>,
    pub(crate) call: Option<u64>,
}

impl<'b> MetaView<'b> {
    /// The W3C trace id, 32 hexadecimal digits.
    #[inline]
    pub fn trace_id(&self) -> Option<&'b str> {
        self.trace_id.map(as_text)
    }

    /// Milliseconds that were left when the call started.
    #[inline]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    /// The client's address in text form, without port.
    #[inline]
    pub fn client_ip(&self) -> Option<&'b str> {
        self.client_ip.map(as_text)
    }

    /// The version of `handle` the handshake settled on, if there was one.
    #[inline]
    pub fn version(&self) -> Option<u64> {
        self.negotiated.version
    }

    /// The call's number, by which the host's services and `fezz_cancel_v1` know it.
    #[inline]
    pub fn call(&self) -> Option<u64> {
        self.negotiated.call
    }

    /// Who asks, as far as the host has proof of it.
    pub fn principal(&self) -> Option<&'b str> {
        let mut reader = Reader::new(self.get("principal")?, u8::MAX);
        let item = reader.item().ok()?;
        let string = if item.major == TEXT { reader.string(&item).ok()? } else { return None };
        string.as_slice().map(as_text)
    }

    /// The CBOR item under this text key, for keys this version has no accessor for. If the key
    /// appears more than once, the first item.
    pub fn get(&self, key: &str) -> Option<&'b [u8]> {
        // The map was checked when the envelope was read: errors here mean "no map".
        let mut reader = Reader::new(self.map, u8::MAX);
        let map = reader.item().ok()?;
        let mut left = Left::of(&map);
        while reader.more(&mut left).ok()? {
            let head = reader.item().ok()?;
            let found = match head.major {
                TEXT => reader.string(&head).ok()? == *key.as_bytes(),
                _ => {
                    reader.skip_item(&head, 0).ok()?;
                    false
                }
            };
            let (from, start) = (reader.rest(), reader.at());
            reader.skip(0).ok()?;
            if found {
                return from.get(..reader.at() - start);
            }
        }
        None
    }
}

/// Octets that were checked to be UTF-8 when the envelope was read.
#[inline]
fn as_text(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).unwrap_or_default()
}

/// Reads a request in any form the format allows.
#[cold]
pub(crate) fn decode_any<'b>(
    octets: &'b [u8],
    limits: &WireLimits,
) -> Result<RequestView<'b>, WireError> {
    if octets.is_empty() {
        return Err(WireError::Empty);
    }
    let mut reader = Reader::new(octets, limits.nesting_max);
    let map = reader.item()?;
    if map.major != MAP {
        return Err(map.wrong(Part::Envelope));
    }
    let depth = reader.enter(&map, 0)?;
    let mut draft = Draft::default();
    let mut left = Left::of(&map);
    while reader.more(&mut left)? {
        let at = reader.at();
        match reader.key(&key::REQUEST, depth)? {
            Some(part) => draft.read(&mut reader, limits, depth, at, part)?,
            None => reader.skip(depth)?,
        }
    }
    if !reader.rest().is_empty() {
        return Err(WireError::TrailingOctets { at: reader.at(), len: reader.rest().len() });
    }
    let missing = |part| WireError::MissingKey { at: map.at, part };
    Ok(RequestView {
        method: draft.method.ok_or(missing(Part::Method))?,
        scheme: draft.scheme.flatten(),
        authority: draft.authority.flatten(),
        path_and_query: draft.path_and_query.ok_or(missing(Part::PathAndQuery))?,
        list: draft.list.unwrap_or_default(),
        meta: draft.meta.unwrap_or_default(),
        body: draft.body.unwrap_or_default(),
    })
}

/// The values found so far: `Some` once the key was seen.
#[derive(Default)]
struct Draft<'b> {
    method: Option<&'b [u8]>,
    scheme: Option<Option<&'b [u8]>>,
    authority: Option<Option<&'b [u8]>>,
    path_and_query: Option<&'b [u8]>,
    list: Option<List<'b>>,
    meta: Option<MetaView<'b>>,
    body: Option<&'b [u8]>,
}

impl<'b> Draft<'b> {
    fn read(
        &mut self,
        reader: &mut Reader<'b>,
        limits: &WireLimits,
        depth: u8,
        key_at: usize,
        part: Part,
    ) -> Result<(), WireError> {
        match part {
            Part::Method => set(&mut self.method, key_at, part, || text(reader, part)),
            Part::Scheme => set(&mut self.scheme, key_at, part, || nullable(reader, part)),
            Part::Authority => set(&mut self.authority, key_at, part, || nullable(reader, part)),
            Part::PathAndQuery => {
                set(&mut self.path_and_query, key_at, part, || text(reader, part))
            }
            Part::Headers => set(&mut self.list, key_at, part, || {
                read_list(reader, limits, depth, Entry::check_whole)
            }),
            Part::Meta => set(&mut self.meta, key_at, part, || meta(reader, depth)),
            // The table of request keys names nothing else.
            _ => set(&mut self.body, key_at, part, || body(reader)),
        }
    }
}

/// Reads a value into its empty slot; a slot that is taken means that the key came before.
pub(crate) fn set<T>(
    slot: &mut Option<T>,
    at: usize,
    part: Part,
    read: impl FnOnce() -> Result<T, WireError>,
) -> Result<(), WireError> {
    if slot.is_some() {
        return Err(WireError::DuplicateKey { at, part });
    }
    *slot = Some(read()?);
    Ok(())
}

fn whole<'b>(string: Str<'b>, at: usize, part: Part) -> Result<&'b [u8], WireError> {
    string.as_slice().ok_or(WireError::Segmented { at, part })
}

fn text<'b>(reader: &mut Reader<'b>, part: Part) -> Result<&'b [u8], WireError> {
    let item = reader.item()?;
    match item.major {
        TEXT => whole(reader.string(&item)?, item.at, part),
        _ => Err(item.wrong(part)),
    }
}

fn nullable<'b>(reader: &mut Reader<'b>, part: Part) -> Result<Option<&'b [u8]>, WireError> {
    let at = reader.at();
    reader.nullable_text(part)?.map(|string| whole(string, at, part)).transpose()
}

fn body<'b>(reader: &mut Reader<'b>) -> Result<&'b [u8], WireError> {
    let item = reader.item()?;
    match item.major {
        BYTES | TEXT => whole(reader.string(&item)?, item.at, Part::Body),
        _ if item.octet == NULL => Ok(&[]),
        _ => Err(item.wrong(Part::Body)),
    }
}

fn meta<'b>(reader: &mut Reader<'b>, depth: u8) -> Result<MetaView<'b>, WireError> {
    let map = reader.rest();
    let item = reader.item()?;
    if item.octet == NULL {
        return Ok(MetaView::default());
    }
    if item.major != MAP {
        return Err(item.wrong(Part::Meta));
    }
    let depth = reader.enter(&item, depth)?;
    let (mut trace_id, mut deadline_ms, mut client_ip) = (None, None, None);
    let (mut version, mut call) = (None, None);
    let mut left = Left::of(&item);
    while reader.more(&mut left)? {
        let at = reader.at();
        match reader.key(&key::REQUEST_META, depth)? {
            Some(part @ Part::TraceId) => {
                set(&mut trace_id, at, part, || nullable(reader, part))?;
            }
            Some(part @ Part::DeadlineMs) => {
                set(&mut deadline_ms, at, part, || reader.nullable_unsigned(part))?;
            }
            Some(part @ Part::Version) => {
                set(&mut version, at, part, || reader.nullable_unsigned(part))?;
            }
            Some(part @ Part::Call) => {
                set(&mut call, at, part, || reader.nullable_unsigned(part))?;
            }
            Some(part) => set(&mut client_ip, at, part, || nullable(reader, part))?,
            None => reader.skip(depth)?,
        }
    }
    Ok(MetaView {
        map,
        trace_id: trace_id.flatten(),
        deadline_ms: deadline_ms.flatten(),
        client_ip: client_ip.flatten(),
        negotiated: Negotiated { version: version.flatten(), call: call.flatten() },
    })
}
