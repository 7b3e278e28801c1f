//! The hook: what happened goes in, whatever the operator likes comes out.

use fezz_proto::{Instant, Notice};

use crate::listen::AcceptFault;

/// Told at the end of every turn what happened in it, on the thread that drives the loop: whatever
/// an observer does, the connections of that loop wait for.
pub trait Observer: Send {
    /// One thing happened.
    fn notice(&mut self, at: Instant, what: &Notice);

    /// Several things happened, in this order.
    fn notices(&mut self, at: Instant, what: &[Notice]) {
        for notice in what {
            self.notice(at, notice);
        }
    }

    /// A connection could not be taken.
    fn accept_failed(&mut self, _at: Instant, _why: AcceptFault) {}

    /// So many notices were not reported because too much happened in one turn.
    fn notices_dropped(&mut self, _at: Instant, _count: u64) {}
}
