//! The built-in observer: plain counters of one loop, readable from any thread, rendered as text.
//!
//! One thread writes, so that adding is a relaxed load and a relaxed store: no locked instruction
//! on the hot path. Refusals are rare and counted by name behind a lock.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fezz_proto::{HandshakeFault, Instant, Notice, Phase};

use crate::crew::{FunctionCounts, ImageCounts, WorkerCounts};
use crate::listen::AcceptFault;
use crate::observe::Observer;
use crate::peer::{ProxyFault, Rejection};
use crate::policy::PolicyCounts;
use crate::tls::GateCounts;

/// A number that one thread raises and all may read.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one loop.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: Count,
    accept_failed: Count,
    shed: Count,
    rejected: [Count; Rejection::NAMES.len()],
    proxy_faults: [Count; ProxyFault::ALL.len()],
    secured: Count,
    handshake_failed: [Count; HandshakeFault::ALL.len()],
    heads: Count,
    dispatched: Count,
    replied: [Count; 6],
    handle_us: Count,
    answered: Count,
    stale: Count,
    kept: Count,
    received_bytes: Count,
    sent_bytes: Count,
    closed: [Count; Phase::ALL.len()],
    timed_out: [Count; Phase::ALL.len()],
    forbidden: Count,
    dropped: Count,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// What all loops counted together, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections taken.
    pub accepted: u64,
    /// Attempts to take a connection that failed.
    pub accept_failed: u64,
    /// Idle connections told to leave for new ones.
    pub shed: u64,
    /// Connections that were not served, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// What was wrong with PROXY headers, by reason.
    pub proxy_faults: BTreeMap<&'static str, u64>,
    /// TLS handshakes finished.
    pub secured: u64,
    /// TLS handshakes that failed, by reason.
    pub handshake_failed: BTreeMap<&'static str, u64>,
    /// Certificates, and how often they were exchanged.
    pub tls: GateCounts,
    /// Whole, valid heads.
    pub heads: u64,
    /// Requests handed to a worker.
    pub dispatched: u64,
    /// Replies of functions by the first digit of their status.
    pub replied: [u64; 6],
    /// Microseconds between dispatch and reply, summed.
    pub handle_us: u64,
    /// Requests that the server answered itself.
    pub answered: u64,
    /// Replies for nobody.
    pub stale: u64,
    /// Exchanges after which the connection stayed.
    pub kept: u64,
    /// Octets received.
    pub received_bytes: u64,
    /// Octets sent.
    pub sent_bytes: u64,
    /// Connections that ended, by the phase they ended in.
    pub closed: BTreeMap<&'static str, u64>,
    /// Deadlines that passed, by phase.
    pub timed_out: BTreeMap<&'static str, u64>,
    /// Requests refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Uses of the core against its table: our bugs.
    pub forbidden: u64,
    /// Notices that were not counted because too much happened in one turn.
    pub dropped: u64,
    /// What went wrong with functions, by name and version.
    pub functions: BTreeMap<String, FunctionCounts>,
    /// What policies refused, by name.
    pub policies: BTreeMap<String, PolicyCounts>,
    /// The workers.
    pub workers: WorkerCounts,
    /// Loaded images of functions.
    pub images: ImageCounts,
    /// Lines that were lost, by log, in the whole process.
    pub log_dropped: BTreeMap<&'static str, u64>,
}

impl Snapshot {
    /// The sum over several loops.
    #[must_use]
    pub fn of(loops: &[Arc<Counters>]) -> Self {
        let mut sum = Self::default();
        for counters in loops {
            sum.add(counters);
        }
        sum
    }

    fn add(&mut self, one: &Counters) {
        self.accepted += one.accepted.get();
        self.accept_failed += one.accept_failed.get();
        self.shed += one.shed.get();
        self.secured += one.secured.get();
        self.heads += one.heads.get();
        self.dispatched += one.dispatched.get();
        for (sum, count) in self.replied.iter_mut().zip(&one.replied) {
            *sum += count.get();
        }
        self.handle_us += one.handle_us.get();
        self.answered += one.answered.get();
        self.stale += one.stale.get();
        self.kept += one.kept.get();
        self.received_bytes += one.received_bytes.get();
        self.sent_bytes += one.sent_bytes.get();
        for (place, phase) in Phase::ALL.iter().enumerate() {
            let count = |counts: &[Count]| counts.get(place).map_or(0, Count::get);
            *self.closed.entry(phase.name()).or_default() += count(&one.closed);
            *self.timed_out.entry(phase.name()).or_default() += count(&one.timed_out);
        }
        for (place, fault) in HandshakeFault::ALL.iter().enumerate() {
            let count = one.handshake_failed.get(place).map_or(0, Count::get);
            *self.handshake_failed.entry(fault.name()).or_default() += count;
        }
        for (name, count) in Rejection::NAMES.iter().zip(&one.rejected) {
            *self.rejected.entry(name).or_default() += count.get();
        }
        for (fault, count) in ProxyFault::ALL.iter().zip(&one.proxy_faults) {
            *self.proxy_faults.entry(fault.name()).or_default() += count.get();
        }
        self.forbidden += one.forbidden.get();
        self.dropped += one.dropped.get();
        let refused = one.refused.lock().unwrap_or_else(PoisonError::into_inner);
        for (reason, count) in refused.iter() {
            *self.refused.entry(reason).or_default() += count;
        }
    }

    /// Replies of functions, whatever their status.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.replied.iter().sum()
    }

    fn render_functions(&self, page: &mut String) {
        let WorkerCounts { posts, busy, abandoned, queue } = self.workers;
        let states = [("all", posts), ("busy", busy), ("abandoned", abandoned)];
        for (state, value) in states {
            let _infallible = writeln!(page, "fezz_workers{{state=\"{state}\"}} {value}");
        }
        let ImageCounts { serving, retired } = self.images;
        for (state, value) in [("serving", serving), ("retired", retired)] {
            let _infallible = writeln!(page, "fezz_functions{{state=\"{state}\"}} {value}");
        }
        let _infallible = writeln!(page, "fezz_queue_length {queue}");
        for (name, counts) in &self.functions {
            let label = name.replace('\\', "\\\\").replace('"', "\\\"");
            for (stage, value) in &counts.errors {
                let _infallible = writeln!(
                    page,
                    "fezz_dispatch_errors_total{{faas_name=\"{label}\",stage=\"{stage}\"}} {value}"
                );
            }
            for (policy, value) in &counts.fallbacks {
                let _infallible = writeln!(
                    page,
                    "fezz_fallbacks_total{{faas_name=\"{label}\",policy=\"{policy}\"}} {value}"
                );
            }
            for (metric, value) in [
                ("fezz_workers_abandoned_total", counts.abandoned),
                ("fezz_late_answers_total", counts.late),
                ("fezz_rescues_total", counts.rescues),
            ] {
                let _infallible = writeln!(page, "{metric}{{faas_name=\"{label}\"}} {value}");
            }
        }
    }

    fn render_policies(&self, page: &mut String) {
        for (name, counts) in &self.policies {
            for (kind, value) in counts.by_kind() {
                let _infallible = writeln!(
                    page,
                    "fezz_requests_limited_total{{policy=\"{name}\",kind=\"{kind}\"}} {value}"
                );
            }
            let PolicyCounts { displaced, under_way, .. } = counts;
            let _infallible =
                writeln!(page, "fezz_rate_limit_displaced_total{{policy=\"{name}\"}} {displaced}");
            let _infallible =
                writeln!(page, "fezz_policy_requests{{policy=\"{name}\"}} {under_way}");
        }
    }

    /// The numbers as text, one per line: name, labels, value.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::new();
        let plain = [
            ("fezz_connections_accepted_total", self.accepted),
            ("fezz_accept_failures_total", self.accept_failed),
            ("fezz_connections_shed_total", self.shed),
            ("fezz_tls_handshakes_total", self.secured),
            ("fezz_http_heads_total", self.heads),
            ("fezz_dispatches_total", self.dispatched),
            ("fezz_handle_microseconds_total", self.handle_us),
            ("fezz_own_answers_total", self.answered),
            ("fezz_stale_replies_total", self.stale),
            ("fezz_keep_alives_total", self.kept),
            ("fezz_received_bytes_total", self.received_bytes),
            ("fezz_sent_bytes_total", self.sent_bytes),
            ("fezz_forbidden_total", self.forbidden),
            ("fezz_notices_dropped_total", self.dropped),
        ];
        // Writing to a string cannot fail.
        for (name, value) in plain {
            let _infallible = writeln!(page, "{name} {value}");
        }
        self.render_functions(&mut page);
        self.render_policies(&mut page);
        for (class, value) in self.replied.iter().enumerate().filter(|(_, value)| **value > 0) {
            let _infallible = writeln!(page, "fezz_replies_total{{class=\"{class}xx\"}} {value}");
        }
        let labelled = [
            ("fezz_log_dropped_total", "log", &self.log_dropped),
            ("fezz_connections_closed_total", "state", &self.closed),
            ("fezz_http_timeouts_total", "phase", &self.timed_out),
            ("fezz_http_rejected_total", "reason", &self.refused),
            ("fezz_tls_handshake_failures_total", "reason", &self.handshake_failed),
            ("fezz_connections_rejected_total", "reason", &self.rejected),
            ("fezz_proxy_header_faults_total", "reason", &self.proxy_faults),
        ];
        for (name, label, values) in labelled {
            for (key, value) in values {
                let _infallible = writeln!(page, "{name}{{{label}=\"{key}\"}} {value}");
            }
        }
        self.render_certificates(&mut page);
        page
    }

    fn render_certificates(&self, page: &mut String) {
        let GateCounts { reloads, reloads_failed, certificates } = &self.tls;
        if certificates.is_empty() {
            return;
        }
        for (outcome, value) in [("ok", reloads), ("failed", reloads_failed)] {
            let name = "fezz_tls_certificate_reloads_total";
            let _infallible = writeln!(page, "{name}{{outcome=\"{outcome}\"}} {value}");
        }
        for (place, certificate) in certificates.iter().enumerate() {
            let _infallible = writeln!(
                page,
                "fezz_tls_certificate_expiry_seconds{{certificate=\"{place}\"}} {}",
                certificate.not_after_s
            );
        }
    }
}

/// The observer that counts; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Counting(pub(crate) Arc<Counters>);

/// What one batch adds to the counters that every request moves: added up in registers, stored
/// once.
#[derive(Default)]
struct Usual {
    heads: u64,
    dispatched: u64,
    kept: u64,
    received_bytes: u64,
    sent_bytes: u64,
}

impl Observer for Counting {
    fn notices(&mut self, at: Instant, what: &[Notice]) {
        let mut usual = Usual::default();
        for notice in what {
            match notice {
                Notice::HeadDone => usual.heads += 1,
                Notice::Dispatched => usual.dispatched += 1,
                Notice::Kept => usual.kept += 1,
                Notice::Received { bytes } => usual.received_bytes += u64::from(*bytes),
                Notice::Sent { bytes } => usual.sent_bytes += u64::from(*bytes),
                other => self.notice(at, other),
            }
        }
        self.0.heads.add(usual.heads);
        self.0.dispatched.add(usual.dispatched);
        self.0.kept.add(usual.kept);
        self.0.received_bytes.add(usual.received_bytes);
        self.0.sent_bytes.add(usual.sent_bytes);
    }

    fn notice(&mut self, _at: Instant, what: &Notice) {
        let counters = &*self.0;
        match what {
            Notice::Accepted => counters.accepted.add(1),
            Notice::Shed => counters.shed.add(1),
            Notice::Secured => counters.secured.add(1),
            Notice::HandshakeFailed(why) => {
                if let Some(count) = counters.handshake_failed.get(*why as usize) {
                    count.add(1);
                }
            }
            Notice::HeadDone => counters.heads.add(1),
            Notice::Refused(why) => {
                let mut refused = counters.refused.lock().unwrap_or_else(PoisonError::into_inner);
                *refused.entry(why.name()).or_default() += 1;
            }
            Notice::Dispatched => counters.dispatched.add(1),
            Notice::Replied { status, handle_us } => {
                if let Some(count) = counters.replied.get(usize::from(status / 100)) {
                    count.add(1);
                }
                counters.handle_us.add(u64::from(*handle_us));
            }
            Notice::Answered { .. } => counters.answered.add(1),
            Notice::StaleReply => counters.stale.add(1),
            Notice::TimedOut(phase) => count_phase(&counters.timed_out, *phase),
            Notice::Received { bytes } => counters.received_bytes.add(u64::from(*bytes)),
            Notice::Sent { bytes } => counters.sent_bytes.add(u64::from(*bytes)),
            Notice::Kept => counters.kept.add(1),
            Notice::Closed(phase) => count_phase(&counters.closed, *phase),
            Notice::Forbidden(_) => counters.forbidden.add(1),
        }
    }

    fn accept_failed(&mut self, _at: Instant, _why: AcceptFault) {
        self.0.accept_failed.add(1);
    }

    fn rejected(&mut self, _at: Instant, why: Rejection) {
        if let Some(count) = self.0.rejected.get(why.place()) {
            count.add(1);
        }
        if let Rejection::Proxy(fault) = why
            && let Some(count) = self.0.proxy_faults.get(fault as usize)
        {
            count.add(1);
        }
    }

    fn notices_dropped(&mut self, _at: Instant, count: u64) {
        self.0.dropped.add(count);
    }
}

fn count_phase(counts: &[Count], phase: Phase) {
    if let Some(count) = counts.get(phase as usize) {
        count.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_summed_and_rendered() {
        let loops = [Arc::new(Counters::default()), Arc::new(Counters::default())];
        for counters in &loops {
            let mut counting = Counting(Arc::clone(counters));
            counting.notices(
                Instant::ZERO,
                &[
                    Notice::Accepted,
                    Notice::Replied { status: 204, handle_us: 7 },
                    Notice::Refused(fezz_proto::Refusal::NoRoute),
                    Notice::Closed(Phase::Idle),
                ],
            );
        }
        let sum = Snapshot::of(&loops);
        assert_eq!((sum.accepted, sum.served(), sum.handle_us), (2, 2, 14));
        assert_eq!(sum.refused.get("no_route"), Some(&2));
        let page = sum.render();
        assert!(page.contains("fezz_http_rejected_total{reason=\"no_route\"} 2\n"), "{page}");
        assert!(page.contains("fezz_connections_closed_total{state=\"idle\"} 2\n"), "{page}");
        assert!(page.contains("fezz_replies_total{class=\"2xx\"} 2\n"), "{page}");
    }

    #[test]
    fn phases_are_counted_under_their_own_name() {
        for (place, phase) in Phase::ALL.iter().enumerate() {
            assert_eq!(*phase as usize, place);
        }
    }
}
