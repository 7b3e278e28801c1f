//! Figures of ours alone: one function's peace while another sleeps, and two loops beside one.

use super::client::{Client, words};
use super::contender::Contender;
use super::error::BenchError;
use super::results::{LOOPS_CPU, Results, Sample};
use super::rounds::{Turn, leave_out};
use super::server::{Bench, Server};
use super::workload::{Role, Workload};

const CONNECTIONS: u32 = 64;
/// Clients that call the function which takes five milliseconds.
const SLEEPER_CLIENTS: u32 = 2;
const SLEEPER_PATH: &str = "/delay/5";
/// The sleepers start before and end after what is measured beside them.
const SLEEPER_MARGIN_SECONDS: f64 = 1.0;

/// 99th percentile of `hello` while two clients call a sleeper, to that without them.
pub(super) fn sleeper(
    bench: &Bench,
    workload: &Workload,
    results: &mut Results,
) -> Result<(), BenchError> {
    for contender in &bench.contenders {
        let server = match bench.start(contender, Role::Both) {
            Ok(None) => continue,
            Ok(Some(server)) => server,
            Err(error) => {
                leave_out(contender, workload, &error, results);
                continue;
            }
        };
        results.started(&contender.name, &server.command);
        let rounds: Result<Vec<(f64, f64)>, BenchError> =
            (0..bench.args.rounds()).map(|_| sleeper_round(bench, contender, &server)).collect();
        match rounds {
            Ok(rounds) => {
                let ratios = rounds.iter().map(|(alone, beside)| beside / alone).collect();
                let shown: Vec<String> = rounds
                    .iter()
                    .map(|(alone, beside)| format!("{alone:.0} → {beside:.0} µs"))
                    .collect();
                results.add(workload.name, &contender.name, ratios, &shown.join(", "));
            }
            Err(error) => leave_out(contender, workload, &error, results),
        }
    }
    Ok(())
}

/// 99th percentiles without and with sleepers, in microseconds.
fn sleeper_round(
    bench: &Bench,
    contender: &Contender,
    server: &Server,
) -> Result<(f64, f64), BenchError> {
    let quiet = turn(bench, contender, Role::Both, server, &bench.load_cpus())?;
    let seconds = bench.args.turn().as_secs_f64() + SLEEPER_MARGIN_SECONDS;
    let calls = words(&format!(
        "--path {SLEEPER_PATH} --connections {SLEEPER_CLIENTS} --seconds {seconds}"
    ));
    let sleepers = Client::start(bench, server, &calls, &bench.load_cpus())?;
    let beside = turn(bench, contender, Role::Both, server, &bench.load_cpus());
    let sleepers = sleepers.finish()?;
    if sleepers.answers == 0 {
        return Err(BenchError::Load { said: format!("{SLEEPER_PATH} was never answered") });
    }
    Ok((quiet.p99_us, beside?.p99_us))
}

/// Two loops on two cores against one loop on one.
pub(super) fn loops(
    bench: &Bench,
    workload: &Workload,
    results: &mut Results,
) -> Result<(), BenchError> {
    let cpu = bench.server_cpus()[0];
    let second = (cpu + 1) % bench.cpus;
    let free: Vec<usize> = (0..bench.cpus).filter(|&one| one != cpu && one != second).collect();
    // The load needs as many cores as the loops have; else it takes from what is measured.
    let (load_one, load_two) = match free[..] {
        [first, other, ..] => (vec![first], vec![first, other]),
        _ => (bench.load_cpus(), bench.load_cpus()),
    };
    for contender in &bench.contenders {
        let one = bench.start_under(&[], contender, Role::Hello, &[cpu]);
        let two = bench.start_under(&[], contender, Role::TwoLoops, &[cpu, second]);
        let (one, two) = match (one, two) {
            (Ok(Some(one)), Ok(Some(two))) => (one, two),
            (Err(error), _) | (_, Err(error)) => {
                leave_out(contender, workload, &error, results);
                continue;
            }
            (Ok(_), Ok(_)) => continue,
        };
        results.started(&contender.name, &two.command);
        let rounds: Result<Vec<(Sample, Sample)>, BenchError> = (0..bench.args.rounds())
            .map(|_| {
                let single = turn(bench, contender, Role::Hello, &one, &load_one)?;
                Ok((single, turn(bench, contender, Role::TwoLoops, &two, &load_two)?))
            })
            .collect();
        match rounds {
            Ok(rounds) => add_loops(workload, contender, &rounds, load_two.len() > 1, results),
            Err(error) => leave_out(contender, workload, &error, results),
        }
    }
    Ok(())
}

fn add_loops(
    workload: &Workload,
    contender: &Contender,
    rounds: &[(Sample, Sample)],
    has_cores: bool,
    results: &mut Results,
) {
    let cpu = rounds.iter().map(|(one, two)| two.cpu_us / one.cpu_us).collect();
    let remark = "CPU time per request of two loops to that of one";
    results.add(LOOPS_CPU, &contender.name, cpu, remark);
    if has_cores {
        let rate = rounds.iter().map(|(one, two)| two.per_second / one.per_second).collect();
        results.add(workload.name, &contender.name, rate, "");
    } else {
        let name = workload.name;
        results.warn(format!("{name}: needs four CPUs; CPU time per request is compared instead"));
    }
}

fn turn(
    bench: &Bench,
    contender: &Contender,
    role: Role,
    server: &Server,
    load_cpus: &[usize],
) -> Result<Sample, BenchError> {
    let seconds = bench.args.turn().as_secs_f64();
    let mut arguments = words(&format!("--connections {CONNECTIONS} --seconds {seconds}"));
    arguments.extend(contender.load_arguments(role, &bench.places));
    Ok(Turn::run(bench, server, &arguments, load_cpus)?.sample())
}
