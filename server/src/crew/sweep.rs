//! Calls that are not over by their deadline lose their posts: the sweep gives them up and lets
//! somebody else work there.

use std::sync::Arc;

use fezz_proto::Instant;
use fezz_proto::roster::{Abandoned, Unfit};

use super::post::millis;
use super::{Callee, Completion, Workplace};
use crate::config::LogLevel;
use crate::log::{self, Value};
use crate::sys;

/// Milliseconds between attempts to hire a thread that could not be had.
const HIRE_AGAIN_MS: u64 = 1_000;

/// What the watch remembers between sweeps.
#[derive(Default)]
pub(crate) struct Sweep {
    /// Posts without a thread: none could be had.
    vacant: Vec<usize>,
}

impl Sweep {
    /// Gives up what is overdue, and says when to look again.
    pub(crate) fn sweep(&mut self, place: &Arc<Workplace>, now: Instant) {
        for (number, post) in place.posts.iter().enumerate() {
            if post.deadline_ms().is_none_or(|deadline_ms| deadline_ms >= millis(now)) {
                continue;
            }
            let thread = post.thread();
            let Some((callee, abandoned)) = place.inbound.give_up(post, now) else { continue };
            self.vacant.push(number);
            // It fails when the thread has just come back: then there is nothing to slow down.
            drop(sys::thread::make_idle(thread));
            if let Some(callee) = place.callee(callee) {
                told_off(place, callee, abandoned, now);
            }
        }
        self.hire(place);
        // Who is overdue and cannot be given up waits for somebody to come back.
        let deadlines = place.posts.iter().filter_map(|post| post.deadline_ms());
        if let Some(next_ms) = deadlines.filter(|next_ms| *next_ms >= millis(now)).min() {
            place.alarm.expect(next_ms + 1);
        }
        if !self.vacant.is_empty() {
            place.alarm.expect(millis(now) + HIRE_AGAIN_MS);
        }
    }

    fn hire(&mut self, place: &Arc<Workplace>) {
        self.vacant.retain(|&number| match place.hire(number) {
            Ok(()) => false,
            Err(error) => {
                let fields = [("worker", number.into()), ("why", Value::Shown(&error))];
                let message = "no thread for this worker can be had: fewer workers serve, and it \
                               is tried again every second. See to the limit of threads \
                               (TasksMax=, ulimit -u) and to free memory";
                log::event(LogLevel::Error, "fezz::workers", &fields, message);
                true
            }
        });
    }
}

/// A call of `callee` was given up: counted, said, and if that was one too many, whoever waits for
/// this function hears that it is in quarantine.
pub(super) fn told_off(place: &Workplace, callee: &Callee, abandoned: Abandoned, now: Instant) {
    callee.tally.abandoned();
    let function = ("function", Value::from(&callee.name));
    log::warn(
        "fezz::workers",
        &[function],
        "a call did not come back by its deadline: its thread is given up and replaced. The \
         function hangs, or its timeout is too short for it",
    );
    if let Some(until) = abandoned.quarantined {
        let mut waiting = Vec::new();
        place.inbound.with(|roster| {
            // It may have come back meanwhile, and be well again.
            callee.heed(roster.circuit(callee.id));
            roster.expel(callee.id, &mut waiting);
        });
        for job in waiting {
            place.bring_home(job.home, Completion::unfit(job, Unfit::Quarantined { until }, now));
        }
        let seconds = until.micros_since(now).div_ceil(1_000_000);
        log::event(
            LogLevel::Error,
            "fezz::workers",
            &[function, ("seconds", seconds.into())],
            format_args!("quarantined: 503 for {seconds} s, then one trial call"),
        );
    }
    if abandoned.exhausted {
        log::event(
            LogLevel::Error,
            "fezz::workers",
            &[function],
            "as many calls are given up as may be (workers.abandon_max): the next ones that hang \
             keep their workers. Mend the functions named before this and restart the server",
        );
    }
}
