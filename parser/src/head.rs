//! A complete head as borrowed slices, and the call that gets there.

use crate::error::Error;
use crate::framing::{self, Framing, Persistence};
use crate::index::{Index, Version};
use crate::limits::{HEAD_BYTES_CAP, HeadLimits};
use crate::quick;
use crate::scan::Portable;
#[cfg(target_arch = "x86_64")]
use crate::scan::avx2;
use crate::target::{Path, Scheme, TargetForm};
use crate::walk::Resume;

/// Looks for a whole request head at the start of `octets`, which is everything received so far
/// of it, from its first octet on; `resume` starts as [`Resume::default`] for each head.
///
/// `Ok(None)`: right so far, and more octets are needed. `Ok(Some(n))`: the head is `octets[..n]`
/// and `index` describes it. Work is linear in the octets however they arrive, and so is the
/// answer the same: syntax is judged in the order of the octets, what fields mean when the head
/// is whole. Octets after the 65,535th are never part of a head.
///
/// # Errors
/// The first thing that is wrong with the head. An [`Error`] is final for these octets.
pub fn parse_head(
    octets: &[u8],
    limits: &HeadLimits,
    resume: &mut Resume,
    index: &mut Index,
) -> Result<Option<usize>, Error> {
    parse_head_with(read_fastest, octets, limits, resume, index)
}

#[inline(always)]
pub(crate) fn parse_head_with(
    read_whole: impl Fn(&[u8], &HeadLimits, &mut Index) -> Option<usize>,
    octets: &[u8],
    limits: &HeadLimits,
    resume: &mut Resume,
    index: &mut Index,
) -> Result<Option<usize>, Error> {
    let octets = octets.get(..HEAD_BYTES_CAP).unwrap_or(octets);
    if resume.octets_seen() == 0
        && let Some(end) = read_whole(octets, limits, index)
    {
        framing::decide(octets, index)?;
        return Ok(Some(end));
    }
    walk_on(octets, limits, resume, index)
}

/// The way of a head that came in pieces, or is wrong.
#[cold]
fn walk_on(
    octets: &[u8],
    limits: &HeadLimits,
    resume: &mut Resume,
    index: &mut Index,
) -> Result<Option<usize>, Error> {
    let in_pieces = resume.octets_seen() != 0;
    let Some(end) = resume.walk(octets, limits, index)? else { return Ok(None) };
    // What earlier calls took down may have been overwritten for other connections.
    if in_pieces && read_fastest(octets, limits, index).is_none() {
        Resume::default().walk(octets, limits, index)?;
    }
    framing::decide(octets, index)?;
    Ok(Some(end))
}

#[inline(always)]
fn read_fastest(octets: &[u8], limits: &HeadLimits, index: &mut Index) -> Option<usize> {
    #[cfg(test)]
    crate::work::add(octets.len());
    #[cfg(target_arch = "x86_64")]
    if octets.len() >= avx2::OCTETS_LEAST
        && let Some(avx2) = avx2::Avx2::detect()
    {
        return avx2.read(octets, limits, index);
    }
    read_portable(octets, limits, index)
}

#[inline(never)]
pub(crate) fn read_portable(
    octets: &[u8],
    limits: &HeadLimits,
    index: &mut Index,
) -> Option<usize> {
    quick::read(&mut Portable, octets, limits, index)
}

/// A complete head: a view of octets through the index that describes them.
///
/// Handing in other octets than those of the successful [`parse_head`] gives nonsense, never a
/// panic.
#[derive(Clone, Copy, Debug)]
pub struct Head<'b> {
    octets: &'b [u8],
    index: &'b Index,
}

/// One field line: a name of token octets and a value without the white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'b> {
    /// As sent; compare without case.
    pub name: &'b [u8],
    /// As sent; opaque octets, perhaps none.
    pub value: &'b [u8],
}

impl<'b> Head<'b> {
    /// The head that `index` describes.
    #[must_use]
    #[inline]
    pub const fn new(octets: &'b [u8], index: &'b Index) -> Self {
        Self { octets, index }
    }

    /// The method, 1 to 32 token octets; case-sensitive.
    #[must_use]
    #[inline]
    pub fn method(&self) -> &'b str {
        // Known ones are constants: nothing is left to check.
        match self.method_octets() {
            b"GET" => "GET",
            b"HEAD" => "HEAD",
            b"POST" => "POST",
            b"PUT" => "PUT",
            other => ascii(other),
        }
    }

    /// [`Self::method`] as octets, which need no check for a writer that takes them.
    #[must_use]
    #[inline]
    pub fn method_octets(&self) -> &'b [u8] {
        self.index.facts.method.of(self.octets)
    }

    /// [`Self::path`] as octets.
    #[must_use]
    #[inline]
    pub fn path_octets(&self) -> &'b [u8] {
        match self.index.facts.target.path {
            Path::At(span) => span.of(self.octets),
            Path::Root => b"/",
            Path::Server => b"*",
        }
    }

    /// [`Self::query`] as octets.
    #[must_use]
    #[inline]
    pub fn query_octets(&self) -> Option<&'b [u8]> {
        self.index.facts.target.query.map(|span| span.of(self.octets))
    }

    /// [`Self::authority`] as octets.
    #[must_use]
    #[inline]
    pub fn authority_octets(&self) -> Option<&'b [u8]> {
        self.index.facts.authority.map(|authority| authority.whole.of(self.octets))
    }

    /// [`Self::host`] as octets.
    #[must_use]
    #[inline]
    pub fn host_octets(&self) -> Option<&'b [u8]> {
        self.index.facts.authority.map(|authority| authority.host.of(self.octets))
    }

    /// The version the request is to be treated as.
    #[must_use]
    #[inline]
    pub const fn version(&self) -> Version {
        self.index.facts.version
    }

    /// The path as sent; `/` for an absolute-form target without one, `*` for asterisk-form.
    #[must_use]
    #[inline]
    pub fn path(&self) -> &'b str {
        match self.index.facts.target.path {
            Path::At(span) => ascii(span.of(self.octets)),
            Path::Root => "/",
            Path::Server => "*",
        }
    }

    /// The query as sent, without the question mark in front of it; perhaps empty.
    #[must_use]
    #[inline]
    pub fn query(&self) -> Option<&'b str> {
        self.query_octets().map(ascii)
    }

    /// The one effective authority, as sent: an absolute-form target replaces Host. Only an
    /// HTTP/1.0 request may have none.
    #[must_use]
    #[inline]
    pub fn authority(&self) -> Option<&'b str> {
        self.authority_octets().map(ascii)
    }

    /// The effective authority without its port; an IPv6 address keeps its brackets.
    #[must_use]
    #[inline]
    pub fn host(&self) -> Option<&'b str> {
        self.host_octets().map(ascii)
    }

    /// The scheme of an absolute-form target. Whether it agrees with the connection is for the
    /// server to decide (RFC 9110 §7.4).
    #[must_use]
    #[inline]
    pub const fn target_scheme(&self) -> Option<Scheme> {
        self.index.facts.target.scheme
    }

    /// The form of the target.
    #[must_use]
    #[inline]
    pub const fn form(&self) -> TargetForm {
        self.index.facts.target.form
    }

    /// How the body is delimited.
    #[must_use]
    #[inline]
    pub const fn framing(&self) -> Framing {
        self.index.facts.framing
    }

    /// What the request wants to become of the connection.
    #[must_use]
    #[inline]
    pub const fn persistence(&self) -> Persistence {
        self.index.facts.persistence
    }

    /// Whether the client may be waiting for 100 before it sends the body it announced.
    #[must_use]
    #[inline]
    pub const fn expects_continue(&self) -> bool {
        self.index.facts.expects_continue
    }

    /// Number of field lines.
    #[must_use]
    #[inline]
    pub fn field_count(&self) -> usize {
        usize::from(self.index.facts.count)
    }

    /// All field lines, in their order.
    #[inline]
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'b>> + Clone + use<'b> {
        let octets = self.octets;
        self.index.places().iter().map(move |place| Field {
            name: place.name().of(octets),
            value: place.value().of(octets),
        })
    }

    /// The field lines a function may see, in their order: those that end at this hop, and those
    /// that Connection names, are left out (RFC 9110 §7.6.1).
    #[inline]
    pub fn end_to_end_fields(&self) -> impl Iterator<Item = Field<'b>> + Clone + use<'b> {
        let index = self.index;
        self.fields()
            .zip(0..index.facts.count)
            .filter(move |(_, at)| !index.is_hidden(*at))
            .map(|(field, _)| field)
    }

    /// Number of field lines a function may see.
    #[must_use]
    #[inline]
    pub fn end_to_end_count(&self) -> usize {
        usize::from(self.index.facts.count - self.index.facts.hidden_count)
    }

    /// The value of the first line with that name, whatever its case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        let name = name.as_bytes();
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }
}

/// Octets that the grammar has kept to ASCII.
#[inline]
fn ascii(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work;
    use std::vec::Vec;

    fn long_head(lines: usize) -> Vec<u8> {
        let mut octets = b"GET /a?b=%20c HTTP/1.1\r\nHost: a\r\n".to_vec();
        for _ in 0..lines {
            octets.extend_from_slice(b"Cookie: ");
            octets.extend_from_slice(&[b'c'; 180]);
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b"\r\n");
        octets
    }

    /// Octets looked at when a head comes in pieces of this length.
    fn work_in_pieces(octets: &[u8], length: usize) -> usize {
        let limits = HeadLimits::default();
        let (mut resume, mut index) = (Resume::default(), Index::new());
        work::take();
        for end in (length..octets.len()).step_by(length) {
            assert_eq!(parse_head(&octets[..end], &limits, &mut resume, &mut index), Ok(None));
            assert_eq!(resume.octets_seen(), end);
        }
        let end = parse_head(octets, &limits, &mut resume, &mut index);
        assert_eq!(end, Ok(Some(octets.len())));
        work::take()
    }

    #[test]
    fn work_is_linear_however_the_octets_come() {
        for lines in [1, 10, 80] {
            let octets = long_head(lines);
            // Whole: once. In pieces: the first piece in vain, the walk, and once when whole.
            assert_eq!(work_in_pieces(&octets, octets.len()), octets.len());
            for length in [1, 2, 7, 100, octets.len() / 2, octets.len() - 1] {
                let work = work_in_pieces(&octets, length);
                assert!(work <= 3 * octets.len() + 16, "{work} for {}", octets.len());
            }
        }
    }

    #[test]
    fn a_refused_head_is_looked_at_twice_at_most() {
        let mut octets = long_head(20);
        let last = octets.len() - 8;
        octets[last] = 0;
        let (mut resume, mut index) = (Resume::default(), Index::new());
        work::take();
        let result = parse_head(&octets, &HeadLimits::default(), &mut resume, &mut index);
        assert_eq!(result, Err(Error::FieldValueOctet { offset: last as u64 }));
        assert!(work::take() <= 2 * octets.len() + 16);
    }

    #[test]
    fn limits_that_were_never_checked_do_not_panic() {
        let most = u32::MAX;
        let limits = HeadLimits {
            request_line_bytes_max: most,
            field_line_bytes_max: most,
            field_section_bytes_max: most,
            field_count_max: u16::MAX,
        };
        assert!(limits.check().is_err());
        let mut octets = b"GET / HTTP/1.1\r\nA: ".to_vec();
        octets.resize(70_000, b'a');
        let (mut resume, mut index) = (Resume::default(), Index::new());
        let result = parse_head(&octets, &limits, &mut resume, &mut index);
        assert_eq!(result.map_err(|error| error.name()), Err("field_section_too_long"));
        let none = HeadLimits {
            request_line_bytes_max: 0,
            field_line_bytes_max: 0,
            field_section_bytes_max: 0,
            field_count_max: 0,
        };
        let mut resume = Resume::default();
        let result = parse_head(&octets, &none, &mut resume, &mut index);
        assert_eq!(result.map_err(|error| error.name()), Err("request_line_too_long"));
    }

    #[test]
    fn another_index_gives_nonsense_and_no_panic() {
        let octets = long_head(3);
        let (mut resume, mut index) = (Resume::default(), Index::new());
        let end = parse_head(&octets, &HeadLimits::default(), &mut resume, &mut index);
        assert_eq!(end, Ok(Some(octets.len())));
        let head = Head::new(b"\xff\xff\xff\xff\xff\xff", &index);
        assert_eq!((head.method(), head.path(), head.field("cookie")), ("", "", None));
        assert_eq!(head.end_to_end_fields().count(), head.end_to_end_count());
    }
}
