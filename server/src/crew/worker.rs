//! One worker: take a job, call the function, judge its answer, bring it home.

use fezz_proto::{Instant, Refusal, Reply};

use super::inbound::Before;
use super::{Completion, Job, Workplace};
use crate::envelope;

/// Short calls made while a loop is owed a wake.
const OWED_CALLS_MAX: u32 = 64;
/// Microseconds for which a loop may be owed a wake while short calls are made.
const OWED_US_MAX: u64 = 200;

/// Octets of buffer that a worker keeps between calls.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// Works until the queue is closed. The clock is read once a call: the end of one is the begin of
/// the next.
pub(super) fn work(place: &Workplace) {
    // A panic here is a bug of ours in code that holds other people's requests. Going on with a
    // worker less would be silent; the supervisor's restart is not.
    let bug = AbortOnPanic;
    let mut debts = Debts::default();
    let mut before = Before::default();
    let mut spare = Vec::new();
    let mut now = place.clock.now();
    loop {
        let job = match place.inbound.take(&mut before) {
            Some(job) => job,
            None => {
                debts.pay(place);
                let Some(job) = place.inbound.wait(&mut before) else { break };
                now = place.clock.now();
                job
            }
        };
        if !job.callee.is_short() || debts.are_due(now) {
            debts.pay(place);
        }
        now = call(place, job, &mut spare, now, &mut debts);
    }
    std::mem::forget(bug);
}

fn call(
    place: &Workplace,
    mut job: Job,
    spare: &mut Vec<u8>,
    started: Instant,
    debts: &mut Debts,
) -> Instant {
    let waited_us = started.micros_since(job.queued);
    let mut ended = started;
    let outcome = if started >= job.deadline {
        Err(Refusal::Late)
    } else if waited_us > place.queue_ms_max * 1_000 {
        Err(Refusal::Busy)
    } else {
        let left_ms = job.deadline.micros_since(started) / 1_000;
        fezz_wire::set_deadline(&mut job.envelope, &mut job.layout, left_ms);
        spare.clear();
        let request = job.layout.envelope(&job.envelope);
        let judged = job.callee.function.call(request, |answer| {
            envelope::judge(&job.callee.name, answer, &place.response_limits, spare)
        });
        ended = place.clock.now();
        job.callee.took(ended.micros_since(started));
        judged.map(|judged| Reply {
            // The request's buffer is the next reply's.
            octets: std::mem::replace(spare, std::mem::take(&mut job.envelope)),
            head_bytes: judged.head_bytes,
            status: judged.status,
        })
    };
    if spare.capacity() > SPARE_BYTES_MAX {
        // One large request must not stay with the worker for good.
        *spare = Vec::new();
    }
    let completion = Completion { ticket: job.ticket, outcome };
    debts.calls += 1;
    if place.outbound.get(usize::from(job.home)).is_some_and(|home| home.push(completion)) {
        debts.owe(job.home, ended);
    }
    ended
}

/// The loops that sleep and have something to do.
#[derive(Default)]
struct Debts {
    /// One bit per loop.
    loops: u64,
    since: Instant,
    calls: u32,
}

impl Debts {
    fn owe(&mut self, home: u16, now: Instant) {
        if self.loops == 0 {
            self.since = now;
            self.calls = 0;
        }
        self.loops |= 1 << (home % 64);
    }

    fn are_due(&self, now: Instant) -> bool {
        self.calls >= OWED_CALLS_MAX || now.micros_since(self.since) >= OWED_US_MAX
    }

    fn pay(&mut self, place: &Workplace) {
        while self.loops != 0 {
            let home = self.loops.trailing_zeros() as usize;
            self.loops &= self.loops - 1;
            if let Some(outbound) = place.outbound.get(home) {
                outbound.wake();
            }
        }
    }
}

/// Ends the process when it is dropped by unwinding.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        std::process::abort();
    }
}
