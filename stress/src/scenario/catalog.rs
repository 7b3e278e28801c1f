//! The scenarios in their order; the number of each is its place in this list.

use super::failure::Result;
use super::stage::Stage;
use super::{
    amplification, descriptors, drain, endings, endless, handshakes, idle, kept, limit_bodies,
    memory, million, pipelining, reload, short, slow_bodies, slow_heads, slow_readers, workers,
};

/// One scenario.
#[derive(Clone, Copy)]
pub(super) struct Scenario {
    /// Its name on the command line and in the table of budgets.
    pub(super) name: &'static str,
    /// Two sentences: what is done, and what is looked at.
    pub(super) about: &'static str,
    /// Ids of what it measures, without those of [`super::stage::COMMON`].
    pub(super) figures: &'static [&'static str],
    /// Ids of common ones that make no sense in it.
    pub(super) without: &'static [&'static str],
    /// Plays it.
    pub(super) play: fn(&mut Stage) -> Result<()>,
}

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[
    short::SCENARIO,
    kept::SCENARIO,
    pipelining::SCENARIO,
    slow_heads::SCENARIO,
    slow_bodies::SCENARIO,
    slow_readers::SCENARIO,
    limit_bodies::SCENARIO,
    endings::SCENARIO,
    idle::SCENARIO,
    workers::SCENARIO,
    endless::SCENARIO,
    descriptors::SCENARIO,
    memory::SCENARIO,
    handshakes::SCENARIO,
    reload::SCENARIO,
    drain::SCENARIO,
    million::SCENARIO,
    amplification::SCENARIO,
];
