//! Functions from the operator's side: which are loaded, and which of them answers a request.

pub mod canonical;
pub mod pattern;
pub mod registry;
pub mod router;
mod tree;

pub use registry::FunctionId;
pub use router::{Route, RouteId, Router, Verdict};
