//! Deliberate bugs: an oracle that does not find them is worth nothing.

use std::time::Duration;

use super::control::Canary;
use super::folder;
use super::seeds::{self, Calm};
use super::server::{PATIENCE, Server};

/// Seeds within which a bug has to be found.
const SEEDS_MAX: u64 = 30;
/// How long clients wait where silence is how a bug shows.
const SHORT: Duration = Duration::from_secs(5);

/// Lets the shim have a bug; what the oracle says about it.
fn found(name: &str, canary: Canary, patience: Duration) -> String {
    let mut server = Server::start(folder(name), "");
    let mut calm = Calm::of(&mut server);
    for seed in 0..SEEDS_MAX {
        let outcome = seeds::run(&mut server, &mut calm, seed, canary, patience);
        if !outcome.wrong.is_empty() {
            return outcome.wrong.join("\n");
        }
    }
    panic!("{canary:?} is not found in {SEEDS_MAX} seeds");
}

#[test]
fn an_octet_that_was_not_sent_is_missed() {
    let said = found("dropped", Canary::DroppedOctet, SHORT);
    assert!(
        said.contains("silence") || said.contains("and got") || said.contains("no head"),
        "{said}"
    );
}

#[test]
fn an_octet_that_was_changed_is_seen() {
    let said = found("changed", Canary::ChangedOctet, PATIENCE);
    assert!(["and got", "receiving", "sending"].iter().any(|word| said.contains(word)), "{said}");
}

#[test]
fn readiness_that_was_lost_is_missed() {
    let said = found("lost", Canary::LostReadiness, SHORT);
    assert!(said.contains("silence") || said.contains("descriptors ["), "{said}");
}

#[test]
fn an_answer_to_somebody_else_is_seen() {
    let said = found("others", Canary::OthersAnswer, PATIENCE);
    assert!(["and got", "receiving", "sending"].iter().any(|word| said.contains(word)), "{said}");
}

#[test]
fn a_descriptor_that_was_kept_is_missed() {
    let said = found("kept", Canary::KeptDescriptor, SHORT);
    assert!(said.contains("descriptors ["), "{said}");
}
