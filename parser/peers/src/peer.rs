//! What a reader of HTTP says about one request, in words that fit all of them.

/// A head as slices of the octets that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The whole request target.
    pub target: &'a [u8],
    /// The digit behind `HTTP/1.`, as the reader took it.
    pub minor: u8,
    /// Names, and values without the white space around them.
    pub fields: Vec<(&'a [u8], &'a [u8])>,
}

impl Head<'_> {
    /// Whether both are the same octets at the same places.
    #[must_use]
    pub fn is(&self, other: &Head<'_>) -> bool {
        same(self.method, other.method)
            && same(self.target, other.target)
            && self.minor == other.minor
            && self.fields.len() == other.fields.len()
            && self
                .fields
                .iter()
                .zip(&other.fields)
                .all(|(one, two)| same(one.0, two.0) && same(one.1, two.1))
    }
}

/// Nothing is at no place.
fn same(one: &[u8], two: &[u8]) -> bool {
    one.len() == two.len() && (one.is_empty() || std::ptr::eq(one, two))
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed {
    /// By chunks.
    pub chunked: bool,
    /// By Content-Length, in octets.
    pub length: Option<u64>,
}

/// What a reader says about the request at the start of some octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// It is wrong, by the name of the reader's error.
    Refused(&'static str),
    /// Its head is not whole.
    Partial,
    /// Its head is whole, its body is not.
    Head {
        /// The head.
        head: Head<'a>,
        /// How the body ends.
        framed: Framed,
        /// The body so far.
        body: Vec<u8>,
    },
    /// It is whole.
    Whole {
        /// The head.
        head: Head<'a>,
        /// How the body ended.
        framed: Framed,
        /// The body.
        body: Vec<u8>,
        /// Octets of the whole request.
        bytes: usize,
        /// Another request may follow.
        keeps_alive: bool,
    },
}

impl<'a> Said<'a> {
    /// The head, when that is whole.
    #[must_use]
    pub fn head(&self) -> Option<&Head<'a>> {
        match self {
            Said::Refused(_) | Said::Partial => None,
            Said::Head { head, .. } | Said::Whole { head, .. } => Some(head),
        }
    }
}
