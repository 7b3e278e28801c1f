//! Functions from the operator's side: which are loaded, and which of them answers a request.

pub mod canonical;
pub mod pattern;
pub mod registry;
pub mod root;
pub mod router;
pub(crate) mod split;
mod tree;
pub mod version;

pub use registry::FunctionId;
pub use router::{Route, RouteId, Router, Share, Verdict};
