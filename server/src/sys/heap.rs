//! What the allocator keeps of freed memory: enough that a long body does not have to be paid for
//! with page faults each time.
//!
//! glibc gives the end of a heap back as soon as it is twice as long as the longest allocation so
//! far. Bodies of a mebioctet that come and go are then fetched from the kernel and zeroed anew,
//! page by page, again and again: that cost more than copying them.

/// Octets at the end of each heap that are kept when they are free, and allocations that are made
/// there rather than mapped for themselves. glibc takes no more for the latter; a heap belongs to a
/// thread or to several.
pub const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// From now on the allocator keeps [`KEPT_BYTES`]. Where it cannot be told so, nothing happens.
pub fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let bytes = libc::c_int::try_from(KEPT_BYTES).unwrap_or(libc::c_int::MAX);
        for parameter in [libc::M_TRIM_THRESHOLD, libc::M_MMAP_THRESHOLD] {
            // Another allocator in glibc's place takes no advice, and needs none.
            // SAFETY: both take a number, and the allocator's own lock is held while it is set.
            unsafe { libc::mallopt(parameter, bytes) };
        }
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    const BODY_BYTES: usize = 1 << 20;
    const BODIES: usize = 4;

    /// Page faults of this thread that needed no file, so far (proc(5)).
    fn faults() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
        let (_, after_name) = stat.rsplit_once(')').unwrap_or_default();
        let faults = after_name.split_whitespace().nth(7).and_then(|it| it.parse().ok());
        assert_ne!(faults, None, "the system counts them: {stat}");
        faults.unwrap_or(0)
    }

    fn come_and_go() {
        let bodies: Vec<Vec<u8>> = (0..BODIES).map(|_| vec![1; BODY_BYTES]).collect();
        assert_eq!(std::hint::black_box(bodies).len(), BODIES);
    }

    #[test]
    fn bodies_that_come_and_go_are_not_fetched_anew() {
        keep();
        (0..8).for_each(|_| come_and_go());
        let before = faults();
        (0..32).for_each(|_| come_and_go());
        // One round touches 1,024 pages. Other tests may use the same heap meanwhile.
        let each = (faults() - before) / 32;
        assert!(each < 100, "{each} page faults in a round");
    }
}
