//! Landlock: a process gives up the files that it will not need (landlock(7)). What is started
//! later is bound by it too, and nobody can take it back.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// What is allowed below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Reading, listing and executing.
    Read,
    /// That, and writing, making and removing.
    Write,
}

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const TRUNCATE: u64 = 1 << 14;
/// All rights of the first interface: files, folders, what can be made and removed.
const FIRST: u64 = (1 << 13) - 1;
/// Rights that make sense for a file that is no folder.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;
/// `LANDLOCK_CREATE_RULESET_VERSION`.
const ASK_VERSION: libc::c_ulong = 1;
/// `LANDLOCK_RULE_PATH_BENEATH`.
const PATH_BENEATH: libc::c_ulong = 1;

#[repr(C)]
struct RulesetAttributes {
    handled_access_fs: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed_access: u64,
    parent: libc::c_int,
}

/// What is going to be left.
#[derive(Debug)]
pub struct Ruleset {
    descriptor: OwnedFd,
    handled: u64,
}

/// The version of the interface; nothing where the kernel has none, or does not use it.
#[must_use]
pub fn version() -> Option<u32> {
    // SAFETY: with a null pointer, no length and this flag the call only asks.
    let version = unsafe {
        let nothing = std::ptr::null::<RulesetAttributes>();
        libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, ASK_VERSION)
    };
    u32::try_from(version).ok().filter(|it| *it > 0)
}

impl Ruleset {
    /// Nothing is left.
    ///
    /// # Errors
    /// What the system said; `Unsupported` where there is no landlock.
    pub fn new() -> io::Result<Self> {
        let version = version().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        // Moving between folders came with 2, truncation with 3, ioctl on devices with 5: each is
        // refused from there on unless it is allowed.
        let handled = FIRST
            | if version >= 2 { 1 << 13 } else { 0 }
            | if version >= 3 { TRUNCATE } else { 0 };
        let attributes = RulesetAttributes { handled_access_fs: handled };
        // SAFETY: the pointer is to a live local, and the length is its own.
        let descriptor = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const attributes,
                size_of::<RulesetAttributes>(),
                0,
            )
        };
        let descriptor = i32::try_from(descriptor).ok().filter(|it| *it >= 0);
        let descriptor = descriptor.ok_or_else(io::Error::last_os_error)?;
        // SAFETY: it was just made here and belongs to nobody else.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) }, handled })
    }

    /// Leaves a right to everything below `path`. False when nothing is there.
    ///
    /// # Errors
    /// What the system said.
    pub fn leave(&self, path: &Path, right: Right) -> io::Result<bool> {
        let opened =
            OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path);
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let rights = match right {
            Right::Read => EXECUTE | READ_FILE | READ_DIR,
            Right::Write => self.handled,
        };
        let is_folder = opened.metadata()?.is_dir();
        let rights = if is_folder { rights } else { rights & OF_FILES } & self.handled;
        let rule = PathBeneath { allowed_access: rights, parent: opened.as_raw_fd() };
        // SAFETY: the pointer is to a live local of the type that this kind of rule wants.
        let code = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.descriptor.as_raw_fd(),
                PATH_BENEATH,
                &raw const rule,
                0,
            )
        };
        if code == 0 { Ok(true) } else { Err(io::Error::last_os_error()) }
    }

    /// The calling thread, and what it starts, has nothing else from now on. It has to have given
    /// up gaining rights before.
    ///
    /// # Errors
    /// What the system said.
    pub fn obey(self) -> io::Result<()> {
        // SAFETY: takes numbers only.
        let code = unsafe {
            libc::syscall(libc::SYS_landlock_restrict_self, self.descriptor.as_raw_fd(), 0)
        };
        if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
