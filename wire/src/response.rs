//! A response written by a function: measured first, so that it takes one allocation of exactly
//! its size.

use alloc::vec::Vec;

use crate::item::head_len;
use crate::key;
use crate::room::Room;

/// Encodes one response. The vector's capacity is its length. `meta` is written only to say that
/// the function panicked. Nothing is judged here: the host does, whoever wrote the envelope.
#[inline]
pub fn encode_response<'h>(
    status: u16,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone,
    panic: bool,
    body: &[u8],
) -> Vec<u8> {
    encode_response_in(Vec::with_capacity, status, headers, panic, body)
}

/// As [`encode_response`], in the vector that `room` gives for so many octets. What it held means
/// nothing and is overwritten.
#[inline]
pub fn encode_response_in<'h>(
    room: impl FnOnce(usize) -> Vec<u8>,
    status: u16,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone,
    panic: bool,
    body: &[u8],
) -> Vec<u8> {
    let (mut count, mut len) = (0, key::STATUS.len() + key::HEADERS.len() + key::BODY.len() - 3);
    for (name, value) in headers.clone() {
        count += 1;
        len += key::NAME.len() - 1 + string_len(name) + key::VALUE.len() - 1 + string_len(value);
    }
    len += head_len(u64::from(status)) + head_len(count) + string_len(body);
    if panic {
        len += key::PANIC.len();
    }
    let mut buf = room(len);
    buf.resize(len - body.len(), 0);
    let start = if panic { &key::STATUS_WITH_META } else { &key::STATUS };
    let mut room = Room::new(&mut buf).put_keyed(start, u64::from(status));
    room = room.put_keyed(&key::HEADERS, count);
    for (name, value) in headers {
        room = room.put_entry_string(&key::NAME, name).put_entry_string(&key::VALUE, value);
    }
    if panic {
        room = room.put(key::PANIC);
    }
    room = room.put_keyed(&key::BODY, body.len() as u64);
    debug_assert_eq!(room.left(), 0, "measured as written");
    buf.extend_from_slice(body);
    buf
}

/// Octets of a string and its head.
#[inline]
const fn string_len(octets: &[u8]) -> usize {
    head_len(octets.len() as u64) + octets.len()
}
