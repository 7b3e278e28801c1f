//! Deliberate bugs: an oracle that does not find them is worth nothing.

use std::time::Duration;

use super::control::Canary;
use super::folder;
use super::seeds::{self, Calm};
use super::server::Server;

/// Seeds within which a bug has to be found.
const SEEDS_MAX: u64 = 30;
/// How long a client of these tests takes silence for patience: nothing here is that slow.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lets the shim have a bug; what the oracle says about it.
fn found(name: &str, canary: Canary) -> String {
    let mut server = Server::start(folder(name), "");
    let mut calm = Calm::of(&mut server);
    for seed in 0..SEEDS_MAX {
        let outcome = seeds::run(&mut server, &mut calm, seed, canary, PATIENCE);
        if !outcome.wrong.is_empty() {
            return outcome.wrong.join("\n");
        }
    }
    panic!("{canary:?} is not found in {SEEDS_MAX} seeds");
}

#[test]
fn an_octet_that_was_not_sent_is_missed() {
    let said = found("dropped", Canary::DroppedOctet);
    assert!(said.contains("silence") || said.contains("and got") || said.contains("no head"));
}

#[test]
fn an_octet_that_was_changed_is_seen() {
    let said = found("changed", Canary::ChangedOctet);
    assert!(["and got", "receiving", "sending"].iter().any(|word| said.contains(word)), "{said}");
}

#[test]
fn readiness_that_was_lost_is_missed() {
    let said = found("lost", Canary::LostReadiness);
    assert!(said.contains("silence") || said.contains("descriptors ["), "{said}");
}

#[test]
fn an_answer_to_somebody_else_is_seen() {
    let said = found("others", Canary::OthersAnswer);
    assert!(["and got", "receiving", "sending"].iter().any(|word| said.contains(word)), "{said}");
}

#[test]
fn a_descriptor_that_was_kept_is_missed() {
    let said = found("kept", Canary::KeptDescriptor);
    assert!(said.contains("descriptors ["), "{said}");
}
