//! Judges answers: status, Content-Length and body of each are compared with what is expected.
//!
//! A whole parse per answer would make the client dearer than the servers it measures. Servers
//! repeat their head to the octet for a second at a time (only Date changes), so the last head
//! that passed is remembered and an equal one passes by comparison.

use std::fmt;

/// Longest head that is waited for, in octets.
pub const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;

/// What a right answer looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: ExpectedBody,
}

/// Which body is right.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectedBody {
    /// These octets.
    Exactly(Vec<u8>),
    /// Whatever the first answer of the run had.
    LikeFirst,
}

/// Why an answer is not right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The status line is not one of HTTP/1.1.
    StatusLine,
    /// Another status than expected.
    Status(u16),
    /// No usable Content-Length; transfer codings are not read here.
    Framing,
    /// The head is longer than [`ANSWER_HEAD_BYTES_MAX`].
    HeadTooLong,
    /// The body has another length than expected.
    BodyLength,
    /// The body has the expected length and other octets.
    BodyOctets,
    /// Octets arrived that no request asked for.
    Unasked,
    /// The server closed while answers were owed.
    ClosedEarly,
    /// The connection could not be made, or failed.
    Connection,
    /// The handshake failed, or a record could not be opened.
    Tls,
}

impl Fault {
    /// Stable name for counting.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StatusLine => "status_line",
            Self::Status(_) => "status",
            Self::Framing => "framing",
            Self::HeadTooLong => "head_too_long",
            Self::BodyLength => "body_length",
            Self::BodyOctets => "body_octets",
            Self::Unasked => "unasked",
            Self::ClosedEarly => "closed_early",
            Self::Connection => "connection",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status_{status}"),
            _ => f.write_str(self.name()),
        }
    }
}

/// A right answer at the front of what was received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Octets of head and body.
    pub octets: usize,
    /// The server announced that it closes the connection after this answer.
    pub closes: bool,
}

/// Compares answers with one [`Expectation`]; shared by all connections of a run.
#[derive(Debug)]
pub struct Checker {
    status: u16,
    body: Option<Vec<u8>>,
    passed: Vec<u8>,
    passed_head: Head,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Head {
    octets: usize,
    body_octets: usize,
    closes: bool,
}

impl Checker {
    /// A checker that has seen nothing yet.
    #[must_use]
    pub fn new(expectation: Expectation) -> Self {
        let body = match expectation.body {
            ExpectedBody::Exactly(body) => Some(body),
            ExpectedBody::LikeFirst => None,
        };
        let (passed, passed_head) = (Vec::new(), Head::default());
        Self { status: expectation.status, body, passed, passed_head }
    }

    /// Judges the answer at the front of `received`; `Ok(None)`: not whole yet.
    ///
    /// # Errors
    /// The first thing that is wrong with it. What follows it on the connection is worthless.
    pub fn take(&mut self, received: &[u8]) -> Result<Option<Answer>, Fault> {
        let head = if !self.passed.is_empty() && received.starts_with(&self.passed) {
            self.passed_head
        } else {
            let Some(head) = Head::parse(received, self.status)? else { return Ok(None) };
            self.passed.clear();
            self.passed.extend_from_slice(&received[..head.octets]);
            self.passed_head = head;
            head
        };
        if self.body.as_ref().is_some_and(|body| body.len() != head.body_octets) {
            return Err(Fault::BodyLength);
        }
        let octets = head.octets + head.body_octets;
        let Some(body) = received.get(head.octets..octets) else { return Ok(None) };
        match &self.body {
            None => self.body = Some(body.to_vec()),
            Some(expected) if expected == body => {}
            Some(_) => return Err(Fault::BodyOctets),
        }
        Ok(Some(Answer { octets, closes: head.closes }))
    }
}

impl Head {
    fn parse(received: &[u8], status: u16) -> Result<Option<Self>, Fault> {
        let Some(blank) = memchr::memmem::find(received, b"\r\n\r\n") else {
            let long = received.len() > ANSWER_HEAD_BYTES_MAX;
            return if long { Err(Fault::HeadTooLong) } else { Ok(None) };
        };
        let mut lines = Lines(&received[..blank]);
        let got = lines.next().and_then(status_of).ok_or(Fault::StatusLine)?;
        if got != status {
            return Err(Fault::Status(got));
        }
        let mut length = None;
        let mut closes = false;
        for line in lines {
            let colon = memchr::memchr(b':', line).ok_or(Fault::Framing)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                let number = decimal(value).ok_or(Fault::Framing)?;
                if length.is_some_and(|earlier| earlier != number) {
                    return Err(Fault::Framing);
                }
                length = Some(number);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                return Err(Fault::Framing);
            } else if name.eq_ignore_ascii_case(b"connection") {
                closes |= value.eq_ignore_ascii_case(b"close");
            }
        }
        // RFC 9112 §6.3: these two end with their head.
        let body_octets = if matches!(status, 204 | 304) { Some(0) } else { length };
        let body_octets = body_octets.ok_or(Fault::Framing)?;
        Ok(Some(Self { octets: blank + 4, body_octets, closes }))
    }
}

/// Lines of a head, split at CRLF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (line, rest) = match memchr::memmem::find(self.0, b"\r\n") {
            Some(end) => (&self.0[..end], &self.0[end + 2..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        Some(line)
    }
}

fn status_of(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ")?;
    let code = rest.get(..3)?;
    let number = u16::try_from(decimal(code)?).ok()?;
    matches!(rest.get(3), None | Some(b' ')).then_some(number)
}

fn decimal(octets: &[u8]) -> Option<usize> {
    if octets.is_empty() || !octets.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(octets).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello";

    fn checker(body: ExpectedBody) -> Checker {
        Checker::new(Expectation { status: 200, body })
    }

    fn judged(octets: &[u8]) -> Result<Option<Answer>, Fault> {
        checker(ExpectedBody::Exactly(b"hello".to_vec())).take(octets)
    }

    #[test]
    fn a_right_answer_passes_whole_and_waits_at_every_cut() {
        let whole = Some(Answer { octets: OK.len(), closes: false });
        assert_eq!(judged(OK), Ok(whole));
        for cut in 0..OK.len() {
            assert_eq!(judged(&OK[..cut]), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn pipelined_answers_are_taken_one_by_one_also_by_memory() {
        let mut checker = checker(ExpectedBody::LikeFirst);
        let two = [OK, OK].concat();
        let first = checker.take(&two).unwrap().unwrap();
        let second = checker.take(&two[first.octets..]).unwrap().unwrap();
        assert_eq!((first, first.octets), (second, OK.len()));
    }

    #[test]
    fn a_remembered_head_does_not_excuse_a_wrong_body() {
        let mut checker = checker(ExpectedBody::LikeFirst);
        assert!(checker.take(OK).unwrap().is_some());
        let mut wrong = OK.to_vec();
        *wrong.last_mut().unwrap() = b'0';
        assert_eq!(checker.take(&wrong), Err(Fault::BodyOctets));
    }

    #[test]
    fn each_wrong_answer_has_its_fault() {
        for (octets, fault) in [
            (&b"HTTP/1.0 200 OK\r\n\r\n"[..], Fault::StatusLine),
            (b"HTTP/1.1 20 OK\r\n\r\n", Fault::StatusLine),
            (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", Fault::Status(503)),
            (b"HTTP/1.1 200 OK\r\n\r\n", Fault::Framing),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n", Fault::Framing),
            (b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n", Fault::Framing),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", Fault::Framing),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n", Fault::BodyLength),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhellO", Fault::BodyOctets),
        ] {
            assert_eq!(judged(octets), Err(fault), "{}", octets.escape_ascii());
        }
        assert_eq!(judged(&[b'x'; ANSWER_HEAD_BYTES_MAX + 1]), Err(Fault::HeadTooLong));
    }

    #[test]
    fn an_announced_close_is_seen() {
        let octets = b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 5\r\n\r\nhello";
        assert!(judged(octets).unwrap().unwrap().closes);
    }

    #[test]
    fn no_content_needs_no_length() {
        let mut checker =
            Checker::new(Expectation { status: 204, body: ExpectedBody::Exactly(Vec::new()) });
        assert!(checker.take(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().is_some());
    }
}
