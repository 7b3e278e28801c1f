//! Unix sockets: who is at the other end, and a mode that holds from the first moment.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Who is at the other end of a connection, as it was when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The process; 0 where the system does not say.
    pub process: u32,
    /// The effective user.
    pub user: u32,
}

/// Who is at the other end of a connected Unix socket.
///
/// # Errors
/// What the system said, for example that this is no such socket.
#[cfg(target_os = "linux")]
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut found = libc::ucred { pid: 0, uid: libc::uid_t::MAX, gid: libc::gid_t::MAX };
    let mut bytes = libc::socklen_t::try_from(size_of::<libc::ucred>())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: both pointers are to live locals, and the length is that of the first.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut bytes,
        )
    };
    match result {
        0 => Ok(Peer { process: u32::try_from(found.pid).unwrap_or(0), user: found.uid }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Who is at the other end of a connected Unix socket.
///
/// # Errors
/// What the system said, for example that this is no such socket.
#[cfg(not(target_os = "linux"))]
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let (mut user, mut group) = (libc::uid_t::MAX, libc::gid_t::MAX);
    // SAFETY: both pointers are to live locals of the types that getpeereid fills.
    match unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut user, &raw mut group) } {
        0 => Ok(Peer { process: 0, user }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets the owner alone use a socket that is not bound yet. Linux makes the file that it is bound
/// to with this mode, less the umask: there is no moment at which it has another one.
///
/// # Errors
/// What the system said.
pub fn make_private(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes two numbers; the descriptor is borrowed for the call.
    match unsafe { libc::fchmod(socket.as_raw_fd(), 0o600) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The effective user of this process.
#[must_use]
pub fn effective_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// The process that started this one, or took it over.
#[must_use]
pub fn parent() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    u32::try_from(unsafe { libc::getppid() }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn we_are_at_the_other_end_of_our_own_pair() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = peer(one.as_fd()).unwrap();
        assert_eq!(peer.user, effective_user());
        if cfg!(target_os = "linux") {
            assert_eq!(peer.process, std::process::id());
        }
    }
}
