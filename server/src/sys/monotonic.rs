//! The monotonic clock as the whole system counts it: the server's own clock is made of it, and it
//! can be compared with that of other processes.

/// Microseconds of CLOCK_MONOTONIC.
#[must_use]
pub fn now_us() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live local of the type clock_gettime fills; a valid clock and a
    // valid pointer leave it no way to fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000 + nanos.unwrap_or(0) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on() {
        let before = now_us();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let went = now_us() - before;
        assert!((2_000..60_000_000).contains(&went), "{went}");
    }
}
