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
/// Threads that run them.
const THREADS: usize = 2;

/// Failing seeds that one thread collects before it gives up.
const FAILURES_MAX: usize = 8;

/// What must have happened in every thousand worlds, and how often at least.
const EVENTFUL: [(&str, &str, u64); 0] = [];

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
    if worlds < 1_000 {
        return;
    }
    assert!(sum.responses > worlds * 2, "the worlds have become quiet");
    assert!(sum.interims > worlds / 100, "nobody is told to continue");
    for (kind, detail, least) in EVENTFUL {
        let count = sum.tally.of(kind, detail);
        let least = least * worlds / 1_000;
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
