//! The probes, as the child makes them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::Duration;

use super::answer::{Fault, Shape};
use super::ask::Ask;
use super::inside::{Bench, STACK_BYTES};
use super::probe::Probe;
use crate::sys::guarded::Guarded;

/// Methods besides GET and POST: two that every resource may be asked with, and one nobody knows.
const METHODS: [&str; 3] = ["HEAD", "OPTIONS", "BREW"];
/// Threads that call at once, unless the function allows fewer.
const THREADS: usize = 4;
/// Calls of each of them.
const THREAD_CALLS: u64 = 2_000;
/// Rounds of an answer that is held while others are made.
const HELD_ROUNDS: usize = 8;
/// Calls before memory is measured: caches and pools are full then.
const WARM_UP_CALLS: u64 = 2_000;
/// Measurements of memory after that.
const BATCHES: usize = 4;
/// Calls between two of them.
const BATCH_CALLS: u64 = 4_000;
/// Growth that is worth a word, in KiB: less is what allocators do.
const GROWTH_KIB_MIN: u64 = 256;
/// Time for a thread of the function that kept a pointer to use it.
const KEPT_TIME: Duration = Duration::from_millis(20);

/// Makes a probe with a loaded function.
pub(super) fn make(probe: Probe, bench: &Bench) {
    match probe {
        Probe::Load => loaded(bench),
        Probe::Handshake => optional(bench, "fezz_handshake_v1"),
        Probe::Selfcheck => optional(bench, "fezz_selfcheck_v1"),
        Probe::Get => ask(bench, &[Ask::get(&bench.target)]),
        Probe::Post => ask(bench, &[Ask::post(&bench.target)]),
        Probe::Octets => ask(bench, &[Ask::all_octets(&bench.target)]),
        Probe::LargeBody => ask(bench, &[Ask::large(&bench.target)]),
        Probe::Methods => ask(bench, &METHODS.map(|it| Ask::method(&bench.target, it))),
        Probe::Repeat => repeat(bench),
        Probe::RequestMemory => request_memory(bench),
        Probe::AnswerMemory => answer_memory(bench),
        Probe::Threads => threads(bench),
        Probe::Growth => growth(bench),
    }
}

fn loaded(bench: &Bench) {
    bench.report.detail(format!("in {} us", bench.load_us));
}

/// The place for what is said before the first call: `fezz_init_v1`, handshake and self-check. A
/// function that lacks the symbol has the default, which is nothing to try.
fn optional(bench: &Bench, symbol: &str) {
    let exported = bench.function.inspection().optional_symbols.contains(&symbol);
    bench.report.skipped(if exported { "exported, and not called yet" } else { "not exported" });
}

fn ask(bench: &Bench, asks: &[Ask]) {
    let mut shown = Vec::new();
    for ask in asks {
        let before = bench.now_us();
        if let Some(shape) = bench.call(ask, &ask.envelope) {
            let took = bench.now_us().saturating_sub(before);
            shown.push(match asks.len() {
                1 => format!("{shape}, {took} us"),
                _ => format!("{} {}", ask.method, shape.status),
            });
        }
    }
    bench.report.detail(shown.join(", "));
}

/// Reports that two answers to one request differ; a body may differ in length, as with a time in
/// it, and status and fields may not.
fn compare(bench: &Bench, first: &Shape, then: &Shape, together: bool) -> bool {
    let same = first.status == then.status && first.names == then.names;
    if !same {
        let (first, then) = (first.clone(), then.clone());
        bench.report.found(&Fault::Unsteady { first, then, together });
    }
    same
}

fn repeat(bench: &Bench) {
    let ask = Ask::get(&bench.target);
    let Some(first) = bench.call(&ask, &ask.envelope) else { return };
    for _ in 0..3 {
        let Some(then) = bench.call(&ask, &ask.envelope) else { return };
        if !compare(bench, &first, &then, false) {
            return;
        }
    }
    bench.report.detail("4 equal answers, each freed once".to_owned());
}

/// Every request is read-only, has an unreadable page behind it, and is unreadable after the call.
fn request_memory(bench: &Bench) {
    let asks = [
        Ask::get(&bench.target),
        Ask::post(&bench.target),
        Ask::get(&bench.target),
        Ask::all_octets(&bench.target),
        Ask::get(&bench.target),
    ];
    for ask in &asks {
        let guarded = match Guarded::copy(&ask.envelope) {
            Ok(guarded) => guarded,
            Err(error) => return bench.report.skipped(&format!("no memory for it: {error}")),
        };
        let answered = bench.call(ask, guarded.octets());
        drop(guarded);
        bench.report.doing(&format!("after {}: its memory is gone", ask.label));
        if answered.is_none() {
            return;
        }
        std::thread::sleep(KEPT_TIME);
    }
    bench.report.detail("read within bounds, never written, not kept".to_owned());
}

/// An answer is held by one thread while others get and free theirs.
fn answer_memory(bench: &Bench) {
    if bench.concurrency_max() == Some(1) {
        return bench.report.skipped("max_concurrency is 1: no answer meets another call");
    }
    for round in 0..HELD_ROUNDS {
        let (held, other) = if round % 2 == 0 {
            (Ask::get_number(&bench.target, round), Ask::post_number(&bench.target, round))
        } else {
            (Ask::post_number(&bench.target, round), Ask::post_number(&bench.target, round + 1))
        };
        bench.report.doing(&format!("{} held, then {}", held.label, other.label));
        let changed = bench.function.call(&held.envelope, |answer| {
            let answer = answer.ok()?;
            let before = answer.to_vec();
            meanwhile(bench, &other);
            (answer != before).then_some(Fault::Changed { bytes: before.len() })
        });
        if let Some(fault) = changed {
            return bench.report.found(&fault);
        }
    }
    bench.report.detail(format!("{HELD_ROUNDS} answers stayed as they were"));
}

/// A call on another thread, which has ended when this returns.
fn meanwhile(bench: &Bench, other: &Ask) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        // Without a thread nothing is tried; the probe of threads says so.
        thread.spawn_scoped(scope, || bench.call_quietly(other)).ok();
    });
}

/// Calls from several threads, as many at once as the function allows.
fn threads(bench: &Bench) {
    let at_once = bench.concurrency_max().map_or(THREADS, |most| most.min(THREADS));
    let asks: Vec<[Ask; 2]> = (0..THREADS)
        .map(|number| {
            [Ask::get_number(&bench.target, number), Ask::post_number(&bench.target, number)]
        })
        .collect();
    let mut first = Vec::new();
    for pair in &asks {
        let shapes = pair.each_ref().map(|ask| bench.call(ask, &ask.envelope));
        let [Some(get), Some(post)] = shapes else { return };
        first.push([get, post]);
    }
    bench.report.doing(&format!("{at_once} calls at once from {THREADS} threads"));
    let (calls, barrier) = (AtomicU64::new(0), Barrier::new(THREADS));
    // Who holds a turn may call: with fewer turns than threads the function moves among threads.
    let turns: Vec<Mutex<()>> = (0..at_once).map(|_| Mutex::new(())).collect();
    let start_us = bench.now_us();
    let call = |number: usize| {
        barrier.wait();
        for round in 0..THREAD_CALLS {
            let which = usize::from(round % 2 == 1);
            let turn = turns[number % turns.len()].lock();
            let shape = bench.call_quietly(&asks[number][which]);
            drop(turn.unwrap_or_else(PoisonError::into_inner));
            calls.fetch_add(1, Ordering::Relaxed);
            let Some(shape) = shape else { return };
            if !compare(bench, &first[number][which], &shape, true) || !bench.has_time(start_us) {
                return;
            }
        }
    };
    let started = std::thread::scope(|scope| {
        let spawn = |number| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, move || call(number))
        };
        (0..THREADS).map(spawn).collect::<Result<Vec<_>, _>>().map(drop)
    });
    let calls = calls.into_inner();
    match started {
        Ok(()) => bench.report.detail(format!("{calls} calls, {at_once} at once")),
        Err(error) => bench.report.skipped(&format!("no threads for it: {error}")),
    }
}

/// Many calls; memory is looked at between batches of them.
fn growth(bench: &Bench) {
    let asks = [Ask::get(&bench.target), Ask::post_number(&bench.target, 0)];
    let calls = |most: u64, budget_us: u64| {
        let start_us = bench.now_us();
        let mut made = 0;
        while made < most && bench.now_us().saturating_sub(start_us) < budget_us {
            let ask = &asks[usize::from(made % 2 == 1)];
            bench.call_quietly(ask)?;
            made += 1;
        }
        Some(made)
    };
    bench.report.doing("many calls, one after another");
    let share_us = bench.budget_us / (BATCHES as u64 + 1);
    if calls(WARM_UP_CALLS, share_us).is_none() {
        return;
    }
    let Some(mut before) = resident_kib() else {
        return bench.report.skipped("memory cannot be measured on this system");
    };
    let (start, mut made, mut steady) = (before, 0, true);
    for _ in 0..BATCHES {
        let Some(batch) = calls(BATCH_CALLS, share_us) else { return };
        made += batch;
        let now = resident_kib().unwrap_or(before);
        steady &= now > before;
        before = now;
    }
    let kib = before.saturating_sub(start);
    // One larger step is a pool that found its size; a leak grows with every batch.
    if steady && kib >= GROWTH_KIB_MIN {
        bench.report.found(&Fault::Growth { kib, calls: made });
    }
    bench.report.detail(format!("{made} calls, {kib} KiB more"));
}

/// Anonymous memory of this process that is in use, in KiB (proc_pid_status(5)).
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
