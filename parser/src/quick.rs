//! A head that is whole and right is read in one pass.
//!
//! This file only ever accepts. Whatever it does not accept (not whole, over a limit, wrong) is
//! left to the walk, which reads octet by octet and says why.

use crate::class::{Class, is_space, trim};
use crate::index::{Index, Known, Place, Span, Version, narrow};
use crate::limits::{HeadLimits, LEADING_EMPTY_LINES_MAX, METHOD_BYTES_MAX};
use crate::scan::Scan;
use crate::target::{Authority, Target, percent};

/// Reads a whole head into `index` and returns its length, or declines.
#[inline(always)]
pub(crate) fn read<S: Scan>(
    scan: &mut S,
    octets: &[u8],
    limits: &HeadLimits,
    index: &mut Index,
) -> Option<usize> {
    let start = skip_empty_lines(octets)?;
    let section = request_line(scan, octets, start, limits, index)?;
    index.begin_fields();
    let end = field_section(scan, octets, section, limits, index)?;
    let host = index.facts.seen.host;
    if host.count == 1 {
        let value = index.first(host).value();
        index.facts.authority = Authority::plain(scan, octets, value);
    }
    let section_bytes = end - 2 - section;
    let fits = section_bytes <= limits.field_section_bytes_max as usize
        && (section_bytes <= limits.field_line_bytes_max as usize
            || lines_fit(index, end - 2, limits.field_line_bytes_max as usize));
    fits.then_some(end)
}

/// Whether each line is within its limit; asked only when the section is not.
#[cold]
fn lines_fit(index: &Index, section_end: usize, line_bytes_max: usize) -> bool {
    let starts = index.places().iter().map(|place| place.name().start());
    let ends = starts.clone().skip(1).chain([section_end]);
    starts.zip(ends).all(|(start, next)| next - 2 - start <= line_bytes_max)
}

#[inline(always)]
fn skip_empty_lines(octets: &[u8]) -> Option<usize> {
    if *octets.first()? != b'\r' {
        return Some(0);
    }
    (1..=LEADING_EMPTY_LINES_MAX)
        .map(|lines| lines * 2)
        .take_while(|at| octets.get(at - 2..*at) == Some(b"\r\n"))
        .last()
}

/// The method whose target is never in origin-form (RFC 9112 §3.2.3).
const CONNECT: &[u8] = b"CONNECT";

/// RFC 9112 §3; returns where the field section begins.
#[inline(always)]
fn request_line<S: Scan>(
    scan: &mut S,
    octets: &[u8],
    start: usize,
    limits: &HeadLimits,
    index: &mut Index,
) -> Option<usize> {
    let method_end = method_end(octets, start);
    let length = method_end - start;
    if length == 0 || length > METHOD_BYTES_MAX || *octets.get(method_end)? != b' ' {
        return None;
    }
    let method = Span::new(start, method_end);
    let at = method_end + 1;
    let is_connect = length == CONNECT.len() && method.of(octets) == CONNECT;
    let (target, end) = if *octets.get(at)? == b'/' && !is_connect {
        origin(scan, octets, at)?
    } else {
        let end = Class::TARGET.end(octets, at);
        (Target::read(octets, method, Span::new(at, end)).ok()?, end)
    };
    // RFC 9112 §2.3, in two overlapping words.
    let [before @ .., minor, b'\r', b'\n'] = octets.get(end..)?.first_chunk::<11>()? else {
        return None;
    };
    if u64::from_le_bytes(*before) != u64::from_le_bytes(*b" HTTP/1.") {
        return None;
    }
    index.facts.version = match minor {
        b'1'..=b'9' => Version::Http11,
        b'0' => Version::Http10,
        _ => return None,
    };
    index.facts.method = method;
    index.facts.target = target;
    let fits = end + 9 - start <= limits.request_line_bytes_max as usize;
    fits.then_some(end + 11)
}

#[inline(always)]
fn method_end(octets: &[u8], start: usize) -> usize {
    match octets.get(start..).and_then(|rest| rest.first_chunk::<4>()) {
        Some(word) if u32::from_le_bytes(*word) == u32::from_le_bytes(*b"GET ") => start + 3,
        _ => Class::TOKEN.end(octets, start),
    }
}

/// RFC 9112 §3.2.1: origin-form, whose end is not known yet.
#[inline(always)]
fn origin<S: Scan>(scan: &mut S, octets: &[u8], start: usize) -> Option<(Target, usize)> {
    let mut at = start + 1;
    loop {
        at = scan.path_end(octets, at);
        match *octets.get(at)? {
            b' ' => return Some((Target::origin(Span::new(start, at), None), at)),
            b'%' => at = percent(octets, at).ok()?,
            b'?' => break,
            _ => return None,
        }
    }
    let path = Span::new(start, at);
    let query_start = at + 1;
    at = query_start;
    loop {
        at = scan.path_end(octets, at);
        match *octets.get(at)? {
            b' ' => {
                let query = Span::new(query_start, at);
                return Some((Target::origin(path, Some(query)), at));
            }
            b'%' => at = percent(octets, at).ok()?,
            octet if Class::QUERY.has(octet) => at += 1,
            _ => return None,
        }
    }
}

/// RFC 9112 §5; returns where the head ends.
#[inline(always)]
fn field_section<S: Scan>(
    scan: &mut S,
    octets: &[u8],
    start: usize,
    limits: &HeadLimits,
    index: &mut Index,
) -> Option<usize> {
    let count_max = usize::from(limits.field_count_max);
    let mut line = start;
    let mut first = *octets.get(line)?;
    let (mut count, mut marks) = (0, 0);
    while first != b'\r' {
        let (colon, stop) = scan.line(octets, line);
        // The shortest right answer from the colon on is itself and two line ends.
        let begin = u32::from_le_bytes(*octets.get(colon..)?.first_chunk()?);
        let around = u32::from_le_bytes(*octets.get(stop - 1..)?.first_chunk()?);
        let [last, _, _, next] = around.to_le_bytes();
        let ahead = begin.to_le_bytes()[2];
        let usual = begin & FRONT == MARK_AND_SPACE && ahead > b' ' && last > b' ';
        let (place, after, first_after) = if usual && around & MIDDLE == LINE_END {
            (Place::usual(line, colon, stop), stop + 2, next)
        } else {
            let (value, end, after) = unusual_value(octets, colon)?;
            let place = Place::new(Span::new(line, colon), Span::new(value, end));
            (place, after, *octets.get(after)?)
        };
        if !index.put(count, place) {
            return None;
        }
        let is_likely = Known::is_likely(first, colon - line);
        first = first_after;
        if is_likely {
            if colon == line {
                return None;
            }
            if count < 64 {
                marks |= 1 << count;
            } else {
                index.note_marked(octets, core::mem::take(&mut marks));
                index.note_known(octets, place, narrow(count));
            }
        }
        count += 1;
        line = after;
    }
    index.note_marked(octets, marks);
    index.facts.count = narrow(count);
    (count <= count_max && *octets.get(line + 1)? == b'\n').then_some(line + 2)
}

/// A colon and a space before two other octets, as a word.
const MARK_AND_SPACE: u32 = u32::from_le_bytes([b':', b' ', 0, 0]);
const FRONT: u32 = u32::from_le_bytes([0xff, 0xff, 0, 0]);
/// A line end between two other octets, as a word.
const LINE_END: u32 = u32::from_le_bytes([0, b'\r', b'\n', 0]);
const MIDDLE: u32 = u32::from_le_bytes([0, 0xff, 0xff, 0]);

/// A value with white space or HTAB anywhere but after the colon, or with no octets: where it
/// begins, where it ends, and where the next line begins.
#[cold]
fn unusual_value(octets: &[u8], colon: usize) -> Option<(usize, usize, usize)> {
    if *octets.get(colon)? != b':' {
        return None;
    }
    let at = colon + 1;
    let line_end = Class::VALUE.end(octets, at);
    if *octets.get(line_end..)?.first_chunk()? != *b"\r\n" {
        return None;
    }
    let octets = octets.get(at..line_end)?;
    let start = octets.iter().position(|octet| !is_space(*octet)).unwrap_or(octets.len());
    let length = trim(octets).len();
    Some((at + start, at + start + length, line_end + 2))
}
