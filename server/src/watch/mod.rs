//! The watch: one thread that looks after calls which do not come back. It takes loops from threads
//! that are kept by a call they made themselves, and posts from workers whose call is overdue.
//!
//! It looks on a short tick while loops make calls themselves, and sleeps otherwise: an idle server
//! has no wake-ups.

mod drive;
mod spares;
mod yard;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::{io, iter};

use crate::crew::{Sweep, millis};

pub(crate) use drive::{LOOP_NAME, drive};
pub(crate) use yard::Yard;

/// Milliseconds between two looks at the loops.
const TICK_MS: u64 = 1;
/// Ticks without a call after which the watch sleeps.
const QUIET_TICKS: u32 = 100;

/// Starts the watch. It ends when its alarm is closed.
///
/// # Errors
///
/// The operating system's reason why a thread cannot be had.
pub(crate) fn start(yard: &Arc<Yard>) -> io::Result<()> {
    let yard = Arc::clone(yard);
    thread::Builder::new().name("fezz-watch".to_owned()).spawn(move || watch(&yard)).map(drop)
}

fn watch(yard: &Arc<Yard>) {
    let place = &yard.place;
    let mut sweep = Sweep::default();
    let mut quiet_ticks = QUIET_TICKS;
    let mut voyages: Vec<u64> = iter::repeat_n(0, yard.loops()).collect();
    while !place.alarm.is_closed() {
        let now = place.clock.now();
        if place.alarm.take_due(millis(now)) {
            sweep.sweep(place, now);
            place.strays.sweep(place, now);
            place.end_idle(now);
            yard.staff(now);
        } else if !place.rescuer.load(Ordering::Relaxed) {
            yard.staff(now);
        }
        if yard.rescue(&mut voyages, now) {
            quiet_ticks = 0;
        } else {
            quiet_ticks = quiet_ticks.saturating_add(1);
        }
        if quiet_ticks < QUIET_TICKS {
            thread::sleep(Duration::from_millis(TICK_MS));
        } else {
            place.alarm.sleep(millis(now), || yard.is_quiet(&voyages));
        }
    }
    yard.close();
}
