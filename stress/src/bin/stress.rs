//! `fezz-stress`: the scenarios as a command; all of it lives in `fezz_stress::scenario`.

use std::process::ExitCode;

use clap::Parser;

use fezz_stress::scenario::args::Args;
use fezz_stress::scenario::results::Outcome;
use fezz_stress::scenario::{self, Failure};

const BROKEN: u8 = 1;
const USAGE: u8 = 2;
const UNRUN: u8 = 3;

fn main() -> ExitCode {
    match scenario::run(&Args::parse()) {
        Ok(Outcome::Kept) => ExitCode::SUCCESS,
        Ok(Outcome::Broken) => ExitCode::from(BROKEN),
        Ok(Outcome::Unrun) => ExitCode::from(UNRUN),
        Err(failure) => {
            eprintln!("ci/stress: {failure}");
            let usage = matches!(failure, Failure::Unknown { .. });
            ExitCode::from(if usage { USAGE } else { UNRUN })
        }
    }
}
