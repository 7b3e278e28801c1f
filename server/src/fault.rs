//! Why a dispatch failed: one stage, and one sentence for the log.

use fezz_abi::Stage;
use fezz_proto::Refusal;

/// Why a dispatch failed: the stage it failed at, and what exactly was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) stage: Stage,
    /// For the log; never for the peer.
    pub(crate) why: String,
}

impl Fault {
    #[cold]
    pub(crate) fn new(stage: Stage, why: impl ToString) -> Self {
        Self { stage, why: why.to_string() }
    }

    /// What the peer is told, unless the operator has something better.
    pub(crate) const fn refusal(&self) -> Refusal {
        match self.stage {
            Stage::Panic => Refusal::HandlerFailed,
            Stage::Timeout => Refusal::Late,
            Stage::Limit => Refusal::Busy,
            _ => Refusal::BadHandler,
        }
    }
}
