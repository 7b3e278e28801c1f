//! `fezz check`: is this configuration sound, or: would this function harm the server, or be harmed
//! by it? Its file is examined here; its code runs in child processes only, one for each thing that
//! is tried.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fezz_abi::artifact::{self, Inspection};
use fezz_abi::{Abi, LoadOptions};

use super::config::named_file;
use super::{check_file, fail, print};
use crate::config::parse_digest;
use crate::error::{EXIT_CONFIG, EXIT_OK, EXIT_SYSTEM, EXIT_USAGE};

mod answer;
mod ask;
mod child;
mod ending;
mod finding;
mod host;
mod inside;
mod preflight;
mod probe;
mod probes;
mod report;
mod terms;
mod wire;

use ending::BAD_END;
use finding::{Outcome, Record};
use probe::Probe;
use terms::Terms;
pub(super) use terms::setting;

const EXAMPLES: &str = "\
Examples:
  fezz check ./libhello.so
  fezz check ./libecho.so --path /echo --timeout 2s
  fezz check ./liborders.so --config database=/srv/orders.db
  fezz check ./libhello.so --format json --strict
  fezz check /etc/fezz/fezz.toml --strict

Of a configuration, everything that is wrong is said with its place, and what is seldom wise as a
warning; what it names is looked at, and nothing is executed.
Of a function, every line is one thing that was tried: ok, warn, FAIL, or '-' where there was
nothing to try. What executes code of the function runs in a process of its own, which is killed
when its time is up. A check cannot prove that there is no data race, no leak and no endless call:
it can find one.
Exit codes: 0 nothing wrong, 1 something is (with --strict a warning too), 2 usage, 71 operating
system.";

/// What `check` can be told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct CheckFlags {
    /// A configuration file or a function's artifact; without it the environment may name a
    /// configuration: FEZZ_CONFIG
    #[arg(value_name = "CONFIG|ARTIFACT")]
    artifact: Option<PathBuf>,
    /// How to say it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    terms: Terms,
    /// Let a warning be a failure
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for each thing that was tried
    Text,
    /// One JSON object
    Json,
}

/// What the child is told.
#[derive(Args, Debug)]
pub(super) struct ProbeFlags {
    #[command(flatten)]
    terms: Terms,
    /// What was examined must be what is loaded
    #[arg(long, value_parser = digest)]
    sha256: [u8; 32],
    /// The artifact has the earlier boundary
    #[arg(long)]
    legacy: bool,
    probe: Probe,
    artifact: PathBuf,
}

pub(super) fn check(flags: &CheckFlags) -> u8 {
    let Some(artifact) = named_file(flags.artifact.as_ref()) else {
        let why = "name a configuration or the artifact of a function";
        return fail(EXIT_USAGE, format_args!("{why}, such as ./fezz.toml or ./libhello.so"));
    };
    let path = artifact.display();
    if check_file::is_config(&artifact) {
        return check_file::check(&artifact, flags.strict, flags.format == Format::Json);
    }
    let (records, name) = match artifact::inspect_either(&artifact) {
        Err(error) => {
            let skip = |probe: Probe| Record::skipped(probe.name(), "not tried: see preflight");
            let refused = std::iter::once(preflight::refused(&error));
            (refused.chain(Probe::ALL.map(skip)).collect(), String::new())
        }
        Ok(inspection) => match try_all(flags, &artifact, &inspection) {
            Ok(records) => (records, inspection.name().to_owned()),
            Err(error) => {
                return fail(EXIT_SYSTEM, format_args!("cannot make a probe: {error}"));
            }
        },
    };
    let shown = match flags.format {
        Format::Text => report::text(&records),
        Format::Json => report::json(&path.to_string(), &name, &records),
    };
    if let Err(error) = print(shown.as_bytes()) {
        return fail(EXIT_SYSTEM, format_args!("cannot write the answer: {error}"));
    }
    let bound = if flags.strict { Outcome::Warn } else { Outcome::Fail };
    let worst = records.iter().map(|record| record.outcome).max();
    if worst.is_some_and(|worst| worst >= bound) { EXIT_CONFIG } else { EXIT_OK }
}

/// Every probe, each in its own process.
fn try_all(flags: &CheckFlags, path: &Path, inspection: &Inspection) -> io::Result<Vec<Record>> {
    let mut records = vec![preflight::passed(inspection)];
    let how = LoadOptions { sha256: Some(inspection.sha256), abi: inspection.abi };
    for probe in Probe::ALL {
        let record = match unmet(probe, &records) {
            Some(why) => Record::skipped(probe.name(), why),
            None => child::run(probe, path, &how, &flags.terms)?,
        };
        let known = records.iter().any(|it| it.findings.iter().any(|it| it.reason == BAD_END));
        records.push(if known { record.without(BAD_END) } else { record });
    }
    Ok(records)
}

fn digest(text: &str) -> Result<[u8; 32], String> {
    parse_digest(text).map_err(|why| why.to_string())
}

/// Why a probe would only say again what is known: what it builds upon has failed.
fn unmet(probe: Probe, records: &[Record]) -> Option<&'static str> {
    let failed = |name: &str| {
        let mut named = records.iter().filter(|record| record.probe == name);
        named.any(|record| record.failed_beyond(BAD_END))
    };
    if probe != Probe::Load && failed(Probe::Load.name()) {
        return Some("not tried: loading failed");
    }
    if !matches!(probe, Probe::Load | Probe::Handshake) && failed(Probe::Handshake.name()) {
        return Some("not tried: 'handshake' failed");
    }
    (probe.builds_upon_get() && failed(Probe::Get.name())).then_some("not tried: 'get' failed")
}

/// The child's side: one probe, in this process.
pub(super) fn probe(flags: &ProbeFlags) -> u8 {
    let abi = if flags.legacy { Abi::V1 } else { Abi::V2 };
    let how = LoadOptions { sha256: Some(flags.sha256), abi };
    match inside::run(flags.probe, &flags.artifact, &how, &flags.terms) {
        Ok(()) => EXIT_OK,
        Err(error) => fail(EXIT_SYSTEM, format_args!("the probe cannot be made: {error}")),
    }
}
