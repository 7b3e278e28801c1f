//! What one line of the roster's promise means, each in a row of calls that a person can follow.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;

const WAIT_US: u64 = 1_000;

fn roster(workers: u32, abandoned_max: u32) -> Roster<u64> {
    Roster::new(RosterLimits { workers, jobs_max: 8, queue_us_max: WAIT_US, abandoned_max })
}

fn us(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

fn entry(callee: CalleeId, job: u64, at_us: u64) -> Entry<u64> {
    let ticket = Ticket { index: 0, exchange: job };
    let (queued, deadline) = (us(at_us), us(at_us + WAIT_US));
    Entry { callee, home: 0, ticket, queued, deadline, short: true, job }
}

fn submit(roster: &mut Roster<u64>, callee: CalleeId, job: u64, at_us: u64) -> Option<Unfit> {
    roster.submit(entry(callee, job, at_us), us(at_us)).err().map(|(_, unfit)| unfit)
}

fn jobs(roster: &mut Roster<u64>) -> Vec<u64> {
    core::iter::from_fn(|| roster.take()).map(|taken| taken.entry.job).collect()
}

#[test]
fn callees_take_turns_and_each_keeps_its_order() {
    let mut roster = roster(4, 1);
    let [one, two, serial] = [u32::MAX, u32::MAX, 1]
        .map(|running_max| roster.enlist(CalleeLimits { running_max, ..CalleeLimits::default() }));
    for (callee, job) in
        [(one, 1), (one, 2), (one, 3), (serial, 100), (two, 11), (serial, 101), (two, 12)]
    {
        assert_eq!(submit(&mut roster, callee, job, 0), None);
    }
    assert_eq!(jobs(&mut roster), [1, 100, 11, 2, 12, 3], "101 waits, and holds nobody back");
    let first = Call::plain(serial, false);
    assert!(!roster.done(first, Ended::InTime));
    assert_eq!(jobs(&mut roster), [101]);
}

#[test]
fn a_retired_callee_keeps_no_place_from_the_others() {
    let mut roster = roster(2, 1);
    let [old, new] = [(); 2].map(|()| roster.enlist(CalleeLimits::default()));
    let long = |callee, job| Entry { short: false, ..entry(callee, job, 0) };
    assert!(roster.submit(long(old, 0), us(0)).is_ok());
    for job in 1..4 {
        assert!(roster.submit(long(new, job), us(0)).is_ok());
    }
    assert_eq!(jobs(&mut roster), [0, 1], "a place each");
    roster.wakes();
    roster.done(Call::plain(old, true), Ended::InTime);
    assert_eq!(jobs(&mut roster), [], "one place is left free for the other");
    roster.retire(old);
    assert_eq!(roster.wakes(), 0, "nobody sleeps");
    assert_eq!(jobs(&mut roster)[..1], [2], "nobody needs that place any more");
    // What was promised before is kept.
    assert!(roster.submit(long(old, 4), us(0)).is_ok());
    assert!(jobs(&mut roster).contains(&4));
}

#[test]
fn a_refusal_says_who_is_to_blame() {
    let mut roster = roster(2, 1);
    let crowded = roster.enlist(CalleeLimits { in_flight_max: 1, ..CalleeLimits::default() });
    let other = roster.enlist(CalleeLimits { abandoned_max: 1, ..CalleeLimits::default() });
    assert_eq!(submit(&mut roster, crowded, 0, 0), None);
    assert_eq!(submit(&mut roster, crowded, 1, 0), Some(Unfit::Crowded));
    for job in 2..9 {
        assert_eq!(submit(&mut roster, other, job, 0), None);
    }
    assert_eq!(submit(&mut roster, other, 9, 0), Some(Unfit::QueueFull));
    roster.abandon_inline(other, us(5));
    let until = us(5 + 10_000_000);
    assert_eq!(submit(&mut roster, other, 9, 6), Some(Unfit::Quarantined { until }));
    let names = [Unfit::QueueFull, Unfit::Crowded, Unfit::Quarantined { until }].map(Unfit::name);
    assert_eq!(names, ["queue_full", "crowded", "quarantined"]);
}

/// Only a callee not known to be short is kept from the last place, and only beside another one.
#[test]
fn a_callee_that_may_be_long_leaves_one_place_to_the_others() {
    let long = |callee| Entry { short: false, ..entry(callee, 0, 0) };
    for (workers, callees, short, places) in
        [(3, 2, false, 2), (3, 2, true, 4), (3, 1, false, 4), (1, 2, false, 4)]
    {
        let mut roster = roster(workers, 1);
        let ids = (0..callees).map(|_| roster.enlist(CalleeLimits::default()));
        let first = ids.min().unwrap();
        for _ in 0..4 {
            assert!(roster.submit(Entry { short, ..long(first) }, us(0)).is_ok());
        }
        assert_eq!(jobs(&mut roster).len(), places, "{workers} workers, {callees} callees");
    }
}

#[test]
fn a_callee_falls_ill_is_tried_and_recovers() {
    let mut roster = roster(2, 3);
    let limits = CalleeLimits { abandoned_max: 2, quarantine_us: 100, ..CalleeLimits::default() };
    let ill = roster.enlist(limits);
    for job in 0..4 {
        assert_eq!(submit(&mut roster, ill, job, 0), None);
    }
    let calls = [(); 2].map(|()| roster.take().unwrap().call);
    let healthy = Abandoned { quarantined: None, exhausted: false };
    assert_eq!(roster.abandon(calls[0], us(50)), healthy);
    let ended = Abandoned { quarantined: Some(us(160)), exhausted: false };
    assert_eq!(roster.abandon(calls[1], us(60)), ended);
    assert!(roster.take().is_none(), "what waits stays where it is");
    let mut out = Vec::new();
    roster.expel(ill, &mut out);
    assert_eq!(out.iter().map(|entry| entry.job).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(submit(&mut roster, ill, 4, 159), Some(Unfit::Quarantined { until: us(160) }));

    assert_eq!(submit(&mut roster, ill, 5, 160), None, "the trial");
    let until = us(160 + WAIT_US);
    assert_eq!(submit(&mut roster, ill, 6, 161), Some(Unfit::Quarantined { until }));
    let trial = roster.take().unwrap().call;
    assert!(trial.is_trial() && trial.is_long());
    let told = Abandoned { quarantined: Some(us(400)), exhausted: true };
    assert_eq!(roster.abandon(trial, us(200)), told, "twice as long");
    let until = us(500);
    let refused = submit(&mut roster, ill, 7, 400);
    assert_eq!(refused, Some(Unfit::Quarantined { until }), "nothing more may be abandoned");

    assert!(!roster.stray_returned(ill), "two are still too many");
    assert_eq!(submit(&mut roster, ill, 8, 450), None);
    let trial = roster.take().unwrap().call;
    assert!(roster.done(trial, Ended::InTime));
    assert_eq!(roster.circuit(ill), Circuit::Closed);
    assert_eq!(submit(&mut roster, ill, 9, 451), None);
    assert!(!roster.take().unwrap().call.is_trial());
    assert_eq!((roster.abandoned(ill), roster.running(ill)), (2, 1));
}

#[test]
fn a_stray_that_comes_back_ends_the_quarantine() {
    let mut roster = roster(2, 3);
    let ill = roster.enlist(CalleeLimits { running_max: 1, ..CalleeLimits::default() });
    assert_eq!(submit(&mut roster, ill, 0, 0), None);
    assert_eq!(submit(&mut roster, ill, 1, 0), None);
    let call = roster.take().unwrap().call;
    assert!(roster.abandon(call, us(9)).quarantined.is_some(), "nothing more can run");
    assert_eq!((roster.take().is_none(), roster.wakes()), (true, 0));
    roster.sleep();
    assert!(roster.stray_returned(ill));
    roster.sleep();
    assert_eq!(roster.wakes(), 1, "a stray takes no job");
}

#[test]
fn nobody_takes_a_job_of_a_callee_that_is_renewed() {
    let mut roster = roster(2, 1);
    let callee = roster.enlist(CalleeLimits::default());
    let renewal = roster.begin_renewal(callee).unwrap();
    assert_eq!(roster.begin_renewal(callee), None);
    (0..3).for_each(|job| assert_eq!(submit(&mut roster, callee, job, 0), None));
    assert!(roster.take().is_none());
    roster.break_off(renewal);
    let first = roster.take().unwrap().call;
    assert!(roster.take().is_none(), "the first one renews");
    roster.end_renewal(renewal);
    assert!(roster.take().is_none(), "that was over before");
    roster.end_renewal(first.renewal().unwrap());
    assert_eq!(jobs(&mut roster), [1, 2]);
}

#[test]
fn old_jobs_of_one_home_are_found_behind_those_of_another() {
    let mut roster = roster(2, 1);
    let callee = roster.enlist(CalleeLimits::default());
    for job in 0..6 {
        let home = u16::from(job % 2 == 0);
        assert!(roster.submit(Entry { home, ..entry(callee, job, job) }, us(job)).is_ok());
    }
    let mut out = Vec::new();
    roster.overdue(0, us(WAIT_US + 4), &mut out);
    assert_eq!(out.iter().map(|entry| entry.job).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(roster.forget(1, Ticket { index: 0, exchange: 5 }), None, "of another home");
    assert!(roster.forget(0, Ticket { index: 0, exchange: 5 }).is_some());
    assert_eq!(jobs(&mut roster), [0, 2, 4]);
}

/// For one callee the roster is a plain queue, and wakes whom a plain queue would have: compared
/// with one over pseudo-random rows of operations.
#[test]
fn one_callee_is_served_as_by_a_plain_queue() {
    for seed in 1..200_u64 {
        let mut roster = roster(3, 0);
        let callee = roster.enlist(CalleeLimits::default());
        let mut queue = VecDeque::new();
        let (mut long_calls, mut calls, mut row) = (0, Vec::new(), String::new());
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for step in 0..400_u64 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            row.push_str(["s", "t", "d"][(random % 3) as usize]);
            match random % 3 {
                0 => {
                    let short = random >> 8 & 3 != 0;
                    let fits = roster.submit(Entry { short, ..entry(callee, step, 0) }, us(0));
                    assert_eq!(fits.is_ok(), queue.len() < 8, "{row}");
                    let taken = usize::from(fits.is_ok());
                    queue.extend((taken == 1).then_some((step, short)));
                    let sleepers = roster.sleepers();
                    let awake = sleepers + long_calls < 3;
                    let wanted = if short && awake && taken == 1 { 0 } else { taken };
                    let least = usize::from(!queue.is_empty() && !awake);
                    assert_eq!(roster.wakes(), wanted.max(least).min(sleepers), "{row}");
                }
                1 if calls.len() + roster.sleepers() < 3 => {
                    let expected = queue.pop_front();
                    let taken = roster.take();
                    let job = taken.as_ref().map(|taken| (taken.entry.job, taken.entry.short));
                    assert_eq!(job, expected, "{row}");
                    match taken {
                        None => roster.sleep(),
                        Some(taken) => {
                            long_calls += usize::from(taken.call.is_long());
                            calls.push(taken.call);
                        }
                    }
                }
                1 => roster.woke(),
                _ => {
                    if let Some(call) = calls.pop() {
                        long_calls -= usize::from(call.is_long());
                        roster.done(call, Ended::InTime);
                    }
                }
            }
        }
    }
}
