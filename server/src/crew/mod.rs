//! A fixed number of workers that call functions, and the queues between them and the loops.
//!
//! Both queues move batches and wake only who sleeps: a loop submits what one turn produced with
//! one lock and at most a few wakes, a worker owes a sleeping loop one wake for all it finished.

mod alarm;
mod berth;
mod callee;
mod inbound;
mod outbound;
mod seat;
mod sync;
mod worker;

use std::io;
use std::sync::Arc;
use std::thread;

use crate::clock::Clock;

pub(crate) use callee::Callee;
pub(crate) use inbound::{Inbound, Job};
pub(crate) use outbound::{Completion, Outbound};

/// Octets of stack of a worker: what function authors may count on.
const STACK_BYTES: usize = 4 * 1024 * 1024;

/// What every worker needs.
pub(crate) struct Workplace {
    pub(crate) clock: Clock,
    pub(crate) inbound: Arc<Inbound>,
    /// One list per loop, by the loop's number.
    pub(crate) outbound: Vec<Arc<Outbound>>,
    pub(crate) response_limits: fezz_wire::WireLimits,
    pub(crate) queue_ms_max: u64,
}

/// Starts `count` workers. They end when the inbound queue is closed; a worker inside a function
/// that never returns ends with the process.
///
/// # Errors
///
/// The operating system's reason why a thread cannot be had.
pub(crate) fn hire(count: usize, workplace: &Arc<Workplace>) -> io::Result<()> {
    for number in 0..count {
        let workplace = Arc::clone(workplace);
        thread::Builder::new()
            .name(format!("fezz-worker-{number}"))
            .stack_size(STACK_BYTES)
            .spawn(move || worker::work(&workplace))?;
    }
    Ok(())
}
