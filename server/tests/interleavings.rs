//! Every interleaving of the threads that meet at a seat, a berth and the alarm: the very files of
//! the server, compiled with the primitives of a model checker.
#![expect(dead_code, reason = "each model uses a part of what the server uses")]

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../src/crew/alarm.rs"]
mod alarm;
#[path = "../src/crew/berth.rs"]
mod berth;
#[path = "../src/crew/seat.rs"]
mod seat;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use alarm::Alarm;
use berth::{Berth, Rescued, Voyage};
use seat::Seat;

/// The call ends while the sweep finds it overdue: the answer is delivered, or the seat is somebody
/// else's. Never both, never neither.
#[test]
fn a_call_is_in_time_or_its_seat_is_taken() {
    loom::model(|| {
        let seat = Seat::vacant();
        let tenure = seat.hire().unwrap();
        let seat = Arc::new(seat);
        seat.begin(&tenure, 10);
        let worker = thread::spawn({
            let seat = Arc::clone(&seat);
            move || seat.end(&tenure).is_ok()
        });
        let vacated = seat.vacate(11);
        let successor = seat.hire();
        assert_eq!(vacated, successor.is_some());
        let in_time = worker.join().unwrap();
        assert_ne!(in_time, vacated, "delivered and taken, or neither");
        if let Some(tenure) = successor {
            seat.begin(&tenure, 20);
            assert_eq!(seat.deadline_ms(), Some(20));
            assert!(seat.end(&tenure).is_ok());
        }
    });
}

/// The thread that was abandoned comes back in the middle of its successor's call.
#[test]
fn a_late_thread_never_ends_the_call_of_its_successor() {
    loom::model(|| {
        let seat = Seat::vacant();
        let old = seat.hire().unwrap();
        let seat = Arc::new(seat);
        seat.begin(&old, 10);
        assert!(seat.vacate(11));
        let late = thread::spawn({
            let seat = Arc::clone(&seat);
            move || assert!(seat.end(&old).is_err())
        });
        let new = seat.hire().unwrap();
        seat.begin(&new, 10);
        // The same deadline: only the epoch tells the two calls apart.
        assert_eq!(seat.deadline_ms(), Some(10));
        assert!(seat.end(&new).is_ok());
        late.join().unwrap();
    });
}

/// A worker goes from call to call while the sweep looks: a seat whose call is not overdue is never
/// taken, also not because of the call before.
#[test]
fn the_sweep_takes_nobody_who_is_in_time() {
    loom::model(|| {
        let seat = Seat::vacant();
        let tenure = seat.hire().unwrap();
        let seat = Arc::new(seat);
        seat.begin(&tenure, 10);
        let worker = thread::spawn({
            let seat = Arc::clone(&seat);
            move || {
                if seat.end(&tenure).is_err() {
                    return false;
                }
                seat.begin(&tenure, 30);
                assert!(seat.end(&tenure).is_ok(), "taken although it had until 30");
                true
            }
        });
        let vacated = seat.vacate(11);
        assert_eq!(worker.join().unwrap(), !vacated);
    });
}

/// A thread was started for a vacant seat, and another one because that took too long.
#[test]
fn one_of_two_threads_gets_the_seat() {
    loom::model(|| {
        let seat = Arc::new(Seat::vacant());
        let other = thread::spawn({
            let seat = Arc::clone(&seat);
            move || seat.hire()
        });
        let mine = seat.hire();
        let theirs = other.join().unwrap();
        assert_ne!(mine.is_some(), theirs.is_some());
        assert_eq!(seat.deadline_ms(), None);
        if let Some(tenure) = mine.or(theirs) {
            seat.begin(&tenure, 1);
            assert!(seat.end(&tenure).is_ok());
        }
    });
}

/// The box of a loop; whoever drives it must be alone.
struct Hull(Arc<AtomicBool>);

impl Hull {
    fn drive(&self) {
        assert!(!self.0.swap(true, Ordering::AcqRel), "two threads drive one loop");
        self.0.store(false, Ordering::Release);
    }
}

/// The call is over, and no other one follows.
fn take_back<T>(berth: &Berth<T, u32, u32>, mut voyage: Voyage) -> Result<T, Option<u32>> {
    match berth.turn(&mut voyage, (), |_, ()| None) {
        Ok(held) => held.ok_or(None),
        Err(((), left)) => Err(left),
    }
}

/// The rescuer looks while one call ends and the next one begins: whoever has the loop has what
/// became of the first one, and the rescuer only ever takes the loop from the call that he saw.
#[test]
fn a_call_that_follows_another_is_rescued_from_on_its_own() {
    loom::model(|| {
        let driven = Arc::new(AtomicBool::new(false));
        let berth = Arc::new(Berth::<Hull, u32, u32>::new());
        let hull = Hull(Arc::clone(&driven));
        let driver = thread::spawn({
            let berth = Arc::clone(&berth);
            move || {
                let mut voyage = berth.park(hull, 7, 100);
                let turned = berth.turn(&mut voyage, 5, |hull, outcome| {
                    hull.drive();
                    assert_eq!(outcome, 5);
                    Some((8, 200))
                });
                match turned {
                    Ok(back) => assert!(back.is_none(), "there was a next one"),
                    Err((outcome, left)) => {
                        assert_eq!((outcome, left), (5, Some(70)), "what was left for this call");
                        return false;
                    }
                }
                match take_back(&berth, voyage) {
                    Ok(hull) => {
                        hull.drive();
                        true
                    }
                    Err(left) => panic!("the call of 200 is no older than 150: {left:?}"),
                }
            }
        });
        let (seen, _) = berth.glance();
        let rescued = berth.rescue(seen, 150, |call| call * 10);
        if let Some(Rescued { held, call }) = &rescued {
            assert_eq!(*call, 7, "the call of 100");
            held.drive();
        }
        assert_ne!(driver.join().unwrap(), rescued.is_some(), "both have the loop, or nobody");
    });
}

/// The rescuer looks while the call ends: one of them has the loop, and the late thread finds what
/// was left for it.
#[test]
fn a_loop_is_driven_by_exactly_one_thread() {
    loom::model(|| {
        let driven = Arc::new(AtomicBool::new(false));
        let berth = Arc::new(Berth::<Hull, u32, u32>::new());
        let hull = Hull(Arc::clone(&driven));
        let driver = thread::spawn({
            let berth = Arc::clone(&berth);
            move || {
                hull.drive();
                let voyage = berth.park(hull, 7, 100);
                match take_back(&berth, voyage) {
                    Ok(hull) => {
                        hull.drive();
                        true
                    }
                    Err(left) => {
                        assert_eq!(left, Some(70), "what the rescuer left for this call");
                        false
                    }
                }
            }
        });
        let rescued = berth.rescue(1, 101, |call| call * 10);
        if let Some(Rescued { held, call }) = &rescued {
            assert_eq!(*call, 7);
            held.drive();
        }
        assert_ne!(driver.join().unwrap(), rescued.is_some(), "both have the loop, or nobody");
        assert!(berth.rescue(1, 101, |_| 0).is_none());
    });
}

/// The rescuer is in a call of its own when the late thread comes back, and is rescued as well.
#[test]
fn a_late_thread_never_takes_the_loop_of_its_rescuer() {
    loom::model(|| {
        let driven = Arc::new(AtomicBool::new(false));
        let berth = Arc::new(Berth::<Hull, u32, u32>::new());
        let first = berth.park(Hull(Arc::clone(&driven)), 1, 100);
        let held = berth.rescue(1, 101, |call| *call).unwrap().held;
        let late = thread::spawn({
            let berth = Arc::clone(&berth);
            move || assert_eq!(take_back(&berth, first).err(), Some(Some(1)))
        });
        held.drive();
        let second = berth.park(held, 2, 200);
        let again = berth.rescue(2, 150, |call| *call);
        assert!(again.is_none(), "the call of 200 is no older than 150");
        let held = take_back(&berth, second).ok().unwrap();
        held.drive();
        late.join().unwrap();
    });
}

/// The machine stood still: the call that is under way is old, and nobody has seen it before.
#[test]
fn a_call_is_rescued_from_when_two_looks_have_seen_it() {
    loom::model(|| {
        let berth = Berth::<u32, u32, u32>::new();
        let (seen, _) = berth.glance();
        let voyage = berth.park(5, 5, 100);
        assert!(berth.rescue(seen, 9_000, |_| 0).is_none(), "nobody saw it");
        let (seen, parked) = berth.glance();
        assert!(parked);
        assert_eq!(take_back(&berth, voyage), Ok(5));
        let _next = berth.park(6, 6, 8_000);
        assert!(berth.rescue(seen, 9_000, |_| 0).is_none(), "that was the one before");
        let (seen, _) = berth.glance();
        assert!(berth.rescue(seen, 8_000, |_| 0).is_none(), "it is no older than 8,000");
        assert_eq!(berth.rescue(seen, 9_000, |_| 0).unwrap().held, 6);
    });
}

/// The watch falls asleep while a loop begins a call: the watch sees the call, or is woken.
#[test]
fn no_call_goes_unwatched() {
    loom::model(|| {
        let alarm = Arc::new(Alarm::new());
        let berth = Arc::new(Berth::<u32, u32, u32>::new());
        let seen = Arc::new(AtomicUsize::new(0));
        let watch = thread::spawn({
            let (alarm, berth, seen) = (Arc::clone(&alarm), Arc::clone(&berth), Arc::clone(&seen));
            move || {
                // Without a deadline, the only way out of this loop is to see the call.
                while !berth.glance().1 {
                    alarm.sleep(0, || !berth.glance().1);
                }
                seen.store(1, Ordering::Release);
            }
        });
        let _voyage = berth.park(5, 5, 100);
        alarm.stir();
        watch.join().unwrap();
        assert_eq!(seen.load(Ordering::Acquire), 1);
    });
}

/// Two calls end while the watch falls asleep, and one of them wants it at a certain time.
#[test]
fn no_expectation_is_lost() {
    loom::model(|| {
        let alarm = Arc::new(Alarm::new());
        let other = thread::spawn({
            let alarm = Arc::clone(&alarm);
            move || alarm.expect(7)
        });
        alarm.expect(9);
        other.join().unwrap();
        assert!(!alarm.take_due(6));
        assert!(alarm.take_due(7), "the earlier one");
        assert!(!alarm.take_due(9), "whoever looks says itself when it has to look again");
    });
}
