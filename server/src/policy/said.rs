//! What a head says in a field that may be there once.

use fezz_parser::Head;

/// A field that means something only when it is there once: two readers may take different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<'h> {
    /// It is not there.
    Nothing,
    /// Its value.
    Once(&'h [u8]),
    /// It is there more than once.
    Repeated,
}

impl<'h> Said<'h> {
    /// What `head` says in the field `name`.
    pub(crate) fn of(head: &Head<'h>, name: &str) -> Self {
        let name = name.as_bytes();
        let mut lines = head.fields().filter(|field| field.name.eq_ignore_ascii_case(name));
        match (lines.next(), lines.next()) {
            (None, _) => Self::Nothing,
            (Some(field), None) => Self::Once(field.value),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }

    /// The value, if there is one.
    pub(crate) const fn once(self) -> Option<&'h [u8]> {
        match self {
            Self::Once(value) => Some(value),
            Self::Nothing | Self::Repeated => None,
        }
    }
}
