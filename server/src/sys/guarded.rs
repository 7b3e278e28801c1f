//! Octets that nobody may write, with a page behind them that nobody may touch. Once they are
//! given up, their addresses stay taken and unreadable: who kept a pointer is caught in the act.

use std::io;
use std::ptr::{NonNull, null_mut};

/// Octets in pages of their own, which end where an unreadable page begins.
#[derive(Debug)]
pub struct Guarded {
    pages: NonNull<u8>,
    /// The readable pages and the unreadable one, in octets.
    pages_bytes: usize,
    octets: NonNull<u8>,
    len: usize,
}

impl Guarded {
    /// A read-only copy of `octets`.
    ///
    /// # Errors
    /// What the system said about memory.
    pub fn copy(octets: &[u8]) -> io::Result<Self> {
        let page = page_bytes()?;
        let readable = octets.len().div_ceil(page).max(1) * page;
        let pages_bytes = readable + page;
        // SAFETY: a new anonymous mapping at an address of the system's choice touches no memory
        // that exists.
        let pages = unsafe {
            libc::mmap(
                null_mut(),
                pages_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        let mapped = NonNull::new(pages.cast::<u8>()).filter(|_| pages != libc::MAP_FAILED);
        let pages = mapped.ok_or_else(io::Error::last_os_error)?;
        // SAFETY: `readable - len` is inside the mapping, which is one object.
        let at = unsafe { pages.add(readable - octets.len()) };
        // SAFETY: the mapping is new, writable and has `len` octets from `at` on; nobody else
        // knows of it, so the two ranges are apart.
        unsafe { at.copy_from_nonoverlapping(NonNull::from(octets).cast(), octets.len()) };
        let guarded = Self { pages, pages_bytes, octets: at, len: octets.len() };
        // SAFETY: `readable` is inside the mapping.
        let guard = unsafe { pages.add(readable) };
        protect(guard, page, libc::PROT_NONE)?;
        protect(pages, readable, libc::PROT_READ)?;
        Ok(guarded)
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        // SAFETY: `len` initialised octets that are readable while `self` lives: only `drop`
        // takes that away.
        unsafe { std::slice::from_raw_parts(self.octets.as_ptr(), self.len) }
    }
}

impl Drop for Guarded {
    /// Makes the octets unreadable. Their addresses are never given back, so that nothing else can
    /// come to stand there.
    fn drop(&mut self) {
        // A refusal leaves them readable, which is what they were.
        protect(self.pages, self.pages_bytes, libc::PROT_NONE).ok();
    }
}

fn protect(pages: NonNull<u8>, bytes: usize, protection: libc::c_int) -> io::Result<()> {
    // SAFETY: called with pages of a mapping of this module alone, to which no reference lives
    // that the new protection would contradict.
    match unsafe { libc::mprotect(pages.as_ptr().cast(), bytes, protection) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn page_bytes() -> io::Result<usize> {
    // SAFETY: sysconf takes no pointer.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes)
        .ok()
        .filter(|it| it.is_power_of_two())
        .ok_or_else(io::Error::last_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_ends_at_the_end_of_a_page() {
        let page = page_bytes().unwrap();
        for len in [0, 1, 100, page - 1, page, page + 1, 3 * page] {
            let octets: Vec<u8> = (0..=255).cycle().take(len).collect();
            let guarded = Guarded::copy(&octets).unwrap();
            assert_eq!(guarded.octets(), octets);
            assert_eq!(guarded.octets().as_ptr_range().end.addr() % page, 0);
        }
    }

    #[test]
    fn addresses_are_not_used_again() {
        let first = Guarded::copy(b"first").unwrap();
        let at = first.octets().as_ptr();
        drop(first);
        assert_ne!(Guarded::copy(b"other").unwrap().octets().as_ptr(), at);
    }
}
