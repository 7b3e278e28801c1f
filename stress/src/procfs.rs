//! What Linux says about processes and the machine in `/proc`: CPU time, switches, memory.

use std::fs;
use std::ops::Sub;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What the threads of a process used so far. Differences of two readings are what counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Time on a CPU, in seconds, of the threads that live.
    pub cpu_seconds: f64,
    /// The same of all threads there ever were, in whole ticks.
    #[serde(default)]
    pub process_seconds: f64,
    /// Times a thread gave its CPU away itself.
    pub voluntary_switches: u64,
    /// Times a thread was put off its CPU.
    pub involuntary_switches: u64,
}

impl Sub for Usage {
    type Output = Self;

    /// What was used between two readings. A thread that ended in between took its nanoseconds with
    /// it; where that is more than a tick or two, ticks are what is left.
    fn sub(self, earlier: Self) -> Self {
        let process_seconds = (self.process_seconds - earlier.process_seconds).max(0.0);
        let living = (self.cpu_seconds - earlier.cpu_seconds).max(0.0);
        let lost = process_seconds - living > seconds_of_ticks(TICKS_OFF_MAX);
        Self {
            cpu_seconds: if lost { process_seconds } else { living },
            process_seconds,
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
        }
    }
}

/// Usage of this process.
#[must_use]
pub fn usage_of_self() -> Usage {
    usage_in(Path::new("/proc/self"))
}

/// Usage of all living threads of process `pid`; zero when there is no such process.
#[must_use]
pub fn usage_of(pid: u32) -> Usage {
    usage_in(Path::new(&format!("/proc/{pid}")))
}

fn usage_in(process: &Path) -> Usage {
    let mut usage = Usage::default();
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    usage.process_seconds = process_ticks(&stat).map_or(0.0, seconds_of_ticks);
    let Ok(entries) = fs::read_dir(process.join("task")) else { return usage };
    for entry in entries.flatten() {
        let schedstat = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        usage.cpu_seconds += run_seconds(&schedstat);
        usage.voluntary_switches += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
        usage.involuntary_switches += field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
    }
    usage
}

/// Resident memory of process `pid`, in octets.
#[must_use]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    // VmRSS of `status` is kept per CPU and lags behind; the rollup is counted when asked for.
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let rss = rollup.as_deref().and_then(|text| field(text, "Rss:"));
    let kib =
        rss.or_else(|| field(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:"))?;
    Some(kib * 1024)
}

/// Resident memory of process `pid` that no file in memory backs, in octets: what it would give
/// back at its end, whoever else holds its shared memory.
#[must_use]
pub fn private_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some((field(&status, "RssAnon:")? + field(&status, "RssFile:")?) * 1024)
}

/// Octets of all files in memory of this machine, mapped or not.
#[must_use]
pub fn shared_bytes() -> Option<u64> {
    Some(field(&fs::read_to_string("/proc/meminfo").ok()?, "Shmem:")? * 1024)
}

/// CPU time that anything on this machine used so far, in seconds, over all CPUs.
///
/// Time stolen by the host counts as used: it is missing from the run all the same.
#[must_use]
pub fn machine_busy_seconds() -> Option<f64> {
    busy_ticks(&fs::read_to_string("/proc/stat").ok()?).map(seconds_of_ticks)
}

/// Ticks by which two ways of counting may differ without a thread having ended: one at each
/// reading, and one for each of user and system time.
const TICKS_OFF_MAX: u64 = 4;

/// utime + stime of `/proc/PID/stat`, behind the name in parentheses (proc(5)).
fn process_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u64>(), fields.next()?.parse::<u64>());
    Some(user.ok()? + system.ok()?)
}

/// First field of `schedstat`: nanoseconds on a CPU.
#[expect(clippy::cast_precision_loss, reason = "a benchmark lasts less than 2^53 nanoseconds")]
fn run_seconds(schedstat: &str) -> f64 {
    let nanos = schedstat.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    nanos.map_or(0.0, |nanos| nanos as f64 / 1e9)
}

/// The number after `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// user + nice + system + irq + softirq + steal of the line `cpu` (proc(5)).
fn busy_ticks(stat: &str) -> Option<u64> {
    let numbers: Vec<u64> = stat
        .lines()
        .find_map(|line| line.strip_prefix("cpu "))?
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = numbers[..] else {
        return None;
    };
    Some(user + nice + system + irq + softirq + steal)
}

#[expect(clippy::cast_precision_loss, reason = "ticks since boot are far below 2^53")]
fn seconds_of_ticks(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_as_documented() {
        assert_eq!(busy_ticks("cpu  1 2 4 1000 1000 8 16 32 0 0\ncpu0 9"), Some(63));
        assert_eq!(busy_ticks("intr 1 2 3"), None);
        assert_eq!(field("Name: x\nRss:    12 kB\nPss: 3 kB\n", "Rss:"), Some(12));
        assert!((run_seconds("1500000000 7 3") - 1.5).abs() < 1e-9);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 90 0 0 0 12 30 0 0 20 0 1 0 5 9 9";
        assert_eq!((process_ticks(stat), process_ticks("7 (a")), (Some(42), None));
    }

    #[test]
    fn what_an_ended_thread_used_is_not_forgotten() {
        let usage = |living: f64, all: f64| Usage {
            cpu_seconds: living,
            process_seconds: all,
            ..Usage::default()
        };
        // Ticks are coarse: as long as they agree, nanoseconds count.
        assert!(((usage(1.505, 1.51) - usage(1.0, 1.0)).cpu_seconds - 0.505).abs() < 1e-9);
        assert!(((usage(0.9, 1.6) - usage(1.0, 1.0)).cpu_seconds - 0.6).abs() < 1e-9);
    }

    #[test]
    fn this_process_uses_cpu_and_memory() {
        let before = usage_of_self();
        let mut sum = 0_u64;
        while (usage_of(std::process::id()) - before).cpu_seconds < 0.02 {
            sum = (0..100_000).fold(sum, |sum, n| sum.rotate_left(5) ^ n);
        }
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000, "{sum}");
        let private = private_bytes(std::process::id()).unwrap();
        assert!((100_000..1 << 40).contains(&private), "{private}");
        assert!(shared_bytes().is_some());
        assert!(machine_busy_seconds().unwrap() > 0.0);
        assert_eq!(usage_of(u32::MAX), Usage::default());
    }
}
