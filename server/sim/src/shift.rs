//! Seeded shifts of workers around the roster: calls that are slow, hang, or come back too late.
//!
//! A shift is a plan (limits, callees and their moods, how often loops submit), a shell that obeys
//! [`fezz_proto::roster::Roster`] as threads under one lock would, and virtual time. What the shell
//! did is written into a log, and [`judge`] recomputes from the log alone what may have happened:
//! it shares no code with the roster.
//!
//! `SHIFT_SEED=n cargo test -p fezz-sim --test shifts -- --nocapture` replays one shift and prints
//! its log.

pub mod judge;
pub mod shell;

use fezz_proto::roster::{Abandoned, Call, CalleeLimits, Ended, RosterLimits, Unfit};

use crate::rng::Rng;

/// Everything that decides a shift.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed of what is drawn while the shift runs.
    pub seed: u64,
    /// The roster's limits.
    pub limits: RosterLimits,
    /// The callees.
    pub callees: Vec<CalleePlan>,
    /// Loops that submit.
    pub homes: u16,
    /// Batches of jobs that each loop submits.
    pub batches: u32,
    /// Most jobs in a batch.
    pub batch_jobs_max: u64,
    /// Most microseconds between two batches of a loop.
    pub gap_us_max: u64,
    /// Microseconds that each job may take from its submission.
    pub deadline_us: u64,
    /// Microseconds between two looks for overdue calls, and for overdue jobs.
    pub sweep_us: u64,
    /// Most microseconds until a worker that was told to wake does.
    pub wake_us_max: u64,
    /// Whether the jobs of a callee are sent away when it is put into quarantine.
    pub expels: bool,
    /// Per mille of jobs that are forgotten.
    pub forgets: u32,
    /// Per mille of looks at which a worker wakes for nothing.
    pub spurious: u32,
    /// Per mille of looks at which a callee is renewed.
    pub renews: u32,
    /// A bug that is planted in the shell.
    pub canary: Option<Canary>,
}

/// A callee of a plan.
#[derive(Clone, Debug)]
pub struct CalleePlan {
    /// Its limits.
    pub limits: CalleeLimits,
    /// Microseconds that a call takes at most, when all is well.
    pub took_us_max: u64,
    /// When it is not itself, from and until, in microseconds; and what it does then.
    pub mood: Option<(u64, u64, Mood)>,
}

/// What a callee does that is not itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Its calls take so many times as long.
    Slow(u64),
    /// So many per mille of its calls take so many microseconds; `u64::MAX` is for ever.
    Hangs(u32, u64),
}

/// A bug planted in the shell, to prove that the judge would see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A wake gets lost now and then.
    LostWake,
    /// The end of a call is not reported now and then.
    LostEnd,
    /// The end of a call is reported twice now and then.
    EndTwice,
    /// An abandoned call is reported as one that ended in time.
    AbandonedAsDone,
    /// Calls are abandoned without asking whether they may be.
    UnaskedAbandon,
    /// A stray that came back is not reported.
    LostStray,
    /// A renewal is ended at once, while it goes on.
    EarlyRenewal,
    /// The clock of whoever submits is fast.
    FastClock,
    /// Two jobs change places on their way to the workers now and then.
    Swapped,
    /// A job is lost on its way to a worker now and then.
    LostJob,
}

impl Canary {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LostWake,
        Self::LostEnd,
        Self::EndTwice,
        Self::AbandonedAsDone,
        Self::UnaskedAbandon,
        Self::LostStray,
        Self::EarlyRenewal,
        Self::FastClock,
        Self::Swapped,
        Self::LostJob,
    ];
}

/// Something that happened. Jobs and workers are told by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A loop submitted a job; `unfit` says why it was refused, if it was.
    Submitted {
        /// The job.
        job: usize,
        /// Its callee.
        callee: usize,
        /// Whether it was said to be short.
        short: bool,
        /// Its deadline, in microseconds.
        deadline_us: u64,
        /// Why it does not wait.
        unfit: Option<Unfit>,
    },
    /// A worker woke up.
    Woke(usize),
    /// A worker found nothing, and sleeps.
    Slept(usize),
    /// A worker took a job.
    Took {
        /// The worker.
        worker: usize,
        /// The job.
        job: usize,
        /// What the roster said about the call.
        call: Call,
    },
    /// A worker's call is over.
    Done {
        /// The worker.
        worker: usize,
        /// How.
        ended: Ended,
        /// Whether the roster said that the circuit closed.
        closed: bool,
    },
    /// A worker's call was abandoned, and another thread stands in its place.
    GivenUp {
        /// The worker.
        worker: usize,
        /// What the roster said.
        told: Abandoned,
    },
    /// A stray came back to this callee.
    Returned {
        /// The callee.
        callee: usize,
        /// Whether the roster said that the circuit closed.
        closed: bool,
    },
    /// A job left the queue: it was forgotten.
    Forgotten(usize),
    /// A job left the queue: it waited too long.
    Overdue(usize),
    /// A job left the queue: its callee is in quarantine.
    Expelled(usize),
    /// Somebody wanted to renew a callee; whether it was allowed.
    Renewal(usize, bool),
    /// Such a renewal is over; the next call renews again.
    RenewalOver(usize),
    /// The renewal before this worker's call is over.
    Renewed(usize),
    /// The lock was released, and then so many workers told to wake.
    Told(usize),
}

/// What a shift that broke no rule leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Jobs submitted.
    pub submitted: u64,
    /// Jobs refused because too many wait, because too many of the callee do, and because of a
    /// quarantine.
    pub refused: [u64; 3],
    /// Calls that ended in time.
    pub served: u64,
    /// Jobs that left the queue otherwise.
    pub removed: u64,
    /// Calls that were abandoned.
    pub abandoned: u64,
    /// Abandoned calls that came back.
    pub returned: u64,
    /// Trials, and those of them that succeeded.
    pub trials: [u64; 2],
    /// Circuits that closed.
    pub closed: u64,
    /// Renewals, by a worker or by nobody's.
    pub renewals: u64,
    /// Takes that stepped over a callee with waiting jobs.
    pub stepped_over: u64,
    /// Workers told to wake.
    pub told: u64,
}

/// Runs the shift of a seed.
///
/// # Errors
///
/// The first rule that was broken.
pub fn run_seed(
    seed: u64,
    canary: Option<Canary>,
    prints: bool,
) -> Result<Tally, judge::Violation> {
    let plan = Plan { canary, ..draw(seed) };
    let log = shell::run(&plan);
    if prints {
        eprintln!("{plan:#?}");
        log.iter().for_each(|(at_us, event)| eprintln!("{at_us:>10} us  {event:?}"));
    }
    judge::judge(&plan, &log)
}

/// The plan of a seed.
#[must_use]
pub fn draw(seed: u64) -> Plan {
    let rng = &mut Rng::from_seed(seed ^ 0x5417);
    let limits = RosterLimits {
        workers: rng.pick(&[1, 2, 2, 3, 4, 6]),
        jobs_max: rng.pick(&[4, 16, 64]),
        queue_us_max: rng.pick(&[300, 2_000, 20_000]),
        abandoned_max: rng.pick(&[0, 1, 4, 8, 30]),
    };
    let deadline_us = rng.pick(&[500, 1_000, 5_000]);
    let count = rng.size(1, 5);
    let rarely = |rng: &mut Rng| if rng.chance(400) { rng.pick(&[10, 100]) } else { 0 };
    Plan {
        seed,
        limits,
        callees: (0..count).map(|_| callee(rng, deadline_us)).collect(),
        homes: rng.pick(&[1, 2]),
        batches: rng.pick(&[10, 40, 160]),
        batch_jobs_max: rng.pick(&[1, 4, 20]),
        gap_us_max: rng.pick(&[20, 200, 1_000]),
        deadline_us,
        sweep_us: rng.pick(&[50, 200, 1_000]),
        wake_us_max: rng.pick(&[1, 20, 100]),
        expels: rng.chance(500),
        forgets: rarely(rng),
        spurious: rarely(rng),
        renews: rarely(rng),
        canary: None,
    }
}

fn callee(rng: &mut Rng, deadline_us: u64) -> CalleePlan {
    let none = u32::MAX;
    let limits = CalleeLimits {
        running_max: rng.pick(&[none, none, 1, 2, 3]),
        in_flight_max: rng.pick(&[none, none, 2, 10]),
        abandoned_max: rng.pick(&[1, 2, 2, 3]),
        quarantine_us: rng.pick(&[100, 1_000, 5_000]),
    };
    let mood = rng.chance(500).then(|| {
        let from_us = rng.below(8_000);
        let what = match rng.below(3) {
            0 => Mood::Slow(rng.pick(&[10, 100])),
            1 => Mood::Hangs(rng.pick(&[100, 500, 1_000]), u64::MAX),
            _ => Mood::Hangs(rng.pick(&[100, 1_000]), deadline_us * rng.between(1, 6)),
        };
        (from_us, from_us + rng.between(500, 20_000), what)
    });
    CalleePlan { limits, took_us_max: rng.pick(&[5, 30, 200, 900]), mood }
}
