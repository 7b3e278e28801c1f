//! What the driver has not polled yet, in one octet: it is looked at several times for each
//! request, and more often than not there is nothing.

use crate::action::Void;

/// One thing that waits to be polled.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Due {
    /// The head behind a request that was answered has not been looked at.
    ReadOn = 1,
    Route = 1 << 1,
    Dispatch = 1 << 2,
    /// An exchange is over and was not told of: the present one, or the one before it.
    Finished = 1 << 3,
    Shut = 1 << 4,
    Close = 1 << 5,
}

/// Actions that the driver has not polled yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// Those of [`Due`] that wait.
    due: u8,
    /// The present exchange is over and was not told of.
    pub(super) over: bool,
    /// The connection ends with a reset.
    pub(super) reset: bool,
    /// Why the ticket of [`super::Conn`]'s `forgotten` is void.
    pub(super) void: Option<Void>,
}

impl Pending {
    pub(super) const NOTHING: Self = Self { due: 0, over: false, reset: false, void: None };

    #[inline]
    pub(super) const fn is_anything(self) -> bool {
        self.due != 0
    }

    #[inline]
    pub(super) const fn is(self, due: Due) -> bool {
        self.due & due as u8 != 0
    }

    #[inline]
    pub(super) const fn add(&mut self, due: Due) {
        self.due |= due as u8;
    }

    /// Takes it out if nothing else is there; whether that was so.
    #[inline]
    pub(super) const fn take_only(&mut self, due: Due) -> bool {
        let only = self.due == due as u8;
        if only {
            self.due = 0;
        }
        only
    }

    /// Takes it out; whether it was there.
    #[inline]
    pub(super) const fn take(&mut self, due: Due) -> bool {
        let was = self.is(due);
        // Most of what is looked for is not there.
        if was {
            self.due &= !(due as u8);
        }
        was
    }
}
