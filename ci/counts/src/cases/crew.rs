//! Where calls are handed over: the seat of a worker, and the roster of jobs.

use std::hint::black_box;

use fezz_proto::roster::{Call, CalleeId, CalleeLimits, Ended, Entry, Roster, RosterLimits};
use fezz_proto::{Instant, Ticket};

use seat::Seat;

mod sync {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
}

/// The very file of the server, which gives its parts to nobody else.
#[path = "../../../../server/src/crew/seat.rs"]
#[expect(dead_code, reason = "the server uses more of it")]
mod seat;

/// A call begins and ends in time: who has the answer is decided.
pub(super) fn seat() -> Box<dyn FnMut()> {
    let seat = Seat::vacant();
    let tenure = seat.hire().expect("nobody sits there");
    let mut now_ms = 1;
    Box::new(move || {
        now_ms += 1;
        black_box(&seat).begin(&tenure, black_box(now_ms));
        assert!(black_box(&seat).end(&tenure).is_ok());
    })
}

/// About what the shell needs to make a call: a callee, a buffer and a layout.
type Job = [u64; 8];

/// A batch of jobs is submitted, and one worker takes and finishes them.
pub(super) fn batch(size: u64) -> Box<dyn FnMut()> {
    let limits =
        RosterLimits { workers: 4, jobs_max: 1_024, queue_us_max: 1_000, abandoned_max: 4 };
    let mut roster = Roster::new(limits);
    let callee = roster.enlist(CalleeLimits::default());
    let (mut batch, mut number) = (Vec::new(), 0);
    roster.sleep();
    Box::new(move || {
        number += 1;
        batch.extend((0..size).map(|place| entry(callee, number + place)));
        for entry in batch.drain(..) {
            let now = entry.queued;
            assert!(roster.submit(entry, now).is_ok(), "there is room");
        }
        black_box(roster.wakes());
        let mut before: Option<Call> = None;
        loop {
            if let Some(call) = before.take() {
                roster.done(call, Ended::InTime);
            }
            let Some(taken) = roster.take() else { break };
            black_box(roster.wakes());
            black_box(taken.entry.job);
            before = Some(taken.call);
        }
    })
}

fn entry(callee: CalleeId, number: u64) -> Entry<Job> {
    Entry {
        callee,
        home: 0,
        ticket: Ticket { index: 0, exchange: number },
        queued: Instant::from_micros(number),
        deadline: Instant::from_micros(number + 1),
        short: black_box(true),
        job: [number; 8],
    }
}
