//! The benchmark: the same loads against the null server, ours and the peers, in turn.
//!
//! Servers run on one core and the load on another. Absolute figures belong to the machine and
//! the minute; what is compared are ratios inside one round, instruction counts and system calls
//! per request. [`run`] does what the command line says; each module measures or shows one thing.

pub mod args;
mod bodies;
mod broken;
pub mod budget;
mod calls;
mod chart;
mod client;
pub mod compare;
mod contender;
mod counts;
pub mod curves;
mod draw;
mod error;
mod growth;
mod isolation;
pub(crate) mod machine;
mod many;
mod markdown;
mod memory;
mod native;
mod page;
mod peers;
pub mod results;
mod rounds;
mod secure;
mod server;
mod slow;
pub mod stats;
mod table;
pub mod workload;

use std::fs;
use std::path::Path;

use args::Args;
use budget::Budget;
pub use error::BenchError;
use results::Results;
use server::Bench;
use workload::{Kind, WORKLOADS, Workload};

const BUDGETS_FILE: &str = "stress/BUDGETS.md";
const PAGE_FILE: &str = "stress/RESULTS.md";

/// Measures, prints, saves. `Ok(false)`: a promised target was missed and `--enforce` was given.
///
/// # Errors
/// When nothing can be measured or written at all. A contender that does not start is left out
/// and said to be.
pub fn run(args: &Args) -> Result<bool, BenchError> {
    let budgets_text = fs::read_to_string(BUDGETS_FILE)
        .map_err(|error| BenchError::file(Path::new(BUDGETS_FILE), error))?;
    let budgets = Budget::parse_all(&budgets_text).map_err(BenchError::Budget)?;
    let reasons = budget::reasons(&budgets_text).map_err(BenchError::Budget)?;
    if let Some(saved) = args.render.as_ref().filter(|saved| curves::is_growth(saved)) {
        return curves::render(saved).map(|()| true);
    }
    if let Some(saved) = &args.render {
        let mut results = Results::load(saved)?;
        results.judge(&budgets);
        if args.against.is_some() {
            results.comparison = compare::look_back(args.against.as_deref(), saved, &results)?;
        }
        let saved = results.save(saved.parent().unwrap_or(Path::new(".")))?;
        return page::write(Path::new(PAGE_FILE), &results, &saved, &reasons).map(|()| true);
    }
    let chosen = args.chosen()?;
    let bench = Bench::new(args)?;
    if args.curves {
        return curves::run(&bench).map(|()| true);
    }
    let mut results = Results::begin(&bench, args);
    table::print_opening(&results);
    for workload in &chosen {
        table::print_heading(workload);
        measure(&bench, workload, &mut results)?;
        table::print_workload(workload, &results);
    }
    results.judge(&budgets);
    table::print_verdicts(&results);
    results.comparison = compare::look_back(args.against.as_deref(), &args.results, &results)?;
    table::print_comparison(&results);
    if !args.no_save {
        let saved = results.save(&args.results)?;
        println!("\nsaved {}", saved.display());
        if chosen.len() == WORKLOADS.len() && !args.quick && args.only.is_empty() {
            page::write(Path::new(PAGE_FILE), &results, &saved, &reasons)?;
            println!("wrote {PAGE_FILE}");
        } else {
            println!("{PAGE_FILE} is left as it is (not a full run); to show this one there:");
            println!("  stress/bench --render {}", saved.display());
        }
    }
    let names: Vec<&str> = chosen.iter().map(|workload| workload.name).collect();
    let broken = results.broken_promises(&names);
    if args.enforce {
        broken.iter().for_each(|verdict| eprintln!("promise not kept: {}", verdict.budget.id));
    }
    Ok(!args.enforce || broken.is_empty())
}

fn measure(bench: &Bench, workload: &Workload, results: &mut Results) -> Result<(), BenchError> {
    match &workload.kind {
        Kind::Timed(timed) => rounds::measure(bench, workload, timed, results),
        Kind::Syscalls => counts::syscalls(bench, workload, results),
        Kind::Instructions => counts::instructions(bench, workload, results),
        Kind::Idle { connections, secure } => {
            memory::measure(bench, workload, (*connections, *secure), results)
        }
        Kind::Sleeper => isolation::sleeper(bench, workload, results),
        Kind::Loops => isolation::loops(bench, workload, results),
        Kind::Many(many) => growth::measure(bench, workload, *many, results),
        Kind::Slow => slow::measure(bench, workload, results),
        Kind::Broken(broken) => broken::measure(bench, workload, *broken, results),
    }
}
