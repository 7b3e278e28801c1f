//! One worker's seat: a single atomic word says who sits in it, and until when.
//!
//! ```text
//! epoch (20 bits) | state (2 bits) | deadline in milliseconds of the server's clock (42 bits)
//!
//!             took a job      finished                overdue     hired
//! Idle        Running         -                       -           -
//! Running     -               Idle: deliver           Vacated     -
//! Vacated     -               (old epoch) drop, leave -           Idle, epoch + 1
//! ```
//!
//! Only the thread that holds the present epoch moves a seat from Idle to Running. Whether a call
//! ended in time is decided by one compare-and-swap of that thread against one of the sweep:
//! exactly one of them wins, so that an answer is delivered or dropped, never both, and no seat is
//! held by two threads. The words wrap after 2^20 threads that were abandoned in one seat.

use super::sync::{AtomicU64, Ordering};

const DEADLINE_BITS: u32 = 42;
const STATE_BITS: u32 = 2;
const DEADLINE_MASK: u64 = (1 << DEADLINE_BITS) - 1;
const STATE_MASK: u64 = ((1 << STATE_BITS) - 1) << DEADLINE_BITS;
const IDLE: u64 = 0;
const RUNNING: u64 = 1 << DEADLINE_BITS;
const VACATED: u64 = 2 << DEADLINE_BITS;
const EPOCH_ONE: u64 = 1 << (DEADLINE_BITS + STATE_BITS);

/// A place from which functions are called.
#[derive(Debug)]
pub(crate) struct Seat(AtomicU64);

/// The right to sit in a seat, until it is vacated. Not cloneable: one thread has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tenure {
    epoch: u64,
}

/// The seat was vacated while its thread was inside a call: somebody else sits in it by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abandoned;

impl Seat {
    /// A seat for whoever is hired first.
    pub(crate) fn vacant() -> Self {
        Self(AtomicU64::new(VACATED))
    }

    /// A seat in the middle of a call that ends by `deadline_ms`.
    pub(crate) fn running(deadline_ms: u64) -> (Self, Tenure) {
        (Self(AtomicU64::new(RUNNING | deadline_ms.min(DEADLINE_MASK))), Tenure { epoch: 0 })
    }

    /// A call begins that has until `deadline_ms`, in milliseconds of the server's clock.
    pub(crate) fn begin(&self, tenure: &Tenure, deadline_ms: u64) {
        // Nobody else writes to an idle seat, so that a store is enough.
        self.0.store(tenure.epoch | RUNNING | deadline_ms.min(DEADLINE_MASK), Ordering::Release);
    }

    /// The call is over.
    ///
    /// # Errors
    ///
    /// The sweep was faster: the answer is dropped, and this thread leaves.
    pub(crate) fn end(&self, tenure: &Tenure) -> Result<(), Abandoned> {
        let word = self.0.load(Ordering::Relaxed);
        if word & !DEADLINE_MASK != tenure.epoch | RUNNING {
            return Err(Abandoned);
        }
        self.0
            .compare_exchange(word, tenure.epoch | IDLE, Ordering::AcqRel, Ordering::Acquire)
            .map_or(Err(Abandoned), |_| Ok(()))
    }

    /// Until when the call in this seat may go on, if one runs.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        let word = self.0.load(Ordering::Acquire);
        (word & STATE_MASK == RUNNING).then_some(word & DEADLINE_MASK)
    }

    /// Takes the seat from its thread when its call had to be over before `now_ms`.
    pub(crate) fn vacate(&self, now_ms: u64) -> bool {
        let word = self.0.load(Ordering::Acquire);
        let overdue = word & STATE_MASK == RUNNING && word & DEADLINE_MASK < now_ms;
        let vacated = word & !(STATE_MASK | DEADLINE_MASK) | VACATED;
        overdue
            && self.0.compare_exchange(word, vacated, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Seats the calling thread; `None` unless the seat is vacant.
    pub(crate) fn hire(&self) -> Option<Tenure> {
        let word = self.0.load(Ordering::Acquire);
        if word & STATE_MASK != VACATED {
            return None;
        }
        let epoch = (word & !(STATE_MASK | DEADLINE_MASK)).wrapping_add(EPOCH_ONE);
        self.0
            .compare_exchange(word, epoch | IDLE, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
            .then_some(Tenure { epoch })
    }
}
