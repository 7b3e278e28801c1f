//! The scenarios in their order; the number of each is its place in this list.

use super::failure::Result;
use super::short;
use super::stage::Stage;

/// One scenario.
#[derive(Clone, Copy)]
pub(super) struct Scenario {
    /// Its name on the command line and in the table of budgets.
    pub(super) name: &'static str,
    /// Two sentences: what is done, and what is looked at.
    pub(super) about: &'static str,
    /// Ids of what it measures, without those of [`super::stage::COMMON`].
    pub(super) figures: &'static [&'static str],
    /// Plays it.
    pub(super) play: fn(&mut Stage) -> Result<()>,
}

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[short::SCENARIO];
