//! What an operator may say about an artifact before it is loaded.

/// How [`Function::load_with`](crate::host::Function::load_with) loads. The default demands
/// nothing and speaks the present boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// The SHA-256 the artifact's octets must have. Libraries that it needs are not covered.
    pub sha256: Option<[u8; 32]>,
    /// Which boundary the artifact speaks.
    pub abi: Abi,
}

/// A boundary between host and function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Abi {
    /// `fezz_handle_v2` and `fezz_free_v2`, envelopes in CBOR.
    #[default]
    V2,
    /// `fezz_fetch`, texts in JSON: the earlier boundary, for functions that still have to move.
    V1,
}

impl Abi {
    /// The stable name, as an operator writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
        }
    }
}
