//! Slow readers: peers with a small window that read nothing of a long answer, or hardly anything.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::catalog::Scenario;
use super::crowd::alone;
use super::dice::Dice;
use super::failure::{Failure, Result};
use super::honest::{self, Mix, Report};
use super::peer::connect;
use super::question::Question;
use super::server::Server;
use super::stage::{Stage, Terms, count};
use crate::clock::Clock;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "slow_readers",
    about: "Peers with a window of 4 KiB send half a MiB to be mirrored and then read nothing, or \
            an octet now and then. What is held for them is bounded by what they sent, and all \
            are reset when their time is over.",
    figures: &["overdue", "held", "slowdown"],
    without: &[],
    play,
};

const BODY_BYTES: usize = 512 * 1024;
const WINDOW: u32 = 4 * 1024;
const SIP_EVERY: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What tells why somebody is not reset.
const TELLING: [&str; 4] = [
    "fezz_http_timeouts_total",
    "fezz_connections_accepted_total",
    "fezz_connections_closed_total",
    "fezz_http_rejected_total",
];
/// Peers that are not reset after so many times their time never are.
const BORNE_MAX: f64 = 4.0;

fn play(stage: &mut Stage) -> Result<()> {
    let peers = stage.scale.pick(60, 300);
    let given = stage.scale.pick(2, 20);
    let settings = stage
        .settings()
        .set("timeouts.write_idle", format!("\"{given}s\""))
        .set("timeouts.rate_grace", format!("\"{given}s\""))
        // All of them ask at once: who is refused has nothing to read slowly.
        .set("workers.queue", "1024");
    let server = stage.serve(&settings)?;
    let mix = stage.mix(&server)?;
    let quiet = stage.quiet(&mix)?;
    let before = server.resident_bytes();
    let (first, beside, held, seconds) = alone(endure(&server, &mix, peers, f64::from(given)))??;
    let sent = count((peers * BODY_BYTES) as u64);
    let held = count(held.saturating_sub(before));
    let each = held / count(peers as u64) / 1024.0;
    stage.measure("held", held / sent, "", format!("{each:.0} KiB for each of {peers}"));
    let remark = format!("{seconds:.1} s of {given} s");
    stage.measure("overdue", seconds / f64::from(given), "", remark);
    stage.measure_slowdown(&quiet, &beside);
    stage.close(server, &[&quiet, &first, &beside], Terms::default())
}

/// Honest clients while the peers ask, and while they do not read; the most memory, and how long it
/// took to be rid of them after the last one had asked.
async fn endure(
    server: &Server,
    mix: &Mix,
    peers: usize,
    given: f64,
) -> Result<(Report, Report, u64, f64)> {
    let crowd = honest::gather(mix, 7)?;
    let address = server.plain;
    let mut asking = JoinSet::new();
    for place in 0..peers {
        asking.spawn_local(async move {
            let question = Question::mirrored(&mut Dice::new(place as u64), "any.test", BODY_BYTES);
            let mut stream = connect(address, place, Some(WINDOW)).await?;
            let sent = stream.write_all(&question.octets).await;
            sent.map_err(|_| super::strict::Flaw::Broken)?;
            Ok(stream)
        });
    }
    let mut readers = JoinSet::new();
    while let Some(stream) = asking.join_next().await {
        let stream = stream.map_err(|_| Failure::Panicked)?;
        let mut stream =
            stream.map_err(|flaw| Failure::Peer { what: "a peer that only asked", flaw })?;
        let sips = readers.len() % 2 == 0;
        readers.spawn_local(async move {
            loop {
                tokio::time::sleep(SIP_EVERY).await;
                if sips && stream.read_u8().await.is_err() {
                    break;
                }
            }
        });
    }
    let clock = Clock::start();
    let first = honest::dismiss(crowd)?;
    let crowd = honest::gather(mix, 8)?;
    let mut held = 0;
    while clock.seconds() < given * BORNE_MAX {
        held = held.max(server.resident_bytes());
        let timeouts = server.page()?.sum("fezz_http_timeouts_total", &[("phase", "write")]);
        if timeouts >= count(peers as u64) {
            let seconds = clock.seconds();
            return Ok((first, honest::dismiss(crowd)?, held, seconds));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let found = format!("{}; warnings: {:?}", server.page()?.shown(&TELLING), server.warnings(&[]));
    Err(Failure::Never { what: "the end of all slow readers", seconds: given * BORNE_MAX, found })
}
