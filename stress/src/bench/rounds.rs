//! Timed loads: every contender has its turn in every round, so that a slow minute hits all alike.

use super::bodies::{self, BULK_BYTES};
use super::client::{Client, words};
use super::contender::Contender;
use super::error::BenchError;
use super::results::{Results, Sample, Series};
use super::server::{Bench, RESCUED, Server};
use super::stats::Spread;
use super::workload::{Figure, Handshakes, Role, Timed, Workload};
use crate::clock::Clock;
use crate::load::Report;
use crate::procfs::{Usage, machine_busy_seconds, usage_of};

/// Turns of one contender in one round before it is left out because its loop was rescued.
const ATTEMPTS_MAX: usize = 5;
/// Part of a turn that is driven before counting begins.
pub(super) const WARMUP_SHARE: f64 = 0.2;
/// The null server's rounds lie this far apart on a machine that has something else to do.
const NULL_WIDTH_MAX: f64 = 0.15;
/// Share of the machine that others may use before it is worth a warning.
pub(super) const FOREIGN_MAX: f64 = 0.05;
/// A pinned server that is alone on its core is rarely put off it.
const INVOLUNTARY_PER_SECOND_MAX: f64 = 200.0;
/// The first connections of a run have nothing to resume.
const RESUMED_MIN: f64 = 0.95;
/// Below this the server waited for the load generator.
pub(super) const BUSY_MIN: f64 = 0.9;

/// Answers of one load and what server and machine used meanwhile.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) reports: Vec<Report>,
    server: Usage,
    machine_seconds: f64,
    wall_seconds: f64,
    cpus: usize,
}

impl Turn {
    /// Runs the load once on each of `load_cpus` at the same time.
    pub(super) fn run(
        bench: &Bench,
        server: &Server,
        arguments: &[String],
        load_cpus: &[usize],
    ) -> Result<Self, BenchError> {
        let before = (usage_of(server.pid()), machine_busy_seconds());
        let clock = Clock::start();
        let clients: Result<Vec<Client>, BenchError> =
            load_cpus.iter().map(|&cpu| Client::start(bench, server, arguments, &[cpu])).collect();
        let reports: Result<Vec<Report>, BenchError> =
            clients?.into_iter().map(Client::finish).collect();
        let wall_seconds = clock.seconds();
        let machine = before.1.and_then(|before| Some(machine_busy_seconds()? - before));
        Ok(Self {
            reports: reports?,
            server: usage_of(server.pid()) - before.0,
            machine_seconds: machine.unwrap_or(0.0),
            wall_seconds,
            cpus: bench.cpus,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one turn are far below 2^53")]
    pub(super) fn sample(&self) -> Sample {
        let sum = |of: fn(&Report) -> f64| self.reports.iter().map(of).sum::<f64>();
        let worst = |of: fn(&Report) -> f64| self.reports.iter().map(of).fold(0.0, f64::max);
        let answers = sum(|report| report.answers_with_warmup as f64);
        let clients = sum(|report| report.client.cpu_seconds);
        let foreign = self.machine_seconds - self.server.cpu_seconds - clients;
        Sample {
            per_second: sum(|report| report.per_second),
            p50_us: worst(|report| report.latency_us.p50),
            p99_us: worst(|report| report.latency_us.p99),
            cpu_us: self.server.cpu_seconds * 1e6 / answers.max(1.0),
            server_busy: self.server.cpu_seconds / self.wall_seconds,
            foreign: foreign.max(0.0) / (self.wall_seconds * self.cpus as f64),
            involuntary_per_second: self.server.involuntary_switches as f64 / self.wall_seconds,
            resumed: sum(|report| report.resumed as f64)
                / sum(|report| report.handshakes as f64).max(1.0),
            faults: self.reports.iter().map(|report| report.faults.values().sum::<u64>()).sum(),
        }
    }
}

/// What the load generator is told about a timed workload.
pub(super) fn arguments(
    bench: &Bench,
    timed: &Timed,
    contender: &Contender,
) -> Result<Vec<String>, BenchError> {
    let turn = bench.args.turn().as_secs_f64();
    let template = match timed.role() {
        // A long answer has a short request.
        Role::Bulk | Role::SecureBulk => "get".to_owned(),
        Role::Upload => {
            let octets = bodies::upload(contender.upload_path(), BULK_BYTES);
            let name = format!("{}-upload.http", contender.name);
            bodies::save(&bench.places.scratch, &name, &octets)?.display().to_string()
        }
        _ => timed.template.to_owned(),
    };
    let mut arguments = words(&format!(
        "--template {template} --connections {} --seconds {turn} --warmup {}",
        timed.connections,
        turn * WARMUP_SHARE
    ));
    if let Some(rate) = timed.rate {
        arguments.extend(words(&format!("--rate {rate}")));
    }
    if timed.fresh {
        arguments.push("--fresh".to_owned());
    } else {
        arguments.extend(words(&format!("--depth {}", timed.depth)));
    }
    if timed.tls == Some(Handshakes::Resumed) {
        arguments.push("--tls-resume".to_owned());
    }
    arguments.extend(contender.load_arguments(timed.role(), &bench.places));
    Ok(arguments)
}

/// Starts all contenders that can play `role`; those that do not start are warned about.
pub(super) fn start_all<'b>(
    bench: &'b Bench,
    workload: &Workload,
    role: Role,
    results: &mut Results,
) -> Vec<(&'b Contender, Server)> {
    let mut running = Vec::new();
    for contender in &bench.contenders {
        match bench.start(contender, role) {
            Ok(None) => {}
            Ok(Some(server)) => {
                results.started(&contender.name, &server.command);
                running.push((contender, server));
            }
            Err(error) => leave_out(contender, workload, &error, results),
        }
    }
    running
}

/// Says that `contender` has no figure in `workload`.
pub(super) fn leave_out(
    contender: &Contender,
    workload: &Workload,
    error: &BenchError,
    results: &mut Results,
) {
    results.warn(format!("{}: {} is left out: {error}", workload.name, contender.name));
}

/// Measures `timed` for all contenders.
pub(super) fn measure(
    bench: &Bench,
    workload: &Workload,
    timed: &Timed,
    results: &mut Results,
) -> Result<(), BenchError> {
    let mut running: Vec<(&Contender, Server, Vec<Sample>)> =
        start_all(bench, workload, timed.role(), results)
            .into_iter()
            .map(|(contender, server)| (contender, server, Vec::new()))
            .collect();
    for round in 0..bench.args.rounds() as usize {
        // Nobody always comes first, or always after the same one.
        let mut failed = Vec::new();
        for turn in 0..running.len() {
            let index = (round + turn) % running.len();
            let (contender, server, samples) = &mut running[index];
            let outcome = arguments(bench, timed, contender).and_then(|arguments| {
                turn_of(bench, workload, contender, server, timed.role(), &arguments, results)
            });
            match outcome {
                Ok(turn) => samples.push(turn.sample()),
                Err(error) => {
                    leave_out(contender, workload, &error, results);
                    failed.push(contender.name.clone());
                }
            }
        }
        running.retain(|(contender, ..)| !failed.contains(&contender.name));
    }
    for (contender, _, samples) in running {
        let figure = |sample: &Sample| match timed.figure {
            Figure::Rate => sample.per_second,
            Figure::MedianLatency => sample.p50_us,
            Figure::CpuTime => sample.cpu_us,
        };
        warn_of_faults(workload, contender, &samples, results);
        if timed.tls == Some(Handshakes::Resumed) {
            warn_of_full_handshakes(workload, contender, &samples, results);
        }
        results.series.push(Series {
            workload: workload.name.to_owned(),
            contender: contender.name.clone(),
            values: samples.iter().map(figure).collect(),
            samples,
            remark: String::new(),
        });
    }
    warn_of_disturbance(workload, results);
    Ok(())
}

/// One turn. After a rescue workers make the calls of a function for ten seconds and more, so a
/// turn of [`Contender::is_inline`] with a rescue is said to be void, and repeated with a fresh
/// server.
fn turn_of(
    bench: &Bench,
    workload: &Workload,
    contender: &Contender,
    server: &mut Server,
    role: Role,
    arguments: &[String],
    results: &mut Results,
) -> Result<Turn, BenchError> {
    let mut found = 0;
    for _ in 0..ATTEMPTS_MAX {
        let turn = Turn::run(bench, server, arguments, &bench.load_cpus())?;
        found = if contender.is_inline() { server.said(RESCUED)? } else { 0 };
        if found == 0 {
            return Ok(turn);
        }
        let (workload, name) = (workload.name, &contender.name);
        results.warn(format!("{workload}: {name} was rescued from a call; turn repeated"));
        server.stop()?;
        if let Some(fresh) = bench.start(contender, role)? {
            *server = fresh;
        }
    }
    Err(BenchError::Rescues { expected: 0, found })
}

fn warn_of_faults(
    workload: &Workload,
    contender: &Contender,
    samples: &[Sample],
    results: &mut Results,
) {
    let faults: u64 = samples.iter().map(|sample| sample.faults).sum();
    if faults > 0 {
        results.warn(format!("{}: {} had {faults} faults", workload.name, contender.name));
    }
}

fn warn_of_full_handshakes(
    workload: &Workload,
    contender: &Contender,
    samples: &[Sample],
    results: &mut Results,
) {
    let resumed = samples.iter().map(|sample| sample.resumed).fold(1.0, f64::min);
    if resumed < RESUMED_MIN {
        let (workload, name) = (workload.name, &contender.name);
        let share = resumed * 100.0;
        results.warn(format!("{workload}: {name} resumed only {share:.0} % of the handshakes"));
    }
}

/// Warns when the figures of `workload` were taken on a machine that had something else to do.
fn warn_of_disturbance(workload: &Workload, results: &mut Results) {
    let null = results.series("null", workload.name).and_then(|one| Spread::of(&one.values));
    let width = null.map_or(0.0, |spread| spread.relative_width());
    let samples: Vec<Sample> =
        results.of_workload(workload.name).flat_map(|one| one.samples.clone()).collect();
    let median = |of: fn(&Sample) -> f64| {
        let values: Vec<f64> = samples.iter().map(of).collect();
        Spread::of(&values).map_or(0.0, |spread| spread.median)
    };
    let (foreign, put_off) = (median(|one| one.foreign), median(|one| one.involuntary_per_second));
    let mut signs = Vec::new();
    if width > NULL_WIDTH_MAX {
        signs.push(format!("the null server varied by {:.0} %", width * 100.0));
    }
    if foreign > FOREIGN_MAX {
        signs.push(format!("others used {:.0} % of the machine", foreign * 100.0));
    }
    if put_off > INVOLUNTARY_PER_SECOND_MAX {
        signs.push(format!("servers were put off their core {put_off:.0} times a second"));
    }
    if !signs.is_empty() {
        results.warn(format!("{}: disturbed: {}", workload.name, signs.join("; ")));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::Args;
    use super::super::workload::{Kind, WORKLOADS};
    use super::*;

    #[test]
    fn the_load_is_told_what_the_workload_says() {
        let args = Args::try_parse_from(["stress/bench", "--seconds", "2"]).unwrap();
        let bench = Bench::new(&args).unwrap();
        let all = Contender::all(&[]);
        let inline = all.iter().find(|one| one.is_inline()).unwrap();
        let told = |name: &str| {
            let workload = WORKLOADS.iter().find(|workload| workload.name == name).unwrap();
            let Kind::Timed(timed) = &workload.kind else { panic!("{name} is no load") };
            arguments(&bench, timed, inline).unwrap().join(" ")
        };
        let common = "--connections 64 --seconds 2 --warmup 0.4";
        assert_eq!(told("hop"), format!("--template get {common} --rate 20000 --depth 1"));
        let post = format!("--template post {common} --depth 1 --path /echo --expect-echo");
        assert_eq!(told("post"), post);
    }
}
