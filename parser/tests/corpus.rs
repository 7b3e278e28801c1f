//! Runs each case of the corpus whole, octet by octet, at every cut and with octets behind it.

mod common;

use common::{Case, Story, corpus, read};
use fezz_parser::Error;
use std::collections::BTreeSet;

/// Longest case that is cut at every two places, too.
const TWO_CUTS_BYTES_MAX: usize = 128;

#[test]
fn every_case_is_read_as_it_says() {
    let cases = corpus();
    let mut wrong = Vec::new();
    for case in &cases {
        let story = read(&case.octets, &[], &case.limits);
        if let Err(complaint) = agrees(case, &story) {
            wrong.push(format!("{} / {}: {complaint}\n{:#?}", case.file, case.name, story.events));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The events of a case are among those that happened, in their order; the last one is the last.
fn agrees(case: &Case, story: &Story) -> Result<(), String> {
    let Some(last) = case.events.iter().rfind(|event| !event.starts_with("needs ")) else {
        return Err("the case expects nothing".to_owned());
    };
    if story.events.last() != Some(last) {
        return Err(format!("expected to end with: {last}"));
    }
    let mut happened = story.events.iter();
    for event in &case.events {
        if let Some(octets) = event.strip_prefix("needs ") {
            let cuts: Vec<usize> = (1..case.octets.len()).collect();
            let needed = read(&case.octets, &cuts, &case.limits).needed;
            if octets.parse() != Ok(needed) {
                return Err(format!("expected: {event}; decided after {needed}"));
            }
        } else if !happened.any(|other| other == event) {
            return Err(format!("expected: {event}"));
        }
    }
    Ok(())
}

#[test]
fn octet_by_octet_is_the_same() {
    for case in corpus() {
        let cuts: Vec<usize> = (1..case.octets.len()).collect();
        same(&case, &case.octets, &cuts);
    }
}

#[test]
fn every_cut_is_the_same() {
    for case in corpus() {
        for cut in 1..case.octets.len() {
            same(&case, &case.octets, &[cut]);
        }
    }
}

#[test]
fn every_two_cuts_are_the_same() {
    for case in corpus().iter().filter(|case| case.octets.len() <= TWO_CUTS_BYTES_MAX) {
        for second in 2..case.octets.len() {
            for first in 1..second {
                same(case, &case.octets, &[first, second]);
            }
        }
    }
}

fn same(case: &Case, octets: &[u8], cuts: &[usize]) {
    let whole = read(octets, &[], &case.limits);
    let cut = read(octets, cuts, &case.limits);
    let place = format!("{} / {} cut at {cuts:?}", case.file, case.name);
    assert_eq!(whole.events, cut.events, "{place}");
    assert_eq!(whole.length, cut.length, "{place}");
}

#[test]
fn octets_behind_a_request_are_not_looked_at() {
    let tails: [&[u8]; 5] =
        [b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n", b"\0\xff", b"\r\n", b"\n", &[b'x'; 80]];
    for case in corpus() {
        let alone = read(&case.octets, &[], &case.limits);
        if alone.events.last().is_some_and(|last| last == "incomplete") {
            continue;
        }
        for tail in tails {
            let octets = [&case.octets, tail].concat();
            let followed = read(&octets, &[], &case.limits);
            assert_eq!(alone.events, followed.events, "{} / {}", case.file, case.name);
            assert_eq!(alone.length, followed.length, "{} / {}", case.file, case.name);
            let cuts: Vec<usize> = (1..octets.len()).collect();
            same(&case, &octets, &cuts);
        }
    }
}

#[test]
fn nothing_is_decided_before_the_octets_that_decide_it() {
    for case in corpus() {
        let cuts: Vec<usize> = (1..case.octets.len()).collect();
        let story = read(&case.octets, &cuts, &case.limits);
        if let Some(length) = story.length {
            assert_eq!(story.needed, length, "{} / {}", case.file, case.name);
        }
    }
}

#[test]
fn every_reason_has_a_case() {
    let mut reached = BTreeSet::new();
    for case in corpus() {
        let story = read(&case.octets, &[], &case.limits);
        let last = story.events.last().unwrap();
        if let Some(name) = last.strip_prefix("refused ").and_then(|rest| rest.split(' ').nth(1)) {
            reached.insert(name.to_owned());
        }
    }
    let all: BTreeSet<String> = Error::NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(reached, all);
    assert_eq!(all.len(), Error::NAMES.len(), "two reasons share a name");
}

#[test]
fn every_case_says_why() {
    let mut names = BTreeSet::new();
    for case in corpus() {
        assert!(
            case.why.contains('§') || case.why.contains("limit"),
            "{}: {}",
            case.name,
            case.why
        );
        assert!(names.insert(case.name.clone()), "two cases are called {}", case.name);
    }
}
