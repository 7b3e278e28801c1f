//! How many descriptors this process may hold: the soft limit goes up to the hard one, once, and
//! is reported. The hard limit is the operator's and is never touched.

use std::io;

/// The descriptor limits found at the start and in force now, in descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// The soft limit found.
    pub before: u64,
    /// The soft limit in force.
    pub now: u64,
    /// The hard limit; an unlimited one is `u64::MAX`.
    pub hard: u64,
}

/// The most descriptors asked for where the hard limit is higher still: a table of this many
/// entries is far above `connections_max`, and some functions close every number they may hold.
pub const DESCRIPTORS_MAX: u64 = 1 << 20;

/// Raises the soft `RLIMIT_NOFILE` to the hard one, at most to [`DESCRIPTORS_MAX`]. A soft limit
/// that is above that already stays.
///
/// # Errors
/// The operating system's refusal to read the limit. A refusal to raise it is no error: `now`
/// then equals `before`, and the caller reports it.
pub fn raise_descriptor_limit() -> io::Result<DescriptorLimit> {
    let found = read()?;
    let wanted = found.rlim_max.min(most(DESCRIPTORS_MAX));
    if found.rlim_cur >= wanted {
        return Ok(report(&found, found.rlim_cur));
    }
    let raised = libc::rlimit { rlim_cur: wanted, rlim_max: found.rlim_max };
    // SAFETY: the pointer is to a live local that setrlimit only reads during the call.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) };
    Ok(report(&found, if result == 0 { wanted } else { found.rlim_cur }))
}

fn report(found: &libc::rlimit, now: libc::rlim_t) -> DescriptorLimit {
    let [before, now, hard] = [found.rlim_cur, now, found.rlim_max].map(number);
    DescriptorLimit { before, now, hard }
}

/// A limit as this system counts.
#[cfg(not(target_os = "freebsd"))]
pub(super) const fn most(number: u64) -> libc::rlim_t {
    number
}

/// A limit as this system counts, which has a sign for it.
#[cfg(target_os = "freebsd")]
pub(super) fn most(number: u64) -> libc::rlim_t {
    libc::rlim_t::try_from(number).unwrap_or(libc::rlim_t::MAX)
}

#[cfg(not(target_os = "freebsd"))]
const fn number(limit: libc::rlim_t) -> u64 {
    limit
}

#[cfg(target_os = "freebsd")]
fn number(limit: libc::rlim_t) -> u64 {
    if limit == libc::RLIM_INFINITY { u64::MAX } else { u64::try_from(limit).unwrap_or(0) }
}

fn read() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live local of the type getrlimit fills.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
        0 => Ok(limit),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let raised = raise_descriptor_limit().unwrap();
        assert!(raised.now >= raised.before);
        assert!(raised.now >= raised.hard.min(DESCRIPTORS_MAX));
        assert_eq!(read().unwrap().rlim_cur, raised.now);
        assert_eq!(raise_descriptor_limit().unwrap().before, raised.now);
    }
}
