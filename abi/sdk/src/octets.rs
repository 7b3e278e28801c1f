//! Octets of a body or a header value: static ones are borrowed, made ones are owned.

use std::borrow::Cow;

/// Octets that go into a response. Made from text or octets, static or owned, without a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Octets(Cow<'static, [u8]>);

impl Octets {
    /// Static octets, in a constant.
    #[must_use]
    pub const fn from_static(octets: &'static [u8]) -> Self {
        Self(Cow::Borrowed(octets))
    }

    /// The octets.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl From<&'static str> for Octets {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<&'static [u8]> for Octets {
    fn from(octets: &'static [u8]) -> Self {
        Self(Cow::Borrowed(octets))
    }
}

impl<const N: usize> From<&'static [u8; N]> for Octets {
    fn from(octets: &'static [u8; N]) -> Self {
        Self(Cow::Borrowed(octets))
    }
}

impl From<String> for Octets {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self(Cow::Owned(octets))
    }
}

impl From<Cow<'static, str>> for Octets {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Cow<'static, [u8]>> for Octets {
    fn from(octets: Cow<'static, [u8]>) -> Self {
        Self(octets)
    }
}
