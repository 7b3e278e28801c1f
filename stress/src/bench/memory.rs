//! Memory of idle connections: what the server's resident set grows by while they are held.

use std::thread;
use std::time::Duration;

use super::client::{Idle, load, words};
use super::error::BenchError;
use super::results::Results;
use super::rounds::{leave_out, start_all};
use super::server::{Bench, Server};
use super::workload::{Role, Workload};
use crate::procfs::resident_bytes;

/// Before the first reading, so that what every request needs once is there.
const WARMUP_REQUESTS: u32 = 500;
/// Time in which a server may give back what it does not need.
const SETTLE: Duration = Duration::from_millis(300);

/// Resident octets per idle connection, for all contenders.
pub(super) fn measure(
    bench: &Bench,
    workload: &Workload,
    (connections, secure): (usize, bool),
    results: &mut Results,
) -> Result<(), BenchError> {
    let role = if secure { Role::Secure } else { Role::Hello };
    for (contender, server) in start_all(bench, workload, role, results) {
        let arguments = contender.load_arguments(role, &bench.places);
        match per_connection(bench, &server, connections, &arguments) {
            Ok((bytes, open)) => {
                let closed = connections - open;
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
    server: &Server,
    connections: usize,
    arguments: &[String],
) -> Result<(f64, usize), BenchError> {
    let warmup = words(&format!("--connections 1 --requests {WARMUP_REQUESTS}"));
    load(bench, server, &[&warmup, arguments].concat())?;
    thread::sleep(SETTLE);
    let before = resident(server)?;
    let idle = Idle::open(bench, server, connections, arguments)?;
    thread::sleep(SETTLE);
    let during = resident(server)?;
    let open = idle.close()?;
    Ok(((during as f64 - before as f64) / connections as f64, open))
}

fn resident(server: &Server) -> Result<u64, BenchError> {
    let missing = || BenchError::NoFigure { tool: "/proc", said: server.command.clone() };
    resident_bytes(server.pid()).ok_or_else(missing)
}
