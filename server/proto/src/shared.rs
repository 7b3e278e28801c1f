//! What the connections of one hub share: limits, buffers, the head index, the tails, the budget.

use alloc::vec::Vec;

use fezz_parser::Index;

use crate::limits::Checked;
use crate::notice::{Notice, Usual};
use crate::output::Tails;
use crate::pool::Pool;

/// Octets of the area that lingering connections read into.
const DISCARD_BYTES: usize = 16 * 1024;
/// Notices kept between two turns; more are dropped and counted.
const NOTICES_MAX: usize = 1 << 16;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Checked,
    pub(crate) pool: Pool,
    pub(crate) index: Index,
    /// Whose head the index describes: the number of its exchange, or zero.
    pub(crate) index_exchange: u64,
    /// What heads end with; the driver renews the date once a second.
    pub(crate) tails: Tails,
    pub(crate) body_bytes_held: u64,
    pub(crate) discard: Vec<u8>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) notices_dropped: u64,
    /// What every request does, counted.
    pub(crate) usual: Usual,
    /// Whether that is noticed as well.
    pub(crate) notices_usual: bool,
    exchanges: u64,
}

impl Shared {
    pub(crate) fn new(limits: Checked) -> Self {
        Self {
            limits,
            pool: Pool::default(),
            index: Index::new(),
            index_exchange: 0,
            tails: Tails::new(fezz_parser::imf_fixdate(0)),
            body_bytes_held: 0,
            discard: alloc::vec![0; DISCARD_BYTES],
            notices: Vec::new(),
            notices_dropped: 0,
            usual: Usual::default(),
            notices_usual: true,
            exchanges: 0,
        }
    }

    pub(crate) const fn next_exchange(&mut self) -> u64 {
        self.exchanges += 1;
        self.exchanges
    }

    /// Something happened.
    #[inline(always)]
    pub(crate) fn notice(&mut self, notice: Notice) {
        if !self.usual.count(notice) || self.notices_usual {
            self.keep(notice);
        }
    }

    #[inline(never)]
    fn keep(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(notice);
        } else {
            self.notices_dropped += 1;
        }
    }
}
