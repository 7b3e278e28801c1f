//! The server as a library: configuration and functions in, a drained server out.

mod accord;
pub mod assemble;
mod audience;
pub mod cli;
pub mod clock;
pub mod config;
mod control;
mod counters;
mod crew;
mod desk;
mod dispatch;
mod envelope;
pub mod error;
mod exchange;
mod fault;
pub mod health;
mod json;
mod label;
mod link;
mod listen;
mod log;
mod observe;
pub mod plugin;
mod redirect;
pub mod report;
mod server;
mod settings;
mod site;
pub mod status;
pub mod sys;
mod tls;
mod token;
mod transport;
#[doc(hidden)]
pub mod trial;
mod turn;
pub mod units;
mod watch;

pub use counters::{Counters, Snapshot};
pub use crew::{FunctionCounts, ImageCounts, WorkerCounts};
pub use listen::AcceptFault;
pub use observe::{Observer, Outcome, Record, Said, Steps};
pub use server::{EVENT_LOOPS_MAX, Handle, Server};
pub use settings::{Opening, Settings};
pub use tls::{CertificateCount, GateCounts, TlsError};
pub use token::LISTENERS_MAX;
