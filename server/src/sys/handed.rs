//! Descriptors that whoever started this process handed over by number (sd_listen_fds(3)).

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first descriptor behind the standard three.
pub const FIRST: RawFd = 3;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes the `count` descriptors from [`FIRST`] on. They are closed when another program is
/// executed. To be called before this process opens anything else, and once.
///
/// # Errors
/// `AlreadyExists` the second time; `EBADF` when a number among them is not open: none is taken
/// then.
pub fn take(count: usize) -> io::Result<Vec<OwnedFd>> {
    let end = RawFd::try_from(count).ok().and_then(|count| FIRST.checked_add(count));
    let end = end.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    for number in FIRST..end {
        // SAFETY: F_SETFD takes a number and no pointer; one that is not open yields EBADF.
        if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: each of them is open, as was just seen. They were opened by whoever started this
    // process, for it to own; nothing here was opened before, and `TAKEN` keeps a second owner
    // from being made.
    Ok((FIRST..end).map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}
