//! Memory of idle connections: what the server's resident set grows by while they are held.

use std::thread;
use std::time::Duration;

use super::client::{Idle, load, words};
use super::contender::Contender;
use super::error::BenchError;
use super::results::Results;
use super::rounds::{leave_out, start_all};
use super::server::{Bench, Server};
use super::workload::{Role, Workload};
use crate::procfs::resident_bytes;

const IDLE_CONNECTIONS: usize = 5_000;
/// Before the first reading, so that what every request needs once is there.
const WARMUP_REQUESTS: u32 = 500;
/// Time in which a server may give back what it does not need.
const SETTLE: Duration = Duration::from_millis(300);

/// Resident octets per idle connection, for all contenders.
pub(super) fn measure(
    bench: &Bench,
    workload: &Workload,
    results: &mut Results,
) -> Result<(), BenchError> {
    for (contender, server) in start_all(bench, workload, Role::Hello, results) {
        match per_connection(bench, contender, &server) {
            Ok((bytes, open)) => {
                let closed = IDLE_CONNECTIONS - open;
                let remark =
                    if closed > 0 { format!("{closed} were closed") } else { String::new() };
                results.add(workload.name, &contender.name, vec![bytes], &remark);
            }
            Err(error) => leave_out(contender, workload, &error, results),
        }
    }
    Ok(())
}

/// Octets per connection, and how many connections were still open at the end.
#[expect(clippy::cast_precision_loss, reason = "memory of one process is far below 2^53 octets")]
fn per_connection(
    bench: &Bench,
    contender: &Contender,
    server: &Server,
) -> Result<(f64, usize), BenchError> {
    let arguments = contender.load_arguments(Role::Hello);
    let warmup = words(&format!("--connections 1 --requests {WARMUP_REQUESTS}"));
    load(bench, server, &[warmup, arguments.clone()].concat())?;
    thread::sleep(SETTLE);
    let before = resident(server)?;
    let idle = Idle::open(bench, server, IDLE_CONNECTIONS, &arguments)?;
    thread::sleep(SETTLE);
    let during = resident(server)?;
    let open = idle.close()?;
    Ok(((during as f64 - before as f64) / IDLE_CONNECTIONS as f64, open))
}

fn resident(server: &Server) -> Result<u64, BenchError> {
    let missing = || BenchError::NoFigure { tool: "/proc", said: server.command.clone() };
    resident_bytes(server.pid()).ok_or_else(missing)
}
