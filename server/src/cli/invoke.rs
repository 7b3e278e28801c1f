//! `fezz invoke`: one call through the real boundary and the real envelope, without a socket. A
//! recorded request can be replayed, kept as a test or given to a fuzzer.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fezz_abi::host::Function;
use fezz_abi::{LoadOptions, artifact};
use fezz_proto::Ticket;
use fezz_wire::{RequestView, ResponseView, WireLimits};

use super::check::setting;
use super::message::Message;
use super::{fail, print, say};
use crate::accord;
use crate::clock::Clock;
use crate::desk::{Begin, DESK};
use crate::error::{EXIT_CONFIG, EXIT_CONTRACT, EXIT_OK, EXIT_SYSTEM, EXIT_USAGE};
use crate::units::parse_duration;

const EXAMPLES: &str = "\
Examples:
  fezz invoke ./libhello.so GET /
  fezz invoke ./libecho.so POST /echo -H 'content-type: text/plain' -d 'hello'
  fezz invoke ./libecho.so POST /echo -d @body.bin --record request.cbor
  fezz invoke ./libecho.so --replay request.cbor --repeat 1000
  fezz invoke ./liborders.so GET /orders/7 --config database=/srv/orders.db

The body of the answer goes to standard output, everything else to standard error.
Exit codes: 0 answered, 1 the artifact cannot be loaded, or with --fail a status other than 2xx,
2 usage, 70 the function broke the contract, 71 a file cannot be read or written.";

/// What `invoke` can be told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct InvokeFlags {
    /// The function's artifact
    artifact: PathBuf,
    /// The request method
    #[arg(required_unless_present = "replay")]
    method: Option<String>,
    /// The request path, with its query
    #[arg(required_unless_present = "replay")]
    path: Option<String>,
    /// A field of the request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    fields: Vec<String>,
    /// The body: text, @FILE, or @- for standard input
    #[arg(short, long, value_name = "DATA|@FILE", default_value = "")]
    data: String,
    /// The time the function is told it has
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    deadline: Duration,
    /// A setting that the function is given when it begins
    #[arg(long, value_name = "K=V", value_parser = setting)]
    config: Vec<(String, String)>,
    /// Write the request envelope to FILE
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Send the envelope in FILE in place of METHOD and PATH
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "path", "fields", "data"])]
    replay: Option<PathBuf>,
    /// Call so many times; the last answer is shown
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// End with 1 when the status is not 2xx
    #[arg(long)]
    fail: bool,
}

pub(super) fn invoke(flags: &InvokeFlags) -> u8 {
    let Begun { function, name, version } = match begin(flags) {
        Ok(begun) => begun,
        Err(code) => return code,
    };
    let clock = Clock::start();
    let line = DESK.claim(0, clock);
    let call = function.exports().wants_call().then(|| {
        let ticket = Ticket { index: 0, exchange: 1 };
        let deadline = clock.now() + flags.deadline;
        line.begin(&Begin { function: name, home: 0, ticket, deadline }).0
    });
    let envelope = match envelope(flags, version, call) {
        Ok(envelope) => envelope,
        Err(code) => return code,
    };
    if let Some(path) = &flags.record
        && let Err(error) = std::fs::write(path, &envelope)
    {
        return fail(EXIT_SYSTEM, format_args!("cannot write {}: {error}", path.display()));
    }
    let mut times = Vec::new();
    for _ in 1..flags.repeat {
        let before = clock.now();
        // Each answer is judged, so that a rare wrong one is not lost among many right ones.
        let answered = function.call(&envelope, |answer| judge(answer, &mut |_| EXIT_OK));
        times.push(clock.now().as_micros().saturating_sub(before.as_micros()));
        if answered == EXIT_CONTRACT {
            return answered;
        }
    }
    let before = clock.now();
    let code = function.call(&envelope, |answer| {
        times.push(clock.now().as_micros().saturating_sub(before.as_micros()));
        judge(answer, &mut |response| show(response, flags.fail))
    });
    if code != EXIT_CONTRACT {
        say(timing(&mut times));
    }
    code
}

/// A function that may be called.
struct Begun {
    function: Arc<Function>,
    name: &'static str,
    version: Option<u64>,
}

/// Loads the artifact and lets it begin, as a server would; or the code to end with.
fn begin(flags: &InvokeFlags) -> Result<Begun, u8> {
    let path = &flags.artifact;
    let refused = |error| fail(EXIT_CONFIG, error);
    let inspection = artifact::inspect_either(path).map_err(refused)?;
    let how = LoadOptions { abi: inspection.abi, ..LoadOptions::default() };
    let function = Arc::new(Function::load_with(path, &how).map_err(refused)?);
    let handshake = accord::begin(function.name(), &function, &flags.config).map_err(|fault| {
        fail(EXIT_CONFIG, format_args!("{}: stage={}: {}", path.display(), fault.stage, fault.why))
    })?;
    let version = function.exports().handshake.then_some(handshake.version);
    // One name, for as long as the process lives.
    let name = Box::leak(function.name().to_owned().into_boxed_str());
    Ok(Begun { function, name, version })
}

/// The request envelope, or the code to end with.
fn envelope(flags: &InvokeFlags, version: Option<u64>, call: Option<u64>) -> Result<Vec<u8>, u8> {
    let cannot_read = |path: &Path, error: std::io::Error| {
        fail(EXIT_SYSTEM, format_args!("cannot read {}: {error}", path.display()))
    };
    if let Some(path) = &flags.replay {
        let octets = std::fs::read(path).map_err(|error| cannot_read(path, error))?;
        return match RequestView::decode(&octets) {
            Ok(_) => Ok(octets),
            Err(error) => {
                let path = path.display();
                Err(fail(EXIT_CONFIG, format_args!("{path} is no request envelope: {error}")))
            }
        };
    }
    let body = match flags.data.strip_prefix('@') {
        None => flags.data.clone().into_bytes(),
        Some("-") => {
            let mut body = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut body);
            read.map_err(|error| cannot_read(Path::new("standard input"), error))?;
            body
        }
        Some(path) => std::fs::read(path).map_err(|error| cannot_read(Path::new(path), error))?,
    };
    let message = Message {
        method: flags.method.as_deref().unwrap_or_default(),
        path: flags.path.as_deref().unwrap_or_default(),
        fields: &flags.fields,
        body: &body,
        deadline_ms: u64::try_from(flags.deadline.as_millis()).unwrap_or(u64::MAX),
        version,
        call,
    };
    message.envelope().map_err(|error| fail(EXIT_USAGE, error))
}

/// What a server would do with the answer: refuse it with its stage and reason, or `accept` it.
fn judge(
    answer: Result<&[u8], fezz_abi::CallError>,
    accept: &mut dyn FnMut(&ResponseView<'_>) -> u8,
) -> u8 {
    let octets = match answer {
        Ok(octets) => octets,
        Err(error) => return broken(error.stage().name(), error.name(), &error),
    };
    match ResponseView::decode(octets, &WireLimits::default()) {
        Ok(response) => accept(&response),
        Err(error) => broken(error.stage().name(), error.name(), &error),
    }
}

fn broken(stage: &str, name: &str, error: &dyn std::fmt::Display) -> u8 {
    fail(EXIT_CONTRACT, format_args!("contract broken: stage={stage} reason={name}: {error}"))
}

/// Status and fields to standard error, the body to standard output.
fn show(response: &ResponseView<'_>, fail_unless_success: bool) -> u8 {
    let panic = if response.is_panic() { " (the function panicked)" } else { "" };
    say(format_args!("status: {}{panic}", response.status()));
    for (name, value) in response.headers() {
        say(format_args!("{}: {}", visible(name.segments()), visible(value.segments())));
    }
    for segment in response.body_segments() {
        if let Err(error) = print(segment) {
            return fail(EXIT_SYSTEM, format_args!("cannot write the body: {error}"));
        }
    }
    let success = (200..300).contains(&response.status());
    if success || !fail_unless_success { EXIT_OK } else { EXIT_CONFIG }
}

/// Octets for a terminal: nothing a function returns can move the cursor.
fn visible<'s>(segments: impl Iterator<Item = &'s [u8]>) -> String {
    segments.map(|segment| segment.escape_ascii().to_string()).collect()
}

fn timing(times: &mut [u64]) -> String {
    times.sort_unstable();
    match times {
        [] => String::new(),
        [once] => format!("time: {once} us"),
        all => {
            let (least, most) = (all[0], all[all.len() - 1]);
            let median = all[all.len() / 2];
            format!("time: min {least} us, median {median} us, max {most} us, {} calls", all.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_summed_up() {
        assert_eq!(timing(&mut [7]), "time: 7 us");
        let many = timing(&mut [9, 1, 5]);
        assert_eq!(many, "time: min 1 us, median 5 us, max 9 us, 3 calls");
    }

    #[test]
    fn a_broken_answer_is_70() {
        let mut never = |_: &ResponseView<'_>| -> u8 { panic!("accepted") };
        assert_eq!(judge(Ok(b"\xff"), &mut never), EXIT_CONTRACT);
        assert_eq!(judge(Err(fezz_abi::CallError::NoResponse), &mut never), EXIT_CONTRACT);
    }

    #[test]
    fn control_octets_become_visible() {
        let segments = [&b"a\x1b["[..], b"\xff"];
        assert_eq!(visible(segments.into_iter()), "a\\x1b[\\xff");
    }
}
