//! Tens of thousands of seeded worlds; each is judged, and all together must have been eventful.
//!
//! `SIM_WORLDS=n` runs `n` worlds, `SIM_SEED=n` replays one with its trace.
#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use fezz_sim::oracle::Tally;
use fezz_sim::{Report, run_seed};

/// Worlds that are run when nobody asks for another number.
const WORLDS: u64 = 20_000;
/// Seeds that a million worlds found. Both: HEAD came so slowly that 408 had content, which the
/// client did not take.
const FOUND: [u64; 2] = [29_613, 418_974];
/// Threads that run them.
const THREADS: usize = 2;

/// Failing seeds that one thread collects before it gives up.
const FAILURES_MAX: usize = 8;

/// What must have happened, and how often at least in [`WORLDS`] worlds, so that they cannot
/// silently become trivial.
const EVENTFUL: [(&str, &str, u64); 68] = [
    ("accepted", "", 20000),
    ("closed", "body", 500),
    ("closed", "handle", 300),
    ("closed", "handshake", 700),
    ("closed", "head", 1000),
    ("closed", "idle", 3000),
    ("closed", "linger", 10000),
    ("closed", "route", 100),
    ("closed", "write", 600),
    ("dispatched", "", 10000),
    ("drained", "body", 80),
    ("drained", "handle", 300),
    ("drained", "handshake", 100),
    ("drained", "head", 400),
    ("drained", "idle", 200),
    ("drained", "linger", 200),
    ("drained", "route", 100),
    ("drained", "write", 100),
    ("forgotten", "", 1000),
    ("gone", "body", 50),
    ("gone", "handle", 30),
    ("gone", "handshake", 30),
    ("gone", "head", 90),
    ("gone", "idle", 40),
    ("gone", "linger", 50),
    ("gone", "route", 15),
    ("gone", "write", 60),
    ("head_done", "", 20000),
    ("kept", "", 10000),
    ("killed", "body", 60),
    ("killed", "handle", 200),
    ("killed", "handshake", 80),
    ("killed", "head", 300),
    ("killed", "idle", 100),
    ("killed", "linger", 200),
    ("killed", "route", 100),
    ("killed", "write", 80),
    ("refused", "bad_handler", 400),
    ("refused", "bad_path", 800),
    ("refused", "bare_lf", 100),
    ("refused", "body_too_large", 300),
    ("refused", "busy", 3000),
    ("refused", "chunk_data_end", 100),
    ("refused", "chunk_extension_invalid", 200),
    ("refused", "chunk_size_invalid", 200),
    ("refused", "chunk_size_too_long", 100),
    ("refused", "field_name_space", 100),
    ("refused", "handler_failed", 400),
    ("refused", "late", 1000),
    ("refused", "misdirected", 800),
    ("refused", "no_memory", 700),
    ("refused", "no_method", 800),
    ("refused", "no_route", 800),
    ("refused", "too_slow", 800),
    ("released", "orderly", 10000),
    ("released", "reset", 1000),
    ("replied", "", 10000),
    ("secured", "", 1000),
    ("shed", "", 400),
    ("stale_reply", "", 70000),
    ("timed_out", "body", 100),
    ("timed_out", "handle", 900),
    ("timed_out", "handshake", 400),
    ("timed_out", "head", 700),
    ("timed_out", "idle", 1000),
    ("timed_out", "linger", 3000),
    ("timed_out", "route", 300),
    ("timed_out", "write", 100),
];

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Runs a seed; a panic is told with its seed too.
fn run(seed: u64, prints: bool) -> Result<Report, String> {
    match catch_unwind(|| run_seed(seed, prints)) {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(violation)) => Err(format!("SIM_SEED={seed}: {violation:?}")),
        Err(_) => Err(format!("SIM_SEED={seed}: panicked")),
    }
}

#[derive(Default)]
struct Sum {
    tally: Tally,
    steps: u64,
    responses: u64,
    interims: u64,
    failures: Vec<String>,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.tally.merge(&other.tally);
        self.steps += other.steps;
        self.responses += other.responses;
        self.interims += other.interims;
        self.failures.extend(other.failures);
    }
}

fn run_all(worlds: u64) -> Sum {
    let next = AtomicU64::new(0);
    let some = || {
        let mut sum = Sum::default();
        while sum.failures.len() < FAILURES_MAX {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= worlds {
                break;
            }
            match run(seed, false) {
                Ok(report) => {
                    sum.tally.merge(&report.tally);
                    sum.steps += report.steps;
                    sum.responses += report.responses;
                    sum.interims += report.interims;
                }
                Err(failure) => sum.failures.push(failure),
            }
        }
        sum
    };
    thread::scope(|scope| {
        let threads = (0..THREADS).map(|_| scope.spawn(some)).collect::<Vec<_>>();
        let mut sum = Sum::default();
        for thread in threads {
            sum.add(thread.join().expect("a world's failure is caught"));
        }
        sum
    })
}

#[test]
fn no_rule_is_broken_in_any_world() {
    if let Some(seed) = number("SIM_SEED") {
        let report = run(seed, true).unwrap_or_else(|failure| panic!("{failure}"));
        eprintln!("seed {seed}: hash {:016x}, {} steps", report.hash, report.steps);
        return;
    }
    for seed in FOUND {
        run(seed, false).unwrap_or_else(|failure| panic!("{failure}"));
    }
    let worlds = number("SIM_WORLDS").unwrap_or(WORLDS);
    let sum = run_all(worlds);
    assert!(sum.failures.is_empty(), "{}", sum.failures.join("\n"));
    println!(
        "{worlds} worlds: {} steps, {} responses, {} interim ones",
        sum.steps, sum.responses, sum.interims
    );
    for (kind, detail, count) in sum.tally.iter() {
        println!("{count:>10}  {kind} {detail}");
    }
    if worlds < WORLDS / 2 {
        return;
    }
    assert!(sum.responses > worlds * 2, "the worlds have become quiet");
    assert!(sum.interims > worlds / 100, "nobody is told to continue");
    for (kind, detail, least) in EVENTFUL {
        let count = sum.tally.of(kind, detail);
        let least = least * worlds / WORLDS;
        assert!(count >= least, "{kind} {detail}: {count} times in {worlds} worlds, not {least}");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in (0..WORLDS).step_by(397) {
        let again = || run(seed, false).map(|report| (report.hash, report.steps));
        assert_eq!(again(), again(), "seed {seed}");
    }
}
