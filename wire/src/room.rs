//! Space that was measured before it is written: a cursor over octets that are already there, so
//! that writing a key or a short string is a few stores.

use alloc::vec::Vec;

use crate::item::{ONE, TWO, head};

/// The end of an envelope that is being written: everything before `at` is, the rest of the vector
/// is room.
pub(crate) struct Sheet<'v> {
    buf: &'v mut Vec<u8>,
    at: usize,
}

impl<'v> Sheet<'v> {
    /// Starts at the vector's end, with room for `estimate` octets.
    #[inline]
    pub(crate) fn new(buf: &'v mut Vec<u8>, estimate: usize) -> Self {
        let at = buf.len();
        buf.resize(at + estimate, 0);
        Sheet { buf, at }
    }

    /// Octets of the vector that are written.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Writes with `write`, which takes at most `need` octets of the room.
    #[inline(always)]
    pub(crate) fn write(&mut self, need: usize, write: impl FnOnce(&mut Room<'_>)) {
        if self.buf.len() - self.at < need {
            self.grow(need);
        }
        let mut room = self.room();
        write(&mut room);
        let left = room.left();
        self.at = self.buf.len() - left;
    }

    /// Writes each item with `write`, which takes at most `need` octets of the room for it, and
    /// says how many items there were.
    #[inline(always)]
    pub(crate) fn write_each<T>(
        &mut self,
        mut items: impl Iterator<Item = T>,
        need: impl Fn(&T) -> usize,
        write: impl Fn(&mut Room<'_>, T),
    ) -> usize {
        let mut count = 0;
        loop {
            let mut room = self.room();
            let mut unwritten = None;
            for item in items.by_ref() {
                count += 1;
                if room.left() < need(&item) {
                    unwritten = Some(item);
                    break;
                }
                write(&mut room, item);
            }
            let left = room.left();
            self.at = self.buf.len() - left;
            match unwritten {
                Some(item) => self.write(need(&item), |room| write(room, item)),
                None => return count,
            }
        }
    }

    #[inline(always)]
    fn room(&mut self) -> Room<'_> {
        Room {
            rest: self.buf.split_at_mut_checked(self.at).map(|(_, rest)| rest).unwrap_or_default(),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, need: usize) {
        // Twice what is written, as vectors grow: the copying adds up to a constant per octet.
        self.buf.resize(2 * self.at + need, 0);
    }

    /// Gives back the room that was not needed.
    #[inline]
    pub(crate) fn finish(self) {
        self.buf.truncate(self.at);
    }
}

/// Octets to write to, in order. Whoever makes one has measured what it must hold; octets that do
/// not fit would be a mistake in that measure and are left out.
pub(crate) struct Room<'v> {
    rest: &'v mut [u8],
}

impl<'v> Room<'v> {
    #[inline]
    pub(crate) fn new(rest: &'v mut [u8]) -> Self {
        Room { rest }
    }

    /// Octets of room left.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Writes constant octets.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, octets: [u8; N]) {
        let rest = core::mem::take(&mut self.rest);
        debug_assert!(rest.len() >= N, "room was measured");
        if let Some((to, rest)) = rest.split_first_chunk_mut::<N>() {
            *to = octets;
            self.rest = rest;
        }
    }

    /// Writes octets of a known number between constant ones.
    #[inline(always)]
    pub(crate) fn put_around<const A: usize, const N: usize, const B: usize>(
        &mut self,
        before: [u8; A],
        octets: &[u8; N],
        behind: [u8; B],
    ) {
        let rest = core::mem::take(&mut self.rest);
        debug_assert!(rest.len() >= A + N + B, "room was measured");
        if let Some((to_before, after)) = rest.split_first_chunk_mut::<A>()
            && let Some((to_octets, after)) = after.split_first_chunk_mut::<N>()
            && let Some((to_behind, after)) = after.split_first_chunk_mut::<B>()
        {
            *to_before = before;
            *to_octets = *octets;
            *to_behind = behind;
            self.rest = after;
        }
    }

    /// Writes octets of any number.
    #[inline(always)]
    pub(crate) fn put_slice(&mut self, octets: &[u8]) {
        let rest = core::mem::take(&mut self.rest);
        debug_assert!(rest.len() >= octets.len(), "room was measured");
        if let Some((to, rest)) = rest.split_at_mut_checked(octets.len()) {
            copy(to, octets);
            self.rest = rest;
        }
    }

    /// Writes the shortest head with this argument.
    #[inline(always)]
    pub(crate) fn put_head(&mut self, lead: u8, argument: u64) {
        let [.., high, low] = argument.to_be_bytes();
        match argument {
            0..=0x17 => self.put([lead | low]),
            0x18..=0xff => self.put([lead | ONE, low]),
            0x100..=0xffff => self.put([lead | TWO, high, low]),
            _ => self.rest = long_head(core::mem::take(&mut self.rest), lead, argument),
        }
    }

    /// Writes constant octets that end with the first octet of an item, with this argument in it.
    #[inline(always)]
    pub(crate) fn put_keyed<const N: usize>(&mut self, key: &'static [u8; N], argument: u64) {
        let [.., high, low] = argument.to_be_bytes();
        match argument {
            0..=0x17 => self.put(with_last(*key, key[N - 1] | low)),
            0x18..=0xff => {
                self.put(with_last(*key, key[N - 1] | ONE));
                self.put([low]);
            }
            0x100..=0xffff => {
                self.put(with_last(*key, key[N - 1] | TWO));
                self.put([high, low]);
            }
            _ => self.rest = long_keyed(core::mem::take(&mut self.rest), key, argument),
        }
    }

    /// The same for the keys of header entries: one word is stored, the octet too many is
    /// overwritten by whatever comes next.
    #[inline(always)]
    pub(crate) fn put_entry_string(&mut self, key: &'static [u8; 7], octets: &[u8]) {
        let [a, b, c, d, e, f, g] = *key;
        let (word, shift) = (u64::from_le_bytes([a, b, c, d, e, f, g, 0]), 6 * u8::BITS);
        let (word, used) = match octets.len() as u64 {
            len @ 0..=0x17 => (word | len << shift, 7),
            len @ 0x18..=0xff => (word | u64::from(ONE) << shift | len << (shift + u8::BITS), 8),
            _ => return self.put_string(key, octets),
        };
        let rest = core::mem::take(&mut self.rest);
        match rest.first_chunk_mut::<8>() {
            Some(to) => {
                *to = word.to_le_bytes();
                self.rest = rest.get_mut(used..).unwrap_or_default();
                self.put_slice(octets);
            }
            None => {
                self.rest = rest;
                self.put_string(key, octets);
            }
        }
    }

    /// Writes a header entry: two keys of seven octets with the first octet of an empty string, and
    /// their strings. Most of a request's are short, and then one look at the room is enough.
    #[inline(always)]
    pub(crate) fn put_short_entry(
        &mut self,
        [name_key, value_key]: [&'static [u8; 7]; 2],
        name: &[u8],
        value: &[u8],
    ) {
        const SHORT: usize = ONE as usize;
        const WINDOW: usize = 2 * (7 + SHORT);
        let rest = core::mem::take(&mut self.rest);
        if name.len() < SHORT
            && value.len() < SHORT
            && let Some(window) = rest.first_chunk_mut::<WINDOW>()
        {
            let at = 7 + name.len();
            let end = at + 7 + value.len();
            put_word(window.get_mut(..8), name_key, name.len());
            copy_into(window.get_mut(7..at), name);
            put_word(window.get_mut(at..at + 8), value_key, value.len());
            copy_into(window.get_mut(at + 7..end), value);
            self.rest = rest.get_mut(end..).unwrap_or_default();
            return;
        }
        self.rest = rest;
        self.put_entry_string(name_key, name);
        self.put_entry_string(value_key, value);
    }

    /// Writes constant octets that end with the first octet of an empty string, and the string.
    #[inline(always)]
    pub(crate) fn put_string<const N: usize>(&mut self, key: &'static [u8; N], octets: &[u8]) {
        self.put_keyed(key, octets.len() as u64);
        self.put_slice(octets);
    }
}

#[inline(always)]
fn copy_into(to: Option<&mut [u8]>, from: &[u8]) {
    if let Some(to) = to {
        copy(to, from);
    }
}

/// Stores a key of seven octets with the first octet of a short string, and one octet that is
/// overwritten by what comes next.
#[inline(always)]
fn put_word(to: Option<&mut [u8]>, key: &'static [u8; 7], len: usize) {
    let [a, b, c, d, e, f, g] = *key;
    let word = u64::from_le_bytes([a, b, c, d, e, f, g, 0]) | (len as u64) << (6 * u8::BITS);
    if let Some(to) = to.and_then(|to| to.first_chunk_mut::<8>()) {
        *to = word.to_le_bytes();
    }
}

#[cold]
#[inline(never)]
fn long_head(rest: &mut [u8], lead: u8, argument: u64) -> &mut [u8] {
    let (octets, width) = head(lead, argument);
    let mut room = Room { rest };
    room.put_slice(octets.get(..width).unwrap_or_default());
    room.rest
}

#[cold]
#[inline(never)]
fn long_keyed<'v>(rest: &'v mut [u8], key: &'static [u8], argument: u64) -> &'v mut [u8] {
    let (lead, key) = key.split_last().unwrap_or((&0, key));
    let mut room = Room { rest };
    room.put_slice(key);
    long_head(room.rest, *lead, argument)
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
