//! The calling thread's number and name, and what is done to a thread that runs away with its call.

use std::ffi::CStr;
use std::io;

/// The calling thread's number in the operating system; 0 where there is none to be had.
#[must_use]
pub fn current() -> i32 {
    #[cfg(target_os = "linux")]
    // SAFETY: takes nothing, changes nothing and cannot fail.
    return unsafe { libc::gettid() };
    #[cfg(not(target_os = "linux"))]
    0
}

/// Gives the calling thread another name, for whoever looks at the process: at most 15 octets, or
/// it keeps the one that it has. Systems other than Linux keep it, too.
pub fn rename(name: &CStr) {
    #[cfg(target_os = "linux")]
    // SAFETY: the calling thread exists, and the name is a string of C that outlives the call.
    unsafe {
        libc::pthread_setname_np(libc::pthread_self(), name.as_ptr());
    }
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Leaves the thread only the processor time that nobody else wants. It keeps running: a thread
/// inside foreign code cannot be stopped, only be made to hurt less.
///
/// # Errors
///
/// The operating system's reason, for example that the thread is gone.
pub fn make_idle(thread: i32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let param = libc::sched_param { sched_priority: 0 };
        // SAFETY: the parameter outlives the call; lowering one's own threads needs no right.
        let done = unsafe { libc::sched_setscheduler(thread, libc::SCHED_IDLE, &raw const param) };
        if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = thread;
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_renamed_for_others_to_see() {
        let seen = std::thread::spawn(|| {
            rename(c"fezz-other");
            rename(c"a name of sixteen");
            std::fs::read_to_string(format!("/proc/self/task/{}/comm", current())).unwrap()
        });
        assert_eq!(seen.join().unwrap(), "fezz-other\n");
    }

    #[test]
    fn a_thread_is_made_idle_and_a_missing_one_is_an_error() {
        std::thread::spawn(|| {
            make_idle(current()).unwrap();
            // SAFETY: 0 is the calling thread; nothing is changed.
            assert_eq!(unsafe { libc::sched_getscheduler(0) }, libc::SCHED_IDLE);
        })
        .join()
        .unwrap();
        assert!(make_idle(i32::MAX).is_err());
    }
}
