//! A page that lines are written on: its memory is there from the start, so that a line costs no
//! allocation, and a constant part of it a few moves.

use crate::escape::Out;

/// Octets, filled from the front.
pub(super) struct Page {
    octets: Box<[u8]>,
    filled: usize,
    /// Something did not fit; what was written since the last mark is no whole line.
    is_torn: bool,
}

impl Page {
    pub(super) fn new(bytes: usize) -> Self {
        Self { octets: vec![0; bytes].into(), filled: 0, is_torn: false }
    }

    /// Writes one line; false if it does not fit, and then nothing is written.
    pub(super) fn line(&mut self, write: impl FnOnce(&mut Self)) -> bool {
        let begin = self.filled;
        write(self);
        let fits = !self.is_torn;
        if !fits {
            self.filled = begin;
            self.is_torn = false;
        }
        fits
    }

    /// The lines.
    pub(super) fn lines(&self) -> &[u8] {
        self.octets.get(..self.filled).unwrap_or_default()
    }

    pub(super) const fn clear(&mut self) {
        self.filled = 0;
    }

    /// Puts octets whose number is known when this is compiled.
    #[inline(always)]
    pub(super) fn put_all<const N: usize>(&mut self, octets: &[u8; N]) {
        let room = self.octets.get_mut(self.filled..).and_then(<[u8]>::first_chunk_mut);
        match room {
            Some(room) => {
                *room = *octets;
                self.filled += N;
            }
            None => self.is_torn = true,
        }
    }
}

impl Out for Page {
    #[inline]
    fn put(&mut self, octets: &[u8]) {
        let end = self.filled + octets.len();
        match self.octets.get_mut(self.filled..end) {
            Some(room) => {
                room.copy_from_slice(octets);
                self.filled = end;
            }
            None => self.is_torn = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_or_not_there() {
        let mut page = Page::new(8);
        assert!(page.line(|page| page.put_all(b"abc\n")));
        assert!(!page.line(|page| {
            page.put(b"de");
            page.put_all(b"fgh");
            page.put(b"\n");
        }));
        assert_eq!(page.lines(), b"abc\n");
        assert!(page.line(|page| page.put(b"def\n")));
        assert_eq!(page.lines(), b"abc\ndef\n");
        assert!(!page.line(|page| page.put(b"\n")) && !page.line(|page| page.put_all(b"\n")));
        page.clear();
        assert!(page.lines().is_empty() && page.line(|page| page.put(b"\n")));
    }
}
