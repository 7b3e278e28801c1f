//! The probes, as the child makes them.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fezz_abi::host::SelfCheck;
use fezz_abi::{Abi, CancelReason};

use super::answer::{Fault, Shape};
use super::ask::Ask;
use super::inside::{Bench, STACK_BYTES};
use super::probe::Probe;
use crate::sys::guarded::Guarded;

/// Methods besides GET and POST: two that every resource may be asked with, and one nobody knows.
const METHODS: [&str; 3] = ["HEAD", "OPTIONS", "BREW"];
/// Why a probe of many calls was not made, or not to its end.
const TOO_SLOW: &str = "too slow for many calls in the time there is";
/// Why memory is not looked at behind the earlier boundary.
const COPIED: &str = "the JSON boundary copies requests and answers";
/// Threads that call at once, unless the function allows fewer.
const THREADS: usize = 4;
/// Calls of each of them.
const THREAD_CALLS: u64 = 2_000;
/// The same request, so many times.
const REPEATED: u32 = 4;
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
/// Time for a function to bring what it does beside its calls to an end, in nanoseconds.
const DRAIN_NS: u64 = 1_000_000_000;
/// Time for a thread of the function that kept a pointer to use it.
const KEPT_TIME: Duration = Duration::from_millis(20);

/// Makes a probe with a loaded function.
pub(super) fn make(probe: Probe, bench: &mut Bench) {
    match probe {
        Probe::Load => return bench.report.detail(format!("in {} us", bench.load_us)),
        Probe::Handshake => return handshake(bench),
        _ => {}
    }
    if bench.begin().is_none() {
        return;
    }
    let asker = &bench.asker;
    match probe {
        Probe::Load | Probe::Handshake => {}
        Probe::Selfcheck => selfcheck(bench),
        Probe::Get => ask(bench, &[asker.get()]),
        Probe::Post => ask(bench, &[asker.post()]),
        Probe::Octets => ask(bench, &[asker.all_octets()]),
        Probe::LargeBody => ask(bench, &[asker.large()]),
        Probe::Methods => ask(bench, &METHODS.map(|method| asker.method(method))),
        Probe::Repeat => repeat(bench),
        Probe::RequestMemory => request_memory(bench),
        Probe::AnswerMemory => answer_memory(bench),
        Probe::Threads => threads(bench),
        Probe::Growth => growth(bench),
        Probe::Renewal => renewal(bench),
    }
}

fn handshake(bench: &mut Bench) {
    let exports = bench.function.exports();
    let Some(handshake) = bench.begin() else { return };
    match (exports.init, exports.handshake) {
        (false, false) => bench.report.skipped("not exported"),
        (true, false) => bench.report.detail("begun; no handshake is exported".to_owned()),
        (_, true) => bench.report.detail(format!(
            "version {}, needs {}, fallback {}, {}",
            handshake.version,
            match handshake.capabilities.as_slice() {
                [] => "nothing".to_owned(),
                some => some.join(" and "),
            },
            handshake.fallback.as_deref().unwrap_or("unsaid"),
            handshake
                .ttl
                .map_or_else(|| "for ever".to_owned(), |ttl| format!("for {} ms", ttl.as_millis())),
        )),
    }
}

fn selfcheck(bench: &Bench) {
    match bench.selfcheck() {
        None => {}
        Some(SelfCheck::Absent) => bench.report.skipped("not exported"),
        Some(SelfCheck::Passed { checks: None }) => bench.report.detail("passed".to_owned()),
        Some(SelfCheck::Passed { checks: Some(count) }) => {
            bench.report.detail(format!("{count} checks of its own passed"));
        }
    }
}

fn ask(bench: &Bench, asks: &[Ask]) {
    let mut shown = Vec::new();
    for ask in asks {
        let before = bench.now_us();
        if let Some(shape) = bench.call(ask) {
            let took = bench.now_us().saturating_sub(before);
            shown.push(match asks.len() {
                1 => format!("{shape}, {took} us"),
                _ => format!("{} {}", ask.method, shape.status),
            });
        }
        if bench.is_late() {
            break;
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
    let ask = bench.asker.get();
    let Some(first) = bench.call(&ask) else { return };
    let mut answers = 1;
    while answers < REPEATED && !bench.is_late() {
        let Some(then) = bench.call(&ask) else { return };
        if !compare(bench, &first, &then, false) {
            return;
        }
        answers += 1;
    }
    bench.report.detail(format!("{answers} equal answers, each freed once"));
}

/// Every request is read-only, has an unreadable page behind it, and is unreadable after the call.
fn request_memory(bench: &Bench) {
    if bench.function.abi() == Abi::V1 {
        return bench.report.skipped(COPIED);
    }
    let asks = [
        bench.asker.get(),
        bench.asker.post(),
        bench.asker.get(),
        bench.asker.all_octets(),
        bench.asker.get(),
    ];
    for ask in &asks {
        let answered = bench.during(|call| {
            let guarded = Guarded::copy(&ask.envelope(call))?;
            io::Result::Ok(bench.call_with(ask, guarded.octets()))
        });
        let answered = match answered {
            Ok(answered) => answered,
            Err(error) => return bench.report.skipped(&format!("no memory for it: {error}")),
        };
        bench.report.doing(&format!("after {}: its memory is gone", ask.label));
        if answered.is_none() {
            return;
        }
        std::thread::sleep(KEPT_TIME);
        if bench.is_late() {
            break;
        }
    }
    bench.report.detail("read within bounds, never written, not kept".to_owned());
}

/// An answer is held by one thread while others get and free theirs.
fn answer_memory(bench: &Bench) {
    if bench.function.abi() == Abi::V1 {
        return bench.report.skipped(COPIED);
    }
    if bench.concurrency_max() == Some(1) {
        return bench.report.skipped("max_concurrency is 1: no answer meets another call");
    }
    let mut rounds = 0;
    while rounds < HELD_ROUNDS && !bench.is_late() {
        let round = rounds;
        let (held, other) = if round % 2 == 0 {
            (bench.asker.get_number(round), bench.asker.post_number(round))
        } else {
            (bench.asker.post_number(round), bench.asker.post_number(round + 1))
        };
        bench.report.doing(&format!("{} held, then {}", held.label, other.label));
        let changed = bench.during(|call| {
            bench.function.call(&held.envelope(call), |answer| {
                let answer = answer.ok()?;
                let before = answer.to_vec();
                meanwhile(bench, &other);
                (answer != before).then_some(Fault::Changed { bytes: before.len() })
            })
        });
        if let Some(fault) = changed {
            return bench.report.found(&fault);
        }
        rounds += 1;
    }
    bench.report.detail(format!("{rounds} answers stayed as they were"));
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
        .map(|number| [bench.asker.get_number(number), bench.asker.post_number(number)])
        .collect();
    let mut first = Vec::new();
    for pair in &asks {
        let shapes = pair.each_ref().map(|ask| bench.call(ask));
        let [Some(get), Some(post)] = shapes else { return };
        first.push([get, post]);
        if bench.is_late() {
            return bench.report.skipped(TOO_SLOW);
        }
    }
    bench.report.doing(&format!("{at_once} calls at once from {THREADS} threads"));
    let calls = AtomicU64::new(0);
    // Who holds a turn may call: with fewer turns than threads the function moves among threads.
    let turns: Vec<Mutex<()>> = (0..at_once).map(|_| Mutex::new(())).collect();
    let start_us = bench.now_us();
    let call = |number: usize| {
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
    let asks = [bench.asker.get(), bench.asker.post_number(0)];
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
    // All batches together end before a probe is late, unless single calls take too long.
    let share_us = bench.budget_us / (BATCHES as u64 + 2);
    if calls(WARM_UP_CALLS, share_us).is_none() {
        return;
    }
    let Some(mut before) = resident_kib() else {
        return bench.report.skipped("memory cannot be measured on this system");
    };
    let (start, mut made, mut steady) = (before, 0, true);
    for _ in 0..BATCHES {
        let Some(batch) = calls(BATCH_CALLS, share_us) else { return };
        if bench.is_late() {
            return bench.report.skipped(TOO_SLOW);
        }
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

/// As a server does with a function that nobody has asked for a while: a call is cancelled that
/// is over, the function is brought to an end, and the next request begins it anew.
fn renewal(bench: &mut Bench) {
    let exports = bench.function.exports();
    if !(exports.init || exports.cancel || exports.drain || exports.fini) {
        return bench.report.skipped("nothing of it is exported");
    }
    let (ask, mut slow) = (bench.asker.get(), 0);
    for round in ["", " for the second time"] {
        if !round.is_empty() && (bench.is_late() || bench.begin().is_none()) {
            return;
        }
        let ended = bench.during(|call| {
            bench.call_with(&ask, &ask.envelope(call))?;
            Some(call)
        });
        let Some(call) = ended else { return };
        if exports.cancel {
            bench.report.doing(&format!("fezz_cancel_v1 of a call that is over{round}"));
            bench.function.cancel(call, CancelReason::ClientGone);
        }
        if exports.drain {
            bench.report.doing(&format!("fezz_drain_v1{round}"));
            slow += usize::from(!bench.function.drain(DRAIN_NS));
        }
        if exports.fini {
            bench.report.doing(&format!("fezz_fini_v1{round}"));
            bench.function.fini();
        }
    }
    let unsaid = if slow > 0 { "; fezz_drain_v1 said it had not ended" } else { "" };
    bench.report.detail(format!("ended, begun anew and ended again{unsaid}"));
}

/// Anonymous memory of this process that is in use, in KiB (proc_pid_status(5)).
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
