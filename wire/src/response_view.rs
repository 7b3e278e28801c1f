//! A response as the host reads it: everything borrowed from the function's memory and checked
//! before any of it is used.

use core::ops::RangeInclusive;

use crate::error::{Part, WireError};
use crate::fast;
use crate::headers::{Entry, Headers, List, read_list};
use crate::item::{BYTES, MAP, NULL, TEXT, UNSIGNED};
use crate::key;
use crate::limits::WireLimits;
use crate::octets::{Segments, Str};
use crate::reader::{Left, Reader};
use crate::request_view::set;

/// Final statuses. Interim ones are the host's alone, and there are none from 600 on.
pub(crate) const STATUS_RANGE: RangeInclusive<u16> = 200..=599;

/// A response that obeys every rule of the format, borrowed from its envelope.
#[derive(Debug, Clone, Copy)]
pub struct ResponseView<'b> {
    pub(crate) status: u16,
    pub(crate) list: List<'b>,
    pub(crate) body: Str<'b>,
    pub(crate) panic: bool,
    pub(crate) version: Option<u64>,
}

impl<'b> ResponseView<'b> {
    /// Reads one envelope: all of `octets`, nothing less and nothing more.
    ///
    /// # Errors
    /// Any [`WireError`] but [`WireError::Segmented`]; the function that wrote the envelope is to
    /// blame.
    pub fn decode(octets: &'b [u8], limits: &WireLimits) -> Result<Self, WireError> {
        match fast::response(octets, limits) {
            Some(response) => Ok(response),
            None => decode_any(octets, limits),
        }
    }

    /// The status, 200 to 599.
    #[inline]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Names (tokens, not empty) and values (no controls but HTAB) in the function's order,
    /// duplicates kept. Fields that frame the message are still among them.
    #[inline]
    pub fn headers(&self) -> Headers<'b> {
        Headers::new(self.list)
    }

    /// Header entries in the response.
    #[inline]
    pub fn header_count(&self) -> usize {
        self.list.count
    }

    /// The body.
    #[inline]
    pub fn body(&self) -> Str<'b> {
        self.body
    }

    /// The body's pieces in order: one, unless the function wrote it in segments; none if empty.
    #[inline]
    pub fn body_segments(&self) -> Segments<'b> {
        self.body.segments()
    }

    /// Octets of the body.
    #[inline]
    pub fn body_len(&self) -> usize {
        self.body.len()
    }

    /// Whether the function says that it panicked (`meta.panic` is `true`).
    #[inline]
    pub fn is_panic(&self) -> bool {
        self.panic
    }

    /// The function version that answered (`meta.version`), if the function names it.
    #[inline]
    pub fn meta_version(&self) -> Option<u64> {
        self.version
    }
}

/// Reads a response in any form the format allows.
#[cold]
pub(crate) fn decode_any<'b>(
    octets: &'b [u8],
    limits: &WireLimits,
) -> Result<ResponseView<'b>, WireError> {
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
        let (at, packed) = (reader.at(), next_is(&reader, &[UNSIGNED]));
        match reader.key(&key::RESPONSE, depth)? {
            // A packed encoder whose struct has no `meta` counts the body as key 2. No form of
            // `meta` is a string, so nothing is guessed.
            Some(Part::Meta) if packed && next_is(&reader, &[BYTES, TEXT]) => {
                draft.read(&mut reader, limits, depth, at, Part::Body)?;
            }
            Some(part) => draft.read(&mut reader, limits, depth, at, part)?,
            None => reader.skip(depth)?,
        }
    }
    if !reader.rest().is_empty() {
        return Err(WireError::TrailingOctets { at: reader.at(), len: reader.rest().len() });
    }
    let missing = WireError::MissingKey { at: map.at, part: Part::Status };
    let status = draft.status.ok_or(missing)?;
    let body = draft.body.unwrap_or(Str::EMPTY);
    let len = octets.len() - body.len();
    if len > limits.head_bytes_max {
        return Err(WireError::HeadTooLarge { len, max: limits.head_bytes_max });
    }
    let Meta { panic, version } = draft.meta.unwrap_or_default();
    Ok(ResponseView { status, list: draft.list.unwrap_or_default(), body, panic, version })
}

/// The values found so far: `Some` once the key was seen.
#[derive(Default)]
struct Draft<'b> {
    status: Option<u16>,
    list: Option<List<'b>>,
    meta: Option<Meta>,
    body: Option<Str<'b>>,
}

#[derive(Default)]
struct Meta {
    panic: bool,
    version: Option<u64>,
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
            Part::Status => set(&mut self.status, key_at, part, || status(reader)),
            Part::Headers => set(&mut self.list, key_at, part, || {
                read_list(reader, limits, depth, Entry::check_octets)
            }),
            Part::Meta => set(&mut self.meta, key_at, part, || meta(reader, depth)),
            // The table of response keys names nothing else.
            _ => set(&mut self.body, key_at, part, || body(reader, limits)),
        }
    }
}

/// Whether the next item has one of these major types.
fn next_is(reader: &Reader<'_>, majors: &[u8]) -> bool {
    reader.peek().is_some_and(|octet| majors.contains(&(octet >> 5)))
}

fn status(reader: &mut Reader<'_>) -> Result<u16, WireError> {
    let item = reader.item()?;
    if item.major != UNSIGNED {
        return Err(item.wrong(Part::Status));
    }
    match u16::try_from(item.argument) {
        Ok(status) if STATUS_RANGE.contains(&status) => Ok(status),
        _ => Err(WireError::StatusRange { found: item.argument }),
    }
}

fn body<'b>(reader: &mut Reader<'b>, limits: &WireLimits) -> Result<Str<'b>, WireError> {
    let item = reader.item()?;
    let body = match item.major {
        BYTES | TEXT => reader.string(&item)?,
        _ if item.octet == NULL => Str::EMPTY,
        _ => return Err(item.wrong(Part::Body)),
    };
    if body.len() > limits.body_bytes_max {
        return Err(WireError::BodyTooLarge { len: body.len(), max: limits.body_bytes_max });
    }
    Ok(body)
}

fn meta(reader: &mut Reader<'_>, depth: u8) -> Result<Meta, WireError> {
    let item = reader.item()?;
    if item.octet == NULL {
        return Ok(Meta::default());
    }
    if item.major != MAP {
        return Err(item.wrong(Part::Meta));
    }
    let depth = reader.enter(&item, depth)?;
    let (mut panic, mut version) = (None, None);
    let mut left = Left::of(&item);
    while reader.more(&mut left)? {
        let at = reader.at();
        match reader.key(&key::RESPONSE_META, depth)? {
            Some(part @ Part::Panic) => {
                set(&mut panic, at, part, || reader.nullable_bool(part))?;
            }
            Some(part) => set(&mut version, at, part, || reader.nullable_unsigned(part))?,
            None => reader.skip(depth)?,
        }
    }
    Ok(Meta { panic: panic.flatten() == Some(true), version: version.flatten() })
}
