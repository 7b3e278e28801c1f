//! What the system knows of this process: time, memory, descriptors, threads.

use std::fs;
use std::time::UNIX_EPOCH;

use crate::clock::Clock;

/// What the system said; what it did not is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// Microseconds of processor time.
    pub(crate) cpu_us: Option<u64>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) virtual_bytes: Option<u64>,
    pub(crate) fds: Option<u64>,
    pub(crate) fds_max: Option<u64>,
    pub(crate) threads: Option<u64>,
    /// Microseconds since 1970.
    pub(crate) start_us: Option<u64>,
}

/// Ticks per second of the times in `/proc`: the same on every Linux.
const TICKS_PER_S: u64 = 100;

impl Process {
    /// The present state, from `/proc`.
    pub(crate) fn look() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (stat, status) = (read("/proc/self/stat"), read("/proc/self/status"));
        let (uptime, limits) = (read("/proc/uptime"), read("/proc/self/limits"));
        // The directory itself is open while it is read.
        let fds = fs::read_dir("/proc/self/fd").ok().map(|all| all.count().saturating_sub(1));
        let now = Clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let age_us = age_us(&stat, &uptime);
        Self {
            cpu_us: cpu_us(&stat),
            resident_bytes: kibibytes(&status, "VmRSS:"),
            virtual_bytes: kibibytes(&status, "VmSize:"),
            fds: fds.and_then(|count| u64::try_from(count).ok()),
            fds_max: fds_max(&limits),
            threads: field(&stat, 20),
            start_us: age_us.map(|age_us| now_us.saturating_sub(age_us)),
        }
    }
}

/// A field of `/proc/self/stat`, by its number in proc(5). The name in the second one may hold
/// anything, so that counting begins behind its parenthesis.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// User and system time.
fn cpu_us(stat: &str) -> Option<u64> {
    Some((field(stat, 14)? + field(stat, 15)?) * (1_000_000 / TICKS_PER_S))
}

/// How long the process has been there.
fn age_us(stat: &str, uptime: &str) -> Option<u64> {
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let up_us = seconds.parse::<u64>().ok()? * 1_000_000 + hundredths.parse::<u64>().ok()? * 10_000;
    Some(up_us.saturating_sub(field(stat, 22)? * (1_000_000 / TICKS_PER_S)))
}

/// A line of `/proc/self/status` in octets.
fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

/// The soft limit of descriptors; absent where there is none.
fn fds_max(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_hides_no_field() {
        let stat = "7 (a) b) S 1 7 7 0 -1 0 1 0 0 0 250 50 0 0 20 0 9 0 1000 5 6";
        assert_eq!((cpu_us(stat), field(stat, 20)), (Some(3_000_000), Some(9)));
        assert_eq!(age_us(stat, "70.25 1.00\n"), Some(60_250_000));
        assert_eq!(field("", 20), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_known() {
        let process = Process::look();
        let known = [process.cpu_us, process.resident_bytes, process.virtual_bytes, process.fds];
        assert!(known.iter().all(Option::is_some), "{process:?}");
        assert!(process.threads >= Some(1) && process.fds < process.fds_max, "{process:?}");
        assert!(process.start_us >= Some(1_600_000_000_000_000), "{process:?}");
    }
}
