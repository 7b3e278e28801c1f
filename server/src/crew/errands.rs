//! Errands to functions beside their calls: to tell them that a call was cancelled, and to bring
//! them to an end. An attendant runs them, never a loop; one that does not come back is replaced.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::post::given_up_at;
use super::{Callee, Inside, STACK_BYTES, Workplace};
use crate::{desk, log, sys};
use fezz_abi::CancelReason;

/// Errands that wait. Beyond it the oldest cancellations are forgotten: they are advice.
const ERRANDS_MAX: usize = 1_024;
/// Milliseconds that a function may take to hear that a call is cancelled.
const CANCEL_MS_MAX: u64 = 100;
/// Milliseconds that a function may take to come to an end.
const END_MS_MAX: u64 = 5_000;

/// What an attendant is sent for.
pub(crate) enum Errand {
    /// Nobody waits for that call any more.
    Cancel {
        /// Whose call it is.
        callee: &'static Callee,
        /// Its number.
        call: u64,
        /// Why nobody waits.
        reason: CancelReason,
    },
    /// The function is brought to an end; its next call begins it anew.
    End {
        /// Whom to end.
        callee: &'static Callee,
        /// The server ends: it is not called any more.
        last: bool,
    },
}

impl Errand {
    /// Whether it would be told to a function that has not come back from being told.
    fn is_in_vain(&self) -> bool {
        matches!(self, Self::Cancel { callee, .. } if callee.is_deaf())
    }
}

/// Errands, and who runs them.
#[derive(Default)]
pub(crate) struct Errands {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Errand>,
    attended: bool,
    busy: bool,
}

impl Errands {
    /// Sends an attendant; a thread is hired for that when there is none.
    pub(crate) fn send(&self, place: &Arc<Workplace>, errand: Errand) {
        if errand.is_in_vain() {
            return;
        }
        let mut state = self.lock();
        let advice = |errand: &Errand| matches!(errand, Errand::Cancel { .. });
        if state.waiting.len() >= ERRANDS_MAX
            && let Some(place) = state.waiting.iter().position(advice)
        {
            state.waiting.remove(place);
        }
        state.waiting.push_back(errand);
        if !state.attended {
            state.attended = hire(place);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The attendant did not come back in time: somebody else goes on with what waits.
    pub(super) fn lose_attendant(&self, place: &Arc<Workplace>) {
        let mut state = self.lock();
        state.busy = false;
        state.attended = !state.waiting.is_empty() && hire(place);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until nothing is left to do, `patience` at most.
    pub(crate) fn finish(&self, patience: Duration) {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, patience, |state| {
            state.attended && (state.busy || !state.waiting.is_empty())
        });
        drop(waited);
    }

    fn next(&self) -> Errand {
        let mut state = self.lock();
        state.busy = false;
        self.changed.notify_all();
        loop {
            if let Some(errand) = state.waiting.pop_front() {
                state.busy = true;
                return errand;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; were it so, the list would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hire(place: &Arc<Workplace>) -> bool {
    let place = Arc::clone(place);
    let attend = move || attend(&place);
    let thread = thread::Builder::new()
        .name("fezz-attendant".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(attend);
    if let Err(error) = &thread {
        let message = "no thread can be had to tell functions of cancellations and ends: it is \
                       tried again with the next one";
        log::warn("fezz::workers", &[("why", log::Value::Shown(error))], message);
    }
    thread.is_ok()
}

fn attend(place: &Arc<Workplace>) {
    loop {
        let errand = place.errands.next();
        if errand.is_in_vain() {
            continue;
        }
        let (callee, ms_max, inside) = match &errand {
            Errand::Cancel { callee, .. } => (*callee, CANCEL_MS_MAX, Inside::Cancel),
            Errand::End { callee, .. } => (*callee, END_MS_MAX, Inside::End),
        };
        let deadline = place.clock.now().plus_millis(ms_max);
        let left = place.strays.add(callee, deadline, sys::thread::current(), inside);
        place.alarm.expect(given_up_at(deadline) + 1);
        desk::under_name(&callee.name, || run(errand, place));
        if !left.ends_in_time() {
            callee.set_deaf(false);
            place.stray_returned(callee, place.clock.now());
            return;
        }
    }
}

fn run(errand: Errand, place: &Workplace) {
    match errand {
        Errand::Cancel { callee, call, reason } => callee.function.cancel(call, reason),
        Errand::End { callee, last } => {
            let renewal = if last { None } else { place.begin_end(callee) };
            if !last && renewal.is_none() {
                return;
            }
            if !callee.function.drain(END_MS_MAX * 1_000_000) {
                let fields = [("function", (&callee.name).into())];
                log::warn("fezz::workers", &fields, "the function does not say it drained");
            }
            callee.function.fini();
            callee.accord.ended();
            if let Some(renewal) = renewal {
                // Whoever takes its next job begins it anew.
                place.inbound.with(|roster| roster.break_off(renewal));
            }
        }
    }
}
