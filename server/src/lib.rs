//! The server as a library: configuration and functions in, a drained server out.

pub mod clock;
pub mod plugin;
pub mod sys;
pub mod units;
