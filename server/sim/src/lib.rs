//! Seeded worlds around the connection core, judged by an independent reader; no socket, no clock.
//!
//! A world is a plan (limits, clients, faults and how likely each is), a driver that obeys
//! [`fezz_proto::Hub`] over pipes, workers that misbehave, and virtual time. Nothing in it is left
//! to chance: the same seed is the same world, octet for octet. `cargo test` runs tens of thousands
//! of them, the fuzzers spell plans in octets, and both are judged by [`oracle`].
//!
//! `SIM_SEED=n cargo test -p fezz-sim --test worlds -- --nocapture` replays one world with its
//! trace.

pub mod accounts;
pub mod channel;
pub mod client;
pub mod crew;
pub mod driver;
pub mod envelope;
pub mod operations;
pub mod oracle;
pub mod pipe;
pub mod plan;
pub mod reader;
pub mod request;
pub mod rng;
pub mod shift;
pub mod talk;
pub mod targets;
pub mod trace;
pub mod world;

pub use oracle::{Rule, Violation};
pub use plan::{Canary, Plan};
pub use world::Report;

/// Runs the world of a seed.
///
/// # Errors
///
/// The first rule that was broken.
pub fn run_seed(seed: u64, prints: bool) -> Result<Report, Violation> {
    world::run(&plan::from_seed(seed), prints)
}

/// Runs the world of a seed with every connection behind a transport.
///
/// # Errors
///
/// The first rule that was broken.
pub fn run_secured(
    seed: u64,
    channels: &mut dyn channel::Channels,
    prints: bool,
) -> Result<Report, Violation> {
    world::run_secured(&plan::from_seed(seed).secured(), channels, prints)
}

/// Runs the world that octets spell.
///
/// # Errors
///
/// The first rule that was broken.
pub fn run_octets(octets: &[u8], canary: Option<Canary>) -> Result<Report, Violation> {
    let plan = Plan { canary, ..plan::from_octets(octets) };
    world::run(&plan, false)
}

/// Checks the world that octets spell: the whole of a fuzz target.
///
/// # Panics
///
/// When a rule is broken.
#[expect(clippy::panic, reason = "a fuzzer notices panics and nothing else")]
pub fn check(octets: &[u8]) {
    if let Err(violation) = run_octets(octets, None) {
        panic!("{violation:?}");
    }
}
