//! What must hold for any octets at all: used by tests, fuzzers and benchmarks, by nobody else.

use crate::error::Error;
use crate::head::{parse_head_with, read_portable};
use crate::index::Index;
use crate::limits::HeadLimits;
use crate::walk::Resume;

/// [`parse_head`](crate::parse_head) with the engine that runs everywhere.
///
/// # Errors
/// As `parse_head`.
pub fn parse_head_portable(
    octets: &[u8],
    limits: &HeadLimits,
    resume: &mut Resume,
    index: &mut Index,
) -> Result<Option<usize>, Error> {
    parse_head_with(read_portable, octets, limits, resume, index)
}
