//! What is counted, and how it is told: numbers per loop, a snapshot of all, a page of text.

mod board;
mod catalog;
mod functions;
mod page;
mod process;
mod reloads;
mod render;
mod requests;
mod snapshot;
mod survey;
mod table;

pub(crate) use board::{Board, Scribe};
pub use catalog::FAMILIES;
pub use functions::CallCounts;
pub(crate) use page::CONTENT_TYPE;
pub use page::{Family, Kind};
pub use reloads::ReloadCounts;
pub(crate) use reloads::Reloads;
pub use requests::RequestLabels;
pub(crate) use requests::status_said;
pub use snapshot::Snapshot;
pub use table::LABEL_SETS_MAX;
