//! What the standard library has no safe word for: signals, limits, guarded memory, the first three
//! descriptors. Nothing here knows about connections, functions or configuration.
#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; every block says why it holds"
)]

pub mod descriptor;
pub mod environment;
pub mod exit;
pub mod guarded;
pub mod handed;
pub mod heap;
pub mod identity;
#[cfg_attr(not(target_os = "linux"), path = "unconfined.rs")]
pub mod landlock;
pub mod monotonic;
pub mod process;
pub mod rlimit;
pub mod signal;
pub mod spawn;
pub mod thread;
pub mod unix;

use std::io;

/// Opens `/dev/null` in place of each of the descriptors 0 to 2 that is closed, and says how many
/// there were.
///
/// A process that starts with one of them closed would give its number to the next socket, and
/// the first line written to standard error would then go to a client. To be called before
/// anything else is opened.
///
/// # Errors
/// The operating system's refusal to open `/dev/null`.
pub fn open_standard_descriptors() -> io::Result<u32> {
    let mut opened = 0;
    for descriptor in 0..=2 {
        // SAFETY: F_GETFD takes no pointer and changes nothing; a closed number yields EBADF.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        if flags != -1 {
            continue;
        }
        // open(2) takes the lowest free number. The numbers below are open by now, so that is
        // `descriptor` itself. Not closed again: it stands in for the whole life of the process.
        // SAFETY: the path is a NUL-terminated constant, the flags need no mode argument.
        let got = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        if got == -1 {
            return Err(io::Error::last_os_error());
        }
        opened += 1;
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_descriptors_are_left_alone() {
        // The test harness keeps all three open; tests/shell.rs starts the binary with them closed.
        assert_eq!(open_standard_descriptors().unwrap(), 0);
    }
}
