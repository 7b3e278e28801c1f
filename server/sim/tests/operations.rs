//! Operations by chance, under plain `cargo test`: the same check as the fuzzer's.

use fezz_sim::rng::Rng;
use fezz_sim::targets::operations;

/// Runs.
const RUNS: u64 = 4_000;
/// Longest spelling of one run, in octets.
const OCTETS_MAX: usize = 1_200;

#[test]
fn the_core_holds_under_operations_by_chance() {
    for seed in 0..RUNS {
        let mut rng = Rng::from_seed(seed);
        let length = rng.size(0, OCTETS_MAX);
        let octets: Vec<u8> =
            (0..length).map(|_| u8::try_from(rng.below(256)).unwrap_or(0)).collect();
        operations(&octets);
    }
}
