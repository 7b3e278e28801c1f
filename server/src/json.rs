//! JSON, written: strings, lists and objects (RFC 8259).

use std::fmt::{Display, Write as _};

use crate::escape::{Into, escape};

/// `text` as a JSON string (RFC 8259 §7); whatever does something to a line instead of standing in
/// it is escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = vec![b'"'];
    escape(&mut out, text.as_bytes(), Into::Json);
    out.push(b'"');
    // Text was put between ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// `["a","b"]`
pub(crate) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    array(texts.into_iter().map(quoted))
}

/// An array of values that are JSON already.
pub(crate) fn array(values: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", values.into_iter().collect::<Vec<_>>().join(","))
}

/// An object that is being written. Keys are ours and need no escaping.
#[derive(Default)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A member whose value is JSON already: a number, an object, an array.
    #[must_use]
    pub(crate) fn value(mut self, key: &str, value: impl Display) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _infallible = write!(self.0, "{comma}\"{key}\":{value}");
        self
    }

    #[must_use]
    pub(crate) fn text(self, key: &str, text: &str) -> Self {
        self.value(key, quoted(text))
    }

    /// `null` where there is nothing.
    #[must_use]
    pub(crate) fn maybe(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.value(key, value),
            None => self.value(key, "null"),
        }
    }

    #[must_use]
    pub(crate) fn end(self) -> String {
        format!("{{{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_string() {
        assert_eq!(quoted("x\"\\\n\u{1b}\u{9b}é"), "\"x\\\"\\\\\\n\\u001b\\u009bé\"");
        assert_eq!(list(["a", "\""]), "[\"a\",\"\\\"\"]");
    }

    #[test]
    fn members_are_parted() {
        let inner = Object::new().end();
        let object = Object::new().text("a", "b").value("c", 1).value("d", inner);
        assert_eq!(object.maybe("e", None::<u8>).end(), r#"{"a":"b","c":1,"d":{},"e":null}"#);
    }
}
