//! What one job costs in the roster, and in the plain queue it replaced: run under callgrind to
//! count instructions.
//!
//! `roster [CASE] [ROUNDS]`; a round is a batch of jobs that is submitted, taken and done. CASE is
//! `queue-1` or `queue-16` (one double-ended queue, batches of so many jobs), `roster-1`,
//! `roster-16` (one callee), `roster-16-of-8` (eight callees in turn), `roster-16-beside` (while a
//! callee at its limit has five hundred jobs waiting), `nothing-16` (the harness alone), or `all`.
//! Instructions for one round are the difference of two runs divided by that of their rounds.
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that is wrong")]

use std::collections::VecDeque;
use std::hint::black_box;

use fezz_proto::roster::{CalleeId, CalleeLimits, Ended, Entry, Roster, RosterLimits};
use fezz_proto::{Instant, Ticket};

/// About what the shell needs to make a call: a callee, a buffer and a layout.
type Job = [u64; 8];

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

/// The plain queue: who comes first is served first, whoever is called.
struct Queue {
    jobs: VecDeque<Entry<Job>>,
    sleepers: usize,
    in_long_calls: usize,
    workers: usize,
    jobs_max: usize,
}

impl Queue {
    #[inline(never)]
    fn submit(&mut self, batch: &mut Vec<Entry<Job>>) -> usize {
        let room = self.jobs_max.saturating_sub(self.jobs.len());
        let taken = batch.len().min(room);
        let all_short = batch.iter().take(taken).all(|job| job.short);
        self.jobs.extend(batch.drain(..taken));
        let crowded = self.jobs.len() > 16;
        let somebody_awake = self.sleepers + self.in_long_calls < self.workers;
        let wanted = match all_short && !crowded {
            true if somebody_awake => 0,
            true => taken.min(1),
            false => taken,
        };
        wanted.min(self.sleepers)
    }

    #[inline(never)]
    fn take(&mut self, after_long: &mut bool) -> Option<Entry<Job>> {
        if std::mem::take(after_long) {
            self.in_long_calls -= 1;
        }
        let job = self.jobs.pop_front()?;
        if !job.short {
            self.in_long_calls += 1;
            *after_long = true;
        }
        Some(job)
    }
}

#[inline(never)]
fn submit(roster: &mut Roster<Job>, batch: &mut Vec<Entry<Job>>) -> usize {
    for entry in batch.drain(..) {
        let now = entry.queued;
        assert!(roster.submit(entry, now).is_ok(), "there is room");
    }
    roster.wakes()
}

/// As a worker does it: the end of one call and the begin of the next under one lock.
#[inline(never)]
fn next(roster: &mut Roster<Job>, before: &mut Option<fezz_proto::roster::Call>) -> Option<Job> {
    if let Some(call) = before.take() {
        roster.done(call, Ended::InTime);
    }
    let taken = roster.take()?;
    *before = Some(taken.call);
    black_box(roster.wakes());
    Some(taken.entry.job)
}

#[inline(never)]
fn fill(batch: &mut Vec<Entry<Job>>, size: u64, callees: &[CalleeId], round: u64) {
    let of = |number: u64| callees[usize::try_from(number).expect("few") % callees.len()];
    batch.extend((0..size).map(|number| entry(of(number), round + number)));
}

fn queue_rounds(size: u64, rounds: u64) -> u64 {
    let jobs = VecDeque::with_capacity(1_024);
    let mut queue = Queue { jobs, sleepers: 1, in_long_calls: 0, workers: 4, jobs_max: 1_024 };
    let (mut batch, mut seen, mut before) = (Vec::new(), 0, false);
    for round in 0..rounds {
        fill(&mut batch, size, &[CalleeId(0)], round);
        seen += queue.submit(&mut batch) as u64;
        while let Some(entry) = queue.take(&mut before) {
            seen += black_box(entry).job[7];
        }
    }
    seen
}

/// `stuck` jobs wait for a callee that is at its limit.
fn roster_rounds(size: u64, callees: u64, stuck: u64, rounds: u64) -> u64 {
    let limits =
        RosterLimits { workers: 4, jobs_max: 1_024, queue_us_max: 1_000, abandoned_max: 4 };
    let mut roster = Roster::new(limits);
    let serial = roster.enlist(CalleeLimits { running_max: 1, ..CalleeLimits::default() });
    let callees = (0..callees).map(|_| roster.enlist(CalleeLimits::default())).collect::<Vec<_>>();
    for number in 0..stuck {
        assert!(roster.submit(entry(serial, number), Instant::ZERO).is_ok(), "there is room");
    }
    let hanging = roster.take();
    roster.sleep();
    let (mut batch, mut seen, mut before) = (Vec::new(), 0, None);
    for round in 0..rounds {
        fill(&mut batch, size, &callees, round);
        seen += submit(&mut roster, &mut batch) as u64;
        while let Some(job) = next(&mut roster, &mut before) {
            seen += black_box(job)[7];
        }
    }
    seen + u64::from(black_box(hanging).is_some())
}

fn nothing_rounds(size: u64, rounds: u64) -> u64 {
    let (mut batch, mut seen) = (Vec::new(), 0);
    for round in 0..rounds {
        fill(&mut batch, size, &[CalleeId(0)], round);
        seen += batch.drain(..).map(|entry| black_box(entry).job[7]).sum::<u64>();
    }
    seen
}

fn main() {
    // Cargo passes `--bench`, which says nothing here.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let case = arguments.next().unwrap_or_else(|| "all".into());
    let rounds = arguments.next().map_or(1_000, |n| n.parse().expect("a number of rounds"));
    let cases: [(&str, &dyn Fn() -> u64); 7] = [
        ("queue-1", &|| queue_rounds(1, rounds)),
        ("queue-16", &|| queue_rounds(16, rounds)),
        ("roster-1", &|| roster_rounds(1, 1, 0, rounds)),
        ("roster-16", &|| roster_rounds(16, 1, 0, rounds)),
        ("roster-16-of-8", &|| roster_rounds(16, 8, 0, rounds)),
        ("roster-16-beside", &|| roster_rounds(16, 1, 500, rounds)),
        ("nothing-16", &|| nothing_rounds(16, rounds)),
    ];
    for (name, rounds_of) in cases {
        if case == name || case == "all" {
            println!("{name}: {rounds} rounds, {} seen", rounds_of());
        }
    }
}
