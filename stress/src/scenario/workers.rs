//! Worker saturation: far more calls than workers, and who is refused is refused at once.

use std::thread;
use std::time::Duration;

use super::catalog::Scenario;
use super::crowd::{Crowd, Ending};
use super::failure::Result;
use super::honest::{self, Report};
use super::page::health;
use super::peer::{Peer, Target};
use super::server::Server;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};
use crate::clock::Clock;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "workers",
    about: "A hundred clients call a function that sleeps, with four workers and a queue of 16: \
            everybody gets 200, or 503 with Retry-After at once, and the health page stays \
            green. Then the sleeper is granted eight requests at a time, and the function beside \
            it is refused nothing.",
    figures: &["other_answers", "refusal_p99", "unhealthy", "refused_beside"],
    without: &[],
    play,
};

const CALLERS: usize = 100;
const CALL: &[u8] = b"GET /delay/100 HTTP/1.1\r\nHost: any.test\r\n\r\n";
/// A refused caller asks again after so long.
const PAUSE: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Each refusal is worth a line.
const WARNINGS: &[&str] = &["refused: as many requests"];

/// What one caller saw.
#[derive(Debug, Default)]
struct Calls {
    answered: u64,
    refused_millis: Vec<f64>,
    other: Vec<String>,
}

fn play(stage: &mut Stage) -> Result<()> {
    let settings = stage.settings().set("workers.threads", "4").set("workers.queue", "16");
    let server = stage.serve(&settings)?;
    let (calls, beside, unhealthy) = saturate(stage, &server)?;
    let mut refused: Vec<f64> = calls.iter().flat_map(|one| one.refused_millis.clone()).collect();
    refused.sort_by(f64::total_cmp);
    let answered: u64 = calls.iter().map(|one| one.answered).sum();
    let p99 = refused.get(refused.len() * 99 / 100).copied().unwrap_or(f64::NAN);
    let remark = format!("{} refused, {answered} answered", refused.len());
    stage.measure("refusal_p99", p99, "ms", remark);
    stage.measure("unhealthy", count(unhealthy), "", "");
    let mut other: Vec<String> = calls.into_iter().flat_map(|one| one.other).collect();
    stage.close(server, &[&beside], Terms { warnings: WARNINGS, ..Terms::default() })?;

    let bounded =
        settings.grant("echo", "max_in_flight", "8").grant("echo", "max_concurrency", "2");
    let server = stage.serve(&bounded)?;
    let (calls, beside, _) = saturate(stage, &server)?;
    other.extend(calls.into_iter().flat_map(|one| one.other));
    stage.measure("refused_beside", count(beside.busy), "", format!("{} answers", beside.answers));
    stage.measure_wrong("other_answers", &other);
    stage.close(server, &[&beside], Terms { warnings: WARNINGS, ..Terms::default() })
}

/// Callers and honest clients at once; how often the health page was not green.
fn saturate(stage: &Stage, server: &Server) -> Result<(Vec<Calls>, Report, u64)> {
    let mut mix = stage.mix(server)?;
    mix.takes_busy = true;
    let target = stage.plain(server);
    let callers = Crowd::gather(CALLERS, move |place, ending| call(target.clone(), place, ending))?;
    let crowd = honest::gather(&mix, 10)?;
    let (clock, mut unhealthy) = (Clock::start(), 0);
    while clock.seconds() < stage.scale.pick(3.0, 15.0) {
        unhealthy += u64::from(health(server.metrics, "/healthz") != 200);
        thread::sleep(LOOK_EVERY);
    }
    let beside = honest::dismiss(crowd)?;
    Ok((callers.dismiss()?, beside, unhealthy))
}

async fn call(target: Target, place: usize, ending: Ending) -> Calls {
    let mut calls = Calls::default();
    while !ending.has_come() {
        if let Err(flaw) = connected(&target, place, &ending, &mut calls).await {
            calls.other.push(flaw.to_string());
        }
    }
    calls
}

/// Calls until the connection ends as it was announced, or the time is over.
async fn connected(
    target: &Target,
    place: usize,
    ending: &Ending,
    calls: &mut Calls,
) -> std::result::Result<(), Flaw> {
    let mut peer = Peer::connect(target, place).await?;
    let mut reader = Reader::default();
    while !ending.has_come() {
        let clock = Clock::start();
        peer.send(CALL).await?;
        let answer = reader.answer(&mut peer).await?;
        match answer.status {
            200 if answer.body == b"delay 100\n" => calls.answered += 1,
            503 if answer.field("retry-after").is_some() => {
                calls.refused_millis.push(clock.seconds() * 1e3);
                tokio::time::sleep(PAUSE).await;
            }
            other => return Err(Flaw::Status(other)),
        }
        if answer.closes() {
            return reader.end(&mut peer).await;
        }
    }
    peer.finish().await
}
