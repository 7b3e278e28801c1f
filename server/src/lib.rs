//! The server as a library: configuration and functions in, a drained server out.

mod clock;
mod counters;
mod crew;
mod dispatch;
mod envelope;
mod link;
mod listen;
mod log;
mod observe;
pub mod plugin;
mod server;
pub mod sys;
mod transport;
mod turn;

pub use counters::{Counters, Snapshot};
pub use listen::AcceptFault;
pub use observe::Observer;
pub use server::{BindError, DrainReport, EVENT_LOOPS_MAX, Handle, Server, Settings};
