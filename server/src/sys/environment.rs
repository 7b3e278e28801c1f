//! Variables that are meant for this process alone: read, and taken away from whatever it starts.

use std::ffi::OsString;
use std::io;

/// The value of each variable that is set, in the order of `names`; none of them is set
/// afterwards. To be called while the process has one thread.
///
/// # Errors
/// `WouldBlock` when there are other threads, which might be reading the environment.
#[cfg(target_os = "linux")]
pub fn take(names: &[&str]) -> io::Result<Vec<Option<OsString>>> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let taken = names.iter().map(|name| {
        let value = std::env::var_os(name);
        // SAFETY: this is the only thread, as was just counted, and it does nothing else.
        unsafe { std::env::remove_var(name) };
        value
    });
    Ok(taken.collect())
}

/// The value of each variable that is set, in the order of `names`. They stay: threads cannot be
/// counted here, and those who say such things are Linux's.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn take(names: &[&str]) -> io::Result<Vec<Option<OsString>>> {
    Ok(names.iter().map(std::env::var_os).collect())
}
