//! How long the body is, and what else the fields of a head decide: the only place that reads
//! Content-Length, Transfer-Encoding, Connection and Expect.
//!
//! Framing is decided first and from its own two fields alone; nothing that is read later can
//! change it.

use crate::class::{Class, trim};
use crate::error::Error;
use crate::index::{Index, Known, Version};
use crate::limits::{CONNECTION_OPTION_COUNT_MAX, CONTENT_LENGTH_DIGITS_MAX};
use crate::target;

/// How the body of a request is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Neither field: there is no body.
    #[default]
    None,
    /// Content-Length: this many octets, perhaps none.
    Length(u64),
    /// Transfer-Encoding: chunked.
    Chunked,
}

/// What becomes of the connection behind this exchange, as far as the request decides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// It ends with the response.
    #[default]
    Close,
    /// It goes on.
    KeepAlive,
    /// It goes on if the response says `connection: keep-alive` (HTTP/1.0).
    KeepAliveExplicit,
}

/// Reads the fields of a head whose syntax is right.
#[inline(always)]
pub(crate) fn decide(octets: &[u8], index: &mut Index) -> Result<(), Error> {
    if !index.facts.is_plain() {
        return decide_any(octets, index);
    }
    // RFC 9112 §6.3 item 7, §9.3: no body, and the connection goes on.
    index.facts.framing = Framing::None;
    index.facts.persistence = Persistence::KeepAlive;
    index.facts.expects_continue = false;
    Ok(())
}

/// In this order: framing, authority, connection options, what is not served, expectations.
#[inline(never)]
fn decide_any(octets: &[u8], index: &mut Index) -> Result<(), Error> {
    index.facts.framing = framing(octets, index)?;
    index.facts.authority = target::effective_authority(octets, index)?;
    index.facts.persistence = persistence(octets, index)?;
    target::check_served(index)?;
    index.facts.expects_continue = expectation(octets, index)?;
    Ok(())
}

#[inline]
fn framing(octets: &[u8], index: &Index) -> Result<Framing, Error> {
    let facts = &index.facts;
    match (facts.seen.transfer_encoding.count, facts.seen.content_length.count) {
        // RFC 9112 §6.3 item 7.
        (0, 0) => Ok(Framing::None),
        (0, 1) => {
            let value = index.first(facts.seen.content_length).value();
            content_length(value.of(octets))
                .map(Framing::Length)
                .map_err(|error| error.moved(value.offset()))
        }
        // RFC 9112 §6.3 item 5: a second line is refused even when it says the same.
        (0, _) => {
            let mut lines = index.lines(octets, facts.seen.content_length, b"content-length");
            let again = lines.nth(1).unwrap_or_default();
            Err(Error::ContentLengthRepeated { offset: again.name().offset() })
        }
        (_, lengths) => transfer_encoding(octets, index, lengths),
    }
}

/// RFC 9110 §8.6: 1*DIGIT, read by nobody's number parser.
fn content_length(value: &[u8]) -> Result<u64, Error> {
    let Some(wrong) = value.iter().position(|octet| !octet.is_ascii_digit()) else {
        let zeros = value.iter().position(|digit| *digit != b'0').unwrap_or(value.len());
        let digits = value.get(zeros..).unwrap_or(&[]);
        if value.is_empty() {
            return Err(Error::ContentLengthInvalid { offset: 0 });
        }
        if digits.len() > CONTENT_LENGTH_DIGITS_MAX {
            let max_digits = CONTENT_LENGTH_DIGITS_MAX as u64;
            return Err(Error::ContentLengthTooLarge { offset: 0, max_digits });
        }
        return Ok(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
    };
    Err(Error::ContentLengthInvalid { offset: wrong as u64 })
}

/// RFC 9112 §6.1: `chunked`, once, alone and in HTTP/1.1, is all that is decoded.
#[cold]
fn transfer_encoding(octets: &[u8], index: &Index, lengths: u8) -> Result<Framing, Error> {
    let facts = &index.facts;
    let seen = facts.seen.transfer_encoding;
    let first = index.first(seen);
    if facts.version == Version::Http10 {
        return Err(Error::TransferEncodingInHttp10 { offset: first.name().offset() });
    }
    if lengths > 0 {
        return Err(Error::TransferEncodingWithLength { offset: first.name().offset() });
    }
    if seen.count == 1 && first.value().of(octets).eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    // A list that could be decoded by somebody is told apart from one that frames nothing.
    let mut chunked_last = false;
    let mut sound = true;
    for line in index.lines(octets, seen, b"transfer-encoding") {
        for member in line.value().of(octets).split(|octet| *octet == b',').map(trim) {
            sound &= is_coding(member) && !chunked_last;
            chunked_last = member.eq_ignore_ascii_case(b"chunked");
        }
    }
    let offset = first.value().offset();
    if sound && chunked_last {
        Err(Error::TransferCodingUnknown { offset })
    } else {
        Err(Error::TransferEncodingInvalid { offset })
    }
}

/// A transfer coding and its parameters, as tokens (RFC 9112 §7).
fn is_coding(member: &[u8]) -> bool {
    let mut parts = member.split(|octet| *octet == b';').map(trim);
    parts.next().is_some_and(is_token)
        && parts.all(|parameter| {
            let mut sides = parameter.splitn(2, |octet| *octet == b'=').map(trim);
            sides.next().is_some_and(is_token) && sides.next().is_some_and(is_token)
        })
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|octet| Class::TOKEN.has(*octet))
}

#[inline]
fn persistence(octets: &[u8], index: &mut Index) -> Result<Persistence, Error> {
    let seen = index.facts.seen.connection;
    let options = match seen.count {
        0 => Options::default(),
        1 if says_keep_alive(index.first(seen).value().of(octets)) => {
            Options { close: false, keep_alive: true }
        }
        _ => connection_options(octets, index)?,
    };
    // RFC 9112 §9.3: close wins; HTTP/1.0 ends unless it asked to go on.
    Ok(match (options.close, index.facts.version) {
        (true, _) => Persistence::Close,
        (false, Version::Http11) => Persistence::KeepAlive,
        (false, Version::Http10) if options.keep_alive => Persistence::KeepAliveExplicit,
        (false, Version::Http10) => Persistence::Close,
    })
}

/// Whether a line says nothing but what nearly all say, mostly in lower case: that is compared in
/// two words, where other cases take ten steps.
#[inline]
fn says_keep_alive(value: &[u8]) -> bool {
    value == b"keep-alive" || value.eq_ignore_ascii_case(b"keep-alive")
}

/// What the options of all Connection lines say together.
#[derive(Default)]
struct Options {
    close: bool,
    keep_alive: bool,
}

/// RFC 9110 §7.6.1: a list over all lines, compared without case; empty members are nothing.
fn connection_options(octets: &[u8], index: &mut Index) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut count = 0;
    for at in u16::from(index.facts.seen.connection.first)..index.facts.count {
        let line = index.place(at);
        if Known::of(line.name().of(octets)) != Some(Known::Connection) {
            continue;
        }
        for option in line.value().of(octets).split(|octet| *octet == b',').map(trim) {
            if option.is_empty() {
                continue;
            }
            let offset = line.value().offset();
            count += 1;
            if count > CONNECTION_OPTION_COUNT_MAX {
                let max = CONNECTION_OPTION_COUNT_MAX as u64;
                return Err(Error::TooManyConnectionOptions { offset, max });
            }
            if option.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else if is_token(option) {
                hide_nominated(octets, index, option);
            } else {
                return Err(Error::ConnectionOptionInvalid { offset });
            }
        }
    }
    Ok(options)
}

/// Fields that Connection names end at this hop, but for those that every hop needs: framing
/// and routing are not the sender's to take away.
fn hide_nominated(octets: &[u8], index: &mut Index, option: &[u8]) {
    if matches!(Known::of(option), Some(Known::Host | Known::ContentLength)) {
        return;
    }
    for at in 0..index.facts.count {
        if index.place(at).name().of(octets).eq_ignore_ascii_case(option) {
            index.hide(at);
        }
    }
}

/// Whether the client waits for 100 before it sends the body (RFC 9110 §10.1.1).
#[inline]
fn expectation(octets: &[u8], index: &Index) -> Result<bool, Error> {
    let facts = &index.facts;
    if facts.seen.expect.count == 0 || facts.version == Version::Http10 {
        return Ok(false);
    }
    let mut expects = false;
    for line in index.lines(octets, facts.seen.expect, b"expect") {
        for member in line.value().of(octets).split(|octet| *octet == b',').map(trim) {
            if member.eq_ignore_ascii_case(b"100-continue") {
                expects = true;
            } else if !member.is_empty() {
                return Err(Error::ExpectationUnknown { offset: line.value().offset() });
            }
        }
    }
    let has_body = !matches!(facts.framing, Framing::None | Framing::Length(0));
    Ok(expects && has_body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HeadLimits;
    use crate::walk::Resume;

    #[test]
    fn what_is_plain_is_decided_as_if_it_were_not() {
        let heads = [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /?q HTTP/1.1\r\nAccept: *\r\nHost: a:8080\r\nKeep-Alive: 5\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nAccept: *\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
            "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT b:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        ];
        let mut plain = 0;
        for head in heads {
            let (octets, limits) = (head.as_bytes(), HeadLimits::default());
            let (mut one, mut two) = (Index::new(), Index::new());
            for index in [&mut one, &mut two] {
                if crate::head::read_portable(octets, &limits, index).is_none() {
                    Resume::default().walk(octets, &limits, index).unwrap();
                }
            }
            plain += u8::from(one.facts.is_plain());
            let decided = (decide(octets, &mut one), decide_any(octets, &mut two));
            assert_eq!(decided.0, decided.1, "{head}");
            assert!(decided.0.is_err() || one.agrees_with(&two), "{head}");
        }
        assert_eq!(plain, 2);
    }
}
