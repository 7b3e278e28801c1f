//! What is counted, and how it is told: numbers per loop, a snapshot of all, a page of text.

mod board;
mod catalog;
mod functions;
mod page;
mod process;
mod render;
mod requests;
mod snapshot;
mod table;

pub(crate) use board::{Board, Caps, Scribe};
pub use catalog::FAMILIES;
pub use functions::CallCounts;
pub(crate) use page::CONTENT_TYPE;
pub use page::{Family, Kind};
pub(crate) use process::Process;
pub(crate) use render::{Artifact, Reloads, Surroundings, page};
pub use requests::RequestLabels;
pub(crate) use requests::status_said;
pub use snapshot::Snapshot;
pub use table::LABEL_SETS_MAX;
