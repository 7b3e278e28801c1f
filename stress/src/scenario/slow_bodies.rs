//! Slow bodies: peers that announce a body and send it octet by octet, or not at all.

use super::catalog::Scenario;
use super::failure::Result;
use super::honest;
use super::stage::{Stage, Terms};
use super::trickle::{self, Drip};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "slow_bodies",
    about: "Hundreds of peers announce a body by length or in chunks, and send nothing of it or \
            five octets a second. All are told 408 and are gone when their time is over, and \
            honest clients do not notice.",
    figures: &["overdue", "wrong_ends", "slowdown"],
    without: &[],
    play,
};

const DRIPS: [Drip; 3] = [
    Drip {
        first: b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n",
        drops: &[],
        status: Some(408),
    },
    Drip {
        first: b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n",
        drops: &[b"x"],
        status: Some(408),
    },
    Drip {
        first: b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        drops: &[b"1", b"\r\n", b"x", b"\r\n"],
        status: Some(408),
    },
];

fn play(stage: &mut Stage) -> Result<()> {
    let given = stage.scale.pick(2, 20);
    let settings = stage
        .settings()
        .set("timeouts.body_idle", format!("\"{given}s\""))
        .set("timeouts.rate_grace", format!("\"{given}s\""));
    let server = stage.serve(&settings)?;
    let mix = stage.mix(&server)?;
    let quiet = stage.quiet(&mix)?;
    let crowd = honest::gather(&mix, 6)?;
    trickle::play(stage, &server, &DRIPS, f64::from(given))?;
    let beside = honest::dismiss(crowd)?;
    stage.measure_slowdown(&quiet, &beside);
    stage.close(server, &[&quiet, &beside], Terms::default())
}
