//! `fezz-bench`: the benchmark as a command; `stress/bench` builds what it needs and starts it.

use std::process::ExitCode;

use clap::Parser;

use fezz_stress::bench::{self, args::Args};
use fezz_stress::limits::raise_descriptor_limit;

fn main() -> ExitCode {
    let args = Args::parse();
    // The servers inherit it: five thousand idle connections need as many descriptors.
    raise_descriptor_limit();
    match bench::run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("stress/bench: {error}");
            ExitCode::from(2)
        }
    }
}
