//! JSON for the answers of verbs.

pub(super) use crate::json::{list, quoted};
