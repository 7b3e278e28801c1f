//! A thread that drives a loop: turn after turn, and between them the calls that it makes itself,
//! each with the loop given away.

use std::ffi::CString;
use std::io;
use std::sync::Arc;
use std::thread;

use super::yard::{Call, LoopBerth, Yard};
use crate::crew::{AbortOnPanic, Caller, Completion, Job, Stay, Took, millis};
use crate::sys;
use crate::turn::Loop;

/// Drives `held` until it ends or is taken; in the latter case the thread stays as a spare one.
pub(crate) fn drive(yard: &Arc<Yard>, held: Box<Loop>) {
    let _told = TellPanic(yard);
    let mut driver = Driver::new(yard);
    if driver.drive(held) == Drove::Taken {
        go_by(SPARE_NAME.to_owned());
        stand_by(yard, false);
    }
}

/// Waits for loops that need a driver.
pub(super) fn stand_by(yard: &Arc<Yard>, mut announced: bool) {
    let _told = TellPanic(yard);
    let mut driver = Driver::new(yard);
    while let Some(held) = yard.spares.wait(std::mem::take(&mut announced), yard.loops()) {
        go_by(format!("{LOOP_NAME}{}", held.home()));
        if driver.drive(held) == Drove::GivenUp {
            return;
        }
        go_by(SPARE_NAME.to_owned());
    }
}

/// What the thread of a loop is called, before its number.
pub(crate) const LOOP_NAME: &str = "fezz-loop-";
/// What a thread is called that stands ready.
pub(super) const SPARE_NAME: &str = "fezz-spare";

/// Calls this thread what it is now, for whoever looks at the process.
fn go_by(name: String) {
    if let Ok(name) = CString::new(name) {
        sys::thread::rename(&name);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Drove {
    /// The loop is over.
    Ended,
    /// Somebody else drives it.
    Taken,
    /// Somebody else drives it, and this thread was given up: what was done to it cannot be undone.
    GivenUp,
}

struct Driver<'y> {
    yard: &'y Arc<Yard>,
    caller: Caller,
    stay: Stay,
    thread: i32,
}

impl<'y> Driver<'y> {
    fn new(yard: &'y Arc<Yard>) -> Self {
        let (caller, stay) = (Caller::new(&yard.place), Stay::default());
        Self { yard, caller, stay, thread: sys::thread::current() }
    }

    fn drive(&mut self, mut held: Box<Loop>) -> Drove {
        let Some(berth) = self.yard.berth(held.home()) else {
            let error = io::Error::other("a loop without a berth: a bug of ours");
            drop(self.yard.ended.send(Err(error)));
            return Drove::Ended;
        };
        loop {
            if held.is_over() {
                // Fails when nobody waits for the end any more.
                drop(self.yard.ended.send(Ok(held.end())));
                return Drove::Ended;
            }
            if let Err(error) = held.begin_turn() {
                drop(self.yard.ended.send(Err(error)));
                return Drove::Ended;
            }
            while held.pump_on() {
                held = match self.make_calls(held, berth) {
                    Ok(held) => held,
                    Err(drove) => return drove,
                };
            }
            held.end_turn();
        }
    }

    /// Makes the calls of a few connections, unless the loop is taken meanwhile.
    fn make_calls(&mut self, mut held: Box<Loop>, berth: &LoopBerth) -> Result<Box<Loop>, Drove> {
        while held.begin_calls() {
            if let Some(job) = held.next_call(&mut self.stay) {
                held = self.call(held, job, berth)?;
            }
            held.go_on();
        }
        self.stay.end();
        Ok(held)
    }

    /// Makes one call with the loop given away, and those that follow it.
    fn call(
        &mut self,
        held: Box<Loop>,
        mut job: Job,
        berth: &LoopBerth,
    ) -> Result<Box<Loop>, Drove> {
        // A panic in here is a bug of ours, in code that other people's requests depend on.
        let bug = AbortOnPanic;
        let (place, thread) = (&self.yard.place, self.thread);
        let mut started = held.now();
        let mut voyage = berth.park(held, Call::of(&job, thread), started.as_micros());
        // After the berth: the watch sees the call, or is woken; it sees the last of them as well.
        place.alarm.stir();
        let back = loop {
            let (reply, ended) = self.caller.call(&mut job, started);
            let took = Took::of(job.queued, started, ended);
            let (home, callee) = (job.home, job.job.callee);
            let completion = Completion::of(&mut job, reply, took);
            let turned = berth.turn(&mut voyage, completion, |held, completion| {
                held.handle_call(completion, ended);
                job = held.next_call(&mut self.stay)?;
                Some((Call::of(&job, thread), ended.as_micros()))
            });
            match turned {
                Ok(None) => started = ended,
                Ok(Some(held)) => break Ok(held),
                Err((completion, Some(left))) if left.ends_in_time() => {
                    self.stay.end();
                    place.bring_home(home, completion);
                    place.alarm.expect(millis(ended));
                    break Err(Drove::Taken);
                }
                Err(_) => {
                    self.stay.end();
                    place.stray_returned(callee, ended);
                    break Err(Drove::GivenUp);
                }
            }
        };
        std::mem::forget(bug);
        back
    }
}

/// Tells the server when a loop's thread panics: half a server is worse than a restart.
struct TellPanic<'y>(&'y Yard);

impl Drop for TellPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let error = io::Error::other("an event loop panicked: a bug of ours");
            // Fails when nobody waits for the end any more.
            drop(self.0.ended.send(Err(error)));
        }
    }
}
