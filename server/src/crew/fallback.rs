//! What happens to a request whose dispatch failed: the operator's remedy, or the refusal that says
//! so. One count and one line for each failure, wherever it was found.

use std::sync::Arc;

use fezz_proto::{Instant, Refusal, Reply};

use super::inbound::{Job, redirected};
use crate::fault::Fault;

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

/// What becomes of a job.
pub(crate) enum Outcome {
    /// Something to bring home.
    Answer(Result<Reply, Refusal>),
    /// Another job for the same exchange: the version before this one answers it.
    Instead(Box<Job>),
}

/// The dispatch of `job` failed at `now`, because of its function's `fault`. The peer gets
/// `refusal` where there is no remedy.
#[cold]
pub(crate) fn fall_back(mut job: Job, fault: &Fault, refusal: Refusal, now: Instant) -> Outcome {
    let callee = job.job.callee;
    callee.blame(fault);
    match (&callee.fallback, job.job.previous.take()) {
        (Fallback::Static(reply), _) => {
            callee.tally.static_answer();
            Outcome::Answer(Ok(reply.copy(std::mem::take(&mut job.job.envelope))))
        }
        (Fallback::Previous, Some(previous)) if now < job.deadline => {
            callee.tally.previous_version();
            Outcome::Instead(Box::new(redirected(job, previous)))
        }
        (Fallback::FailRequest | Fallback::Previous, _) => Outcome::Answer(Err(refusal)),
    }
}
