//! Counts that do not depend on the machine's speed: system calls and user instructions.
//!
//! Both are the difference of a long and a short run, divided by the difference of their
//! requests: what start-up and connections cost is in both and cancels out.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::client::{load, words};
use super::contender::Contender;
use super::error::BenchError;
use super::native::SLOW_TIME;
use super::results::Results;
use super::rounds::{leave_out, start_all};
use super::server::{Bench, RESCUED, Server, end, tail};
use super::workload::{Role, Workload};

const CONNECTIONS: u32 = 64;
const TRACED_REQUESTS: [u64; 2] = [2_000, 12_000];
const COUNTED_REQUESTS: [u64; 2] = [640, 3_200];
/// System calls that happen less often than this per request are not listed.
const CALLS_LISTED_MIN: f64 = 0.01;

/// System calls per request, by strace.
pub(super) fn syscalls(
    bench: &Bench,
    workload: &Workload,
    results: &mut Results,
) -> Result<(), BenchError> {
    if !is_there("strace", "-V") {
        results.warn(format!("{}: strace is not installed", workload.name));
        return Ok(());
    }
    for (contender, server) in start_all(bench, workload, Role::Hello, results) {
        let counted = TRACED_REQUESTS.map(|requests| traced(bench, contender, &server, requests));
        match counted {
            [Ok(short), Ok(long)] => {
                let per_request = calls_per_request(&short, &long);
                let listed = per_request.iter().filter(|(_, calls)| **calls >= CALLS_LISTED_MIN);
                let remark: Vec<String> =
                    listed.map(|(name, calls)| format!("{name} {calls:.2}")).collect();
                let sum: f64 = per_request.values().sum();
                results.add(workload.name, &contender.name, vec![sum], &remark.join(", "));
            }
            [Err(error), _] | [_, Err(error)] => leave_out(contender, workload, &error, results),
        }
    }
    Ok(())
}

/// User instructions per request, by callgrind.
pub(super) fn instructions(
    bench: &Bench,
    workload: &Workload,
    results: &mut Results,
) -> Result<(), BenchError> {
    if !is_there("valgrind", "--version") {
        results.warn(format!("{}: valgrind is not installed", workload.name));
        return Ok(());
    }
    for contender in &bench.contenders {
        let [short, long] = COUNTED_REQUESTS;
        let outcome = counted(bench, contender, short)
            .and_then(|short| Ok((short, counted(bench, contender, long)?)));
        match outcome {
            Ok((few, many)) => {
                let value = per_request(few, many, COUNTED_REQUESTS);
                results.add(workload.name, &contender.name, vec![value], "");
            }
            Err(error) => leave_out(contender, workload, &error, results),
        }
    }
    Ok(())
}

/// Calls by name while `requests` are served.
fn traced(
    bench: &Bench,
    contender: &Contender,
    server: &Server,
    requests: u64,
) -> Result<BTreeMap<String, u64>, BenchError> {
    let file = bench.places.scratch.join("strace.txt");
    let mut strace = Command::new("strace")
        .args(["-c", "-f", "-o"])
        .arg(&file)
        .args(["-p", &server.pid().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| BenchError::Spawn { program: "strace".to_owned(), error })?;
    // It says on its standard error that it is attached; before that nothing would be counted.
    let mut said = String::new();
    if let Some(stderr) = strace.stderr.as_mut() {
        BufReader::new(stderr).read_line(&mut said)?;
    }
    let attached = said.contains("attached");
    let loaded = if attached {
        load(bench, server, &load_arguments(bench, contender, requests)).map(|_| ())
    } else {
        Err(BenchError::NoFigure { tool: "strace", said: tail(&said) })
    };
    end(&mut strace, Signal::INT)?;
    loaded?;
    must_not_be_rescued(contender, server)?;
    let text = read(&file)?;
    let calls = calls_of(&text);
    let none = BenchError::NoFigure { tool: "strace", said: tail(&text) };
    if calls.is_empty() { Err(none) } else { Ok(calls) }
}

/// Instructions of a whole life of the server with `requests` in it.
fn counted(bench: &Bench, contender: &Contender, requests: u64) -> Result<u64, BenchError> {
    let file = bench.places.scratch.join("callgrind.out");
    if file.exists() {
        fs::remove_file(&file).map_err(|error| BenchError::file(&file, error))?;
    }
    let tool = callgrind(bench, contender, &file)?;
    let started = bench.start_under(&tool, contender, Role::Hello, &bench.server_cpus())?;
    let Some(mut server) = started else {
        return Err(BenchError::NoFigure { tool: "callgrind", said: "no such role".to_owned() });
    };
    load(bench, &server, &load_arguments(bench, contender, requests))?;
    server.stop()?;
    must_not_be_rescued(contender, &server)?;
    let text = read(&file)?;
    instructions_of(&text)
        .ok_or_else(|| BenchError::NoFigure { tool: "callgrind", said: tail(&text) })
}

/// What a server is started with so that its instructions are counted into `file`.
pub(super) fn callgrind(
    bench: &Bench,
    contender: &Contender,
    file: &Path,
) -> Result<Vec<String>, BenchError> {
    let mut tool = Vec::new();
    if contender.goes_by_time() {
        // Below callgrind every call takes long, and the first ones more than a tick of the watch:
        // without this the loop would be rescued and workers would make the calls.
        let slow_time = SLOW_TIME.compile(Path::new("."), &bench.places.scratch)?;
        tool.extend(["env".to_owned(), format!("LD_PRELOAD={}", slow_time.display())]);
    }
    tool.extend(words("valgrind -q --tool=callgrind --fair-sched=try"));
    tool.push(format!("--callgrind-out-file={}", file.display()));
    Ok(tool)
}

/// After a rescue workers make the calls: then it is not what was to be counted.
fn must_not_be_rescued(contender: &Contender, server: &Server) -> Result<(), BenchError> {
    match server.said(RESCUED)? {
        found if contender.is_inline() && found > 0 => {
            Err(BenchError::Rescues { expected: 0, found })
        }
        _ => Ok(()),
    }
}

fn load_arguments(bench: &Bench, contender: &Contender, requests: u64) -> Vec<String> {
    let mut arguments =
        words(&format!("--requests {requests} --connections {CONNECTIONS} --patience 60"));
    arguments.extend(contender.load_arguments(Role::Hello, &bench.places));
    arguments
}

pub(super) fn is_there(tool: &str, argument: &str) -> bool {
    let mut command = Command::new(tool);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn read(file: &Path) -> Result<String, BenchError> {
    fs::read_to_string(file).map_err(|error| BenchError::file(file, error))
}

fn calls_per_request(
    short: &BTreeMap<String, u64>,
    long: &BTreeMap<String, u64>,
) -> BTreeMap<String, f64> {
    let few = |name: &str| short.get(name).copied().unwrap_or(0);
    long.iter()
        .map(|(name, many)| (name.clone(), per_request(few(name), *many, TRACED_REQUESTS).max(0.0)))
        .collect()
}

/// What each request between the short and the long run cost.
#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
pub(super) fn per_request(few: u64, many: u64, [short, long]: [u64; 2]) -> f64 {
    (many as f64 - few as f64) / (long - short) as f64
}

/// Calls by name, from the table of `strace -c`: the fourth column and the last.
fn calls_of(table: &str) -> BTreeMap<String, u64> {
    let rows = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let name = *columns.last()?;
        let row = columns.len() >= 5 && columns[0].parse::<f64>().is_ok() && name != "total";
        Some((name.to_owned(), row.then(|| columns[3].parse().ok())??))
    });
    rows.collect()
}

/// The sum over the run, from the last line of a callgrind file that has one.
pub(super) fn instructions_of(text: &str) -> Option<u64> {
    let totals = text.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    totals.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 51.20    0.001843           1      2000           write
 48.00    0.001700           1      2100       100 read
  0.80    0.000030           2        15           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.003573           1      4115       100 total
";

    #[test]
    fn calls_are_read_with_and_without_errors() {
        let calls = calls_of(TABLE);
        let expected = [("epoll_wait", 15), ("read", 2100), ("write", 2000)];
        assert!(calls.iter().map(|(name, n)| (name.as_str(), *n)).eq(expected));
    }

    #[test]
    fn what_both_runs_have_cancels_out() {
        assert_eq!(per_request(50_000 + 640 * 300, 50_000 + 3_200 * 300, [640, 3_200]), 300.0);
        let short = BTreeMap::from([("accept4".to_owned(), 64), ("read".to_owned(), 2_000)]);
        let long = BTreeMap::from([("accept4".to_owned(), 64), ("read".to_owned(), 12_000)]);
        let calls = calls_per_request(&short, &long);
        assert_eq!((calls["accept4"], calls["read"]), (0.0, 1.0));
    }

    #[test]
    fn the_total_of_callgrind_is_found() {
        assert_eq!(instructions_of("events: Ir\n1 2\ntotals: 123456\n"), Some(123_456));
        assert_eq!(instructions_of("events: Ir\n"), None);
    }
}
