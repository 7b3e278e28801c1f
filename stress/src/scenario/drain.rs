//! Drain under load: SIGTERM at any instant, and whatever was accepted is answered.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::catalog::Scenario;
use super::crowd::{Crowd, Ending};
use super::dice::Dice;
use super::failure::Result;
use super::peer::{Peer, Target};
use super::question::{HONEST_HOST, Question};
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};
use crate::clock::Clock;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "drain",
    about: "Servers are told to end at random instants while clients ask over kept and over new \
            connections, with and without TLS, and while functions are inside a call. The server \
            has served exactly as many requests as clients had whole answers, and ends with code \
            0.",
    figures: &["lost", "slowest_end"],
    // Nobody is there to be asked for the last page of metrics: the last line of the log says how
    // many were served, and what the process held is gone with it.
    without: &[
        "connections_off",
        "requests_off",
        "core_faults",
        "descriptors_left",
        "threads_lost",
    ],
    play,
};

const CLIENTS: usize = 12;
/// SIGTERM comes within so many milliseconds after the clients.
const INSTANT_MILLIS_MAX: usize = 120;
const SLOW_CALL: &[u8] = b"GET /delay/30 HTTP/1.1\r\nHost: any.test\r\n\r\n";
const SLOW_BODY: &[u8] = b"delay 30\n";

/// What one client saw until nobody was there any more.
#[derive(Debug, Default)]
struct Seen {
    answers: u64,
    flaws: Vec<Flaw>,
}

fn play(stage: &mut Stage) -> Result<()> {
    let servers = stage.scale.pick(15, 400);
    let settings = stage.settings().set("workers.threads", "4");
    let mut dice = Dice::new(16);
    let (mut lost, mut answers, mut slowest) = (0, 0, 0.0_f64);
    let mut flaws = Vec::new();
    for _ in 0..servers {
        let mut server = stage.serve(&settings)?;
        let (plain, secure) = (stage.plain(&server), stage.secure(&server)?);
        let crowd = Crowd::gather(CLIENTS, move |place, ending| {
            live(if place % 3 == 0 { secure.clone() } else { plain.clone() }, place, ending)
        })?;
        thread::sleep(Duration::from_millis(dice.below(INSTANT_MILLIS_MAX) as u64));
        server.signal(Signal::TERM)?;
        let clock = Clock::start();
        let (_, drained) = server.wait()?;
        slowest = slowest.max(clock.seconds());
        stage.check_end(&mut server, Terms::default())?;
        let seen = crowd.dismiss()?;
        let heard: u64 = seen.iter().map(|one| one.answers).sum();
        flaws.extend(seen.into_iter().flat_map(|one| one.flaws));
        let served = drained.map_or(0, |end| end.served);
        lost += served.abs_diff(heard);
        answers += heard;
    }
    let remark = format!("{answers} answers of {servers} servers");
    stage.measure("lost", count(lost), "", remark);
    stage.measure_wrong("wrong", &flaws);
    stage.measure("slowest_end", slowest, "s", "");
    Ok(())
}

async fn live(target: Target, place: usize, ending: Ending) -> Seen {
    let mut dice = Dice::new(place as u64);
    let mut seen = Seen::default();
    while !ending.has_come() {
        match visit(&target, place, &mut dice, &mut seen).await {
            Ok(()) => {}
            // Not accepted, or ended before an answer began: the log says whether it was served.
            Err(Flaw::Refused(_)) => return seen,
            Err(Flaw::Unanswered | Flaw::Broken) => {}
            Err(flaw) => seen.flaws.push(flaw),
        }
    }
    seen
}

/// One connection with up to 20 questions, of which some take a while.
async fn visit(
    target: &Target,
    place: usize,
    dice: &mut Dice,
    seen: &mut Seen,
) -> std::result::Result<(), Flaw> {
    let mut peer = Peer::connect(target, place).await?;
    let mut reader = Reader::default();
    for _ in 0..1 + dice.below(20) {
        let slow = place % 4 == 1;
        let question = Question::any(dice, HONEST_HOST, false);
        peer.send(if slow { SLOW_CALL } else { &question.octets }).await?;
        let answer = reader.answer(&mut peer).await?;
        if !slow {
            question.check(&answer)?;
        } else if answer.body != SLOW_BODY {
            return Err(Flaw::Body { bytes: answer.body.len(), expected: SLOW_BODY.len() });
        }
        seen.answers += 1;
        if answer.closes() {
            return reader.end(&mut peer).await;
        }
    }
    peer.finish().await
}
