//! Segmented strings made whole: the one form a view of a request cannot borrow.

use alloc::vec::Vec;

use crate::error::WireError;
use crate::item::{
    ARRAY, BREAK, BYTES, INDEFINITE, LEAD_BYTES, LEAD_TEXT, MAP, TAG, TEXT, put_head,
};
use crate::limits::NESTING_MAX;
use crate::reader::{Left, Reader};

/// Copies one CBOR item with every string of indefinite length written as one of definite length;
/// everything else stays as it is. For the rare envelope that
/// [`RequestView::decode`](crate::RequestView::decode) refuses as
/// [`Segmented`](WireError::Segmented).
///
/// # Errors
/// What is wrong with the octets as CBOR, nesting deeper than 8, or octets after the item.
pub fn joined(octets: &[u8]) -> Result<Vec<u8>, WireError> {
    if octets.is_empty() {
        return Err(WireError::Empty);
    }
    let mut reader = Reader::new(octets, NESTING_MAX);
    let mut out = Vec::with_capacity(octets.len());
    copy(&mut reader, &mut out, 0)?;
    match reader.rest().len() {
        0 => Ok(out),
        len => Err(WireError::TrailingOctets { at: reader.at(), len }),
    }
}

fn copy(reader: &mut Reader<'_>, out: &mut Vec<u8>, depth: u8) -> Result<(), WireError> {
    let before = reader.rest();
    let item = reader.item()?;
    let head = before.get(..reader.at() - item.at).unwrap_or_default();
    if matches!(item.major, BYTES | TEXT) {
        let string = reader.string(&item)?;
        let lead = if item.major == TEXT { LEAD_TEXT } else { LEAD_BYTES };
        put_head(out, lead, string.len() as u64);
        for segment in string.segments() {
            out.extend_from_slice(segment);
        }
        return Ok(());
    }
    out.extend_from_slice(head);
    let items = match item.major {
        ARRAY => 1,
        MAP => 2,
        TAG => {
            let depth = reader.enter(&item, depth)?;
            return copy(reader, out, depth);
        }
        _ => return Ok(()),
    };
    let (depth, mut left) = (reader.enter(&item, depth)?, Left::of(&item));
    while reader.more(&mut left)? {
        for _ in 0..items {
            copy(reader, out, depth)?;
        }
    }
    if item.info == INDEFINITE {
        out.push(BREAK);
    }
    Ok(())
}
