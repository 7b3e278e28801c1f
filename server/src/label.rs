//! Texts of the operator's that name things in metrics and logs, kept once for the process.
//!
//! A text is never freed: routes come back with every reload, and a request that began under one
//! set of routes is told of under another.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A text and its number; equal texts are one label.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// From 1, in the order in which the texts came up.
    pub(crate) number: u32,
    pub(crate) text: Box<str>,
}

static LABELS: Mutex<BTreeMap<&'static str, &'static Label>> = Mutex::new(BTreeMap::new());

impl Label {
    /// The label of a text.
    pub(crate) fn of(text: &str) -> &'static Self {
        let mut labels = LABELS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = labels.get(text) {
            return known;
        }
        let number = u32::try_from(labels.len() + 1).unwrap_or(u32::MAX);
        let label: &'static Self = Box::leak(Box::new(Self { number, text: text.into() }));
        labels.insert(&label.text, label);
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_is_one_label() {
        let (first, second) = (Label::of("/label/{a}"), Label::of("/label/{b}"));
        assert!(std::ptr::eq(first, Label::of("/label/{a}")) && first.number != second.number);
        assert_eq!(&*second.text, "/label/{b}");
    }
}
