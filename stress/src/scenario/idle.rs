//! Ten thousand idle connections: what each costs, and that whoever asks does not notice them.

use tokio::task::JoinSet;

use super::catalog::Scenario;
use super::crowd::alone;
use super::dice::Dice;
use super::failure::{Failure, Result};

use super::peer::{Peer, Target};
use super::question::Question;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};
use crate::limits::raise_descriptor_limit;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "idle",
    about: "Ten thousand clients ask once each and then hold their connection. Their memory is \
            counted, honest clients are compared with themselves before, and then each of the \
            ten thousand asks again on the same connection.",
    figures: &["memory_each", "forgotten", "slowdown"],
    without: &[],
    play,
};

const CONNECTIONS: usize = 10_000;
/// Of the clients, and as many in the server, which keeps 256 for itself.
const DESCRIPTORS: u64 = CONNECTIONS as u64 + 512;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 64;

type Held = Vec<(Peer, Reader)>;

fn play(stage: &mut Stage) -> Result<()> {
    match raise_descriptor_limit() {
        Some(limit) if limit < DESCRIPTORS => {
            return Err(Failure::Descriptors { limit, needed: DESCRIPTORS });
        }
        _ => {}
    }
    // Opening them must not take longer than a connection may be idle.
    let settings = stage.settings().set("timeouts.keep_alive", "\"5m\"");
    let server = stage.serve(&settings)?;
    let mix = stage.mix(&server)?;
    let quiet = stage.quiet(&mix)?;
    let target = stage.plain(&server);
    let before = server.resident_bytes();
    let (held, beside, forgotten) = alone(async {
        let mut connections = open(&target).await?;
        let held = server.resident_bytes();
        // Blocks this thread, on which nothing else has to be done meanwhile.
        let beside = stage.quiet(&mix)?;
        let mut forgotten = Vec::new();
        for (place, connection) in connections.iter_mut().enumerate() {
            forgotten.extend(ask(connection, place).await.err());
        }
        Ok::<_, Failure>((held, beside, forgotten))
    })??;
    let each = count(held.saturating_sub(before)) / count(CONNECTIONS as u64);
    stage.measure("memory_each", each, "B", format!("{CONNECTIONS} connections"));
    stage.measure_wrong("forgotten", &forgotten);
    stage.measure_slowdown(&quiet, &beside);
    stage.close(server, &[&quiet, &beside], Terms::default())
}

async fn open(target: &Target) -> Result<Held> {
    let mut opening = JoinSet::new();
    for first in 0..AT_ONCE {
        let target = target.clone();
        opening.spawn_local(async move {
            let mut held = Held::new();
            for place in (first..CONNECTIONS).step_by(AT_ONCE) {
                let mut connection = (Peer::connect(&target, place).await?, Reader::default());
                ask(&mut connection, place).await?;
                held.push(connection);
            }
            Ok(held)
        });
    }
    let mut all = Held::new();
    while let Some(held) = opening.join_next().await {
        let held: std::result::Result<Held, Flaw> = held.map_err(|_| Failure::Panicked)?;
        all.extend(held.map_err(|flaw| Failure::Peer { what: "a first question", flaw })?);
    }
    Ok(all)
}

async fn ask((peer, reader): &mut (Peer, Reader), place: usize) -> std::result::Result<(), Flaw> {
    let question = Question::short(&mut Dice::new(place as u64), "any.test", false);
    peer.send(&question.octets).await?;
    question.check(&reader.answer(peer).await?)
}
