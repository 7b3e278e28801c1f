//! A number of microseconds since the loop began: the only time the core knows.
//!
//! There is no clock here. The driver reads one, once a turn, and passes the reading down; the
//! simulator makes readings up.

use core::ops::Add;

/// A point in time, in microseconds since the driver's loop began. Never goes backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment the loop began.
    pub const ZERO: Self = Self(0);

    /// The point `micros` microseconds after the loop began.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the loop began.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This point and `millis` milliseconds more; saturates at the end of time.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }

    /// Microseconds from `earlier` to this point; zero when `earlier` is later, because a virtual
    /// machine's clock may step back and that must cost nobody anything.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<core::time::Duration> for Instant {
    type Output = Self;

    fn add(self, span: core::time::Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let late = Instant::from_micros(u64::MAX - 1);
        assert_eq!(late.plus_millis(1).as_micros(), u64::MAX);
        assert_eq!(Instant::ZERO.micros_since(late), 0);
        assert_eq!(late.micros_since(Instant::ZERO), u64::MAX - 1);
        assert_eq!((late + core::time::Duration::from_secs(9)).as_micros(), u64::MAX);
    }
}
