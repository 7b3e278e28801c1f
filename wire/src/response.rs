//! A response written by a function: measured first, so that it takes one allocation of exactly
//! its size.

use alloc::vec::Vec;

use crate::item::{LEAD_ARRAY, LEAD_BYTES, LEAD_UNSIGNED, head_len, put_head};
use crate::key::{self, lead};
use crate::request::put_entry;

/// Encodes one response. The vector's capacity is its length. `meta` is written only to say that
/// the function panicked. Nothing is judged here: the host does, whoever wrote the envelope.
#[inline]
pub fn encode_response<'h>(
    status: u16,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone,
    panic: bool,
    body: &[u8],
) -> Vec<u8> {
    let (mut count, mut len) =
        (0, key::STATUS.len() + key::HEADERS.len() - 1 + key::BODY.len() - 1);
    for (name, value) in headers.clone() {
        count += 1;
        len += key::NAME.len() - 1 + string_len(name) + key::VALUE.len() - 1 + string_len(value);
    }
    len += head_len(u64::from(status)) + head_len(count) + string_len(body);
    if panic {
        len += key::PANIC.len();
    }
    let mut buf = Vec::with_capacity(len);
    buf.extend_from_slice(if panic { &key::STATUS_WITH_META } else { &key::STATUS });
    put_head(&mut buf, LEAD_UNSIGNED, u64::from(status));
    buf.extend_from_slice(&lead::<9, 8>(key::HEADERS));
    put_head(&mut buf, LEAD_ARRAY, count);
    for (name, value) in headers {
        put_entry(&mut buf, name, value);
    }
    if panic {
        buf.extend_from_slice(&key::PANIC);
    }
    buf.extend_from_slice(&lead::<6, 5>(key::BODY));
    put_head(&mut buf, LEAD_BYTES, body.len() as u64);
    buf.extend_from_slice(body);
    debug_assert_eq!(buf.len(), len, "measured as written");
    buf
}

/// Octets of a string and its head.
#[inline]
const fn string_len(octets: &[u8]) -> usize {
    head_len(octets.len() as u64) + octets.len()
}
