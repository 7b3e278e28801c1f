//! Bounds on reading an envelope, each with what it prices.

/// How much of an envelope a reader is willing to understand. [`Default`] is what Fezz ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireLimits {
    /// Header entries in one envelope. Prices the walk over `headers` and the reply's head.
    pub header_count_max: usize,
    /// Octets of the envelope that are not body octets. Prices the reply's head buffer.
    pub head_bytes_max: usize,
    /// Octets of the body. Prices the copy into the reply.
    pub body_bytes_max: usize,
    /// Maps, arrays and tags open at once, the envelope's own map included. Prices stack space:
    /// a skipped item is walked with one frame for each level.
    pub nesting_max: u8,
}

/// Header entries a reader accepts unless told otherwise.
pub(crate) const HEADER_COUNT_MAX: usize = 256;
/// Levels a reader accepts unless told otherwise.
pub(crate) const NESTING_MAX: u8 = 8;
/// Head octets a reader accepts unless told otherwise.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Body octets a reader accepts unless told otherwise.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Default for WireLimits {
    fn default() -> Self {
        WireLimits {
            header_count_max: HEADER_COUNT_MAX,
            head_bytes_max: HEAD_BYTES_MAX,
            body_bytes_max: BODY_BYTES_MAX,
            nesting_max: NESTING_MAX,
        }
    }
}

impl WireLimits {
    /// What a function reads its requests with: the host has bounded their size already, so only
    /// the shape is limited.
    pub(crate) const fn request() -> Self {
        WireLimits {
            header_count_max: HEADER_COUNT_MAX,
            head_bytes_max: usize::MAX,
            body_bytes_max: usize::MAX,
            nesting_max: NESTING_MAX,
        }
    }
}
