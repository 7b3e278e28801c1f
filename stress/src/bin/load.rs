//! `fezz-load`: the load generator as a command; all of it lives in `fezz_stress::load`.

use std::error::Error;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::Parser;

use fezz_stress::limits::raise_descriptor_limit;
use fezz_stress::load::{self, Plan, args::Args, idle};

fn main() -> ExitCode {
    let args = Args::parse();
    raise_descriptor_limit();
    match carry_out(&args) {
        Ok(right) if right => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fezz-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok(false)`: it ran to its end, and was not good enough.
fn carry_out(args: &Args) -> Result<bool, Box<dyn Error>> {
    let plan = args.plan()?;
    if args.idle.is_some() {
        return hold_idle(&plan);
    }
    let report = load::run(&plan)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    let failures = args.failures(&report);
    failures.iter().for_each(|failure| eprintln!("fezz-load: failed: {failure}"));
    Ok(failures.is_empty())
}

fn hold_idle(plan: &Plan) -> Result<bool, Box<dyn Error>> {
    let mut held = idle::hold(plan)?;
    println!("{{\"idle\":{}}}", plan.connections);
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    let open = held.still_open()?;
    println!("{{\"still_open\":{open}}}");
    Ok(open == plan.connections)
}
