//! What a handle knows becomes the page.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::process::Process;
use super::render::{self, Artifact, Surroundings};
use super::snapshot::Snapshot;
use crate::clock::Clock;
use crate::crew::Callee;
use crate::health::Health;
use crate::log;
use crate::server::Handle;

impl Handle {
    /// What was counted so far.
    #[must_use]
    pub fn counted(&self) -> Snapshot {
        Snapshot {
            functions: self.place.function_counts(),
            workers: self.place.worker_counts(),
            images: self.place.image_counts(),
            policies: self.present.site().courses.counts(),
            log_dropped: log::lost(),
            tls: self.gates.as_ref().map(|gates| gates.counted()).unwrap_or_default(),
            ..Snapshot::of(self.boards.iter().map(Arc::as_ref), &self.names)
        }
    }

    /// What was counted so far, as a page in the text format of Prometheus (version 0.0.4), for a
    /// program that has a listener of its own. Connections by state are not on it: only loops know
    /// them, see [`Handle::loops`].
    #[must_use]
    pub fn metrics_page(&self) -> String {
        self.page(self.health(), Vec::new(), 0)
    }

    /// A reload ended well, or changed nothing.
    pub fn note_reload(&self, ok: bool) {
        self.reloads.note(ok, Clock::unix_seconds());
    }

    pub(crate) fn page(
        &self,
        health: Health,
        connections: Vec<(&'static str, u64)>,
        stuck: u64,
    ) -> String {
        let around = Surroundings {
            health,
            connections,
            stuck,
            artifacts: artifacts(self),
            reloads: self.reloads.counts(),
            process: Process::look(),
        };
        render::page(&self.counted(), &around)
    }
}

/// Every artifact that was loaded, and whether it is retired: not while anybody has it to answer.
fn artifacts(handle: &Handle) -> BTreeMap<Artifact, bool> {
    let mut all = BTreeMap::new();
    for callee in handle.place.callees() {
        *all.entry(artifact(callee)).or_insert(true) &= callee.is_retired();
    }
    all
}

fn artifact(callee: &Callee) -> Artifact {
    let (name, version) = callee.title();
    let digits = callee.function.sha256().iter().map(|octet| format!("{octet:02x}"));
    Artifact {
        name: name.to_owned(),
        version: version.unwrap_or_default().to_owned(),
        abi: callee.function.abi().name(),
        sha256: digits.collect(),
    }
}
