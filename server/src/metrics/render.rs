//! A snapshot of everything becomes the page.

use std::collections::BTreeMap;

use super::catalog as of;
use super::functions::CallCounts;
use super::page::{Family, Kind, Label, OVERFLOW, Page, Seconds};
use super::process::Process;
use super::reloads::ReloadCounts;
use super::requests::RequestLabels;
use super::snapshot::Snapshot;
use super::table::LABEL_SETS_MAX;
use crate::crew::FunctionCounts;
use crate::health::Health;

/// Digits of a digest that are a label.
const DIGEST_DIGITS: usize = 12;

/// What stands on a page beside the numbers of loops.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Whether requests should be sent here.
    pub(crate) health: Health,
    /// Connections by state.
    pub(crate) connections: Vec<(&'static str, u64)>,
    /// Loops that did not answer.
    pub(crate) stuck: u64,
    /// Artifacts that were loaded, and whether they are retired.
    pub(crate) artifacts: BTreeMap<Artifact, bool>,
    pub(crate) reloads: ReloadCounts,
    pub(crate) process: Process,
}

/// One artifact under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Artifact {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) abi: &'static str,
    pub(crate) sha256: String,
}

/// The whole page.
pub(crate) fn page(sum: &Snapshot, around: &Surroundings) -> String {
    let mut page = Page::default();
    requests(&mut page, sum);
    calls(&mut page, sum);
    artifacts(&mut page, sum, around);
    failures(&mut page, sum);
    connections(&mut page, sum, around);
    tls(&mut page, sum);
    http(&mut page, sum);
    workers(&mut page, sum);
    server(&mut page, sum, around);
    process(&mut page, &around.process);
    page.end()
}

fn requests(page: &mut Page, sum: &Snapshot) {
    let mut samples = page.begin(&of::REQUEST_DURATION);
    for (labels, took) in &sum.requests {
        if labels.overflow {
            samples.spread(&[OVERFLOW], took);
            continue;
        }
        let RequestLabels { method, scheme, status, route, version, .. } = labels;
        let (status, error) = (status.to_string(), labels.error_type());
        let optional = [
            ("http_response_status_code", Some(status.as_str()).filter(|status| *status != "0")),
            ("http_route", *route),
            ("network_protocol_version", *version),
            ("error_type", error.as_deref()),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut all = vec![("http_request_method", *method), ("url_scheme", *scheme)];
        all.extend(optional);
        samples.spread(&all, took);
    }
    let mut samples = page.begin(&of::ACTIVE_REQUESTS);
    for ((method, scheme), count) in &sum.active {
        samples.add(&[("http_request_method", method), ("url_scheme", scheme)], count);
    }
}

/// The labels of a function, and what triggers it here.
fn function<'a>(name: &'a str, version: &'a str) -> Vec<Label<'a>> {
    if name.is_empty() {
        return vec![OVERFLOW];
    }
    let mut labels = named(name, version);
    labels.push(("faas_trigger", "http"));
    labels
}

/// The labels of a function alone. Not every function has a version.
fn named<'a>(name: &'a str, version: &'a str) -> Vec<Label<'a>> {
    let mut labels = vec![("faas_name", name)];
    labels.extend(Some(("faas_version", version)).filter(|_| !version.is_empty()));
    labels
}

/// A metric, and which of some counts it tells.
type Counter<C> = (&'static Family, fn(&C) -> u64);

fn calls(page: &mut Page, sum: &Snapshot) {
    let mut samples = page.begin(&of::INVOKE_DURATION);
    for ((name, version), counts) in &sum.calls {
        samples.spread(&function(name, version), &counts.took);
    }
    let mut samples = page.begin(&of::INIT_DURATION);
    // A function that never began anew has nothing to say here.
    let begun = sum.functions.iter().filter(|(_, counts)| counts.began.count() > 0);
    for (name, counts) in begun.take(LABEL_SETS_MAX) {
        let (name, version) = split(name);
        samples.spread(&function(name, version), &counts.began);
    }
    let counters: [Counter<CallCounts>; 3] = [
        (&of::INVOCATIONS, |counts| counts.invocations),
        (&of::ERRORS, |counts| counts.errors),
        (&of::TIMEOUTS, |counts| counts.timeouts),
    ];
    for (family, value) in counters {
        let mut samples = page.begin(family);
        for ((name, version), counts) in &sum.calls {
            samples.add(&function(name, version), value(counts));
        }
    }
    let mut samples = page.begin(&of::COLDSTARTS);
    for (name, counts) in &sum.functions {
        let (name, version) = split(name);
        samples.count(&function(name, version), counts.coldstarts);
    }
}

/// Name and version of `NAME@VERSION`.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn artifacts(page: &mut Page, sum: &Snapshot, around: &Surroundings) {
    let mut samples = page.begin(&of::FUNCTION_INFO);
    for (artifact, _) in around.artifacts.iter().filter(|(_, retired)| !**retired) {
        let mut labels = named(&artifact.name, &artifact.version);
        let digits = artifact.sha256.get(..DIGEST_DIGITS).unwrap_or(&artifact.sha256);
        labels.extend([("abi", artifact.abi), ("sha256", digits)]);
        samples.count(&labels, 1);
    }
    let mut generations = BTreeMap::<&str, u64>::new();
    for artifact in around.artifacts.keys() {
        *generations.entry(&artifact.name).or_default() += 1;
    }
    let mut samples = page.begin(&of::FUNCTION_GENERATIONS);
    for (name, count) in generations {
        samples.count(&[("faas_name", name)], count);
    }
    let mut samples = page.begin(&of::FUNCTIONS);
    samples.add(&[("state", "serving")], sum.images.serving);
    samples.add(&[("state", "retired")], sum.images.retired);
}

fn failures(page: &mut Page, sum: &Snapshot) {
    let mut samples = page.begin(&of::DISPATCH_ERRORS);
    for (name, counts) in &sum.functions {
        for (stage, count) in &counts.errors {
            let (name, version) = split(name);
            let mut labels = named(name, version);
            labels.push(("stage", stage));
            samples.count(&labels, *count);
        }
    }
    let mut samples = page.begin(&of::FALLBACKS);
    for (name, counts) in &sum.functions {
        for (policy, count) in &counts.fallbacks {
            let (name, version) = split(name);
            let mut labels = named(name, version);
            labels.push(("policy", policy));
            samples.count(&labels, *count);
        }
    }
    let counters: [Counter<FunctionCounts>; 3] = [
        (&of::LATE_ANSWERS, |counts| counts.late),
        (&of::RESCUES, |counts| counts.rescues),
        (&of::WORKERS_ABANDONED, |counts| counts.abandoned),
    ];
    for (family, value) in counters {
        let mut samples = page.begin(family);
        for (name, counts) in &sum.functions {
            let (name, version) = split(name);
            samples.count(&named(name, version), value(counts));
        }
    }
}

fn connections(page: &mut Page, sum: &Snapshot, around: &Surroundings) {
    let mut samples = page.begin(&of::CONNECTIONS_ACCEPTED);
    for (listener, count) in &sum.accepted_by {
        samples.add(&[("listener", listener)], count);
    }
    let mut samples = page.begin(&of::CONNECTIONS_ACTIVE);
    for (state, count) in &around.connections {
        samples.add(&[("state", state)], count);
    }
    let mut samples = page.begin(&of::CONNECTIONS_CLOSED);
    for ([state, reason], count) in &sum.closed_by {
        samples.add(&[("state", state), ("reason", reason)], count);
    }
    let mut samples = page.begin(&of::CONNECTIONS_REJECTED);
    for (reason, count) in &sum.rejected {
        samples.add(&[("reason", reason)], count);
    }
    let mut samples = page.begin(&of::ACCEPT_FAILURES);
    for (reason, count) in &sum.accept_faults {
        samples.add(&[("reason", reason)], count);
    }
    let mut samples = page.begin(&of::PROXY_FAULTS);
    for (reason, count) in &sum.proxy_faults {
        samples.add(&[("reason", reason)], count);
    }
    page.one(&of::CONNECTIONS_SHED, sum.shed);
    let mut samples = page.begin(&of::NETWORK_BYTES);
    samples.add(&[("direction", "receive")], sum.received_bytes);
    samples.add(&[("direction", "transmit")], sum.sent_bytes);
}

fn tls(page: &mut Page, sum: &Snapshot) {
    let mut samples = page.begin(&of::TLS_HANDSHAKES);
    for ([version, resumed], count) in &sum.secured_by {
        samples.add(&[("version", version), ("resumed", resumed)], count);
    }
    let mut samples = page.begin(&of::TLS_HANDSHAKE_FAILURES);
    for (reason, count) in &sum.handshake_failed {
        samples.add(&[("reason", reason)], count);
    }
    page.begin(&of::TLS_HANDSHAKE_DURATION).spread(&[], &sum.handshake_took);
    let mut samples = page.begin(&of::CERTIFICATE_NOT_AFTER);
    for certificate in &sum.tls.certificates {
        samples.add(&[("certificate", &certificate.label)], certificate.not_after_s);
    }
    let mut samples = page.begin(&of::CERTIFICATE_RELOADS);
    samples.add(&[("result", "ok")], sum.tls.reloads);
    samples.add(&[("result", "failed")], sum.tls.reloads_failed);
}

fn http(page: &mut Page, sum: &Snapshot) {
    let mut samples = page.begin(&of::HTTP_REJECTED);
    for (reason, count) in &sum.refused {
        samples.add(&[("reason", reason)], count);
    }
    let mut samples = page.begin(&of::HTTP_TIMEOUTS);
    for (phase, count) in &sum.timed_out {
        samples.add(&[("phase", phase)], count);
    }
    policies(page, sum);
    page.one(&of::OWN_ANSWERS, sum.answered);
    page.one(&of::STALE_REPLIES, sum.stale);
    page.one(&of::KEEP_ALIVES, sum.kept);
    page.one(&of::DISPATCHES, sum.dispatched);
}

fn policies(page: &mut Page, sum: &Snapshot) {
    let mut samples = page.begin(&of::REQUESTS_LIMITED);
    for (policy, counts) in &sum.policies {
        for (kind, count) in counts.by_kind() {
            samples.add(&[("policy", policy), ("kind", kind)], count);
        }
    }
    let mut samples = page.begin(&of::RATE_LIMIT_DISPLACED);
    for (policy, counts) in &sum.policies {
        samples.add(&[("policy", policy)], counts.displaced);
    }
    let mut samples = page.begin(&of::POLICY_REQUESTS);
    for (policy, counts) in &sum.policies {
        samples.add(&[("policy", policy)], counts.under_way);
    }
}

fn workers(page: &mut Page, sum: &Snapshot) {
    let workers = &sum.workers;
    let mut samples = page.begin(&of::WORKERS);
    let idle = workers.posts.saturating_sub(workers.busy);
    for (state, count) in [("idle", idle), ("busy", workers.busy), ("stuck", workers.abandoned)] {
        samples.add(&[("state", state)], count);
    }
    page.one(&of::QUEUE_LENGTH, workers.queue);
    page.begin(&of::QUEUE_WAIT).spread(&[], &sum.queue_wait);
}

fn server(page: &mut Page, sum: &Snapshot, around: &Surroundings) {
    let mut samples = page.begin(&of::LOOP_LAG);
    for (number, lag) in sum.lag.iter().enumerate() {
        samples.spread(&[("loop", &number.to_string())], lag);
    }
    page.one(&of::BUFFERED_BYTES, sum.buffered_bytes);
    let reloads = around.reloads;
    let mut samples = page.begin(&of::CONFIG_RELOADS);
    samples.add(&[("result", "ok")], reloads.ok);
    samples.add(&[("result", "failed")], reloads.failed);
    page.one(&of::CONFIG_LAST_RELOAD_SUCCESSFUL, u8::from(!reloads.last_failed));
    page.one(&of::CONFIG_LAST_RELOAD_TIME, reloads.last_ok_s);
    page.one(&of::READY, u8::from(around.health.ready));
    page.one(&of::DRAINING, u8::from(around.health.draining));
    page.one(&of::LOOPS_STUCK, around.stuck);
    let mut samples = page.begin(&of::LOG_DROPPED);
    for (log, count) in &sum.log_dropped {
        samples.add(&[("log", log)], count);
    }
    page.one(&of::NOTICES_DROPPED, sum.dropped);
    page.one(&of::FORBIDDEN, sum.forbidden);
    page.begin(&of::BUILD_INFO).add(
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", option_env!("FEZZ_REVISION").unwrap_or("unknown")),
            ("rustc", option_env!("FEZZ_RUSTC").unwrap_or("unknown")),
            ("tls", "rustls"),
        ],
        1,
    );
}

/// What the system does not tell is left out.
fn process(page: &mut Page, process: &Process) {
    let Process { cpu_us, resident_bytes, virtual_bytes, fds, fds_max, threads, start_us } =
        *process;
    let micros = |micros: Option<u64>| micros.map(|micros| Seconds(micros).to_string());
    let plain = |number: Option<u64>| number.map(|number| number.to_string());
    for (family, value) in [
        (&of::PROCESS_CPU, micros(cpu_us)),
        (&of::PROCESS_RESIDENT, plain(resident_bytes)),
        (&of::PROCESS_VIRTUAL, plain(virtual_bytes)),
        (&of::PROCESS_FDS, plain(fds)),
        (&of::PROCESS_FDS_MAX, plain(fds_max)),
        (&of::PROCESS_THREADS, plain(threads)),
        (&of::PROCESS_START, micros(start_us)),
    ] {
        debug_assert!(family.kind != Kind::Histogram);
        if let Some(value) = value {
            page.one(family, value);
        }
    }
}
