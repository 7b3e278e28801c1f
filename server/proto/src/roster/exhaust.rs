//! Every interleaving of what can happen to a small roster, by breadth-first search.
//!
//! A world is a roster, the workers that obey it, and a handful of jobs. All that may happen next
//! happens, each from a copy of the world; worlds that cannot be told apart are visited once. In
//! each the rules of [`world::World::judge`] hold, and from each every job ends when everybody goes
//! on. A broken rule is told with the shortest way to it.

extern crate std;

mod rules;
mod world;

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::println;

use super::{CalleeLimits, RosterLimits};
use world::{Act, Job, World};

/// A small world to search.
struct Setting {
    name: &'static str,
    limits: RosterLimits,
    callees: Vec<CalleeLimits>,
    /// How many jobs are submitted.
    jobs: usize,
    /// The kinds from which each is chosen.
    kinds: Vec<Job>,
    /// Whether callees are renewed.
    renews: bool,
    /// Whether jobs are forgotten, grow old, or are not run.
    voids: bool,
    /// Whether sleepers wake for nothing.
    spurious: bool,
    /// Whether loops make calls of their own that have to be abandoned.
    inline: bool,
}

/// How a world came about.
struct Way {
    act: Act,
    before: Option<Rc<Self>>,
}

fn tell(way: Option<&Rc<Way>>) -> String {
    let mut acts = Vec::new();
    let mut at = way;
    while let Some(way) = at {
        acts.push(std::format!("{:?}", way.act));
        at = way.before.as_ref();
    }
    acts.reverse();
    acts.join("\n  ")
}

/// Two independent hashes: among a million worlds no two are confused.
fn digest(world: &World) -> (u64, u64) {
    let key = world.key();
    let hash = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        key.hash(&mut hasher);
        hasher.finish()
    };
    (hash(0x9E37_79B9), hash(0x7F4A_7C15))
}

/// Visits all worlds of a setting; how many there are, and how many steps lead between them.
fn search(setting: &Setting) -> (usize, usize) {
    let mut seen = HashSet::new();
    let mut next = VecDeque::from([(World::new(setting), None::<Rc<Way>>)]);
    let mut steps = 0;
    seen.insert(digest(&next[0].0));
    while let Some((world, way)) = next.pop_front() {
        for act in world.acts(setting) {
            let mut after = world.clone();
            let told = after.apply(setting, act).and_then(|()| after.judge(setting));
            steps += 1;
            let fresh = told.is_ok() && seen.insert(digest(&after));
            let told = if fresh { after.lives(setting) } else { told };
            let way = Some(Rc::new(Way { act, before: way.clone() }));
            if let Err(broken) = told {
                panic!("{}: {broken}, after\n  {}\n{after:#?}", setting.name, tell(way.as_ref()));
            }
            if fresh {
                next.push_back((after, way));
            }
        }
    }
    (seen.len(), steps)
}

/// Searches a setting, which must have so many worlds at least: it may not become trivial.
fn explore(setting: &Setting, least: usize) {
    let (worlds, steps) = search(setting);
    println!("{}: {worlds} worlds, {steps} steps", setting.name);
    assert!(worlds >= least, "{}: {worlds} worlds, not {least}", setting.name);
}

fn callee(running_max: u32, abandoned_max: u32) -> CalleeLimits {
    CalleeLimits { running_max, in_flight_max: 3, abandoned_max, quarantine_us: 1 }
}

/// Kinds of jobs: a letter is a callee, a capital is a call that may be long.
fn kinds(word: &str) -> Vec<Job> {
    let of = |letter: char| Job {
        callee: u32::from(letter.to_ascii_lowercase()) - u32::from('a'),
        short: letter.is_ascii_lowercase(),
    };
    word.chars().map(of).collect()
}

/// Four jobs of two callees, either of which may be short or not.
fn plain(name: &'static str, workers: u32) -> Setting {
    Setting {
        name,
        limits: RosterLimits { workers, jobs_max: 3, queue_us_max: 1, abandoned_max: 2 },
        callees: Vec::from([callee(2, 1), callee(u32::MAX, 2)]),
        jobs: 4,
        kinds: kinds("aAbB"),
        renews: false,
        voids: false,
        spurious: false,
        inline: false,
    }
}

#[test]
fn wakes_are_not_lost() {
    for (workers, jobs, least) in [(2, 6, 150_000), (3, 5, 100_000)] {
        let mut setting = plain("wakes", workers);
        setting.limits.abandoned_max = 0;
        setting.limits.jobs_max = 8;
        setting.jobs = jobs;
        setting.spurious = true;
        explore(&setting, least);
    }
}

#[test]
fn abandoned_calls_trials_and_strays() {
    for (workers, jobs, least) in [(1, 5, 50_000), (2, 5, 120_000), (3, 4, 20_000)] {
        let mut setting = plain("abandoned calls", workers);
        setting.jobs = jobs;
        setting.limits.abandoned_max = 3;
        explore(&setting, least);
    }
}

#[test]
fn jobs_that_are_forgotten_grow_old_or_are_not_run() {
    let mut setting = plain("void jobs", 2);
    setting.voids = true;
    explore(&setting, 40_000);
}

#[test]
fn a_serial_callee_beside_one_without_limits() {
    let mut setting = plain("serial", 3);
    setting.callees = Vec::from([callee(1, 2), callee(u32::MAX, 1)]);
    setting.spurious = true;
    explore(&setting, 70_000);
}

#[test]
fn renewals_and_calls_of_loops() {
    let mut setting = plain("renewals", 2);
    setting.jobs = 3;
    setting.kinds = kinds("aAB");
    setting.renews = true;
    setting.inline = true;
    explore(&setting, 250_000);
}
