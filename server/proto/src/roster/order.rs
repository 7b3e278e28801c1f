//! What goes into a roster and comes out of it: limits, jobs, refusals and outcomes.

use super::{Call, CalleeId};
use crate::ticket::Ticket;
use crate::time::Instant;

/// Limits of one roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterLimits {
    /// Workers: calls that hold a place at once.
    pub workers: u32,
    /// Jobs that wait. Prices the queue: one place for each is asked for at the start.
    pub jobs_max: u32,
    /// Microseconds that a job waits.
    pub queue_us_max: u64,
    /// Abandoned calls of all callees. Each is a thread that nobody can have back.
    pub abandoned_max: u32,
}

/// Limits of one callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalleeLimits {
    /// Calls that may be inside it at once, those that were abandoned too; `u32::MAX` is no limit.
    pub running_max: u32,
    /// Jobs that wait or run; `u32::MAX` is no limit.
    pub in_flight_max: u32,
    /// So many abandoned calls put it into quarantine; as many as may run at once do anyhow.
    pub abandoned_max: u32,
    /// Microseconds until a trial; doubled each time it fails, up to sixteenfold.
    pub quarantine_us: u64,
}

impl Default for CalleeLimits {
    fn default() -> Self {
        Self {
            running_max: u32::MAX,
            in_flight_max: u32::MAX,
            abandoned_max: 2,
            quarantine_us: 10_000_000,
        }
    }
}

/// A job that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<J> {
    /// Whom to call.
    pub callee: CalleeId,
    /// Which loop waits.
    pub home: u16,
    /// Which exchange of it.
    pub ticket: Ticket,
    /// When it was submitted.
    pub queued: Instant,
    /// When nobody waits for the answer any more.
    pub deadline: Instant,
    /// Whether its callee's calls have been short.
    pub short: bool,
    /// What the shell needs to make the call.
    pub job: J,
}

/// A job that a worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<J> {
    /// The job.
    pub entry: Entry<J>,
    /// What to tell the roster when it is over.
    pub call: Call,
}

/// How a call ended that was not abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The callee returned, with whatever answer.
    InTime,
    /// It was not called: the job was void or had waited too long.
    Unrun,
}

/// What follows from an abandoned call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned {
    /// Its callee is in quarantine, until then.
    pub quarantined: Option<Instant>,
    /// No other call may be abandoned before one comes back.
    pub exhausted: bool,
}

/// Why a job cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// As many jobs wait as may. Us.
    QueueFull,
    /// As many jobs of the callee wait or run as may. Function.
    Crowded,
    /// The callee is in quarantine. Function.
    Quarantined {
        /// When it is worth asking again.
        until: Instant,
    },
}

impl Unfit {
    /// The stable reason word in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Crowded => "crowded",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}
