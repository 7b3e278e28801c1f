//! A server that has many of something beside one that has few: what a request to each costs.
//!
//! The two take turns, because no machine is the same for long, and are asked for the same. What is
//! compared is CPU time per request, which the speed of the load generator does not decide.

use super::client::{Idle, load, words};
use super::contender::Contender;
use super::error::BenchError;
use super::results::Results;
use super::rounds::{Turn, WARMUP_SHARE, leave_out};
use super::server::{Bench, RESCUED, Server};
use super::workload::{Many, Role, Workload};
use crate::procfs::{private_bytes, shared_bytes};

const FUNCTIONS: u32 = 1_000;
const ROUTES: u32 = 10_000;
const CONNECTIONS: usize = 10_000;
/// One in a hundred of them.
const ACTIVE: usize = 100;
/// Connections of the load where something else is many.
const LOAD_CONNECTIONS: usize = 64;
/// Before memory is read, so that what every request needs once is there.
const WARMUP_REQUESTS: u32 = 500;

/// The series that stand beside `functions`: octets and milliseconds for each.
pub(super) const FUNCTIONS_MEMORY: &str = "functions_memory";
pub(super) const FUNCTIONS_START: &str = "functions_start";
/// The series that stands beside `routes`: milliseconds until the server is ready.
pub(super) const ROUTES_START: &str = "routes_start";

impl Many {
    /// What the servers with few and with many have to do.
    fn roles(self) -> [Role; 2] {
        match self {
            Self::Functions => [Role::Functions(1), Role::Functions(FUNCTIONS)],
            Self::Routes => [Role::Routes(1), Role::Routes(ROUTES)],
            Self::Connections => [Role::Hello; 2],
        }
    }

    /// Whether `contender` is asked to take part: of the peers one is enough to tell what is the
    /// kernel's part of the price of connections.
    fn takes(self, contender: &Contender) -> bool {
        self != Self::Connections || ["null", "ours", "inline", "nginx"].contains(&&*contender.name)
    }

    fn connections(self) -> usize {
        if self == Self::Connections { ACTIVE } else { LOAD_CONNECTIONS }
    }
}

/// Measures `many` for all that can take part in it.
pub(super) fn measure(
    bench: &Bench,
    workload: &Workload,
    many: Many,
    results: &mut Results,
) -> Result<(), BenchError> {
    for contender in bench.contenders.iter().filter(|one| many.takes(one)) {
        match compare(bench, workload, many, contender, results) {
            Ok(()) => {}
            Err(error) => leave_out(contender, workload, &error, results),
        }
    }
    Ok(())
}

fn compare(
    bench: &Bench,
    workload: &Workload,
    many: Many,
    contender: &Contender,
    results: &mut Results,
) -> Result<(), BenchError> {
    let roles = many.roles();
    let Some(few) = bench.start(contender, roles[0])? else { return Ok(()) };
    let before = shared_bytes().unwrap_or(0);
    let Some(other) = bench.start(contender, roles[1])? else { return Ok(()) };
    let shared = shared_bytes().unwrap_or(0).saturating_sub(before);
    results.started(&contender.name, &other.command);
    let servers = [few, other];
    if many == Many::Functions {
        add_price_of_functions(bench, contender, &servers, shared, results)?;
    }
    if many == Many::Routes {
        let milliseconds = servers[1].ready_seconds * 1e3;
        let remark = "ms until it is ready";
        results.add(ROUTES_START, &contender.name, vec![milliseconds], remark);
    }
    let quiet = if many == Many::Connections {
        let arguments = contender.load_arguments(Role::Hello, &bench.places);
        Some(Idle::open(bench, &servers[1], CONNECTIONS - ACTIVE, &arguments)?)
    } else {
        None
    };
    let (mut ratios, mut shown) = (Vec::new(), Vec::new());
    for round in 0..bench.args.rounds() as usize {
        let mut cpu_us = [0.0; 2];
        // Neither always comes first.
        for index in [round % 2, 1 - round % 2] {
            cpu_us[index] = turn(bench, contender, many, roles[index], &servers[index])?;
        }
        ratios.push(cpu_us[1] / cpu_us[0]);
        shown.push(format!("{:.2} → {:.2} µs", cpu_us[0], cpu_us[1]));
    }
    if let Some(quiet) = quiet {
        let left = CONNECTIONS - ACTIVE - quiet.close()?;
        if left > 0 {
            return Err(BenchError::Load { said: format!("{left} connections were closed") });
        }
    }
    results.add(workload.name, &contender.name, ratios, &shown.join(", "));
    Ok(())
}

/// CPU time of the server per request, in microseconds.
fn turn(
    bench: &Bench,
    contender: &Contender,
    many: Many,
    role: Role,
    server: &Server,
) -> Result<f64, BenchError> {
    let seconds = bench.args.turn().as_secs_f64();
    let mut arguments = words(&format!(
        "--connections {} --seconds {seconds} --warmup {}",
        many.connections(),
        seconds * WARMUP_SHARE
    ));
    arguments.extend(contender.load_arguments(role, &bench.places));
    let sample = Turn::run(bench, server, &arguments, &bench.load_cpus())?.sample();
    if sample.faults > 0 {
        return Err(BenchError::Load { said: format!("{} faults", sample.faults) });
    }
    let found = if contender.is_inline() { server.said(RESCUED)? } else { 0 };
    if found > 0 { Err(BenchError::Rescues { expected: 0, found }) } else { Ok(sample.cpu_us) }
}

/// What each function more costs in memory and in time until the server is ready.
///
/// The octets of its artifact are held by the kernel as a file in memory, whole, and are said in
/// the remark: how long they are is the function's affair.
#[expect(clippy::cast_precision_loss, reason = "memory of a machine is far below 2^53 octets")]
fn add_price_of_functions(
    bench: &Bench,
    contender: &Contender,
    servers: &[Server; 2],
    shared: u64,
    results: &mut Results,
) -> Result<(), BenchError> {
    let roles = Many::Functions.roles();
    let mut private = [0.0; 2];
    for index in 0..servers.len() {
        let server = &servers[index];
        let mut arguments = words(&format!("--connections 1 --requests {WARMUP_REQUESTS}"));
        arguments.extend(contender.load_arguments(roles[index], &bench.places));
        load(bench, server, &arguments)?;
        let none = || BenchError::NoFigure { tool: "/proc", said: server.command.clone() };
        private[index] = private_bytes(server.pid()).ok_or_else(none)? as f64;
    }
    let more = f64::from(FUNCTIONS - 1);
    let [few, many] = servers;
    let copies = shared as f64 / f64::from(FUNCTIONS);
    let remark = format!("octets each, beside the {copies:.0} of its copy");
    results.add(FUNCTIONS_MEMORY, &contender.name, vec![(private[1] - private[0]) / more], &remark);
    let start = (many.ready_seconds - few.ready_seconds) * 1e3 / more;
    let remark = format!("ms each; ready after {:.2} s", many.ready_seconds);
    results.add(FUNCTIONS_START, &contender.name, vec![start], &remark);
    Ok(())
}
