//! Signals become octets in a pipe: the handler writes one and does nothing else, and whoever
//! holds the other end reads them in its own time. What a signal means is decided elsewhere.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

#[cfg(target_os = "linux")]
use libc::__errno_location as errno_location;
// FreeBSD and macOS.
#[cfg(not(target_os = "linux"))]
use libc::__error as errno_location;

/// A signal the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: the first drains, the second ends the process now.
    Terminate,
    /// SIGINT: the same as SIGTERM, from a keyboard.
    Interrupt,
    /// SIGHUP: reads the functions again.
    Hangup,
    /// SIGUSR1: opens the files of the logs anew.
    User1,
}

impl Signal {
    /// All of them, in the order of their octets.
    pub const ALL: [Self; 4] = [Self::Terminate, Self::Interrupt, Self::Hangup, Self::User1];

    /// The name as in signal(7).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Hangup => "SIGHUP",
            Self::User1 => "SIGUSR1",
        }
    }

    /// Whether it asks the server to stop.
    #[must_use]
    pub const fn stops(self) -> bool {
        matches!(self, Self::Terminate | Self::Interrupt)
    }

    const fn number(self) -> libc::c_int {
        match self {
            Self::Terminate => libc::SIGTERM,
            Self::Interrupt => libc::SIGINT,
            Self::Hangup => libc::SIGHUP,
            Self::User1 => libc::SIGUSR1,
        }
    }

    fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.number() == libc::c_int::from(octet))
    }
}

/// The end of the pipe where signals arrive. One per process.
///
/// Dropping it gives all signals back to the system's default action; SIGPIPE stays ignored.
#[derive(Debug)]
pub struct Signals {
    pipe: OwnedFd,
}

static INSTALLED: AtomicBool = AtomicBool::new(false);
/// SIGHUP was ignored by whoever started this process.
static HANGUP_IGNORED: AtomicBool = AtomicBool::new(false);
/// The write end, or -1. Never closed once stored: a handler on another thread may be about to
/// write to it, and the number must not come to mean something else under it.
static WRITE_END: AtomicI32 = AtomicI32::new(-1);

impl Signals {
    /// Takes over SIGTERM, SIGINT, SIGHUP and SIGUSR1 and ignores SIGPIPE.
    ///
    /// A SIGHUP that is ignored already stays ignored: that is what nohup(1) asks for. To be
    /// called before other threads are started, so that none of them inherits a mask which keeps
    /// the signals back.
    ///
    /// # Errors
    /// `AlreadyExists` on a second call in the same process, else what the system said.
    pub fn install() -> io::Result<Self> {
        if INSTALLED.swap(true, Ordering::AcqRel) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (read_end, write_end) = pipe()?;
        WRITE_END.store(write_end.into_raw_fd(), Ordering::Release);
        HANGUP_IGNORED.store(is_ignored(libc::SIGHUP)?, Ordering::Relaxed);
        Self::restore()?;
        unblock()?;
        Ok(Self { pipe: read_end })
    }

    /// Takes the signals over again, after code of functions ran that may have changed that. Does
    /// nothing before [`install`](Self::install).
    ///
    /// # Errors
    /// What the system said.
    pub fn restore() -> io::Result<()> {
        if !INSTALLED.load(Ordering::Acquire) {
            return Ok(());
        }
        set_action(libc::SIGPIPE, libc::SIG_IGN)?;
        for signal in Signal::ALL {
            if signal == Signal::Hangup && HANGUP_IGNORED.load(Ordering::Relaxed) {
                continue;
            }
            set_action(signal.number(), note as *const () as libc::sighandler_t)?;
        }
        Ok(())
    }

    /// The next signal that has arrived, or nothing. Never blocks.
    pub fn read(&mut self) -> Option<Signal> {
        let mut octet = 0_u8;
        // SAFETY: the descriptor is owned by self, the pointer is to one live octet and the
        // length says one.
        let got = unsafe { libc::read(self.pipe.as_raw_fd(), (&raw mut octet).cast(), 1) };
        if got == 1 { Signal::from_octet(octet) } else { None }
    }

    /// Waits for the next signal, at most `patience` (for ever when `None`).
    ///
    /// # Errors
    /// What poll(2) said; being interrupted is not an error.
    pub fn wait(&mut self, patience: Option<Duration>) -> io::Result<Option<Signal>> {
        let millis = patience
            .map_or(-1, |time| libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX));
        if let Some(signal) = self.read() {
            return Ok(Some(signal));
        }
        let mut waited =
            libc::pollfd { fd: self.pipe.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one live pollfd and a count of one.
        let ready = unsafe { libc::poll(&raw mut waited, 1, millis) };
        if ready == -1 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(self.read())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for signal in Signal::ALL {
            // Nothing to be done about a refusal here, and SIG_DFL on a valid number has none.
            drop(set_action(signal.number(), libc::SIG_DFL));
        }
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.as_raw_fd()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// The handler. Only async-signal-safe calls (signal-safety(7)), and `errno` is left as found.
extern "C" fn note(number: libc::c_int) {
    let end = WRITE_END.load(Ordering::Acquire);
    // All the numbers installed are below 32.
    let octet = number.to_ne_bytes()[if cfg!(target_endian = "little") { 0 } else { 3 }];
    // SAFETY: errno's address is this thread's own and valid while the thread runs.
    let errno = unsafe { errno_location() };
    // SAFETY: as above; nobody else accesses this thread's errno.
    let saved = unsafe { *errno };
    // A full pipe (EAGAIN) loses the octet: thousands of unread signals are waiting already.
    // SAFETY: the pointer is to one live octet, the length says one; write(2) is safe in a
    // handler and the descriptor is never closed.
    unsafe { libc::write(end, (&raw const octet).cast(), 1) };
    // SAFETY: as for the read of errno above.
    unsafe { *errno = saved };
}

/// Both ends are closed on execution, and neither blocks.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reading, writing) = io::pipe()?;
    let ends = (OwnedFd::from(reading), OwnedFd::from(writing));
    for end in [&ends.0, &ends.1] {
        // A new pipe has no other flag that could get lost.
        // SAFETY: takes numbers only; the descriptor is ours.
        if unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(ends)
}

fn set_action(number: libc::c_int, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: sigaction is plain data for which all zeroes is a valid value (empty mask, no flags).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` lives through the call; its handler is SIG_IGN, SIG_DFL or `note`, which
    // has the signature of a handler without SA_SIGINFO and calls only async-signal-safe functions.
    match unsafe { libc::sigaction(number, &raw const action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn is_ignored(number: libc::c_int) -> io::Result<bool> {
    // SAFETY: as in `set_action`: all zeroes is a valid sigaction.
    let mut found: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only asks; `found` lives through the call.
    match unsafe { libc::sigaction(number, std::ptr::null(), &raw mut found) } {
        0 => Ok(found.sa_sigaction == libc::SIG_IGN),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets the signals through in this thread: a mask is inherited over exec, and a parent may have
/// kept them back.
fn unblock() -> io::Result<()> {
    // SAFETY: sigset_t is plain data; it is emptied by sigemptyset before use.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a live local.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in Signal::ALL {
        // SAFETY: `set` was initialised above and the number is a valid signal.
        unsafe { libc::sigaddset(&raw mut set, signal.number()) };
    }
    // SAFETY: `set` lives through the call; a null old set asks for nothing back.
    match unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) }
    {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raise(signal: Signal) {
        // SAFETY: the numbers are valid and a handler is installed for each.
        assert_eq!(unsafe { libc::raise(signal.number()) }, 0);
    }

    // One test for all of it: what it checks belongs to the process, not to a thread.
    #[test]
    fn signals_arrive_in_order_and_only_once() {
        // Whoever runs the tests may have them ignore it.
        set_action(libc::SIGHUP, libc::SIG_DFL).unwrap();
        let mut signals = Signals::install().unwrap();
        assert_eq!(Signals::install().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(signals.read(), None);
        assert_eq!(signals.wait(Some(Duration::from_millis(1))).unwrap(), None);

        for signal in Signal::ALL {
            raise(signal);
        }
        raise(Signal::Terminate);
        for signal in Signal::ALL {
            assert_eq!(signals.read(), Some(signal));
        }
        assert_eq!(signals.wait(None).unwrap(), Some(Signal::Terminate));
        assert_eq!(signals.read(), None);

        // SIGPIPE is ignored: the process is still here afterwards.
        // SAFETY: a valid number whose action is SIG_IGN.
        assert_eq!(unsafe { libc::raise(libc::SIGPIPE) }, 0);
        assert!(is_ignored(libc::SIGPIPE).unwrap());

        drop(signals);
        assert!(!is_ignored(libc::SIGTERM).unwrap());
    }
}
