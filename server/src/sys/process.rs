//! A child process that may do anything: limits it cannot lift, a way to end it with all it
//! started, and the names of the signals that ended it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

use super::rlimit;

/// What a confined process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Memory of its own that it may write to, in octets.
    pub data_bytes: u64,
    /// Processor time of all its threads, in seconds; then SIGXCPU.
    pub processor_s: u64,
}

/// Limits this process for the rest of its life: memory, processor time, no core files; on
/// Linux it also ends with the thread that started it.
///
/// # Errors
/// What the system said about the first limit it refused.
pub fn confine(confinement: Confinement) -> io::Result<()> {
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_DATA, confinement.data_bytes)?;
    limit(libc::RLIMIT_CPU, confinement.processor_s)?;
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and no pointer.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Lowers a soft and hard limit to `most`, or leaves it where it is lower already.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let mut found = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live local of the type getrlimit fills.
    if unsafe { libc::getrlimit(resource, &raw mut found) } == -1 {
        return Err(io::Error::last_os_error());
    }
    let most = rlimit::most(most).min(found.rlim_max);
    let lowered = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the pointer is to a live local that setrlimit only reads during the call.
    match unsafe { libc::setrlimit(resource, &raw const lowered) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes standard output away from everybody else in this process: what was it is given back, and
/// what is written to descriptor 1 from now on arrives at standard error.
///
/// # Errors
/// What the system said about the copies.
pub fn take_standard_output() -> io::Result<File> {
    let taken = io::stdout().as_fd().try_clone_to_owned()?;
    let (from, to) = (io::stderr().as_raw_fd(), io::stdout().as_raw_fd());
    // SAFETY: both numbers are open; dup2 takes no pointer. Descriptor 1 is owned by nobody: the
    // standard library uses it by number.
    match unsafe { libc::dup2(from, to) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(File::from(taken)),
    }
}

/// Whether a child of this process has ended. It is not waited for: its number stays taken.
///
/// # Errors
/// What the system said, for example that this is no child.
pub fn has_ended(child: u32) -> io::Result<bool> {
    // SAFETY: siginfo_t is plain data for which all zeroes is a valid value.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    #[cfg(target_os = "freebsd")]
    let child = i64::from(child);
    // SAFETY: the pointer is to a live local of the type waitid fills.
    match unsafe { libc::waitid(libc::P_PID, child, &raw mut found, options) } {
        -1 => Err(io::Error::last_os_error()),
        // With WNOHANG and nothing to report the fields stay zero (waitid(2)).
        _ => Ok(found.si_signo != 0),
    }
}

/// Ends a process that leads a group of its own, with everything in that group, at once.
///
/// # Errors
/// What the system said; `ESRCH`, when nobody is left, is no error.
pub fn kill_group(leader: u32) -> io::Result<()> {
    // 1 and 0 would mean every process there is, and the caller's own group.
    let Some(group) = i32::try_from(leader).ok().filter(|it| *it > 1) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // SAFETY: kill takes no pointer.
    if unsafe { libc::kill(-group, libc::SIGKILL) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

/// The name of a signal that can end a process, as in signal(7).
#[must_use]
pub const fn signal_name(number: i32) -> &'static str {
    match number {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGXCPU => "SIGXCPU",
        _ => "a signal",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::Command;

    use super::*;

    #[test]
    fn a_group_ends_with_its_leader() {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        assert!(!has_ended(child.id()).unwrap());
        kill_group(child.id()).unwrap();
        let signal = child.wait().unwrap().signal().unwrap();
        assert_eq!(signal_name(signal), "SIGKILL");
        kill_group(child.id()).unwrap();
    }

    #[test]
    fn nobody_else_is_meant() {
        for leader in [0, 1, u32::MAX] {
            assert_eq!(kill_group(leader).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
