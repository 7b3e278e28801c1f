//! The only place where the parser's writer meets the server's buffers: room is made once for a
//! whole head, and what is written is cut to size at the end.

use fezz_parser::{Cursor, Octets};

/// A buffer that is being written: everything before `at` is, the rest is room.
pub(super) struct Text<'v> {
    buffer: &'v mut Vec<u8>,
    at: usize,
}

impl<'v> Text<'v> {
    /// Starts at the buffer's front, with room for `estimate` octets. What it holds means nothing,
    /// and is room too.
    #[inline]
    pub(super) fn new(buffer: &'v mut Vec<u8>, estimate: usize) -> Self {
        if buffer.len() < estimate {
            buffer.resize(estimate, 0);
        }
        Self { buffer, at: 0 }
    }

    /// Gives back the room that was not needed, and says how many octets the buffer has now.
    #[inline]
    pub(super) fn finish(self) -> usize {
        self.buffer.truncate(self.at);
        self.at
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, end: usize) {
        // As much again, as vectors grow: the copying adds up to a constant per octet.
        self.buffer.resize(2 * end, 0);
    }
}

impl Octets for Text<'_> {
    #[inline(always)]
    fn put(&mut self, octets: &[u8]) {
        self.put_all([octets]);
    }

    #[inline(always)]
    fn put_all<const N: usize>(&mut self, parts: [&[u8]; N]) {
        let need = parts.iter().map(|part| part.len()).sum::<usize>();
        let end = self.at + need;
        if self.buffer.len() < end {
            self.grow(end);
        }
        if let Some(room) = self.buffer.get_mut(self.at..end) {
            Cursor::new(room).put_all(parts);
        }
        self.at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_all_there_is_however_much_it_is() {
        for (estimate, before) in [0, 1, 7, 64, 500].into_iter().flat_map(|it| [(it, 0), (it, 90)])
        {
            let mut buffer = vec![b'?'; before];
            let mut text = Text::new(&mut buffer, estimate);
            text.put(b"name");
            text.put_all([b": ", &[b'v'; 100], b"\r\n"]);
            assert_eq!(text.finish(), 4 + 104);
            assert_eq!(buffer, [&b"name: "[..], &[b'v'; 100], b"\r\n"].concat());
        }
    }
}
