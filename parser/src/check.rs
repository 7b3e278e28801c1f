//! What must hold for any octets at all: used by tests, fuzzers and benchmarks, by nobody else.
//!
//! Each check panics when something does not hold. None allocates; those that need room of their
//! own look at the first [`OCTETS_MAX`] octets only.
#![expect(clippy::panic, reason = "a check that fails says so")]

use crate::chunked::{Chunked, Decoded};
use crate::error::Error;
use crate::framing::{Framing, Persistence};
use crate::head::{Head, parse_head, parse_head_with, read_portable};
use crate::index::{Index, Version};
use crate::limits::{ChunkLimits, HeadLimits};
use crate::reply::{
    Cursor, Ending, FieldFate, Octets, ReplyBody, TAIL_BYTES_MAX, imf_fixdate, write_field,
    write_framing, write_status_line, write_tail,
};
use crate::target::TargetForm;
use crate::walk::Resume;

/// Octets looked at by the checks that copy them.
pub const OCTETS_MAX: usize = 2048;

/// [`parse_head`] with the engine that runs everywhere.
///
/// # Errors
/// As `parse_head`.
pub fn parse_head_portable(
    octets: &[u8],
    limits: &HeadLimits,
    resume: &mut Resume,
    index: &mut Index,
) -> Result<Option<usize>, Error> {
    parse_head_with(read_portable, octets, limits, resume, index)
}

/// The walk alone, which both engines must agree with.
fn parse_head_slowly(
    octets: &[u8],
    limits: &HeadLimits,
    index: &mut Index,
) -> Result<Option<usize>, Error> {
    parse_head_with(|_, _, _| None, octets, limits, &mut Resume::default(), index)
}

/// All ways to read a head come to the same, and what they accept is what the grammar allows.
///
/// # Panics
/// When that does not hold.
pub fn head(octets: &[u8]) {
    let limits = HeadLimits::DEFAULT;
    let (mut fast, mut portable, mut slow) = (Index::new(), Index::new(), Index::new());
    let result = parse_head(octets, &limits, &mut Resume::default(), &mut fast);
    let with_tables = parse_head_portable(octets, &limits, &mut Resume::default(), &mut portable);
    assert_eq!(result, with_tables);
    assert_eq!(result, parse_head_slowly(octets, &limits, &mut slow));
    match result {
        Ok(Some(length)) => {
            assert!(fast.agrees_with(&portable) && fast.agrees_with(&slow));
            accepted(&octets[..length], &fast);
        }
        Ok(None) => assert!(octets.len() < limits.head_bytes_max()),
        Err(error) => {
            assert!(error.offset() <= octets.len() as u64);
            assert!((400..=505).contains(&error.status()) && error.closes());
        }
    }
}

/// What every accepted head is like, said in other words than the parser's.
fn accepted(octets: &[u8], index: &Index) {
    let head = Head::new(octets, index);
    assert!(octets.ends_with(b"\r\n\r\n"));
    assert!(octets.iter().all(|o| !matches!(o, 0..=8 | 11 | 12 | 14..=31 | 127)));
    let ends = octets.iter().filter(|octet| **octet == b'\n').count();
    let pairs = octets.windows(2).filter(|pair| pair == b"\r\n").count();
    assert_eq!((ends, pairs), (octets.iter().filter(|o| **o == b'\r').count(), ends));
    assert!((1..=32).contains(&head.method().len()));
    match head.form() {
        TargetForm::Asterisk => assert_eq!((head.method(), head.path()), ("OPTIONS", "*")),
        TargetForm::Absolute => assert!(head.target_scheme().is_some()),
        TargetForm::Origin => assert!(head.path().starts_with('/')),
    }
    for text in [head.path(), head.query().unwrap_or(""), head.authority().unwrap_or("")] {
        assert!(text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'#'));
        assert!(!text.contains("%00"));
    }
    assert_eq!(head.authority().is_none(), head.host().is_none());
    assert!(head.authority().is_some() || head.version() == Version::Http10);
    assert!(head.field_count() <= usize::from(HeadLimits::DEFAULT.field_count_max));
    for field in head.fields() {
        assert!(!field.name.is_empty() && !field.name.iter().any(u8::is_ascii_whitespace));
        assert_eq!(field.value.trim_ascii(), field.value);
    }
    framed(&head);
}

/// Framing and persistence, worked out once more from the fields.
fn framed(head: &Head<'_>) {
    let lines =
        |name: &str| head.fields().filter(|f| f.name.eq_ignore_ascii_case(name.as_bytes())).count();
    let framing = match (lines("transfer-encoding"), lines("content-length")) {
        (0, 0) => Framing::None,
        (1, 0) if head.version() == Version::Http11 => Framing::Chunked,
        (0, 1) => {
            let value = head.field("Content-Length").unwrap_or_default();
            let number = core::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            assert!(number.is_some(), "a length that is no number");
            Framing::Length(number.unwrap_or_default())
        }
        both => panic!("framed twice: {both:?}"),
    };
    assert_eq!(head.framing(), framing);
    assert!(!head.expects_continue() || framing != Framing::None);
    if head.version() == Version::Http11 {
        assert_eq!(lines("host"), 1);
    }
    let hidden = head.field_count() - head.end_to_end_count();
    let visible = head.end_to_end_fields();
    assert_eq!(visible.clone().count() + hidden, head.field_count());
    for name in ["connection", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive"] {
        let name = name.as_bytes();
        assert!(!visible.clone().any(|field| field.name.eq_ignore_ascii_case(name)));
    }
    if lines("connection") == 0 {
        let expected = match head.version() {
            Version::Http10 => Persistence::Close,
            Version::Http11 => Persistence::KeepAlive,
        };
        assert_eq!(head.persistence(), expected);
    }
}

/// However a head is cut, it is read the same. Each octet of `cuts` is the length of a piece.
///
/// # Panics
/// When that does not hold.
pub fn cuts(octets: &[u8], cuts: &[u8]) {
    let limits = HeadLimits::DEFAULT;
    let (mut whole, mut index) = (Index::new(), Index::new());
    let expected = parse_head(octets, &limits, &mut Resume::default(), &mut whole);
    let mut resume = Resume::default();
    let mut arrived = 0usize;
    let pieces = cuts.iter().map(|length| usize::from(*length) + 1).chain([usize::MAX]);
    for length in pieces {
        arrived = octets.len().min(arrived.saturating_add(length));
        let result = parse_head(&octets[..arrived], &limits, &mut resume, &mut index);
        if result == Ok(None) && arrived < octets.len() {
            assert_eq!(resume.octets_seen(), arrived);
            continue;
        }
        assert_eq!(result, expected);
        if let Ok(Some(_)) = result {
            assert!(whole.agrees_with(&index));
        }
        return;
    }
}

/// Runs [`head`] on a request with this target.
///
/// # Panics
/// When that does not hold.
pub fn target(octets: &[u8]) {
    for method in [&b"GET "[..], b"OPTIONS ", b"CONNECT "] {
        with_room(&[method, octets, b" HTTP/1.1\r\nHost: a\r\n\r\n"], head);
    }
}

/// Runs [`head`] on a request with this field section.
///
/// # Panics
/// When that does not hold.
pub fn framing(octets: &[u8]) {
    for start in [&b"POST / HTTP/1.1\r\nHost: a\r\n"[..], b"POST / HTTP/1.0\r\n"] {
        with_room(&[start, octets, b"\r\n\r\n"], head);
    }
}

fn with_room(parts: &[&[u8]], check: impl Fn(&[u8])) {
    let mut room = [0; OCTETS_MAX];
    let mut cursor = Cursor::new(&mut room);
    for part in parts {
        cursor.put(part);
    }
    if let Some(octets) = cursor.written() {
        check(octets);
    }
}

/// A chunked body is decoded the same whole and octet by octet, and data is what it says.
///
/// # Panics
/// When that does not hold.
pub fn chunked(octets: &[u8]) {
    let limits = ChunkLimits::DEFAULT;
    let octets = &octets[..octets.len().min(OCTETS_MAX)];
    let (mut whole, mut single) = ([0; OCTETS_MAX], [0; OCTETS_MAX]);
    whole[..octets.len()].copy_from_slice(octets);
    let left = OCTETS_MAX as u64 / 2;
    let mut decoder = Chunked::default();
    let result = decoder.decode(&mut whole[..octets.len()], left, &limits);
    let mut decoder = Chunked::default();
    let (mut written, mut consumed) = (0, 0);
    let by_octets = octets.iter().try_for_each(|octet| {
        let mut raw = [*octet];
        let decoded = decoder.decode(&mut raw, left - written as u64, &limits)?;
        single[written..written + decoded.written].copy_from_slice(&raw[..decoded.written]);
        written += decoded.written;
        consumed += decoded.consumed;
        Ok(())
    });
    match (result, by_octets) {
        (Ok(Decoded { written: length, consumed: read, done }), Ok(())) => {
            assert_eq!((length, read), (written, consumed));
            assert_eq!(whole[..length], single[..length]);
            assert!(done || read == octets.len());
            assert!(length as u64 <= left && (length == 0 || length < read));
        }
        (Err(error), Err(other)) => assert_eq!(error, other),
        other => panic!("cut into octets, it is another body: {other:?}"),
    }
}

/// Whatever a function says, its response head has the lines it should have and no others.
///
/// # Panics
/// When that does not hold.
pub fn reply_head(octets: &[u8]) {
    let octets = &octets[..octets.len().min(OCTETS_MAX / 2)];
    let mut room = [0; OCTETS_MAX * 2];
    let mut out = Cursor::new(&mut room);
    let mut parts = octets.split(|octet| *octet == 0xff);
    let status = parts.next().unwrap_or_default();
    let status = status.iter().fold(0u16, |sum, octet| sum.wrapping_mul(256) + u16::from(*octet));
    write_status_line(&mut out, status);
    let mut lines = 4;
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        if write_field(&mut out, name, value) == Ok(FieldFate::Written) {
            lines += 1;
        }
    }
    write_framing(&mut out, ReplyBody::Length(u64::from(status)));
    write_tail(&mut out, &imf_fixdate(u64::from(status) << 20), Ending::KeepAlive);
    let Some(written) = out.written() else { return };
    assert!(written.ends_with(b"\r\n\r\n") && TAIL_BYTES_MAX < written.len() + TAIL_BYTES_MAX);
    assert_eq!(written.iter().filter(|octet| **octet == b'\n').count(), lines);
    assert_eq!(written.windows(2).filter(|pair| pair == b"\r\n").count(), lines);
    assert_eq!(written.iter().filter(|octet| **octet == b'\r').count(), lines);
    assert!(written.starts_with(b"HTTP/1.1 ") && written[9..12].iter().all(u8::is_ascii_digit));
    assert_eq!(written[12], b' ');
}
