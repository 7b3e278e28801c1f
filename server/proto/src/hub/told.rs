//! What a hub tells those who look on: notices of what happened, and counts of what every request
//! does.

use super::Hub;
use crate::notice::{Notice, Usual};

impl Hub {
    /// What happened since [`Hub::clear_notices`], and how many notices were dropped because the
    /// driver did not look in time. What every request does is among them as [`Hub::set_usual`]
    /// says.
    #[must_use]
    pub fn notices(&self) -> (&[Notice], u64) {
        (&self.shared.notices, self.shared.notices_dropped)
    }

    /// What every request does is counted, and kept as notices only where `noticed`: as long as
    /// nobody says otherwise.
    pub const fn set_usual(&mut self, noticed: bool) {
        self.shared.notices_usual = noticed;
    }

    /// How often happened what every request does, since [`Hub::clear_notices`].
    #[must_use]
    pub const fn usual(&self) -> &Usual {
        &self.shared.usual
    }

    /// The notices were looked at, and what was counted.
    pub fn clear_notices(&mut self) {
        self.shared.usual = Usual::default();
        self.shared.notices.clear();
        self.shared.notices_dropped = 0;
    }
}
