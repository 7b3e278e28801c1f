//! Counts the instructions of single parts under callgrind and holds them against a budget.
//!
//! The program runs itself below valgrind, once for all cases. There, every case runs a number of
//! rounds and then three times as many, with a border before, between and behind; callgrind writes
//! down what it has counted at every border. The difference of the two parts, divided by that of
//! their rounds, is what a round costs: what begins and ends a part cancels out.
#![expect(clippy::expect_used, reason = "a measurement stops at the first thing that is wrong")]

mod budget;
mod cases;
mod measure;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use budget::Budget;
use measure::Fault;

const USAGE: &str = "usage: fezz-counts BUDGET [--bless] [CASE]...";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [measure::COUNTED, names @ ..] => {
            cases::run(names);
            ExitCode::SUCCESS
        }
        [file, "--bless", names @ ..] if !file.starts_with('-') => said(count(file, names, true)),
        [file, names @ ..] if !file.starts_with('-') => said(count(file, names, false)),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Counts and compares; whether the budget holds.
fn count(file: &str, names: &[&str], bless: bool) -> Result<bool, Fault> {
    let file = Path::new(file);
    let text = fs::read_to_string(file).map_err(|error| Fault::File(file.to_owned(), error))?;
    let budget = Budget::read(&text)?;
    let unknown = names.iter().find(|name| !cases::NAMES.contains(name));
    if let Some(name) = unknown {
        return Err(Fault::NoCase((*name).to_owned()));
    }
    let counts = measure::all(names)?;
    if bless {
        let text = budget.with(&counts);
        fs::write(file, text).map_err(|error| Fault::File(file.to_owned(), error))?;
        println!("{}: {} counts written", file.display(), counts.len());
        return Ok(true);
    }
    let verdict = budget.judge(&counts, names.is_empty());
    print!("{verdict}");
    Ok(verdict.holds())
}

/// 0: it holds; 1: it does not; 2: nothing could be counted.
fn said(outcome: Result<bool, Fault>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("fezz-counts: {fault}");
            ExitCode::from(2)
        }
    }
}
