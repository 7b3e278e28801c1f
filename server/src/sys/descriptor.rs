//! Whether a descriptor takes octets now.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::time::Duration;

/// Waits until a write to `descriptor` would not wait, `patience` at most; false when it would
/// still wait. Regular files never do. A pipe without a reader counts as one that takes octets: the
/// write says what is wrong.
///
/// # Errors
/// What poll(2) said; being interrupted counts as not yet.
pub fn wait_writable(descriptor: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    let millis = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
    let mut asked = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one live pollfd and a count of one; the descriptor is borrowed for the call.
    match unsafe { libc::poll(&raw mut asked, 1, millis) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
        ready => Ok(ready > 0),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_full_pipe_does_not_and_then_does() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let mut pages = 0;
        while wait_writable(writer.as_fd(), Duration::ZERO).unwrap() {
            writer.write_all(&[0; 4_096]).unwrap();
            pages += 1;
        }
        assert!(pages > 0);
        io::Read::read_exact(&mut reader, &mut [0; 4_096]).unwrap();
        assert!(wait_writable(writer.as_fd(), Duration::from_secs(9)).unwrap());
        drop(reader);
        assert!(wait_writable(writer.as_fd(), Duration::ZERO).unwrap(), "the write says it");
    }
}
