//! Measuring: a load generator that checks every answer, and a benchmark that runs it against us,
//! against the least server possible and against the peers, in turn.
//!
//! [`load`] is the client: one thread, one `mio::Poll`, no allocation per request. [`mod@bench`]
//! starts servers and loads as separate processes on separate cores and judges what it sees by
//! the targets of `stress/BUDGETS.md`. [`scenario`] puts a real server under peers that misbehave,
//! beside clients that do not, and holds what it sees against the second table of that file.
//! Nothing here is linked into the server.

pub mod bench;
pub mod budgets;
pub mod clock;
pub mod limits;
pub mod load;
pub mod procfs;
pub mod scenario;
