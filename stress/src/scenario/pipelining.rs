//! Pipelining floods: hundreds of requests at once from peers that do not read the answers.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::catalog::Scenario;
use super::crowd::alone;
use super::dice::Dice;
use super::failure::Result;
use super::honest;
use super::peer::connect;
use super::question::Question;
use super::server::Server;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "pipelining",
    about: "Peers with a small window send 900 requests each in a row and read nothing for a \
            while. What the server holds for each is bounded, and afterwards every answer comes \
            in its order.",
    figures: &["memory_each", "out_of_order", "p99"],
    without: &[],
    play,
};

/// Below `limits.requests_per_connection`.
const REQUESTS: usize = 900;
/// Receive buffer of a peer, in octets.
const WINDOW: u32 = 8 * 1024;
/// How long nothing is read.
const HOLD: Duration = Duration::from_millis(1500);

fn play(stage: &mut Stage) -> Result<()> {
    let peers = stage.scale.pick(32, 200);
    let settings = stage.settings();
    let server = stage.serve(&settings)?;
    let crowd = honest::gather(&stage.mix(&server)?, 4)?;
    let before = server.resident_bytes();
    let (held, wrong) = alone(flood(&server, peers))??;
    let beside = honest::dismiss(crowd)?;
    let each = count(held.saturating_sub(before)) / count(peers as u64) / 1024.0;
    stage.measure("memory_each", each, "KiB", format!("{peers} peers"));
    stage.measure_wrong("out_of_order", &wrong);
    stage.measure("p99", beside.millis(0.99), "ms", "of honest clients beside them");
    stage.close(server, &[&beside], Terms::default())
}

/// Memory while nobody reads, and what was wrong with the answers.
async fn flood(server: &Server, peers: usize) -> Result<(u64, Vec<Flaw>)> {
    let address = server.plain;
    let reads = Rc::new(tokio::sync::Semaphore::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for place in 0..peers {
        let reads = Rc::clone(&reads);
        tasks.spawn_local(async move {
            let mut dice = Dice::new(place as u64);
            let questions: Vec<Question> =
                (0..REQUESTS).map(|_| Question::short(&mut dice, "any.test", false)).collect();
            let octets: Vec<u8> = questions.iter().flat_map(|one| one.octets.clone()).collect();
            let stream = connect(address, place, Some(WINDOW)).await?;
            let (mut from, mut to) = stream.into_split();
            let writing = tokio::task::spawn_local(async move {
                // A server that closes early is noticed where answers are read.
                let _sent = to.write_all(&octets).await;
                to
            });
            // Nobody adds or takes permits but the flood.
            let _reads = reads.acquire().await;
            let mut reader = Reader::default();
            for question in &questions {
                question.check(&reader.answer(&mut from).await?)?;
            }
            drop(writing.await);
            if reader.is_clean() { Ok(()) } else { Err(Flaw::Unasked) }
        });
    }
    tokio::time::sleep(HOLD).await;
    let held = server.resident_bytes();
    reads.add_permits(peers);
    let mut wrong = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        wrong.extend(outcome.map_err(|_| super::Failure::Panicked)?.err());
    }
    Ok((held, wrong))
}
