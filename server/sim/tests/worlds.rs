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

/// What must have happened in every thousand worlds, and how often at least.
const EVENTFUL: [(&str, &str, u64); 0] = [];

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Runs a seed; a panic is told with its seed too.
fn run(seed: u64, prints: bool) -> Report {
    match catch_unwind(|| run_seed(seed, prints)) {
        Ok(Ok(report)) => report,
        Ok(Err(violation)) => panic!("SIM_SEED={seed}: {violation:?}"),
        Err(_) => panic!("SIM_SEED={seed}: panicked"),
    }
}

struct Sum {
    tally: Tally,
    steps: u64,
    responses: u64,
    interims: u64,
}

fn run_all(worlds: u64) -> Sum {
    let next = AtomicU64::new(0);
    let sum = || {
        let mut sum = Sum { tally: Tally::default(), steps: 0, responses: 0, interims: 0 };
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= worlds {
                return sum;
            }
            let report = run(seed, false);
            sum.tally.merge(&report.tally);
            sum.steps += report.steps;
            sum.responses += report.responses;
            sum.interims += report.interims;
        }
    };
    thread::scope(|scope| {
        let threads = (0..THREADS).map(|_| scope.spawn(sum)).collect::<Vec<_>>();
        let sums = threads.into_iter().map(|thread| thread.join().expect("a world failed"));
        sums.reduce(|mut all, one| {
            all.tally.merge(&one.tally);
            all.steps += one.steps;
            all.responses += one.responses;
            all.interims += one.interims;
            all
        })
        .expect("there are threads")
    })
}

#[test]
fn no_rule_is_broken_in_any_world() {
    if let Some(seed) = number("SIM_SEED") {
        let report = run(seed, true);
        eprintln!("seed {seed}: hash {:016x}, {} steps", report.hash, report.steps);
        return;
    }
    let worlds = number("SIM_WORLDS").unwrap_or(WORLDS);
    let sum = run_all(worlds);
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
        let (first, second) = (run(seed, false), run(seed, false));
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
    }
}
