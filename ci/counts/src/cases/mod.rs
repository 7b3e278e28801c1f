//! The cases: each makes what it needs, and then does the same thing in every round.

mod codec;
mod core;
mod crew;
mod parser;

use std::hint::black_box;

/// Rounds of a case's short run; the long one has three times as many. All of them together are
/// fewer than the thousand requests that a connection may bring.
pub(crate) const ROUNDS: u64 = 200;
/// Rounds before anything is counted: pools fill, tables grow, the first choice is made.
const ROUNDS_BEFORE: u64 = 40;
/// The function whose calls part what is counted.
pub(crate) const BORDER: &str = "border_between_two_parts";

/// One thing whose instructions are counted. The inner function makes what is needed beforehand.
type Case = fn() -> Box<dyn FnMut()>;

const CASES: [(&str, Case); 27] = [
    ("parser/minimal/avx2", || parser::chosen("minimal")),
    ("parser/minimal/portable", || parser::portable("minimal")),
    ("parser/browser/avx2", || parser::chosen("browser")),
    ("parser/browser/portable", || parser::portable("browser")),
    ("parser/thirty/avx2", || parser::chosen("thirty")),
    ("parser/thirty/portable", || parser::portable("thirty")),
    ("parser/cookie/avx2", || parser::chosen("cookie")),
    ("parser/cookie/portable", || parser::portable("cookie")),
    ("reply/head", parser::reply_head),
    ("codec/host-writes", || codec::host_writes(codec::FEW)),
    ("codec/function-reads", || codec::function_reads(codec::FEW)),
    ("codec/function-writes", codec::function_writes),
    ("codec/host-reads", codec::host_reads),
    ("codec/host-writes-none", || codec::host_writes(codec::NONE)),
    ("codec/host-writes-browser", || codec::host_writes(codec::BROWSER)),
    ("codec/function-reads-none", || codec::function_reads(codec::NONE)),
    ("codec/function-reads-browser", || codec::function_reads(codec::BROWSER)),
    ("codec/host-reads-unusual", codec::host_reads_unusual),
    ("sdk/hello", codec::hello),
    ("core/get", core::get),
    ("core/post-1k", core::post),
    ("core/refused", core::refused),
    ("wheel/later", core::rearm_later),
    ("wheel/sooner", core::rearm_sooner),
    ("seat/call", crew::seat),
    ("roster/batch-1", || crew::batch(1)),
    ("roster/batch-16", || crew::batch(16)),
];

/// The names of all cases, in their order.
pub(crate) const NAMES: [&str; CASES.len()] = {
    let mut names = [""; CASES.len()];
    let mut at = 0;
    while at < CASES.len() {
        names[at] = CASES[at].0;
        at += 1;
    }
    names
};

/// What this machine lacks for the cases, if anything.
pub(crate) fn lacking() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    return (!std::arch::is_x86_feature_detected!("avx2")).then_some("AVX2");
    #[cfg(not(target_arch = "x86_64"))]
    Some("x86-64")
}

/// Runs the named cases, or all, with borders for callgrind.
pub(crate) fn run(names: &[&str]) {
    for (name, case) in CASES {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        let mut round = case();
        (0..ROUNDS_BEFORE).for_each(|_| round());
        border_between_two_parts(0);
        (0..ROUNDS).for_each(|_| round());
        border_between_two_parts(1);
        (0..3 * ROUNDS).for_each(|_| round());
        border_between_two_parts(2);
    }
}

#[inline(never)]
fn border_between_two_parts(number: u32) {
    black_box(number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_repeated_and_has_its_own_name() {
        for (at, (name, case)) in CASES.iter().enumerate() {
            let mut round = case();
            (0..5).for_each(|_| round());
            assert!(!NAMES[..at].contains(name), "{name} is there twice");
        }
    }
}
