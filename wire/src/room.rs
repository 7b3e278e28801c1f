//! Room that was measured before it is written to: octets that mean nothing yet, and a cursor over
//! them, so that writing a key or a short string is a few stores.

use crate::item::{ONE, TWO, head};

/// Octets to write to, in order. Whoever makes one has measured what it must hold; octets that do
/// not fit would be a mistake in that measure and are left out.
///
/// Every way to write takes the room and gives back what is left of it, so that it need not be
/// anywhere but in registers.
pub(crate) struct Room<'v> {
    rest: &'v mut [u8],
}

impl<'v> Room<'v> {
    #[inline(always)]
    pub(crate) fn new(rest: &'v mut [u8]) -> Self {
        Room { rest }
    }

    /// Octets of room left.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether there are so many octets of room.
    #[inline(always)]
    fn has(&self, len: usize) -> bool {
        debug_assert!(self.rest.len() >= len, "room was measured");
        self.rest.len() >= len
    }

    /// Writes constant octets.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(self, octets: [u8; N]) -> Self {
        if !self.has(N) {
            return self;
        }
        let (to, rest) = self.rest.split_at_mut(N);
        to.copy_from_slice(&octets);
        Room { rest }
    }

    /// Writes octets of any number.
    #[inline(always)]
    pub(crate) fn put_slice(self, octets: &[u8]) -> Self {
        if !self.has(octets.len()) {
            return self;
        }
        let (to, rest) = self.rest.split_at_mut(octets.len());
        copy(to, octets);
        Room { rest }
    }

    /// Writes the shortest head with this argument.
    #[inline(always)]
    pub(crate) fn put_head(self, lead: u8, argument: u64) -> Self {
        let [low, high, ..] = argument.to_le_bytes();
        match argument {
            0..=0x17 => self.put([lead | low]),
            0x18..=0xff => self.put([lead | ONE, low]),
            0x100..=0xffff => self.put([lead | TWO, high, low]),
            _ => self.put_long_head(lead, argument),
        }
    }

    /// Writes constant octets that end with the first octet of an item, with this argument in it.
    #[inline(always)]
    pub(crate) fn put_keyed<const N: usize>(self, key: &'static [u8; N], argument: u64) -> Self {
        let [low, high, ..] = argument.to_le_bytes();
        match argument {
            0..=0x17 => self.put(with_last(*key, key[N - 1] | low)),
            0x18..=0xff => self.put(with_last(*key, key[N - 1] | ONE)).put([low]),
            0x100..=0xffff => self.put(with_last(*key, key[N - 1] | TWO)).put([high, low]),
            _ => self.put_long_keyed(key, argument),
        }
    }

    /// Writes constant octets that end with the first octet of an empty string, and the string.
    #[inline(always)]
    pub(crate) fn put_string<const N: usize>(self, key: &'static [u8; N], octets: &[u8]) -> Self {
        self.put_keyed(key, octets.len() as u64).put_slice(octets)
    }

    /// The same for the keys of header entries: one word is stored, the octet too many is
    /// overwritten by whatever comes next. Something always does: a body at least.
    #[inline(always)]
    pub(crate) fn put_entry_string(self, key: &'static [u8; 7], octets: &[u8]) -> Self {
        let (more, used) = match octets.len() as u64 {
            len @ 0..=0x17 => (len, 7),
            len @ 0x18..=0xff => (u64::from(ONE) | len << u8::BITS, 8),
            _ => return self.put_string(key, octets),
        };
        // What follows takes at least the octet that may be one too many.
        if !self.has(8 + octets.len()) {
            return self;
        }
        set(self.rest, 0, entry_word(key, more));
        copy_into(self.rest, used, octets);
        Room { rest: self.rest.split_at_mut(used + octets.len()).1 }
    }

    /// Writes a header entry: two keys of seven octets with the first octet of an empty string, and
    /// their strings. Most of a request's are short, and then one look at the room is enough.
    #[inline(always)]
    pub(crate) fn put_entry(
        self,
        [name_key, value_key]: [&'static [u8; 7]; 2],
        name: &[u8],
        value: &[u8],
    ) -> Self {
        const SHORT: usize = ONE as usize;
        const WINDOW: usize = 2 * (7 + SHORT);
        if name.len() >= SHORT || value.len() >= SHORT || self.rest.len() < WINDOW {
            return self.put_entry_string(name_key, name).put_entry_string(value_key, value);
        }
        let at = 7 + name.len();
        let end = at + 7 + value.len();
        set(self.rest, 0, entry_word(name_key, name.len() as u64));
        copy_into(self.rest, 7, name);
        set(self.rest, at, entry_word(value_key, value.len() as u64));
        copy_into(self.rest, at + 7, value);
        Room { rest: self.rest.split_at_mut(end).1 }
    }

    #[cold]
    #[inline(never)]
    fn put_long_head(self, lead: u8, argument: u64) -> Self {
        let (octets, width) = head(lead, argument);
        self.put_slice(octets.get(..width).unwrap_or_default())
    }

    #[cold]
    #[inline(never)]
    fn put_long_keyed(self, key: &'static [u8], argument: u64) -> Self {
        let (lead, key) = key.split_last().unwrap_or((&0, key));
        self.put_slice(key).put_long_head(*lead, argument)
    }
}

/// Stores eight octets `at` a place that is there.
#[inline(always)]
fn set(room: &mut [u8], at: usize, octets: [u8; 8]) {
    if let Some(to) = room.get_mut(at..).and_then(|room| room.first_chunk_mut()) {
        *to = octets;
    }
}

/// Copies octets to a place that is there.
#[inline(always)]
fn copy_into(room: &mut [u8], at: usize, octets: &[u8]) {
    if let Some(to) = room.get_mut(at..at + octets.len()) {
        copy(to, octets);
    }
}

/// A key of seven octets that end with the first octet of an empty string, with `more` added there:
/// a length, or that the length follows, and the length.
#[inline(always)]
const fn entry_word(key: &'static [u8; 7], more: u64) -> [u8; 8] {
    let [a, b, c, d, e, f, g] = *key;
    (u64::from_le_bytes([a, b, c, d, e, f, g, 0]) | more << (6 * u8::BITS)).to_le_bytes()
}

#[inline(always)]
pub(crate) const fn with_last<const N: usize>(mut octets: [u8; N], last: u8) -> [u8; N] {
    octets[N - 1] = last;
    octets
}

/// Copies strings of equal length; the usual short ones as two words that may overlap.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    let len = from.len();
    if len >= 8 {
        if len <= 16 {
            copy_words::<8>(to, from);
        } else if len <= 32 {
            copy_words::<16>(to, from);
        } else {
            to.copy_from_slice(from);
        }
    } else if len >= 4 {
        copy_words::<4>(to, from);
    } else if len >= 2 {
        copy_words::<2>(to, from);
    } else {
        copy_words::<1>(to, from);
    }
}

/// Copies `N` to `2 * N` octets.
#[inline(always)]
fn copy_words<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        if let Some(to) = to.first_chunk_mut::<N>() {
            *to = *first;
        }
        if let Some(to) = to.last_chunk_mut::<N>() {
            *to = *last;
        }
    }
}
