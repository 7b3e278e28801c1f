//! The end of the process without what other code has registered for it.

/// Ends the process at once: no destructors of libraries, nothing registered with `atexit`. For
/// when these would wait for a library that another thread is just loading.
pub fn end_now(code: u8) -> ! {
    // SAFETY: takes an int, touches no memory of ours, and does not return.
    unsafe { libc::_exit(code.into()) }
}
