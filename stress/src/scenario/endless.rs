//! Endless functions: calls that never return, asleep and spinning, beside a function that is well.

use std::thread;
use std::time::Duration;

use super::catalog::Scenario;
use super::crowd::{alone, together};
use super::failure::{Failure, Result};
use super::honest;
use super::peer::{Peer, Target};
use super::stage::{Stage, Terms};
use super::strict::{Answer, Flaw, Reader};
use crate::clock::Clock;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "endless",
    about: "Clients call one function that never wakes and one that never stops computing: 504 at \
            the deadline, then 503 without a call, and now and then one call on trial. A function \
            beside them is answered throughout, and when the two are released, every thread comes \
            back.",
    figures: &["other_answers", "late", "slowdown", "stuck_left"],
    without: &[],
    play,
};

/// Three for each function: two workers of eight are left.
const CALLERS: usize = 6;
/// Who was refused asks again after so long.
const PAUSE: Duration = Duration::from_millis(50);
/// `timeout` of the endless functions, in seconds.
const DEADLINE_S: f64 = 1.0;
const RELEASE_SECONDS_MAX: f64 = 40.0;
/// What is logged about calls that do not come back.
const WARNINGS: &[&str] = &["fezz::workers", "fezz::dispatch"];

fn play(stage: &mut Stage) -> Result<()> {
    let keys = [("timeout", "\"1s\""), ("quarantine", "\"2s\"")];
    let settings = stage
        .settings()
        .set("workers.threads", "8")
        .set("workers.abandon_max", "16")
        .function("sleep", &stage.hostile("endless_sleep"), &keys)
        .route("sleep", None, "/sleep/{*rest}")
        .function("loop", &stage.hostile("endless_loop"), &keys)
        .route("loop", None, "/loop/{*rest}");
    let mut server = stage.serve(&settings)?;
    let mix = stage.mix(&server)?;
    let quiet = stage.quiet(&mix)?;
    let crowd = honest::gather(&mix, 11)?;
    let target = stage.plain(&server);
    let of = target.clone();
    let seconds = stage.scale.pick(4.0, 15.0);
    let outcomes = together(CALLERS, move |place| call(of.clone(), place, seconds))?;
    let beside = honest::dismiss(crowd)?;
    let (latest, other) = judge(outcomes.into_iter().flatten().collect());
    stage.measure_wrong("other_answers", &other);
    stage.measure("late", latest / DEADLINE_S, "", format!("{latest:.2} s of {DEADLINE_S} s"));
    stage.measure_slowdown(&quiet, &beside);
    for path in ["/sleep/release", "/loop/release"] {
        release(&target, path)?;
    }
    let stuck = ("state", "stuck");
    let page = server.page_when(10.0, |page| page.sum("fezz_workers", &[stuck]) == 0.0)?;
    stage.measure("stuck_left", page.sum("fezz_workers", &[stuck]), "", "");
    stage.close(server, &[&quiet, &beside], Terms { warnings: WARNINGS, ..Terms::default() })
}

type Outcome = (f64, std::result::Result<u16, Flaw>);

async fn call(target: Target, place: usize, seconds: f64) -> Vec<Outcome> {
    let begun = Clock::start();
    let path = ["/sleep/now", "/loop/now"][place % 2];
    let mut outcomes = Vec::new();
    while begun.seconds() < seconds {
        let clock = Clock::start();
        let status = ask(&target, place, path).await.map(|answer| answer.status);
        outcomes.push((clock.seconds(), status));
        tokio::time::sleep(PAUSE).await;
    }
    outcomes
}

async fn ask(target: &Target, place: usize, path: &str) -> std::result::Result<Answer, Flaw> {
    let mut peer = Peer::connect(target, place).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: any.test\r\nConnection: close\r\n\r\n");
    peer.send(request.as_bytes()).await?;
    Reader::default().answer(&mut peer).await
}

/// The longest time that anybody waited, and answers that are neither 503 nor 504.
fn judge(outcomes: Vec<Outcome>) -> (f64, Vec<String>) {
    let latest = outcomes.iter().map(|(seconds, _)| *seconds).fold(0.0, f64::max);
    let other = outcomes.into_iter().filter_map(|(_, status)| match status {
        Ok(503 | 504) => None,
        Ok(status) => Some(Flaw::Status(status).to_string()),
        Err(flaw) => Some(flaw.to_string()),
    });
    (latest, other.collect())
}

/// Asks until the function, which may be in quarantine, has heard that it is over.
fn release(target: &Target, path: &str) -> Result<()> {
    let clock = Clock::start();
    let mut found = String::new();
    while clock.seconds() < RELEASE_SECONDS_MAX {
        found = match alone(ask(target, 0, path))? {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) => format!("it was answered {}", answer.status),
            Err(flaw) => flaw.to_string(),
        };
        thread::sleep(Duration::from_millis(100));
    }
    let what = "the release of an endless function";
    Err(Failure::Never { what, seconds: RELEASE_SECONDS_MAX, found })
}
