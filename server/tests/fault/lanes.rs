//! Many seeds, a few servers side by side: each goes through its share without a restart.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::client::Story;
use super::control::{Canary, Injected};
use super::folder;
use super::seeds::{self, Calm, all};
use super::server::{PATIENCE, Server, until, within};

/// Servers side by side: much of a seed is waiting.
const LANES: u64 = 8;
/// Seeds of an ordinary run.
const SEEDS: u64 = 2_000;
/// Seeds after which memory is looked at first: caches are full by then.
const WARM: u64 = 100;
/// KiB by which a server may grow after that. The allocator's arenas are as many as threads.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// How long threads that were given up may take to end.
const STRAYS_PATIENCE: Duration = Duration::from_secs(300);

/// What all lanes found.
struct Found {
    story: Story,
    injected: Injected,
    /// By seed.
    wrong: BTreeMap<u64, Vec<String>>,
    /// KiB of each server, every so many seeds.
    resident: Vec<Vec<u64>>,
}

pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn no_seed_breaks_the_promise() {
    let seeds = number("FEZZ_FAULT_SEEDS", SEEDS);
    let from = number("FEZZ_FAULT_FROM", 0);
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let found = Mutex::new(Found {
        story: Story::default(),
        injected: Injected::none(),
        wrong: BTreeMap::new(),
        resident: Vec::new(),
    });
    thread::scope(|scope| {
        for lane in 0..LANES.min(seeds) {
            let (next, stop, found) = (&next, &stop, &found);
            scope.spawn(move || run(lane, next, from + seeds, stop, found));
        }
    });
    let found = found.into_inner().expect("no lane panics");
    eprintln!("{}", table(&found, seeds));
    let mut said = String::new();
    for (seed, wrong) in &found.wrong {
        let _always = writeln!(said, "seed {seed} (replay: ci/faults --seed {seed}): {wrong:#?}");
        let _always = writeln!(said, "  its odds of 65536: {:?}", seeds::odds(*seed));
    }
    assert!(found.wrong.is_empty(), "{said}");
    assert!(found.story.answered > seeds, "somebody was answered");
    if seeds >= SEEDS {
        for (call, fault) in all() {
            let count = found.injected.of(call, fault);
            assert!(count > 0, "{} never failed with {}", call.name(), fault.name());
        }
    }
}

/// One lane: a server, and one seed after the other until there is no more.
fn run(lane: u64, next: &AtomicU64, end: u64, stop: &AtomicBool, found: &Mutex<Found>) {
    let mut server = Server::start(folder(&format!("lane-{lane}")), "");
    let mut calm = Calm::of(&mut server);
    let (mut done, mut resident) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        if seed % 500 == 499 {
            eprintln!("seed {seed}: all well so far");
        }
        let outcome = seeds::run(&mut server, &mut calm, seed, Canary::None, PATIENCE);
        done += 1;
        if done % WARM == 0 {
            resident.push(server.resident_kib());
        }
        let mut found = found.lock().expect("no lane panics");
        found.injected.add(&outcome.injected);
        let mut wrong = outcome.wrong;
        found.story.add(Story { wrong: Vec::new(), ..outcome.story });
        if !wrong.is_empty() {
            stop.store(true, Ordering::Relaxed);
            let said = std::fs::read_to_string(server.folder.join("server.log"));
            let said = said.unwrap_or_default();
            wrong.extend(said.lines().rev().take(5).map(str::to_owned));
            found.wrong.insert(seed, wrong);
            return;
        }
    }
    let mut ends = Vec::new();
    if within(STRAYS_PATIENCE, || seeds::superfluous(&server, &calm).is_none().then_some(()))
        .is_none()
    {
        ends.push(format!("too many threads: {:?}", server.threads()));
    }
    ends.extend(last_words(server));
    let mut found = found.lock().expect("no lane panics");
    if let (Some(warm), Some(last)) = (resident.first(), resident.last())
        && *last > warm + GROWTH_KIB_MAX
    {
        found.wrong.insert(end + lane, vec![format!("memory grew, in KiB: {resident:?}")]);
    }
    found.resident.push(resident);
    if !ends.is_empty() {
        found.wrong.insert(end + lane, ends);
    }
}

/// What is wrong with the end of a server that went through all of this, and with its logs.
fn last_words(server: Server) -> Vec<String> {
    let mut wrong = Vec::new();
    let folder = server.folder.clone();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let lines = || read("access.log").lines().count() as u64;
    // Both are a little late: a page is the same for a moment, and lines are collected.
    let mut exchanges = 0;
    let agree = until(|| {
        exchanges = server.metrics().sum("http_server_request_duration_seconds_count");
        (lines() == exchanges).then_some(())
    });
    let status = server.end();
    if status.code() != Some(0) {
        wrong.push(format!("a drain ended with {status}"));
    }
    for name in ["access.log", "server.log"] {
        let text = read(name);
        let whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_err();
        wrong.extend(text.lines().find(whole).map(|line| format!("{name} has a line {line}")));
        let panicked = |line: &&str| line.contains("panick") || line.contains("bug of ours");
        wrong.extend(text.lines().find(panicked).map(str::to_owned));
    }
    if agree.is_none() || lines() != exchanges {
        let lines = lines();
        wrong.push(format!("{lines} lines in the access log for {exchanges} exchanges"));
    }
    let said = read("stderr");
    if said.contains("panick") {
        wrong.push(said);
    }
    if wrong.is_empty() {
        drop(std::fs::remove_dir_all(folder));
    }
    wrong
}

/// What was injected, and what clients saw.
fn table(found: &Found, seeds: u64) -> String {
    let Story { answered, ended, cut, .. } = &found.story;
    let mut text = format!(
        "{seeds} seeds, {} faults, {answered} answers whole and right, {ended} connections ended \
         before an answer, {cut} in the middle of one\n| call | fault | times |\n|---|---|---|\n",
        found.injected.sum()
    );
    for (call, fault, times) in found.injected.all() {
        let _always = writeln!(text, "| {} | {} | {times} |", call.name(), fault.name());
    }
    let _always = writeln!(text, "resident KiB, every {WARM} seeds, by server:");
    for resident in &found.resident {
        let _always = writeln!(text, "{resident:?}");
    }
    text
}
