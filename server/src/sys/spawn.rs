//! A new process that inherits chosen descriptors under numbers from three on, and nothing else.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

use super::handed;

/// Starts `program` with `arguments` (the first is its name) and the variables of `environment`.
/// Descriptors are its numbers three and following, in their order; beside them it has the
/// standard ones. No signal is ignored or kept back in it.
///
/// # Errors
/// What the system said, `NotFound` and `PermissionDenied` about the program among it.
pub fn start(
    program: &Path,
    arguments: &[CString],
    environment: &[CString],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<u32> {
    let program = text(program.as_os_str())?;
    let end = RawFd::try_from(descriptors.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?
        + handed::FIRST;
    // Copies beyond the numbers they are to have: none is overwritten before its turn.
    let copies = descriptors.iter().map(|one| copy_beyond(*one, end));
    let copies = copies.collect::<io::Result<Vec<OwnedFd>>>()?;
    let mut actions = Actions::new()?;
    for (number, copy) in (handed::FIRST..).zip(&copies) {
        actions.duplicate(copy.as_raw_fd(), number)?;
    }
    let attributes = Attributes::new()?;
    let pointers = |texts: &[CString]| {
        let all = texts.iter().map(|text| text.as_ptr().cast_mut());
        all.chain([ptr::null_mut()]).collect::<Vec<_>>()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    let mut child: libc::pid_t = 0;
    // SAFETY: the path is NUL-terminated; both lists end with a null pointer and point to texts
    // that live through the call, which posix_spawn only reads; actions and attributes were
    // initialised.
    let code = unsafe {
        libc::posix_spawn(
            &raw mut child,
            program.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            arguments.as_ptr(),
            environment.as_ptr(),
        )
    };
    if code != 0 {
        return Err(io::Error::from_raw_os_error(code));
    }
    u32::try_from(child).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// A text as C wants it.
///
/// # Errors
/// `InvalidInput` when there is a NUL in it.
pub fn text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// A copy with a number of at least `least`.
fn copy_beyond(descriptor: BorrowedFd<'_>, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only; the descriptor is borrowed for the call.
    let copy = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
    if copy == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made here and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Self> {
        // SAFETY: plain data that posix_spawn_file_actions_init fills.
        let mut actions = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live local of that type.
        done(unsafe { libc::posix_spawn_file_actions_init(&raw mut actions) })?;
        Ok(Self(actions))
    }

    /// In the child: `to` becomes a copy of `from` that outlives the execution.
    fn duplicate(&mut self, from: RawFd, to: RawFd) -> io::Result<()> {
        // SAFETY: the actions were initialised; the other two are numbers.
        done(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, from, to) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: they were initialised and are not used again.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    /// All signals at their default, none kept back.
    fn new() -> io::Result<Self> {
        // SAFETY: plain data that posix_spawnattr_init fills.
        let mut attributes = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live local of that type.
        done(unsafe { libc::posix_spawnattr_init(&raw mut attributes) })?;
        let mut attributes = Self(attributes);
        // SAFETY: plain data, each set is filled or emptied before its use.
        let (mut all, mut none): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
        // SAFETY: the pointers are to live locals.
        unsafe {
            libc::sigfillset(&raw mut all);
            libc::sigemptyset(&raw mut none);
        }
        let at = &raw mut attributes.0;
        // SAFETY: the attributes were initialised; the set lives through the call.
        done(unsafe { libc::posix_spawnattr_setsigdefault(at, &raw const all) })?;
        // SAFETY: as above.
        done(unsafe { libc::posix_spawnattr_setsigmask(at, &raw const none) })?;
        let flags = libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK;
        let flags = libc::c_short::try_from(flags)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: as above; the rest is a number.
        done(unsafe { libc::posix_spawnattr_setflags(at, flags) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: they were initialised and are not used again.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// These calls give their error back instead of setting `errno`.
fn done(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// How a child ended, in words; it is waited for.
///
/// # Errors
/// What the system said, for example that this is no child.
pub fn reap(child: u32) -> io::Result<String> {
    let child =
        libc::pid_t::try_from(child).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a live local.
        if unsafe { libc::waitpid(child, &raw mut status, 0) } == child {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(if libc::WIFEXITED(status) {
        format!("exit code {}", libc::WEXITSTATUS(status))
    } else {
        super::process::signal_name(libc::WTERMSIG(status)).to_owned()
    })
}

/// Ends a child at once.
///
/// # Errors
/// What the system said; `ESRCH`, when it has ended already, is no error.
pub fn kill(child: u32) -> io::Result<()> {
    // 1 and 0 would mean every process there is, and the caller's own group.
    let Some(child) = libc::pid_t::try_from(child).ok().filter(|it| *it > 1) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // SAFETY: kill takes no pointer.
    if unsafe { libc::kill(child, libc::SIGKILL) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::AsFd as _;

    use super::*;

    fn texts(words: &[&str]) -> Vec<CString> {
        words.iter().map(|word| text(OsStr::new(word)).unwrap()).collect()
    }

    #[test]
    fn a_child_has_what_it_was_given_and_nothing_else() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (other, kept) = io::pipe().unwrap();
        let script = "echo one >&3; echo $A >&4; ls -l /proc/self/fd | grep -c pipe >&3";
        let child = start(
            Path::new("/bin/sh"),
            &texts(&["sh", "-c", script]),
            &texts(&["A=two", "PATH=/usr/bin:/bin"]),
            &[writer.as_fd(), writer.as_fd()],
        )
        .unwrap();
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(reap(child).unwrap(), "exit code 0");
        // Its own pipe to grep, and what it was given twice; the other pipe is not among them.
        assert!(said.starts_with("one\ntwo\n"), "{said}");
        let count: u32 = said.lines().last().unwrap().parse().unwrap();
        assert!(count >= 3, "{said}");
        drop((other, kept));
        let error = start(Path::new("/nowhere"), &[], &[], &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_child_is_ended() {
        let arguments = texts(&["sleep", "60"]);
        let environment = texts(&["PATH=/usr/bin:/bin"]);
        let child = start(Path::new("/bin/sleep"), &arguments, &environment, &[]).unwrap();
        kill(child).unwrap();
        assert_eq!(reap(child).unwrap(), "SIGKILL");
        for nobody in [0, 1, u32::MAX] {
            assert_eq!(kill(nobody).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
