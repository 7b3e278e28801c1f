//! The load generator: requests made once, answers verified one by one, time taken per request.
//!
//! A [`Plan`] says what to send and for how long; [`run`] drives it over `mio` on one thread and
//! returns a [`Report`]. [`idle::hold`] is the other use: connections that only exist.
//!
//! The driver in `drive` moves octets through a `Wire`, which is a socket or TLS over one
//! ([`secure`]). What it is made of does not know a socket: [`template`] makes octets, [`answer`]
//! judges octets, [`pace`] says when the next request is due, [`report`] counts, [`windows`] says
//! what was when, `gaps` what the client itself was late with, [`threshold`] what is too much.

pub mod answer;
pub mod args;
mod drive;
mod gaps;
pub mod idle;
mod link;
pub mod pace;
pub mod report;
pub mod secure;
pub mod template;
pub mod threshold;
pub mod windows;

use std::net::SocketAddr;
use std::time::Duration;

pub use drive::{RunError, run};
pub use report::Report;

/// Everything one run of the load generator needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub server: SocketAddr,
    /// How connections are secured; `None` is cleartext.
    pub security: Option<secure::Security>,
    /// Connections held open at the same time.
    pub connections: usize,
    /// Requests sent in one write before any answer is awaited; 1 is no pipelining.
    pub depth: usize,
    /// One connection per request: the request asks the server to close, and the server must.
    pub fresh: bool,
    /// The octets of one request.
    pub request: Vec<u8>,
    /// What a right answer looks like.
    pub expectation: answer::Expectation,
    /// When the run is over.
    pub until: Until,
    /// Time at the start that is driven but not counted.
    pub warmup: Duration,
    /// Requests per second of an open loop; `None` is a closed loop.
    pub rate: Option<f64>,
    /// How long nothing at all may be answered before the run is given up.
    pub patience: Duration,
    /// How the run is shown on standard error.
    pub progress: Progress,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// So long after the warm-up.
    Elapsed(Duration),
    /// So many requests answered.
    Answered(u64),
}

/// What is shown while a run lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing.
    Quiet,
    /// A line every few seconds, for logs.
    Lines,
    /// One line that is written anew every second, for a terminal.
    Live,
}
