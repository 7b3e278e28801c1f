//! The one spelling of a path that routing compares. Functions never see it: they get the octets
//! that were sent.
//!
//! Two paths that RFC 3986 calls equivalent get the same route, and no path gets a route that a
//! reader further on would resolve to another one:
//!
//! | sent | compared as | why |
//! |---|---|---|
//! | `%41`, `%7e`, `%2E` | `A`, `~`, `.` | unreserved, RFC 3986 §6.2.2.2; rows below see it |
//! | `%e2%82` | `%E2%82` | RFC 3986 §6.2.2.1 |
//! | `//` | `/` | readers disagree on empty segments; a slash more is the same route |
//! | `/a/./b`, `/a/../b` | `/a/b`, `/b` | RFC 3986 §5.2.4, after `//` |
//! | `/..`, `/a/../../b` | refused | climbs above the root |
//! | `%2F`, `%5C` | kept as data of the segment | RFC 3986 §2.2: not equivalent to `/` |
//! | `..%2Fa`, `a%5C..` | refused | a reader that decodes first would find a dot segment |
//! | `%00`, `%4`, no leading `/` | refused | the parser refuses it too: a second wall |
//!
//! Decoding happens once: `%252e` stays `%252e`. A trailing slash is significant. `*` (the
//! asterisk-form) is its own canonical form.

use std::borrow::Cow;
use std::fmt;

/// Why a path has no canonical form. The peer's fault: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// The path does not begin with a slash.
    NoLeadingSlash,
    /// A percent sign is not followed by two hexadecimal digits.
    BadPercent,
    /// The path contains an encoded NUL.
    EncodedNul,
    /// The path climbs above its root.
    AboveRoot,
    /// A dot segment is hidden behind an encoded slash or backslash.
    HiddenDotSegment,
}

impl BadPath {
    /// The stable reason word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoLeadingSlash => "path_no_leading_slash",
            Self::BadPercent => "path_bad_percent",
            Self::EncodedNul => "path_encoded_nul",
            Self::AboveRoot => "path_above_root",
            Self::HiddenDotSegment => "path_hidden_dot_segment",
        }
    }
}

impl fmt::Display for BadPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoLeadingSlash => "the path does not begin with a slash",
            Self::BadPercent => "a percent sign is not followed by two hexadecimal digits",
            Self::EncodedNul => "the path contains an encoded NUL",
            Self::AboveRoot => "the path climbs above its root",
            Self::HiddenDotSegment => {
                "a dot segment is hidden behind an encoded slash or backslash"
            }
        })
    }
}

impl std::error::Error for BadPath {}

/// The canonical form of `path`: the path itself, without a copy, wherever it is canonical.
///
/// # Errors
/// See the table of the module.
pub fn canonical(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if is_plain(path.as_bytes()) { Ok(Cow::Borrowed(path)) } else { normalise(path) }
}

/// Whether nothing in a path can need a change: no percent sign, no slash followed by a slash or
/// a dot. Without an early exit on purpose: the compiler makes vector code of it.
pub(super) fn is_plain(octets: &[u8]) -> bool {
    let Some((&first, rest)) = octets.split_first() else { return false };
    let mut odd = first != b'/';
    for (&before, &octet) in octets.iter().zip(rest) {
        odd |= (octet == b'%') | ((before == b'/') & ((octet == b'/') | (octet == b'.')));
    }
    !odd
}

#[cold]
fn normalise(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if path == "*" {
        return Ok(Cow::Borrowed(path));
    }
    if !path.starts_with('/') {
        return Err(BadPath::NoLeadingSlash);
    }
    let mut out = Output { path, same: 1, owned: None };
    let mut start = 1;
    while start < path.len() {
        let end = path[start..].find('/').map_or(path.len(), |length| start + length);
        let last = end == path.len();
        match judge(&path[start..end])? {
            Segment::Empty | Segment::Dot => {}
            Segment::DotDot => out.pop_segment()?,
            Segment::Data => {
                out.push_segment(start, end);
                if !last {
                    out.push(end, end + 1);
                }
            }
        }
        start = end + 1;
    }
    Ok(out.into_path())
}

/// What a segment is once its unreserved octets are decoded.
enum Segment {
    Empty,
    Dot,
    DotDot,
    Data,
}

fn judge(segment: &str) -> Result<Segment, BadPath> {
    // Dots seen since the segment, or the part behind an encoded separator, began; None: other
    // octets are among them.
    let mut dots = Some(0_u8);
    let mut parts = 1_u32;
    let mut dotted = false;
    let mut at = 0;
    while let Some(&octet) = segment.as_bytes().get(at) {
        let (octet, width) = match octet {
            b'%' => (decode(segment, at)?, 3),
            plain => (plain, 1),
        };
        match octet {
            0 => return Err(BadPath::EncodedNul),
            b'.' => dots = dots.filter(|count| *count < 2).map(|count| count + 1),
            b'/' | b'\\' if width == 3 => {
                dotted |= matches!(dots, Some(1 | 2));
                (dots, parts) = (Some(0), parts + 1);
            }
            _ => dots = None,
        }
        at += width;
    }
    dotted |= matches!(dots, Some(1 | 2));
    match (dotted, parts, dots) {
        (true, 2.., _) => Err(BadPath::HiddenDotSegment),
        (true, _, Some(1)) => Ok(Segment::Dot),
        (true, _, _) => Ok(Segment::DotDot),
        (false, _, _) if segment.is_empty() => Ok(Segment::Empty),
        (false, _, _) => Ok(Segment::Data),
    }
}

/// The octet that the percent-encoding at `at` stands for.
fn decode(text: &str, at: usize) -> Result<u8, BadPath> {
    let digit = |offset: usize| {
        let octet = text.as_bytes().get(at + offset).copied();
        octet.and_then(|octet| char::from(octet).to_digit(16)).ok_or(BadPath::BadPercent)
    };
    u8::try_from(digit(1)? * 16 + digit(2)?).map_err(|_| BadPath::BadPercent)
}

/// The canonical form so far: a prefix of the path for as long as the two agree.
struct Output<'p> {
    path: &'p str,
    /// How many octets of `path` the output consists of while `owned` is `None`.
    same: usize,
    owned: Option<String>,
}

impl<'p> Output<'p> {
    fn push(&mut self, start: usize, end: usize) {
        if self.owned.is_none() && self.same == start {
            self.same = end;
        } else {
            let piece = &self.path[start..end];
            self.own().push_str(piece);
        }
    }

    /// One segment, its percent-encodings in their canonical spelling.
    fn push_segment(&mut self, start: usize, end: usize) {
        let mut from = start;
        while let Some(offset) = self.path[from..end].find('%') {
            let at = from + offset;
            self.push(from, at);
            from = at + 3;
            let sent = &self.path[at..from];
            // `judge` has looked at every percent-encoding of this segment.
            let Ok(octet) = decode(self.path, at) else { continue };
            if is_unreserved(octet) {
                self.own().push(char::from(octet));
            } else if sent.bytes().any(|digit| digit.is_ascii_lowercase()) {
                let upper = sent.to_ascii_uppercase();
                self.own().push_str(&upper);
            } else {
                self.push(at, from);
            }
        }
        self.push(from, end);
    }

    /// Removes the last segment; the output ends with a slash before and after.
    fn pop_segment(&mut self) -> Result<(), BadPath> {
        let so_far = self.owned.as_deref().unwrap_or(&self.path[..self.same]);
        let without_slash = so_far.strip_suffix('/').unwrap_or(so_far);
        let Some(slash) = without_slash.rfind('/') else { return Err(BadPath::AboveRoot) };
        match &mut self.owned {
            Some(owned) => owned.truncate(slash + 1),
            None => self.same = slash + 1,
        }
        Ok(())
    }

    fn own(&mut self) -> &mut String {
        self.owned.get_or_insert_with(|| self.path[..self.same].to_owned())
    }

    fn into_path(self) -> Cow<'p, str> {
        self.owned.map_or(Cow::Borrowed(&self.path[..self.same]), Cow::Owned)
    }
}

/// RFC 3986 §2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests;
