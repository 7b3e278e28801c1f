//! One event as one line: text for a person, an object for a machine. A line is never longer than
//! what a pipe takes in one piece, so that lines of several writers do not mix.

use std::fmt;
use std::time::Duration;

use super::stamp::Stamp;
use crate::config::LogLevel;
use crate::escape::{Into as As, cut, escape, is_hidden, shown};

/// Octets of one line, its end included: `PIPE_BUF` of Linux (pipe(7)).
pub(crate) const LINE_BYTES_MAX: usize = 4_096;
/// Octets of a message or a value; halved until the line fits.
const VALUE_BYTES_MAX: usize = 2_048;
/// The mark of what was cut.
const CUT: &str = "…";

/// One thing that is said beside the message.
pub(crate) type Field<'v> = (&'static str, Value<'v>);

/// What it is.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    /// Text.
    Text(&'v str),
    /// A number, which is one in JSON too.
    Number(u64),
    /// Whatever its `Display` says.
    Shown(&'v dyn fmt::Display),
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<u16> for Value<'_> {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// What happened.
pub(crate) struct Event<'e> {
    pub(crate) at: Duration,
    pub(crate) level: LogLevel,
    pub(crate) target: &'e str,
    pub(crate) fields: &'e [Field<'e>],
    pub(crate) message: &'e str,
}

/// The stable word of a level.
pub(crate) const fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

impl Event<'_> {
    /// The line, its end included.
    pub(crate) fn write(&self, out: &mut Vec<u8>, json: bool) {
        let begin = out.len();
        let mut bytes_max = VALUE_BYTES_MAX;
        loop {
            if json {
                self.json(out, bytes_max)
            } else {
                self.text(out, bytes_max)
            }
            if out.len() - begin <= LINE_BYTES_MAX || bytes_max < 16 {
                return;
            }
            out.truncate(begin);
            bytes_max /= 2;
        }
    }

    /// `{"ts":"…","level":"info","target":"fezz","message":"…","key":"value"}`
    fn json(&self, out: &mut Vec<u8>, bytes_max: usize) {
        out.extend_from_slice(b"{\"ts\":\"");
        Stamp::default().rfc3339(out, self.at);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(level_name(self.level).as_bytes());
        for (key, text) in [("target", self.target), ("message", self.message)] {
            out.extend_from_slice(b"\",\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":\"");
            json_text(out, text, bytes_max);
        }
        out.push(b'"');
        for (key, value) in self.fields {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            match value {
                Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Value::Text(text) => quoted(out, text, bytes_max),
                Value::Shown(shown) => quoted(out, &shown.to_string(), bytes_max),
            }
        }
        out.extend_from_slice(b"}\n");
    }

    /// `2026-11-20T10:00:00.123456Z INFO  fezz::workers: message key=value key="two words"`; what
    /// the server says of itself as a whole has a space in place of the colon.
    fn text(&self, out: &mut Vec<u8>, bytes_max: usize) {
        Stamp::default().rfc3339(out, self.at);
        out.extend_from_slice(match self.level {
            LogLevel::Error => b" ERROR ",
            LogLevel::Warn => b" WARN  ",
            LogLevel::Info => b" INFO  ",
            LogLevel::Debug => b" DEBUG ",
        });
        out.extend_from_slice(self.target.as_bytes());
        out.extend_from_slice(if self.target == super::SERVER { b" " } else { b": " });
        plain(out, self.message, bytes_max);
        for (key, value) in self.fields {
            out.push(b' ');
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
            match value {
                Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Value::Text(text) => worded(out, text, bytes_max),
                Value::Shown(shown) => worded(out, &shown.to_string(), bytes_max),
            }
        }
        out.push(b'\n');
    }
}

fn json_text(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    let (kept, is_cut) = cut(text.as_bytes(), bytes_max);
    escape(out, kept, As::Json);
    if is_cut {
        out.extend_from_slice(CUT.as_bytes());
    }
}

fn quoted(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    out.push(b'"');
    json_text(out, text, bytes_max);
    out.push(b'"');
}

fn plain(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    let (kept, is_cut) = cut(text.as_bytes(), bytes_max);
    // Text is cut between characters.
    shown(out, str::from_utf8(kept).unwrap_or_default());
    if is_cut {
        out.extend_from_slice(CUT.as_bytes());
    }
}

/// A value as one word: in quotes where it would end too soon, or look like another pair.
fn worded(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    let odd = |it: char| it == '"' || it == '=' || it.is_whitespace() || is_hidden(it);
    if text.is_empty() || text.contains(odd) {
        quoted(out, text, bytes_max);
    } else {
        plain(out, text, bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_millis(1_795_168_800_250);

    fn event<'e>(fields: &'e [Field<'e>], message: &'e str) -> Event<'e> {
        Event { at: AT, level: LogLevel::Warn, target: "fezz::workers", fields, message }
    }

    fn written(event: &Event<'_>, json: bool) -> String {
        let mut out = Vec::new();
        event.write(&mut out, json);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_forms() {
        let fields: [Field<'_>; 5] = [
            ("function", "a@1".into()),
            ("loop", 3_u64.into()),
            ("why", "no \"such\" file".into()),
            ("empty", "".into()),
            ("shown", Value::Shown(&format_args!("a=b"))),
        ];
        let event = event(&fields, "stopped\nfezz forged \u{1b}[31m");
        assert_eq!(
            written(&event, false),
            "2026-11-20T10:00:00.250000Z WARN  fezz::workers: stopped\\nfezz forged \\u{1b}[31m \
             function=a@1 loop=3 why=\"no \\\"such\\\" file\" empty=\"\" shown=\"a=b\"\n"
        );
        assert_eq!(
            written(&event, true),
            "{\"ts\":\"2026-11-20T10:00:00.250000Z\",\"level\":\"warn\",\"target\":\
             \"fezz::workers\",\"message\":\"stopped\\nfezz forged \\u001b[31m\",\"function\":\
             \"a@1\",\"loop\":3,\
             \"why\":\"no \\\"such\\\" file\",\"empty\":\"\",\"shown\":\"a=b\"}\n"
        );
        let whole = Event { target: crate::log::SERVER, fields: &[], message: "ready", ..event };
        assert_eq!(written(&whole, false), "2026-11-20T10:00:00.250000Z WARN  fezz ready\n");
    }

    #[test]
    fn a_line_is_never_longer_than_a_pipe_takes_at_once() {
        let long = ["\u{1}", "ä", "\"", "x", "\u{202e}"].map(|it| it.repeat(50_000));
        let fields: [Field<'_>; 5] = [
            ("a", (&long[0]).into()),
            ("b", (&long[1]).into()),
            ("c", (&long[2]).into()),
            ("d", (&long[3]).into()),
            ("e", Value::Shown(&long[4])),
        ];
        for json in [false, true] {
            let line = written(&event(&fields, &long[1]), json);
            assert!(line.len() <= LINE_BYTES_MAX && line.len() > LINE_BYTES_MAX / 4);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(line.matches("x…").count(), 1);
            assert!(line.ends_with(if json { "…\"}\n" } else { "…\"\n" }), "{line}");
        }
    }
}
