//! The child's side: limits first, then the artifact, then one probe, and a line to the parent
//! before everything that may be the last thing this process does.

use std::fs::File;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use fezz_abi::host::{Function, Handshake, SelfCheck, StepError, StepFault};
use fezz_abi::services::CAPABILITIES;
use fezz_abi::{CallError, LoadOptions};
use fezz_wire::{Offer, SelfCheckSpec, encode_settings};

use super::answer::{Fault, Shape, examine};
use super::ask::{Ask, Asker, Settled};
use super::finding::{Finding, Outcome};
use super::host::HOST;
use super::probe::Probe;
use super::probes;
use super::terms::Terms;
use super::wire::Line;
use crate::clock::Clock;
use crate::sys::process::{Confinement, confine, take_standard_output};

/// Memory that a child may write to, in octets.
const DATA_BYTES: u64 = 4 << 30;
/// Stack of the thread that calls the function, in octets: that of a worker.
pub(super) const STACK_BYTES: usize = 2 << 20;
/// Processor time is a last resort, for when the parent is gone: this many times the timeout.
const PROCESSOR_FACTOR: u64 = 8;

/// Makes one probe in this process. What comes of it is said to the parent; the function may end
/// the process at any point.
///
/// # Errors
/// What the system said before the function was touched.
pub(super) fn run(
    probe: Probe,
    artifact: &Path,
    how: &LoadOptions,
    terms: &Terms,
) -> io::Result<()> {
    let report = Report { out: ManuallyDrop::new(Mutex::new(take_standard_output()?)) };
    confine(Confinement {
        data_bytes: DATA_BYTES,
        processor_s: terms.timeout.as_secs().saturating_add(1).saturating_mul(PROCESSOR_FACTOR),
    })?;
    let clock = Clock::start();
    report.doing("loading it");
    let loaded = Function::load_with(artifact, how);
    let function = match loaded {
        Ok(function) => function,
        Err(error) => {
            report.say(&Line::Found(Finding::of_load(&error)));
            report.say(&Line::Done);
            return Ok(());
        }
    };
    let exports = function.exports();
    let mut bench = Bench {
        asker: Asker {
            target: terms.path.clone(),
            settled: Settled { version: None, numbered: exports.wants_call() },
        },
        function,
        settings: encode_settings(&terms.config),
        load_us: clock.now().as_micros(),
        // Enough for many calls, and far from what the parent waits.
        budget_us: u64::try_from(terms.timeout.as_micros()).unwrap_or(u64::MAX) / 4,
        report,
        clock,
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("fezz-probe".to_owned());
        let probe = || probes::make(probe, &mut bench);
        let probed = thread.stack_size(STACK_BYTES).spawn_scoped(scope, probe);
        probed.map(|thread| drop(thread.join()))
    })?;
    bench.report.say(&Line::Done);
    Ok(())
}

/// The line to the parent.
pub(super) struct Report {
    /// Never closed by us: a function that closes what is not its own may have done so.
    out: ManuallyDrop<Mutex<File>>,
}

impl Report {
    fn say(&self, line: &Line) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a parent nobody is left to tell.
        out.write_all(line.to_text().as_bytes()).ok();
    }

    /// From now on this is done.
    pub(super) fn doing(&self, what: &str) {
        self.say(&Line::Doing(what.to_owned()));
    }

    /// What there is to know in any case.
    pub(super) fn detail(&self, what: String) {
        self.say(&Line::Detail(what));
    }

    /// There is nothing to try.
    pub(super) fn skipped(&self, why: &str) {
        self.say(&Line::Skipped(why.to_owned()));
    }

    /// This is wrong.
    pub(super) fn found(&self, fault: &Fault) {
        self.say(&Line::Found(fault.finding()));
    }

    /// This step before the first call failed.
    fn failed<F: StepFault>(&self, error: &StepError<F>) {
        let fault = error.fault();
        self.say(&Line::Found(Finding {
            outcome: Outcome::Fail,
            reason: error.name().to_owned(),
            stage: error.stage().name().to_owned(),
            text: format!("found {}; expected {}", fault.found(), fault.expected()),
            remedy: fault.remedy(),
        }));
    }
}

/// A loaded function and all that a probe needs.
pub(super) struct Bench {
    pub(super) function: Function,
    pub(super) asker: Asker,
    /// What it is given when it begins, as an envelope.
    settings: Vec<u8>,
    pub(super) report: Report,
    clock: Clock,
    /// How long loading took, constructors included, in microseconds.
    pub(super) load_us: u64,
    /// Time for probes that make as many calls as they can, in microseconds.
    pub(super) budget_us: u64,
}

impl Bench {
    /// What comes before the first call: `fezz_init_v1` and the handshake, where there are such.
    /// Nothing is returned when the function must not be called.
    pub(super) fn begin(&mut self) -> Option<Handshake> {
        let exports = self.function.exports();
        if exports.init {
            self.report.doing("fezz_init_v1");
            let begun = self.function.init(&HOST, &self.settings);
            begun.map_err(|error| self.report.failed(&error)).ok()?;
        }
        if exports.handshake {
            self.report.doing("fezz_handshake_v1");
        }
        let offer = Offer {
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            ..Offer::new(concat!("fezz ", env!("CARGO_PKG_VERSION")))
        };
        let shaken = self.function.handshake(&offer);
        let handshake = shaken.map_err(|error| self.report.failed(&error)).ok()?;
        self.asker.settled.version = exports.handshake.then_some(handshake.version);
        Some(handshake)
    }

    /// Lets the function try itself on a request. Nothing is returned when it failed.
    pub(super) fn selfcheck(&self) -> Option<SelfCheck> {
        let sample = self.asker.get();
        let verdict = self.during(|call| {
            let spec = SelfCheckSpec { samples: vec![sample.envelope(call).into_owned()] };
            self.report.doing("fezz_selfcheck_v1");
            self.function.selfcheck(&spec.encode())
        });
        verdict.map_err(|error| self.report.failed(&error)).ok()
    }

    /// Makes a call under a number of its own, where the function can use one.
    pub(super) fn during<T>(&self, make: impl FnOnce(u64) -> T) -> T {
        if self.asker.settled.numbered { HOST.during(make) } else { make(0) }
    }

    /// One call, each part of which is announced. Faults are reported; nothing is returned when
    /// the server would not have sent the answer.
    pub(super) fn call(&self, ask: &Ask) -> Option<Shape> {
        self.during(|call| self.call_with(ask, &ask.envelope(call)))
    }

    /// The same with these octets.
    pub(super) fn call_with(&self, ask: &Ask, envelope: &[u8]) -> Option<Shape> {
        let label = &ask.label;
        self.report.doing(&format!("fezz_handle_v2 with {label}"));
        let shape = self.function.call(envelope, |answer| {
            self.report.doing(&format!("reading the answer to {label}"));
            let shape = self.judge(ask, answer);
            self.report.doing(&format!("fezz_free_v2 of the answer to {label}"));
            shape
        });
        self.report.doing(&format!("after {label}"));
        shape
    }

    /// One call among many: only faults are reported.
    pub(super) fn call_quietly(&self, ask: &Ask) -> Option<Shape> {
        self.during(|call| {
            self.function.call(&ask.envelope(call), |answer| self.judge(ask, answer))
        })
    }

    fn judge(&self, ask: &Ask, answer: Result<&[u8], CallError>) -> Option<Shape> {
        // A length that is too large leads out of the answer: the server would copy what is there.
        std::hint::black_box(answer.map(<[u8]>::to_vec)).ok();
        let mut besides = Vec::new();
        let shape = examine(ask.method, answer, self.asker.settled.version, &mut besides);
        besides.iter().for_each(|fault| self.report.found(fault));
        shape.map_err(|fault| self.report.found(&fault)).ok()
    }

    /// Calls that may be inside the function at once; nothing is no limit.
    pub(super) fn concurrency_max(&self) -> Option<usize> {
        let calls = self.function.identity().map_or(0, |identity| identity.max_concurrency);
        usize::try_from(calls).ok().filter(|calls| *calls > 0)
    }

    /// Whether the time for many calls is not used up, since `start_us`.
    pub(super) fn has_time(&self, start_us: u64) -> bool {
        self.now_us().saturating_sub(start_us) < self.budget_us
    }

    /// Whether a probe that could go on should rather not: the time of many calls has passed.
    pub(super) fn is_late(&self) -> bool {
        !self.has_time(0)
    }

    /// Microseconds since loading began.
    pub(super) fn now_us(&self) -> u64 {
        self.clock.now().as_micros()
    }
}
