//! A million short connections: the server is not larger afterwards than it was at the start.

use super::catalog::Scenario;
use super::failure::Result;
use super::honest;
use super::short::storm;
use super::stage::{Stage, Terms, count};
use crate::clock::Clock;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "million",
    about: "A million connections (20,000 at quick scale) are opened, asked once and ended, with \
            honest clients beside them. From the end of the first tenth to the last connection \
            resident memory grows by no more than a few MiB.",
    figures: &["growth", "answers_off"],
    without: &[],
    play,
};

fn play(stage: &mut Stage) -> Result<()> {
    let tenth: u64 = stage.scale.pick(2_000, 100_000);
    let settings = stage.settings();
    let mut server = stage.serve(&settings)?;
    let mut mix = stage.mix(&server)?;
    mix.every = mix.every.map(|every| every * 5);
    let crowd = honest::gather(&mix, 17)?;
    let target = stage.plain(&server);
    let clock = Clock::start();
    let mut wrong = storm(&target, tenth)?;
    let mut sizes = vec![server.resident_bytes()];
    for number in 2..=10 {
        wrong.extend(storm(&target, tenth)?);
        server.alive()?;
        sizes.push(server.resident_bytes());
        if clock.seconds() > 10.0 {
            eprintln!("    {} of {} connections", number * tenth, 10 * tenth);
        }
    }
    let beside = honest::dismiss(crowd)?;
    let mebis = |bytes: u64| count(bytes) / f64::from(1 << 20);
    let most = sizes.iter().copied().max().unwrap_or_default();
    let grown = mebis(most.saturating_sub(sizes[0]));
    let shown: Vec<String> = sizes.iter().map(|size| format!("{:.1}", mebis(*size))).collect();
    let rate = count(10 * tenth) / clock.seconds();
    let remark = format!("{} after each tenth, {rate:.0} connections/s", shown.join(" "));
    stage.measure("growth", grown, "MiB", remark);
    stage.measure_wrong("answers_off", &wrong);
    stage.close(server, &[&beside], Terms::default())
}
