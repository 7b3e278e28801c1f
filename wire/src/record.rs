//! Small maps that are read once or rarely: each key at most once, every value owned.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Part, WireError};
use crate::item::{
    ARRAY, BYTES, LEAD_ARRAY, LEAD_BYTES, LEAD_TEXT, LEAD_UNSIGNED, MAP, NULL, TEXT, UNSIGNED,
    put_head,
};
use crate::key::Table;
use crate::limits::NESTING_MAX;
use crate::reader::{Item, Left, Reader};

/// First octet of an empty map.
pub(crate) const LEAD_MAP: u8 = MAP << 5;

/// Reads `octets` as one map of at most `max` octets. `read` gets the part each known key names,
/// and the depth its value stands at. Says where the map begins, for what it lacks.
pub(crate) fn read_record(
    octets: &[u8],
    max: usize,
    table: &Table,
    read: impl FnMut(&mut Reader<'_>, Part, u8) -> Result<(), WireError>,
) -> Result<usize, WireError> {
    if octets.is_empty() {
        return Err(WireError::Empty);
    }
    if octets.len() > max {
        return Err(WireError::HeadTooLarge { len: octets.len(), max });
    }
    let mut reader = Reader::new(octets, NESTING_MAX);
    let item = reader.item()?;
    if item.major != MAP {
        return Err(item.wrong(Part::Envelope));
    }
    read_map(&mut reader, &item, table, 0, read)?;
    match reader.rest().len() {
        0 => Ok(item.at),
        len => Err(WireError::TrailingOctets { at: reader.at(), len }),
    }
}

/// Reads the map that `item` begins.
pub(crate) fn read_map<'b>(
    reader: &mut Reader<'b>,
    item: &Item,
    table: &Table,
    depth: u8,
    mut read: impl FnMut(&mut Reader<'b>, Part, u8) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let (depth, mut left) = (reader.enter(item, depth)?, Left::of(item));
    let mut seen = 0_u32;
    while reader.more(&mut left)? {
        let at = reader.at();
        let Some(part) = reader.key(table, depth)? else {
            reader.skip(depth)?;
            continue;
        };
        let bit = table.rows.iter().take_while(|(_, other)| *other != part).count();
        if seen & 1 << bit != 0 {
            return Err(WireError::DuplicateKey { at, part });
        }
        seen |= 1 << bit;
        read(reader, part, depth)?;
    }
    Ok(())
}

/// Reads the head of a map, or `null` for none.
pub(crate) fn map_or_null(reader: &mut Reader<'_>, part: Part) -> Result<Option<Item>, WireError> {
    let item = reader.item()?;
    match item.major {
        MAP => Ok(Some(item)),
        _ if item.octet == NULL => Ok(None),
        _ => Err(item.wrong(part)),
    }
}

/// Reads a list, each entry with `read`.
pub(crate) fn list<'b, T>(
    reader: &mut Reader<'b>,
    part: Part,
    depth: u8,
    read: impl Fn(&mut Reader<'b>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let item = reader.item()?;
    if item.major != ARRAY {
        return Err(item.wrong(part));
    }
    reader.enter(&item, depth)?;
    // A declared length reserves nothing: the entries that are there do.
    let (mut left, mut list) = (Left::of(&item), Vec::new());
    while reader.more(&mut left)? {
        list.push(read(reader)?);
    }
    Ok(list)
}

/// The same, where `null` is an empty list.
pub(crate) fn list_or_null<'b, T>(
    reader: &mut Reader<'b>,
    part: Part,
    depth: u8,
    read: impl Fn(&mut Reader<'b>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    if reader.peek() == Some(NULL) {
        reader.item()?;
        return Ok(Vec::new());
    }
    list(reader, part, depth, read)
}

/// Reads a text string.
pub(crate) fn text(reader: &mut Reader<'_>, part: Part) -> Result<String, WireError> {
    let item = reader.item()?;
    match item.major {
        TEXT => text_of(reader, &item),
        _ => Err(item.wrong(part)),
    }
}

/// Reads a text string that may be `null`.
pub(crate) fn nullable_text(
    reader: &mut Reader<'_>,
    part: Part,
) -> Result<Option<String>, WireError> {
    let item = reader.item()?;
    match item.major {
        TEXT => text_of(reader, &item).map(Some),
        _ if item.octet == NULL => Ok(None),
        _ => Err(item.wrong(part)),
    }
}

/// Reads the text string that `item` begins.
pub(crate) fn text_of(reader: &mut Reader<'_>, item: &Item) -> Result<String, WireError> {
    let octets = reader.string(item)?.to_vec();
    // Each segment is UTF-8, so all of them together are.
    String::from_utf8(octets).map_err(|_| WireError::NotUtf8 { at: item.at })
}

/// Reads a byte or text string.
pub(crate) fn octets(reader: &mut Reader<'_>, part: Part) -> Result<Vec<u8>, WireError> {
    let item = reader.item()?;
    match item.major {
        BYTES | TEXT => Ok(reader.string(&item)?.to_vec()),
        _ => Err(item.wrong(part)),
    }
}

/// Reads an unsigned integer.
pub(crate) fn unsigned(reader: &mut Reader<'_>, part: Part) -> Result<u64, WireError> {
    let item = reader.item()?;
    match item.major {
        UNSIGNED => Ok(item.argument),
        _ => Err(item.wrong(part)),
    }
}

pub(crate) fn put_map(buf: &mut Vec<u8>, entries: usize) {
    put_head(buf, LEAD_MAP, entries as u64);
}

pub(crate) fn put_text(buf: &mut Vec<u8>, text: &str) {
    put_head(buf, LEAD_TEXT, text.len() as u64);
    buf.extend_from_slice(text.as_bytes());
}

pub(crate) fn put_texts(buf: &mut Vec<u8>, texts: &[String]) {
    put_head(buf, LEAD_ARRAY, texts.len() as u64);
    for text in texts {
        put_text(buf, text);
    }
}

pub(crate) fn put_octets(buf: &mut Vec<u8>, octets: &[u8]) {
    put_head(buf, LEAD_BYTES, octets.len() as u64);
    buf.extend_from_slice(octets);
}

pub(crate) fn put_unsigned(buf: &mut Vec<u8>, number: u64) {
    put_head(buf, LEAD_UNSIGNED, number);
}

/// Writes an unsigned integer, or `null` for none.
pub(crate) fn put_nullable_unsigned(buf: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => put_unsigned(buf, number),
        None => buf.push(NULL),
    }
}
