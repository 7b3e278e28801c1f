//! Thousands of seeded shifts; each is judged, all together must have been eventful, and each bug
//! that can be planted is found.
//!
//! `SHIFT_SEEDS=n` runs `n` shifts, `SHIFT_SEED=n` replays one and prints its log.
#![expect(clippy::panic, reason = "a test may fail loudly")]

use fezz_sim::shift::{Canary, Tally, judge, run_seed, shell};

/// Shifts that are run when nobody asks for another number.
const SHIFTS: u64 = 10_000;
/// Shifts in which a planted bug must show.
const CANARY_SHIFTS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn add(sum: &mut Tally, one: &Tally) {
    sum.submitted += one.submitted;
    sum.refused = [0, 1, 2].map(|place| sum.refused[place] + one.refused[place]);
    sum.served += one.served;
    sum.removed += one.removed;
    sum.abandoned += one.abandoned;
    sum.returned += one.returned;
    sum.trials = [0, 1].map(|place| sum.trials[place] + one.trials[place]);
    sum.closed += one.closed;
    sum.renewals += one.renewals;
    sum.stepped_over += one.stepped_over;
    sum.told += one.told;
}

#[test]
fn no_rule_is_broken_in_any_shift() {
    if let Some(seed) = number("SHIFT_SEED") {
        let tally = run_seed(seed, None, true);
        let tally = tally.unwrap_or_else(|violation| panic!("SHIFT_SEED={seed}: {violation:?}"));
        eprintln!("{tally:#?}");
        return;
    }
    let shifts = number("SHIFT_SEEDS").unwrap_or(SHIFTS);
    let mut sum = Tally::default();
    for seed in 0..shifts {
        match run_seed(seed, None, false) {
            Ok(tally) => add(&mut sum, &tally),
            Err(violation) => panic!("SHIFT_SEED={seed}: {violation:?}"),
        }
    }
    println!("{shifts} shifts: {sum:#?}");
    let least = [
        ("submitted", sum.submitted, 100),
        ("refused, the queue is full", sum.refused[0], 5),
        ("refused, too many of the callee", sum.refused[1], 5),
        ("refused, in quarantine", sum.refused[2], 5),
        ("served", sum.served, 50),
        ("removed", sum.removed, 5),
        ("abandoned", sum.abandoned, 1),
        ("told to wake", sum.told, 20),
        ("stepped over", sum.stepped_over, 10),
    ];
    for (what, count, per_shift) in least {
        assert!(count >= per_shift * shifts, "{what}: {count} times in {shifts} shifts");
    }
    let rare = [
        ("came back", sum.returned),
        ("on trial", sum.trials[0]),
        ("on trial, in time", sum.trials[1]),
        ("on trial in vain", sum.trials[0] - sum.trials[1]),
        ("closed", sum.closed),
        ("renewed", sum.renewals),
    ];
    for (what, count) in rare {
        assert!(count * 20 >= shifts, "{what}: {count} times in {shifts} shifts");
    }
}

#[test]
fn every_planted_bug_is_found() {
    for canary in Canary::ALL {
        let alarm = (0..CANARY_SHIFTS)
            .find_map(|seed| Some((seed, run_seed(seed, Some(canary), false).err()?.rule)));
        let Some((seed, rule)) = alarm else {
            panic!("{canary:?} was not found in {CANARY_SHIFTS} shifts");
        };
        println!("{canary:?}: seed {seed}, {rule:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_shift() {
    for seed in 0..50 {
        let plan = fezz_sim::shift::draw(seed);
        let log = shell::run(&plan);
        assert!(log == shell::run(&plan), "seed {seed}");
        assert_eq!(judge::judge(&plan, &log).ok(), run_seed(seed, None, false).ok());
    }
}
