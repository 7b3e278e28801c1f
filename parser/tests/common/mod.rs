//! The corpus as data, and a reader of requests that writes down what happens.
//!
//! The format is described in `tests/corpus/README.md`.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a corpus that cannot be read is a failed test"
)]

use fezz_parser::{
    ChunkLimits, Chunked, Error, Framing, Head, HeadLimits, Index, Persistence, Resume, Scheme,
    TargetForm, Version, parse_head,
};
use std::fmt::Write as _;
use std::path::Path;

/// One case of the corpus.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) why: String,
    pub(crate) limits: Limits,
    pub(crate) octets: Vec<u8>,
    pub(crate) events: Vec<String>,
}

/// The limits a case is run with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) head: HeadLimits,
    pub(crate) chunk: ChunkLimits,
    pub(crate) body_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let (head, chunk) = (HeadLimits::default(), ChunkLimits::default());
        Self { head, chunk, body_bytes_max: 1 << 20 }
    }
}

impl Limits {
    fn set(&mut self, setting: &str) {
        let (name, value) = setting.split_once('=').expect("a limit is NAME=NUMBER");
        let value: u32 = value.parse().expect("a limit is a number");
        let count = || u16::try_from(value).unwrap();
        match name {
            "request_line_bytes" => self.head.request_line_bytes_max = value,
            "field_line_bytes" => self.head.field_line_bytes_max = value,
            "field_section_bytes" => self.head.field_section_bytes_max = value,
            "field_count" => self.head.field_count_max = count(),
            "size_line_bytes" => self.chunk.size_line_bytes_max = value,
            "extension_bytes" => self.chunk.extension_bytes_max = value,
            "trailer_bytes" => self.chunk.trailer_bytes_max = value,
            "trailer_line_bytes" => self.chunk.trailer_line_bytes_max = value,
            "trailer_count" => self.chunk.trailer_count_max = count(),
            "body_bytes" => self.body_bytes_max = u64::from(value),
            other => panic!("no such limit: {other}"),
        }
    }
}

/// All cases, in the order of their files.
pub(crate) fn corpus() -> Vec<Case> {
    corpus_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus"))
}

/// All cases of a folder, in the order of their files.
pub(crate) fn corpus_in(folder: &Path) -> Vec<Case> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "http"));
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        read_file(&name, &std::fs::read_to_string(file).unwrap(), &mut cases);
    }
    cases
}

fn read_file(file: &str, text: &str, cases: &mut Vec<Case>) {
    for line in text.lines() {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        if mark == "==" {
            cases.push(Case {
                file: file.to_owned(),
                name: rest.to_owned(),
                why: String::new(),
                limits: Limits::default(),
                octets: Vec::new(),
                events: Vec::new(),
            });
            continue;
        }
        let Some(case) = cases.last_mut().filter(|case| case.file == file) else {
            assert!(line.is_empty() || mark == "#", "{file}: before the first case: {line}");
            continue;
        };
        match mark {
            "" | "#" => {}
            "why" => {
                case.why.push_str(rest);
                case.why.push(' ');
            }
            "limit" => case.limits.set(rest),
            "|" => case.octets.extend(unescape(rest)),
            ">" => case.events.push(rest.to_owned()),
            _ => {
                let times = mark.strip_prefix('|').and_then(|times| times.parse().ok());
                let times = times.unwrap_or_else(|| panic!("{file}: {line}"));
                case.octets.extend(unescape(rest).repeat(times));
            }
        }
    }
}

/// `\r`, `\n`, `\t`, `\s` (a space), `\\` and `\xHH`; everything else stands for itself.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            octets.push(*first);
            continue;
        }
        let (octet, length) = match tail {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b's', ..] => (b' ', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                (u8::from_str_radix(digits, 16).expect("two hexadecimal digits"), 3)
            }
            _ => panic!("no such escape: {text}"),
        };
        octets.push(octet);
        rest = &tail[length..];
    }
    octets
}

/// The inverse of [`unescape`], for octets that are not plain.
pub(crate) fn escape(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => write!(text, "\\x{octet:02x}").unwrap(),
        }
    }
    text
}

/// What came of some octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    /// What was read, and how it ended.
    pub(crate) events: Vec<String>,
    /// Octets the request is made of, when it is whole.
    pub(crate) length: Option<usize>,
    /// Octets that had arrived when it was decided.
    pub(crate) needed: usize,
}

/// Reads one request that arrives in pieces which end at `cuts` and at the end.
///
/// Between two calls the index serves another head, as it does when many connections share it.
pub(crate) fn read(octets: &[u8], cuts: &[usize], limits: &Limits) -> Story {
    let mut story = read_in_full(octets, cuts, limits);
    for event in &mut story.events {
        *event = shorten(event);
    }
    story
}

fn read_in_full(octets: &[u8], cuts: &[usize], limits: &Limits) -> Story {
    let mut ends = cuts.to_vec();
    ends.push(octets.len());
    let mut ends = ends.into_iter();
    let mut index = Index::new();
    let mut resume = Resume::default();
    let mut events = Vec::new();
    let (arrived, head_length) = loop {
        let Some(arrived) = ends.next() else {
            events.push("incomplete".to_owned());
            return Story { events, length: None, needed: octets.len() };
        };
        serve_another(&mut index);
        match parse_head(&octets[..arrived], &limits.head, &mut resume, &mut index) {
            Ok(Some(length)) => break (arrived, length),
            Ok(None) => assert_eq!(resume.octets_seen(), arrived),
            Err(error) => return refused(events, error, 0, octets, arrived),
        }
    };
    let head = Head::new(&octets[..head_length], &index);
    tell(&head, &mut events);
    match head.framing() {
        Framing::None => finish(events, head_length, arrived),
        Framing::Length(length) => {
            let end = head_length + usize::try_from(length).unwrap();
            let Some(body) = octets.get(head_length..end) else {
                events.push("incomplete".to_owned());
                return Story { events, length: None, needed: octets.len() };
            };
            events.push(format!("body {}", escape(body)));
            let needed = ends.fold(arrived, |last, next| if last < end { next } else { last });
            finish(events, end, needed)
        }
        Framing::Chunked => {
            let pieces = std::iter::once(arrived).chain(ends);
            read_chunked(octets, head_length, pieces, limits, events)
        }
    }
}

/// Writes 24 and more of the same character as `c{24}`.
fn shorten(text: &str) -> String {
    let mut short = String::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        let mut times = 1;
        while rest.next_if_eq(&first).is_some() {
            times += 1;
        }
        if times < 24 {
            short.extend(std::iter::repeat_n(first, times));
        } else {
            write!(short, "{first}{{{times}}}").unwrap();
        }
    }
    short
}

fn serve_another(index: &mut Index) {
    const OTHER: &[u8] = b"POST http://other:1/?q HTTP/1.0\r\nTE: x\r\nConnection: y, close\r\n\
        Y: z\r\nExpect: q\r\nContent-Length: 77\r\n\r\n";
    let mut resume = Resume::default();
    parse_head(OTHER, &HeadLimits::default(), &mut resume, index).unwrap().unwrap();
}

fn finish(mut events: Vec<String>, length: usize, needed: usize) -> Story {
    events.push("end".to_owned());
    Story { events, length: Some(length), needed }
}

fn refused(
    mut events: Vec<String>,
    error: Error,
    before: usize,
    octets: &[u8],
    needed: usize,
) -> Story {
    let offset = before + usize::try_from(error.offset()).unwrap();
    assert!(offset <= octets.len(), "{error:?} lies beyond the octets");
    events.push(format!("refused {} {} at {}", error.status(), error.name(), error.offset()));
    Story { events, length: None, needed }
}

fn read_chunked(
    octets: &[u8],
    head_length: usize,
    pieces: impl Iterator<Item = usize>,
    limits: &Limits,
    mut events: Vec<String>,
) -> Story {
    let mut chunked = Chunked::default();
    let mut body = Vec::new();
    let mut start = head_length;
    for end in pieces {
        let mut piece = octets[start..end].to_vec();
        let left = limits.body_bytes_max - body.len() as u64;
        let decoded = match chunked.decode(&mut piece, left, &limits.chunk) {
            Ok(decoded) => decoded,
            Err(error) => return refused(events, error, head_length, octets, end),
        };
        body.extend_from_slice(&piece[..decoded.written]);
        start += decoded.consumed;
        if decoded.done {
            events.push(format!("body {}", escape(&body)));
            return finish(events, start, end);
        }
        assert_eq!(start, end, "all octets of an unfinished body are consumed");
    }
    events.push("incomplete".to_owned());
    Story { events, length: None, needed: octets.len() }
}

fn tell(head: &Head<'_>, events: &mut Vec<String>) {
    let form = match head.form() {
        TargetForm::Origin => "origin",
        TargetForm::Absolute => "absolute",
        TargetForm::Asterisk => "asterisk",
    };
    let version = match head.version() {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
    };
    events.push(format!("request {} {form} {} {version}", head.method(), head.path()));
    if let Some(query) = head.query() {
        events.push(format!("query {query}"));
    }
    if let Some(scheme) = head.target_scheme() {
        let scheme = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        events.push(format!("scheme {scheme}"));
    }
    if let (Some(authority), Some(host)) = (head.authority(), head.host()) {
        events.push(format!("authority {authority} host {host}"));
    }
    let mut visible = head.end_to_end_fields().peekable();
    for field in head.fields() {
        let same = |seen: &fezz_parser::Field<'_>| seen.name.as_ptr() == field.name.as_ptr();
        let kind = if visible.next_if(same).is_some() { "field" } else { "hop" };
        events.push(format!("{kind} {}: {}", escape(field.name), escape(field.value)));
    }
    assert!(visible.next().is_none(), "a function sees no field that was not sent");
    assert_eq!(head.field_count(), head.fields().count());
    assert_eq!(head.end_to_end_count(), head.end_to_end_fields().count());
    events.push(match head.framing() {
        Framing::None => "framing none".to_owned(),
        Framing::Length(length) => format!("framing length {length}"),
        Framing::Chunked => "framing chunked".to_owned(),
    });
    events.push(match head.persistence() {
        Persistence::Close => "connection close".to_owned(),
        Persistence::KeepAlive => "connection keep-alive".to_owned(),
        Persistence::KeepAliveExplicit => "connection keep-alive explicit".to_owned(),
    });
    if head.expects_continue() {
        events.push("expects continue".to_owned());
    }
}
