//! What happens to a request whose dispatch failed: the operator's remedy, or the refusal that says
//! so. Wherever a failure was found, the loop whose request it is decides: one count and one line
//! while somebody waits for the answer, and none afterwards, because a void ticket was counted.

use std::sync::Arc;

use fezz_abi::Stage;
use fezz_proto::roster::Unfit;
use fezz_proto::{Instant, Refusal, Reply};

use super::Callee;
use super::inbound::{Job, Load};
use crate::fault::Fault;

/// Why a request was refused before anybody was called, for the log.
const QUEUE_FULL: &str = "refused: as many requests wait for a worker as may (workers.queue); the \
                          workers are too few, or functions too slow";
const CROWDED: &str = "refused: as many requests of the function wait or are inside as may \
                       (max-in-flight)";
pub(crate) const QUARANTINED: &str =
    "refused: the function is in quarantine until a trial call of it comes back";

/// The operator's remedy for a function.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fallback {
    /// The status of the fault.
    #[default]
    FailRequest,
    /// The operator's own reply.
    Static(StaticReply),
    /// The version before this one, where there is one.
    Previous,
}

/// A reply that is the same for everybody.
#[derive(Clone, Debug)]
pub(crate) struct StaticReply {
    pub(crate) octets: Arc<[u8]>,
    pub(crate) head_bytes: u32,
    pub(crate) status: u16,
}

impl StaticReply {
    /// The reply, in `buffer`.
    pub(crate) fn copy(&self, mut buffer: Vec<u8>) -> Reply {
        buffer.clear();
        buffer.extend_from_slice(&self.octets);
        Reply { octets: buffer, head_bytes: self.head_bytes, status: self.status }
    }
}

/// A job whose dispatch failed, on its way home.
pub(crate) struct Failed {
    pub(crate) job: Job,
    pub(crate) fault: Fault,
    /// What the peer gets where there is no remedy.
    pub(crate) refusal: Refusal,
    /// When it is worth asking again, where that is known.
    pub(crate) until: Option<Instant>,
}

/// What becomes of a job.
pub(crate) enum Outcome {
    /// The operator's own reply.
    Answer(Reply),
    /// The refusal.
    Refuse,
    /// The version before this one answers.
    Instead(&'static Callee),
}

impl Failed {
    /// A call that was made, or was to be made, ended with `fault`.
    #[cold]
    pub(crate) fn with(job: Job, fault: Fault) -> Self {
        Self { refusal: fault.refusal(), job, fault, until: None }
    }

    /// Nobody takes the job.
    #[cold]
    pub(crate) fn unfit(job: Job, why: Unfit) -> Self {
        let (refusal, until, why) = match why {
            Unfit::QueueFull => (Refusal::Busy, None, QUEUE_FULL),
            Unfit::Crowded => (Refusal::Crowded, None, CROWDED),
            Unfit::Quarantined { until } => (Refusal::Quarantined, Some(until), QUARANTINED),
        };
        Self { job, fault: Fault::new(Stage::Limit, why), refusal, until }
    }

    /// Somebody waits for the answer at `now`: counts the failure, and finds the remedy: the
    /// route's, if it has one.
    #[cold]
    pub(crate) fn fall_back(&mut self, of_route: Option<&Fallback>, now: Instant) -> Outcome {
        let Load { callee, previous, envelope, .. } = &mut self.job.job;
        callee.blame(&self.fault);
        match (of_route.unwrap_or(&callee.fallback), previous.take()) {
            (Fallback::Static(reply), _) => {
                callee.tally.static_answer();
                Outcome::Answer(reply.copy(std::mem::take(envelope)))
            }
            (Fallback::Previous, Some(previous)) if now < self.job.deadline => {
                callee.tally.previous_version();
                Outcome::Instead(previous)
            }
            (Fallback::FailRequest | Fallback::Previous, _) => Outcome::Refuse,
        }
    }
}
