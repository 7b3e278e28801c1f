//! A copy of an artifact in memory that nobody can change any more, under a path to load it from.
//!
//! The descriptor stays open for the life of the process: the dynamic linker recognises libraries
//! by path, and a number that was used again would give the first artifact for the second.

use std::ffi::CString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::path::PathBuf;

/// Flags to try: never executable as a program where the kernel knows that flag (Linux 6.3), else
/// merely sealable.
const FLAGS: [libc::c_uint; 2] =
    [libc::MFD_CLOEXEC | libc::MFD_NOEXEC_SEAL, libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING];

const SEALS: libc::c_int =
    libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// A sealed copy; dropping it closes the descriptor.
pub(super) struct Copy {
    file: File,
}

impl Copy {
    /// A path that leads to the copy for as long as the descriptor is open.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// Leaves the descriptor open for good.
    pub(super) fn keep(self) {
        std::mem::forget(self.file);
    }
}

/// Copies `octets` and seals the copy. None where this system cannot.
pub(super) fn copy(name: &str, octets: &[u8]) -> Option<Copy> {
    // The kernel accepts 249 octets; they are seen in /proc/self/maps only.
    let shown: String = name.chars().take(48).collect();
    let shown = CString::new(format!("fezz-{shown}")).ok()?;
    let mut file = FLAGS.iter().find_map(|&flags| create(&shown, flags))?;
    file.write_all(octets).ok()?;
    // SAFETY: F_ADD_SEALS takes an int and touches no memory of ours.
    let sealed = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) };
    (sealed == 0).then_some(Copy { file })
}

fn create(name: &CString, flags: libc::c_uint) -> Option<File> {
    // SAFETY: the name is a C string that lives through the call.
    let descriptor = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    // SAFETY: a descriptor the kernel just made for us; nobody else owns it.
    (descriptor >= 0).then(|| unsafe { File::from_raw_fd(descriptor) })
}
