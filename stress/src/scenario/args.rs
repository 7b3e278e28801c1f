//! The command line of `ci/stress`.

use std::path::PathBuf;

use clap::Parser;

use super::stage::Scale;

const AFTER_HELP: &str = "Examples:
  ci/stress                                   every scenario, quickly (about two minutes)
  ci/stress --scale full                      as it should be; rewrites stress/SCENARIOS.md
  ci/stress --only slow_heads slow_bodies     two of them
  ci/stress --list                            what there is
  ci/stress --json run.json                   results in a file of your own
  FEZZ_BINARY=./fezz ci/stress --only drain   another build of the server, as it is

Exit codes: 0 all promises kept, 1 a budget is broken, 2 usage, 3 something could not be run.";

/// Puts a real server under peers that misbehave, beside clients that do not.
#[derive(Clone, Debug, Parser)]
#[command(name = "ci/stress", after_help = AFTER_HELP)]
pub struct Args {
    /// How much is done.
    #[arg(long, value_enum, default_value = "quick")]
    pub scale: Scale,
    /// Scenarios to run; all without it.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<String>,
    /// Name the scenarios and what each is about, and run nothing.
    #[arg(long)]
    pub list: bool,
    /// Write results to this file, and not to stress/results.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The server.
    #[arg(long, value_name = "FILE", default_value = "target/release/fezz")]
    pub fezz: PathBuf,
    /// Where libecho.so is, and hostile/ with the functions of examples/hostile.
    #[arg(long, value_name = "DIR", default_value = "target/release")]
    pub functions: PathBuf,
    /// Run nothing: write stress/SCENARIOS.md from a saved run.
    #[arg(long, value_name = "FILE")]
    pub render: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_any_form() {
        let words = ["ci/stress", "--only", "a", "b,c", "--scale", "full"];
        let args = Args::try_parse_from(words).unwrap();
        assert_eq!(
            (args.only, args.scale),
            (vec!["a".into(), "b".into(), "c".into()], Scale::Full)
        );
        assert!(Args::try_parse_from(["ci/stress", "--scale", "huge"]).is_err());
    }
}
