//! Many connections that are kept: each asks now and then, all are owed an answer.

use std::thread;
use std::time::Duration;

use super::catalog::Scenario;
use super::failure::Result;
use super::honest::{self, Mix, Report};
use super::stage::{Stage, Terms, count};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "kept",
    about: "Thousands of clients keep their connection and ask now and then, one in ten of them \
            over TLS, a thousand questions per second in all. Nobody may starve, and latencies \
            count from when a question was due.",
    figures: &["p99", "starved"],
    without: &[],
    play,
};

/// The time from one question to the next, over all clients.
const STEP: Duration = Duration::from_millis(1);

fn play(stage: &mut Stage) -> Result<()> {
    let clients: usize = stage.scale.pick(1_000, 5_000);
    // All may connect and ask at the same moment.
    let settings = stage.settings().set("workers.queue", "8192");
    let server = stage.serve(&settings)?;
    let secure = clients / 10;
    let mix = Mix {
        kept: vec![(stage.plain(&server), clients - secure), (stage.secure(&server)?, secure)],
        fresh: Vec::new(),
        every: Some(STEP * u32::try_from(clients).unwrap_or(u32::MAX)),
        takes_busy: false,
        short: false,
    };
    let crowd = honest::gather(&mix, 3)?;
    thread::sleep(mix.every.unwrap_or_default() * 3 + Duration::from_secs(2));
    let reports = crowd.dismiss()?.into_iter().collect::<Result<Vec<Report>>>()?;
    let starved = reports.iter().filter(|report| report.answers == 0).count();
    let all = Report::sum(reports)?;
    let remark = format!("{} answers, {:.0} per second", all.answers, all.per_second());
    stage.measure("p99", all.millis(0.99), "ms", remark);
    stage.measure("starved", count(starved as u64), "", format!("of {clients}"));
    stage.close(server, &[&all], Terms::default())
}
