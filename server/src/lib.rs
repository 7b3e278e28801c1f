//! The server as a library: configuration and functions in, a drained server out.

pub mod assemble;
pub mod clock;
pub mod config;
pub mod error;
pub mod plugin;
pub mod report;
pub mod sys;
pub mod units;
