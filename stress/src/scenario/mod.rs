//! Scenarios: a real server under peers that misbehave, beside clients that do not.
//!
//! Each file plays one of them, and [`catalog`] has the list. What they have in common is in
//! [`stage`]: the server, the honest clients, and the checks at the end. Figures are held against
//! the second table of `stress/BUDGETS.md` ([`budget`]); a row that nobody measures is an error, so
//! is a figure without a row. [`run`] does what the command line says.

pub mod args;
pub mod budget;
mod catalog;
mod crowd;
mod dice;
mod failure;
mod honest;
mod page;
mod peer;
mod question;
pub mod results;
mod server;
mod settings;
mod stage;
mod strict;

mod amplification;
mod descriptors;
mod drain;
mod endings;
mod endless;
mod handshakes;
mod idle;
mod kept;
mod limit_bodies;
mod memory;
mod million;
mod pipelining;
mod reload;
mod short;
mod slow_bodies;
mod slow_heads;
mod slow_readers;
mod trickle;
mod workers;

use std::fs;
use std::path::{Path, PathBuf};

use args::Args;
use budget::{EVERY, Row, mismatches};
use catalog::{SCENARIOS, Scenario};
pub use failure::Failure;
use results::{Outcome, Play, Results};
use stage::{COMMON, Places, Scale, Stage};

use crate::bench::machine::Machine;
use crate::clock::{Clock, date_stamp, unix_seconds};
use crate::limits::raise_descriptor_limit;

const BUDGETS_FILE: &str = "stress/BUDGETS.md";
const PAGE_FILE: &str = "stress/SCENARIOS.md";

/// Does what the command line says.
///
/// # Errors
/// When nothing can be run at all. What goes wrong in one scenario is part of the results.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    if args.list {
        list();
        return Ok(Outcome::Kept);
    }
    let budgets = Path::new(BUDGETS_FILE);
    let text = fs::read_to_string(budgets).map_err(|error| Failure::file(budgets, error))?;
    let rows = Row::parse_all(&text).map_err(Failure::Budgets)?;
    let page = Path::new(PAGE_FILE);
    if let Some(saved) = &args.render {
        let text = Results::load(saved)?.page(saved);
        fs::write(page, text).map_err(|error| Failure::file(page, error))?;
        return Ok(Outcome::Kept);
    }
    let problems = mismatches(&rows, &declared());
    if !problems.is_empty() {
        problems.iter().for_each(|problem| eprintln!("{BUDGETS_FILE}: {problem}"));
        return Ok(Outcome::Broken);
    }
    let results = play_all(args, &rows)?;
    print_table(&results);
    let saved = results.save(args.json.as_deref())?;
    println!("\nsaved {}", saved.display());
    if args.scale == Scale::Full && args.only.is_empty() {
        fs::write(page, results.page(&saved)).map_err(|error| Failure::file(page, error))?;
        println!("wrote {PAGE_FILE}");
    }
    Ok(results.outcome())
}

fn list() {
    for (index, scenario) in SCENARIOS.iter().enumerate() {
        println!("{:>2} {:<14} {}", index + 1, scenario.name, scenario.about);
    }
}

/// Every figure that is measured, with its scenario.
fn declared() -> Vec<(&'static str, &'static str)> {
    let own = SCENARIOS.iter().flat_map(|one| one.figures.iter().map(|id| (one.name, *id)));
    own.chain(COMMON.iter().map(|id| (EVERY, *id))).collect()
}

fn chosen(args: &Args) -> Result<Vec<(usize, &'static Scenario)>, Failure> {
    if let Some(name) =
        args.only.iter().find(|name| !SCENARIOS.iter().any(|one| one.name == name.as_str()))
    {
        return Err(Failure::Unknown { name: name.clone() });
    }
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    Ok(SCENARIOS.iter().enumerate().filter(|(_, scenario)| wanted(scenario.name)).collect())
}

fn play_all(args: &Args, rows: &[Row]) -> Result<Results, Failure> {
    let chosen = chosen(args)?;
    let cpus = std::thread::available_parallelism()?.get();
    let clock = Clock::start();
    let mut results = Results {
        date: date_stamp(unix_seconds()),
        command: command(args),
        machine: Machine::look(cpus),
        ..Results::default()
    };
    let limit = raise_descriptor_limit();
    let shown = limit.map_or_else(|| "without limit".to_owned(), |limit| limit.to_string());
    println!("{} ({cpus} CPUs), descriptors: {shown}", results.machine.processor);
    let scratch = Scratch::new()?;
    for (index, scenario) in chosen {
        println!("\n{} {}: {}", index + 1, scenario.name, scenario.about);
        let mut play = play(args, scenario, &scratch.0);
        play.find_unbudgeted(rows);
        for figure in &play.figures {
            let judged = rows.iter().find(|row| row.is_about(scenario.name, &figure.id));
            let met = judged.is_some_and(|row| row.budget.is_met(figure));
            let mark = if met { ' ' } else { '!' };
            println!("  {mark} {:<20} {figure:<12} {}", figure.id, figure.remark);
        }
        for id in &play.unbudgeted {
            eprintln!("{BUDGETS_FILE}: {id} of {} has no row", scenario.name);
        }
        if let Some(failure) = &play.failure {
            println!("  ! {failure}");
        }
        println!("    {:.1} s", play.seconds);
        results.verdicts.extend(play.judge(rows));
        results.plays.push(play);
    }
    results.seconds = clock.seconds();
    Ok(results)
}

fn play(args: &Args, scenario: &Scenario, scratch: &Path) -> Play {
    let clock = Clock::start();
    let places = Places {
        fezz: args.fezz.clone(),
        functions: args.functions.clone(),
        scratch: scratch.join(scenario.name),
    };
    let mut stage = Stage::new(args.scale, places);
    let outcome = absolute(&mut stage.places).and_then(|()| (scenario.play)(&mut stage));
    let failure = outcome.err();
    Play {
        scenario: scenario.name.to_owned(),
        seconds: clock.seconds(),
        blames_server: failure.as_ref().is_some_and(Failure::blames_server),
        failure: failure.map(|failure| failure.to_string()),
        unbudgeted: Vec::new(),
        without: scenario.without.iter().map(|id| (*id).to_owned()).collect(),
        figures: stage.figures,
    }
}

/// The configuration lies elsewhere, and paths in it begin there.
fn absolute(places: &mut Places) -> Result<(), Failure> {
    for path in [&mut places.fezz, &mut places.functions] {
        *path = fs::canonicalize(&*path).map_err(|error| Failure::file(path, error))?;
    }
    Ok(())
}

/// The command, as a person elsewhere could give it.
fn command(args: &Args) -> String {
    let scale = args.scale.pick("quick", "full");
    let only: String = args.only.iter().map(|name| format!(" {name}")).collect();
    let only = if only.is_empty() { only } else { format!(" --only{only}") };
    format!("ci/stress --scale {scale}{only}")
}

fn print_table(results: &Results) {
    let table = results.table();
    let width = |column: usize| {
        table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    println!("\nBudgets ({BUDGETS_FILE})");
    for row in &table {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("  {}", cells.join("  ").trim_end());
    }
    let met = results.verdicts.iter().filter(|verdict| verdict.met).count();
    let all = results.verdicts.len();
    println!("{met} of {all} met, {:.0} s", results.seconds);
    for play in results.plays.iter().filter(|play| play.failure.is_some()) {
        println!("{} came to no end: {}", play.scenario, play.failure.as_deref().unwrap_or(""));
    }
}

/// A folder that goes with the run.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("fezz-stress-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_measured_and_every_figure_has_a_row() {
        let rows = Row::parse_all(include_str!("../../BUDGETS.md")).unwrap();
        assert_eq!(mismatches(&rows, &declared()), []);
    }

    #[test]
    fn scenarios_have_names_of_their_own_and_two_sentences() {
        for (index, scenario) in SCENARIOS.iter().enumerate() {
            assert!(SCENARIOS[..index].iter().all(|other| other.name != scenario.name));
            assert_eq!(scenario.about.matches(". ").count(), 1, "{}", scenario.about);
            assert!(scenario.about.ends_with('.') && !scenario.about.contains('|'));
            assert!(scenario.figures.iter().all(|id| !COMMON.contains(id)));
            assert!(scenario.without.iter().all(|id| COMMON.contains(id)));
        }
    }
}
