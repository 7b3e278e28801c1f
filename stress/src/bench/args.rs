//! The command line of `stress/bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use super::BenchError;
use super::workload::{WORKLOADS, Workload};
use crate::load::args::seconds;

const AFTER_HELP: &str = "Workloads (all of them without a name):
  get64 get16 get1 pipelined browser post newconn hop    loads, in rounds
  syscalls instructions idle                             counts (strace, valgrind, /proc)
  bulk_down bulk_up                                      bodies of 1 MiB, beside nginx
  functions routes active                                many of something, beside few
  sleeper loops slow                                     ours only
  tls_full tls_resumed tls_get64 tls_bulk tls_idle       over TLS, beside nginx
  rescue endless stuck spinning                          ours only, a server for each round

Examples:
  stress/bench                        everything; rewrites stress/RESULTS.md
  stress/bench --quick get64 post     two workloads, short rounds
  stress/bench --only null,ours,nginx pipelined --rounds 9
  stress/bench --only ours rescue     what it costs when a call keeps the thread of a loop
  stress/bench --contender 'auto=target/release/fezz serve --listen {addr} ...' get1
  stress/bench --curves               how cost grows with sizes and numbers
  stress/bench --against stress/results/2026-01-31T13-05-09Z.json --no-save get64
  stress/bench --render stress/results/2026-01-31T13-05-09Z.json
  stress/bench --enforce              exit code 1 when a promise of stress/BUDGETS.md is broken";

/// Measures Fezz beside the least server possible and its peers.
#[derive(Clone, Debug, Parser)]
#[command(name = "stress/bench", after_help = AFTER_HELP)]
pub struct Args {
    /// Workloads to run.
    pub workloads: Vec<String>,
    /// Measure how cost grows, in place of workloads; rewrites stress/GROWTH.md.
    #[arg(long, conflicts_with = "workloads")]
    pub curves: bool,
    /// Times that each contender has its turn [default: 5; 3 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: Option<u32>,
    /// Length of one turn in seconds [default: 0.6; 0.3 with --quick].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<Duration>,
    /// Short turns, few rounds: for a look, not for a figure.
    #[arg(long)]
    pub quick: bool,
    /// Contenders that take part; all that are found without it.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// One more contender; `{addr}` in its command is the address to listen on.
    #[arg(long, value_name = "NAME=COMMAND", value_parser = contender)]
    pub contender: Vec<(String, String)>,
    /// CPU that the servers run on.
    #[arg(long, default_value = "0", value_name = "CPU")]
    pub server_cpu: usize,
    /// CPU that the load generator runs on.
    #[arg(long, default_value = "1", value_name = "CPU")]
    pub load_cpu: usize,
    /// Fail when a promised target is missed.
    #[arg(long)]
    pub enforce: bool,
    /// Results to compare with; without it the newest ones that are committed.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// Where results are saved.
    #[arg(long, default_value = "stress/results", value_name = "DIR")]
    pub results: PathBuf,
    /// Print only.
    #[arg(long)]
    pub no_save: bool,
    /// Measure nothing: judge a saved run by BUDGETS.md, write its chart and the page once more.
    #[arg(long, value_name = "FILE")]
    pub render: Option<PathBuf>,
}

impl Args {
    /// The workloads that were named, in their fixed order; all when none was.
    ///
    /// # Errors
    /// A name that no workload has.
    pub fn chosen(&self) -> Result<Vec<&'static Workload>, BenchError> {
        for name in &self.workloads {
            if !WORKLOADS.iter().any(|workload| workload.name == name) {
                return Err(BenchError::UnknownWorkload { name: name.clone() });
            }
        }
        let wanted =
            |name: &str| self.workloads.is_empty() || self.workloads.iter().any(|n| n == name);
        Ok(WORKLOADS.iter().filter(|workload| wanted(workload.name)).collect())
    }

    /// Turns of each contender.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    /// Length of one turn.
    #[must_use]
    pub fn turn(&self) -> Duration {
        self.seconds.unwrap_or(Duration::from_millis(if self.quick { 300 } else { 600 }))
    }

    /// Whether the contender `name` takes part.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

fn contender(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, command)) if !name.is_empty() && command.contains("{addr}") => {
            Ok((name.to_owned(), command.to_owned()))
        }
        _ => Err("a contender is NAME=COMMAND, with {addr} in the command".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::try_parse_from([&["stress/bench"], words].concat()).unwrap()
    }

    #[test]
    fn a_subset_keeps_the_fixed_order() {
        let chosen = args(&["post", "get64"]).chosen().unwrap();
        let names: Vec<&str> = chosen.iter().map(|workload| workload.name).collect();
        assert_eq!(names, ["get64", "post"]);
        assert_eq!(args(&[]).chosen().unwrap().len(), WORKLOADS.len());
        let refused = args(&["get65"]).chosen().unwrap_err().to_string();
        assert!(refused.contains("`get65`"), "{refused}");
    }

    #[test]
    fn quick_is_shorter_and_can_be_overruled() {
        assert_eq!((args(&["--quick"]).rounds(), args(&[]).rounds()), (3, 5));
        assert_eq!(args(&["--quick", "--rounds", "7"]).rounds(), 7);
        assert_eq!(args(&["--seconds", "0.5"]).turn(), Duration::from_millis(500));
    }

    #[test]
    fn a_contender_needs_a_name_and_an_address() {
        assert!(contender("a=b --listen {addr}").is_ok());
        assert!(contender("a=b").is_err() && contender("b {addr}").is_err());
        let some = args(&["--only", "null,ours"]);
        assert!(some.wants("null") && !some.wants("nginx"));
    }
}
