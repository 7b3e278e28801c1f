//! A worker's post: its number, its seat, and which thread sits there.

use std::sync::atomic::{AtomicI32, Ordering};

use fezz_proto::Instant;

use super::seat::{Abandoned, Seat, Tenure};

/// Milliseconds after its deadline in which a call may still come back before its thread is given
/// up: a function that hears of its cancellation needs a moment, and a thread costs more than that.
const GRACE_MS: u64 = 20;

/// One worker's post. Its worker writes to it twice in each call: posts that share a line of the
/// cache would be taken from one core by the other each time.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Post {
    pub(crate) number: usize,
    seat: Seat,
    thread: AtomicI32,
}

impl Post {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, seat: Seat::vacant(), thread: AtomicI32::new(0) }
    }

    /// The calling thread takes the post over, unless somebody has it.
    pub(crate) fn man(&self) -> Option<Tenure> {
        let tenure = self.seat.hire()?;
        self.thread.store(crate::sys::thread::current(), Ordering::Relaxed);
        Some(tenure)
    }

    /// The thread that sits there, as the operating system numbers it.
    pub(crate) fn thread(&self) -> i32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// A call begins.
    pub(crate) fn begin(&self, tenure: &Tenure, deadline: Instant) {
        self.seat.begin(tenure, given_up_at(deadline));
    }

    /// The call is over; see [`Seat::end`].
    pub(crate) fn end(&self, tenure: &Tenure) -> Result<(), Abandoned> {
        self.seat.end(tenure)
    }

    /// When the present call is given up, in milliseconds of the server's clock.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.seat.deadline_ms()
    }

    /// Takes the post from its thread when its call is overdue at `now`.
    pub(crate) fn vacate(&self, now: Instant) -> bool {
        self.seat.vacate(millis(now))
    }
}

/// When a call that had to be over by `deadline` is given up, in milliseconds of the server's
/// clock.
pub(crate) const fn given_up_at(deadline: Instant) -> u64 {
    millis(deadline) + GRACE_MS
}

/// Milliseconds of the server's clock, as seats count them.
pub(crate) const fn millis(at: Instant) -> u64 {
    at.as_micros() / 1_000
}
