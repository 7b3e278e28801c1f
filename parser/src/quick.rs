//! A head that is whole and right is read in one pass.
//!
//! This file only ever accepts. Whatever it does not accept (not whole, over a limit, wrong) is
//! left to the walk, which reads octet by octet and says why.

use crate::class::{Class, is_space};
use crate::index::{Index, Place, Span, Version};
use crate::limits::{HeadLimits, LEADING_EMPTY_LINES_MAX, METHOD_BYTES_MAX};
use crate::scan::Engine;
use crate::target::{Target, percent};

/// Reads a whole head into `index` and returns its length, or declines.
#[inline(always)]
pub(crate) fn read<E: Engine>(
    octets: &[u8],
    limits: &HeadLimits,
    index: &mut Index,
) -> Option<usize> {
    let start = skip_empty_lines(octets)?;
    let section = request_line::<E>(octets, start, limits, index)?;
    index.begin_fields();
    let end = field_section::<E>(octets, section, limits, index)?;
    let section_bytes = end - 2 - section;
    let fits = section_bytes <= limits.field_section_bytes_max as usize
        && index.facts.count <= limits.field_count_max;
    fits.then_some(end)
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

/// RFC 9112 §3; returns where the field section begins.
#[inline(always)]
fn request_line<E: Engine>(
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
    let (target, end) = if *octets.get(at)? == b'/' && method.of(octets) != b"CONNECT" {
        origin::<E>(octets, at)?
    } else {
        let end = Class::TARGET.end(octets, at);
        (Target::read(octets, method, Span::new(at, end)).ok()?, end)
    };
    // RFC 9112 §2.3.
    let rest: &[u8; 11] = octets.get(end..)?.first_chunk()?;
    index.facts.version = match rest {
        b" HTTP/1.1\r\n" => Version::Http11,
        b" HTTP/1.0\r\n" => Version::Http10,
        [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9', b'\r', b'\n'] => {
            Version::Http11
        }
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
        Some(b"GET ") => start + 3,
        _ => Class::TOKEN.end(octets, start),
    }
}

/// RFC 9112 §3.2.1: origin-form, whose end is not known yet.
#[inline(always)]
fn origin<E: Engine>(octets: &[u8], start: usize) -> Option<(Target, usize)> {
    let mut at = start + 1;
    loop {
        at = E::path(octets, at);
        match *octets.get(at)? {
            b' ' => return Some((Target::origin(Span::new(start, at), None), at)),
            b'%' => at = percent(octets, at).ok()?,
            b'?' => break,
            octet if Class::PATH.has(octet) => at += 1,
            _ => return None,
        }
    }
    let path = Span::new(start, at);
    let query_start = at + 1;
    at = query_start;
    loop {
        at = E::path(octets, at);
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
fn field_section<E: Engine>(
    octets: &[u8],
    start: usize,
    limits: &HeadLimits,
    index: &mut Index,
) -> Option<usize> {
    let line_bytes_max = limits.field_line_bytes_max as usize;
    let mut line = start;
    loop {
        let colon = name_end::<E>(octets, line);
        if colon == line {
            return (octets.get(line..line + 2)? == b"\r\n").then_some(line + 2);
        }
        if *octets.get(colon)? != b':' {
            return None;
        }
        let mut value = colon + 1;
        value += usize::from(*octets.get(value)? == b' ');
        while is_space(*octets.get(value)?) {
            value += 1;
        }
        let mut end = E::value(octets, value);
        while *octets.get(end)? == b'\t' {
            end = E::value(octets, end + 1);
        }
        if *octets.get(end..)?.first_chunk()? != *b"\r\n" || end - line > line_bytes_max {
            return None;
        }
        let next = end + 2;
        while end > value && is_space(*octets.get(end - 1)?) {
            end -= 1;
        }
        let place = Place { name: Span::new(line, colon), value: Span::new(value, end) };
        if !index.note(octets, place) {
            return None;
        }
        line = next;
    }
}

#[inline(always)]
fn name_end<E: Engine>(octets: &[u8], at: usize) -> usize {
    let stop = E::token(octets, at);
    match octets.get(stop) {
        Some(octet) if Class::TOKEN.has(*octet) => Class::TOKEN.end(octets, stop),
        _ => stop,
    }
}
