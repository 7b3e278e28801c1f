//! Every fuzz target by name: the fuzzers and `cargo test` run the same functions.

use fezz_parser::check;
use fezz_wire::WireLimits;

use crate::plan::Canary;
use crate::{envelope, run_octets, talk};

/// A target: it panics when something does not hold for the octets.
pub type Target = fn(&[u8]);

/// The targets that must never panic.
pub const TARGETS: [(&str, Target); 12] = [
    ("chunked", chunked),
    ("conn", conn),
    ("cuts", cuts),
    ("framing", framing),
    ("head", head),
    ("operations", operations),
    ("reply_head", reply_head),
    ("target", target),
    ("wire_handshake", wire_handshake),
    ("wire_request", wire_request),
    ("wire_response", wire_response),
    ("world", world),
];

pub use crate::check as world;
pub use crate::operations::check as operations;
pub use check::{chunked, framing, head, reply_head, target};
pub use envelope::check as wire_request;
pub use talk::check as conn;

/// A head, and where it is cut.
pub fn cuts(octets: &[u8]) {
    let (count, rest) = octets.split_first().map_or((0, octets), |(&count, rest)| (count, rest));
    let (cuts, head) = rest.split_at(usize::from(count).min(rest.len()));
    check::cuts(head, cuts);
}

/// What a function may answer, read by the codec and by another reader.
pub fn wire_response(octets: &[u8]) {
    fezz_wire::oracle::check(octets, &WireLimits::default());
}

/// What host and function tell each other before the first request, likewise.
pub fn wire_handshake(octets: &[u8]) {
    fezz_wire::oracle::check_handshake(octets);
}

/// A world whose driver loses octets: it must panic, or the alarm is dead.
///
/// # Panics
///
/// When the oracle sees the planted bug.
#[expect(clippy::panic, reason = "a fuzzer notices panics and nothing else")]
pub fn canary(octets: &[u8]) {
    if let Err(violation) = run_octets(octets, Some(Canary::LostOctet)) {
        panic!("{violation:?}");
    }
}
