//! The alarm works: each bug that can be planted in the driver is found within a thousand worlds.

use std::panic::{catch_unwind, set_hook, take_hook};

use fezz_sim::{Canary, Plan, plan, world};

/// Worlds in which a planted bug must show.
const WORLDS: u64 = 1_000;

/// The first world in which the bug shows, and how.
fn first_alarm(canary: Canary) -> Option<(u64, String)> {
    (0..WORLDS).find_map(|seed| {
        let plan = Plan { canary: Some(canary), ..plan::from_seed(seed) };
        match catch_unwind(|| world::run(&plan, false)) {
            Ok(Ok(_)) => None,
            Ok(Err(violation)) => Some((seed, format!("{:?}", violation.rule))),
            Err(_) => Some((seed, "panic".to_owned())),
        }
    })
}

#[test]
fn every_planted_bug_is_found() {
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    let alarms = Canary::ALL.map(|canary| (canary, first_alarm(canary)));
    set_hook(hook);
    for (canary, alarm) in alarms {
        let Some((seed, rule)) = alarm else {
            panic!("{canary:?} was not found in {WORLDS} worlds");
        };
        println!("{canary:?}: seed {seed}, {rule}");
    }
}

#[test]
fn without_a_planted_bug_there_is_no_alarm() {
    for seed in 0..WORLDS {
        assert!(fezz_sim::run_seed(seed, false).is_ok(), "seed {seed}");
    }
}
