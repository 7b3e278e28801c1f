//! Something wrong in a file as a person sees it: where, the line itself, and what to write.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use super::fault::Fault;

/// Something wrong in a file, and where.
#[derive(Debug)]
pub struct Complaint {
    /// The key or section, as `limits.body`; empty where none is concerned.
    pub key: String,
    /// What is wrong.
    pub fault: Fault,
    /// The file.
    pub path: PathBuf,
    /// Where in it; nothing: the file as a whole.
    pub spot: Option<Snippet>,
}

/// A place in a file and what is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The characters it spans, at least 1, on that line.
    pub width: usize,
    /// The line; control characters made visible.
    pub text: String,
}

/// The most characters of a line that are shown.
const SHOWN_MAX: usize = 160;

impl Snippet {
    /// The place `span` of a text, in octets. Spans of several lines end with the first.
    #[must_use]
    pub fn of(text: &str, span: &Range<usize>) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        // Octets, not letters: a file has many lines, and may have as many places to point at.
        let line = text[..begin].bytes().filter(|&octet| octet == b'\n').count() + 1;
        let column = text[begin..start].chars().count() + 1;
        let mut stop = span.end.clamp(start, end);
        while !text.is_char_boundary(stop) {
            stop -= 1;
        }
        let width = text[start..stop].chars().count().max(1);
        let visible = |letter: char| match letter {
            '\t' => ' ',
            _ if letter.is_control() => '\u{fffd}',
            _ => letter,
        };
        let shown = text[begin..end].trim_end_matches('\r').chars().map(visible);
        Self { line, column, width, text: shown.take(SHOWN_MAX).collect() }
    }
}

impl Complaint {
    /// The same in one line, for a log.
    pub(crate) fn brief(&self) -> String {
        let mut line = self.path.display().to_string();
        if let Some(Snippet { line: number, column, .. }) = &self.spot {
            line += &format!(":{number}:{column}");
        }
        for part in [self.key.clone(), self.fault.to_string()] {
            if !part.is_empty() {
                line += &format!(": {part}");
            }
        }
        let remedy = self.fault.remedy();
        if remedy.is_empty() { line } else { line + "; " + &remedy }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        let remedy = self.fault.remedy();
        write!(out, "{}", self.fault)?;
        let path = self.path.display();
        let Some(Snippet { line, column, width, text }) = &self.spot else {
            write!(out, "\n  --> {path}")?;
            return if remedy.is_empty() { Ok(()) } else { write!(out, "\n   = {remedy}") };
        };
        let gutter = line.to_string().len();
        write!(out, "\n{:gutter$} --> {path}:{line}:{column}", "")?;
        if *column > SHOWN_MAX {
            return if remedy.is_empty() { Ok(()) } else { write!(out, "\n  = {remedy}") };
        }
        let marks = "^".repeat((*width).min(SHOWN_MAX + 1 - column));
        write!(out, "\n{line} | {text}\n{:gutter$} | {:skip$}{marks}", "", "", skip = column - 1)?;
        if remedy.is_empty() { Ok(()) } else { write!(out, " {remedy}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_one_line_for_it() {
        let text = "[limits]\nbody = 7\n";
        let mut complaint = Complaint {
            key: "limits.body".to_owned(),
            fault: Fault::RatePer,
            path: PathBuf::from("/etc/fezz.toml"),
            spot: Some(Snippet::of(text, &(16..17))),
        };
        let what = "limits.body: this is not a number of requests in a time; write \"50/s\", \
                    \"100/m\" or \"1000/h\"";
        assert_eq!(complaint.brief(), format!("/etc/fezz.toml:2:8: {what}"));
        complaint.spot = None;
        complaint.key.clear();
        complaint.fault = Fault::SelfInclude;
        assert_eq!(complaint.brief(), "/etc/fezz.toml: the file includes itself");
    }

    #[test]
    fn a_place_is_counted_in_characters() {
        let text = "a = 1\r\nä = \"ö\t\"\nlast";
        let at = |word: &str| text.find(word).unwrap();
        let found = Snippet::of(text, &(at("\"ö")..at("\nlast")));
        let line = "ä = \"ö \"".to_owned();
        assert_eq!(found, Snippet { line: 2, column: 5, width: 4, text: line });
        let found = Snippet::of(text, &(0..text.len()));
        assert_eq!(found, Snippet { line: 1, column: 1, width: 6, text: "a = 1".to_owned() });
        let found = Snippet::of(text, &(text.len()..text.len() + 9));
        assert_eq!((found.line, found.column, found.width), (3, 5, 1));
    }
}
