//! Descriptor exhaustion: more clients than the process may have sockets.

use std::rc::Rc;
use std::time::Duration;

use super::catalog::Scenario;
use super::crowd::{alone, together};
use super::dice::Dice;
use super::failure::Result;
use super::honest;
use super::peer::{Peer, Target};
use super::question::Question;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};
use crate::clock::Clock;
use crate::limits::limit_of;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "descriptors",
    about: "The server is left 24 descriptors, and hundreds of clients connect at once, ask, and \
            keep their connection for a while. All of them are answered in the end, nobody is \
            accepted to be dropped, and as soon as they have left, a hundred questions in a row \
            are answered.",
    figures: &["unanswered", "recovery", "exhausted"],
    without: &[],
    play,
};

/// Descriptors beyond those that the server has when it is ready.
const LEFT: u64 = 24;
const HOLD: Duration = Duration::from_millis(50);
const QUESTIONS_AFTER: usize = 100;
/// What is logged when no descriptor is left.
const WARNINGS: &[&str] = &["fezz::listen"];

fn play(stage: &mut Stage) -> Result<()> {
    let clients: usize = stage.scale.pick(200, 1000);
    // So that the system's limit is met before the server's own.
    let settings = stage.settings().set("limits.connections", "10000");
    let mut server = stage.serve(&settings)?;
    let target = stage.plain(&server);
    let before = server.before.descriptors as u64;
    limit_of(server.pid(), rustix::process::Resource::Nofile, before + LEFT)?;
    let mut mix = stage.mix(&server)?;
    mix.kept.truncate(1);
    mix.fresh.truncate(1);
    let crowd = honest::gather(&mix, 12)?;
    let of = target.clone();
    let flaws = together(clients, move |place| visit(of.clone(), place))?;
    let beside = honest::dismiss(crowd)?;
    let flaws: Vec<Flaw> = flaws.into_iter().flatten().collect();
    let clock = Clock::start();
    let after = alone(ask_in_a_row(&target))?;
    let seconds = clock.seconds();
    server.alive()?;
    let unanswered = flaws.len() + after.len();
    let first = flaws.iter().chain(&after).next().map_or_else(String::new, ToString::to_string);
    stage.measure("unanswered", count(unanswered as u64), "", format!("of {clients} {first}"));
    stage.measure("recovery", seconds, "s", format!("for {QUESTIONS_AFTER} questions"));
    let page = server.page_when(5.0, |_| true)?;
    let failures = page.sum("fezz_connections_rejected_total", &[("reason", "fd")]);
    stage.measure("exhausted", failures, "", "times that no descriptor was left");
    stage.close(server, &[&beside], Terms { warnings: WARNINGS, ..Terms::default() })
}

/// One client that waits for its turn, is answered, and stays for a while.
async fn visit(target: Target, place: usize) -> Option<Flaw> {
    let question = Question::any(&mut Dice::new(place as u64), "any.test", false);
    let visited = async {
        let mut peer = Peer::connect(&target, place).await?;
        peer.send(&question.octets).await?;
        let mut reader = Reader::default();
        question.check(&reader.answer(&mut peer).await?)?;
        tokio::time::sleep(HOLD).await;
        Ok(())
    };
    visited.await.err()
}

async fn ask_in_a_row(target: &Target) -> Vec<Flaw> {
    let target = Rc::new(target.clone());
    let mut flaws = Vec::new();
    for place in 0..QUESTIONS_AFTER {
        let question = Question::short(&mut Dice::new(place as u64), "any.test", true);
        let asked = async {
            let mut peer = Peer::connect(&target, place).await?;
            peer.send(&question.octets).await?;
            question.check(&Reader::default().answer(&mut peer).await?)
        };
        flaws.extend(asked.await.err());
    }
    flaws
}
