//! Many short-lived connections: each is opened, asked once, and ended in one of three ways.

use std::cell::Cell;
use std::rc::Rc;

use super::catalog::Scenario;
use super::crowd::together;
use super::dice::Dice;
use super::failure::Result;
use super::honest;
use super::peer::{Peer, Target};
use super::question::Question;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};
use crate::clock::Clock;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "short",
    about: "Clients connect, ask once and leave: a third asks the server to close, a third closes \
            first, a third resets after the answer. Every answer is compared, and the number of \
            accepts has to be exactly that of the connections.",
    figures: &["rate", "p99", "answers_off"],
    without: &[],
    play,
};

const CLIENTS: usize = 64;

fn play(stage: &mut Stage) -> Result<()> {
    let connections = stage.scale.pick(10_000, 150_000);
    let settings = stage.settings();
    let mut server = stage.serve(&settings)?;
    let crowd = honest::gather(&stage.mix(&server)?, 2)?;
    let clock = Clock::start();
    let wrong = storm(&stage.plain(&server), connections)?;
    let seconds = clock.seconds();
    server.alive()?;
    let beside = honest::dismiss(crowd)?;
    stage.measure("rate", count(connections) / seconds, "/s", format!("{connections} connections"));
    stage.measure("p99", beside.millis(0.99), "ms", "of honest clients beside them");
    stage.measure_wrong("answers_off", &wrong);
    stage.close(server, &[&beside], Terms::default())
}

/// So many connections, and what was wrong with them.
pub(super) fn storm(target: &Target, connections: u64) -> Result<Vec<Flaw>> {
    let left = Rc::new(Cell::new(connections));
    let target = target.clone();
    let outcomes = together(CLIENTS, move |place| {
        let (left, target) = (Rc::clone(&left), target.clone());
        async move {
            let mut dice = Dice::new(place as u64);
            let mut flaws = Vec::new();
            while left.get() > 0 {
                left.set(left.get() - 1);
                let place = usize::try_from(left.get()).unwrap_or(usize::MAX);
                if let Err(flaw) = one(&target, place, &mut dice).await {
                    flaws.push(flaw);
                }
            }
            flaws
        }
    })?;
    Ok(outcomes.into_iter().flatten().collect())
}

async fn one(target: &Target, place: usize, dice: &mut Dice) -> std::result::Result<(), Flaw> {
    let ending = place % 3;
    let question = Question::short(dice, "any.test", ending == 0);
    let mut peer = Peer::connect(target, place).await?;
    let mut reader = Reader::default();
    peer.send(&question.octets).await?;
    let answer = reader.answer(&mut peer).await?;
    question.check(&answer)?;
    match ending {
        0 => reader.end(&mut peer).await,
        1 => {
            peer.finish().await?;
            reader.end(&mut peer).await
        }
        _ => {
            peer.reset();
            Ok(())
        }
    }
}
