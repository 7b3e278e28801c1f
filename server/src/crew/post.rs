//! A worker's post: its number, its seat, and which thread sits there.

use std::sync::atomic::{AtomicI32, Ordering};

use fezz_proto::Instant;

use super::seat::{Abandoned, Seat, Tenure};

/// One worker's post.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) number: usize,
    seat: Seat,
    thread: AtomicI32,
}

impl Post {
    pub(crate) fn new(number: usize) -> (Self, Tenure) {
        let (seat, tenure) = Seat::new();
        (Self { number, seat, thread: AtomicI32::new(0) }, tenure)
    }

    /// The calling thread takes the post over.
    pub(crate) fn man(&self) {
        self.thread.store(crate::sys::thread::current(), Ordering::Relaxed);
    }

    /// The thread that sits there, as the operating system numbers it.
    pub(crate) fn thread(&self) -> i32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// A call begins.
    pub(crate) fn begin(&self, tenure: &Tenure, deadline: Instant) {
        self.seat.begin(tenure, millis(deadline));
    }

    /// The call is over; see [`Seat::end`].
    pub(crate) fn end(&self, tenure: &Tenure) -> Result<(), Abandoned> {
        self.seat.end(tenure)
    }

    /// When the present call has to be over, in milliseconds of the server's clock.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.seat.deadline_ms()
    }

    /// Takes the post from its thread when its call is overdue at `now`.
    pub(crate) fn vacate(&self, now: Instant) -> bool {
        self.seat.vacate(millis(now))
    }

    /// The right of the next thread, after the post was vacated.
    pub(crate) fn hire(&self) -> Option<Tenure> {
        self.seat.hire()
    }
}

/// Milliseconds of the server's clock, as seats count them.
pub(crate) const fn millis(at: Instant) -> u64 {
    at.as_micros() / 1_000
}
