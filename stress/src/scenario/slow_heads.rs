//! Slow headers: peers that say nothing, or one octet after the other, and never a whole head.

use super::catalog::Scenario;
use super::failure::Result;
use super::honest;
use super::stage::{Stage, Terms};
use super::trickle::{self, Drip};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "slow_heads",
    about: "Hundreds of peers connect and are silent, or send a request line octet by octet, or \
            field lines without an end. All are gone at their deadline, those that said anything \
            with 408, and honest clients do not notice.",
    figures: &["overdue", "wrong_ends", "slowdown"],
    without: &[],
    play,
};

const DRIPS: [Drip; 3] = [
    Drip { first: b"", drops: &[], status: None },
    Drip { first: b"GET /", drops: &[b"a", b"b"], status: Some(408) },
    Drip {
        first: b"GET / HTTP/1.1\r\nHost: h\r\n",
        drops: &[b"A", b":", b"b", b"\r\n"],
        status: Some(408),
    },
];

fn play(stage: &mut Stage) -> Result<()> {
    // Full scale has the default.
    let given = stage.scale.pick(2, 10);
    let settings = stage.settings().set("timeouts.request_header", format!("\"{given}s\""));
    let server = stage.serve(&settings)?;
    let mix = stage.mix(&server)?;
    let quiet = stage.quiet(&mix)?;
    let crowd = honest::gather(&mix, 5)?;
    trickle::play(stage, &server, &DRIPS, f64::from(given))?;
    let beside = honest::dismiss(crowd)?;
    stage.measure_slowdown(&quiet, &beside);
    stage.close(server, &[&quiet, &beside], Terms::default())
}
