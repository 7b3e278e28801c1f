//! Answers, read strictly: whatever is not exactly one whole HTTP/1.1 answer is a flaw with a name.
//!
//! Written for what Fezz may say and not for what the protocol allows: Content-Length is the only
//! framing, nothing interim comes, and nothing comes that was not asked for.

use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Duration, timeout};

const HEAD_BYTES_MAX: usize = 16 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// How long a client waits for anything before it says that it was forgotten.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// One whole answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The field lines, without status line and blank line.
    fields: String,
    pub(super) body: Vec<u8>,
}

/// What is wrong with an answer, or with how a connection ended in its place.
#[derive(Clone, Debug, PartialEq)]
pub enum Flaw {
    /// The connection could not be made.
    Refused(io::ErrorKind),
    /// The handshake failed, or a record could not be opened.
    Tls(String),
    /// The connection ended before the first octet of an answer.
    Unanswered,
    /// The connection broke before the first octet of an answer.
    Broken,
    /// The connection ended inside an answer.
    Cut {
        /// Octets that had come.
        bytes: usize,
    },
    /// Nothing came for as long as a client waits.
    Silence,
    /// The status line is not one of HTTP/1.1.
    StatusLine,
    /// A field line has no name, or an octet that no field line may have.
    FieldLine,
    /// No Content-Length, two of them, or something else about framing.
    Framing,
    /// The head is longer than any of Fezz.
    HeadTooLong,
    /// Octets came that nobody asked for.
    Unasked,
    /// Another status than the question's.
    Status(u16),
    /// Another content type than the question's.
    ContentType,
    /// Another body than the question's.
    Body {
        /// Octets that came.
        bytes: usize,
        /// Octets that are right.
        expected: usize,
    },
}

impl Flaw {
    /// Whether a question that met it on a kept connection may be asked again: nothing of an
    /// answer was sent, so the server may have closed before it came (RFC 9112 §9.3.1).
    pub(super) fn may_be_asked_again(&self) -> bool {
        matches!(self, Self::Unanswered | Self::Broken)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(kind) => write!(f, "refused: {kind}"),
            Self::Tls(said) => write!(f, "tls: {said}"),
            Self::Unanswered => f.write_str("ended without an answer"),
            Self::Broken => f.write_str("broken without an answer"),
            Self::Cut { bytes } => write!(f, "ended after {bytes} octets of an answer"),
            Self::Silence => write!(f, "nothing for {} s", PATIENCE.as_secs()),
            Self::StatusLine => f.write_str("the status line is none of HTTP/1.1"),
            Self::FieldLine => f.write_str("a field line is none"),
            Self::Framing => f.write_str("not framed by one Content-Length"),
            Self::HeadTooLong => f.write_str("a head without an end"),
            Self::Unasked => f.write_str("octets that nobody asked for"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::ContentType => f.write_str("another content type"),
            Self::Body { bytes, expected } => {
                write!(f, "a body of {bytes} octets is not the one of {expected} octets")
            }
        }
    }
}

impl Answer {
    /// Takes one answer off the front of `octets`: the answer, and how many octets it had. `None`
    /// when there is not all of it yet.
    pub(super) fn parse(octets: &[u8]) -> Result<Option<(Self, usize)>, Flaw> {
        let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if octets.len() > HEAD_BYTES_MAX { Err(Flaw::HeadTooLong) } else { Ok(None) };
        };
        let head = std::str::from_utf8(&octets[..end]).map_err(|_| Flaw::FieldLine)?;
        let (line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = status(line)?;
        let length = content_length(status, fields)?;
        let length = if matches!(status, 204 | 304) { 0 } else { length };
        let whole = end + 4 + length;
        if octets.len() < whole {
            return Ok(None);
        }
        let body = octets[end + 4..whole].to_vec();
        Ok(Some((Self { status, fields: fields.to_owned(), body }, whole)))
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let pairs = self.fields.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// Whether the server announced that it closes (RFC 9112 §9.6).
    pub(super) fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// RFC 9112 §4: `HTTP/1.1 SP 3DIGIT SP [reason]`.
fn status(line: &str) -> Result<u16, Flaw> {
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or(Flaw::StatusLine)?;
    let (digits, _) = rest.split_once(' ').ok_or(Flaw::StatusLine)?;
    let all = digits.len() == 3 && digits.bytes().all(|octet| octet.is_ascii_digit());
    let status = if all { digits.parse().ok() } else { None };
    status.filter(|status| (200..=599).contains(status)).ok_or(Flaw::StatusLine)
}

/// One Content-Length and no coding; a status without content needs none (RFC 9110 §8.6).
fn content_length(status: u16, fields: &str) -> Result<usize, Flaw> {
    let mut length = None;
    for line in fields.split("\r\n").filter(|_| !fields.is_empty()) {
        let (name, value) = line.split_once(": ").ok_or(Flaw::FieldLine)?;
        let token = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        if name.is_empty() || !name.bytes().all(token) || value.contains(['\r', '\n', '\0']) {
            return Err(Flaw::FieldLine);
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Flaw::Framing);
        }
        if name.eq_ignore_ascii_case("content-length") {
            let number = value.parse().map_err(|_| Flaw::Framing)?;
            if length.replace(number).is_some() {
                return Err(Flaw::Framing);
            }
        }
    }
    match length {
        None if matches!(status, 204 | 304) => Ok(0),
        None => Err(Flaw::Framing),
        Some(length) => Ok(length),
    }
}

/// Reads answers off a connection, one after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    octets: Vec<u8>,
}

impl Reader {
    /// The next answer; `Silence` after [`PATIENCE`] without an octet.
    pub(super) async fn answer(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<Answer, Flaw> {
        loop {
            if let Some((answer, bytes)) = Answer::parse(&self.octets)? {
                self.octets.drain(..bytes);
                return Ok(answer);
            }
            if !self.more(stream).await? {
                return Err(self.ended());
            }
        }
    }

    /// That nothing more comes, but the end in order.
    pub(super) async fn end(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<(), Flaw> {
        if self.octets.is_empty() && !self.more(stream).await? {
            return Ok(());
        }
        Err(Flaw::Unasked)
    }

    /// Whether octets came that no answer has taken.
    pub(super) fn is_clean(&self) -> bool {
        self.octets.is_empty()
    }

    fn ended(&self) -> Flaw {
        match self.octets.len() {
            0 => Flaw::Unanswered,
            bytes => Flaw::Cut { bytes },
        }
    }

    async fn more(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<bool, Flaw> {
        let before = self.octets.len();
        self.octets.reserve(READ_BYTES.min(before.max(4096)));
        match timeout(PATIENCE, stream.read_buf(&mut self.octets)).await {
            Err(_) => Err(Flaw::Silence),
            Ok(Ok(bytes)) => Ok(bytes > 0),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Flaw::Tls(error.to_string()))
            }
            Ok(Err(_)) if before == 0 => Err(Flaw::Broken),
            Ok(Err(_)) => Err(Flaw::Cut { bytes: before }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(text: &str) -> Flaw {
        Answer::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn one_answer_is_taken_and_what_follows_is_left() {
        let text = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nhiHTTP";
        let (answer, bytes) = Answer::parse(text).unwrap().unwrap();
        assert_eq!((answer.status, &answer.body[..], bytes), (200, &b"hi"[..], text.len() - 4));
        assert_eq!(answer.field("date"), Some("now"));
        assert!(!answer.closes());
        for cut in 0..text.len() - 4 {
            assert_eq!(Answer::parse(&text[..cut]), Ok(None), "{cut}");
        }
        let closes = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        assert!(Answer::parse(closes).unwrap().unwrap().0.closes());
    }

    #[test]
    fn whatever_is_no_answer_has_a_name() {
        assert_eq!(flaw("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), Flaw::StatusLine);
        assert_eq!(flaw("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"), Flaw::StatusLine);
        assert_eq!(flaw("HTTP/1.1 100 Continue\r\n\r\n"), Flaw::StatusLine);
        assert_eq!(flaw("HTTP/1.1 200 OK\r\n\r\n"), Flaw::Framing);
        let twice = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(flaw(twice), Flaw::Framing);
        assert_eq!(flaw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Flaw::Framing);
        assert_eq!(flaw("HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n"), Flaw::Framing);
        assert_eq!(flaw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), Flaw::FieldLine);
        assert_eq!(flaw("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n"), Flaw::FieldLine);
        assert_eq!(flaw(&"x".repeat(HEAD_BYTES_MAX + 1)), Flaw::HeadTooLong);
    }

    fn read(octets: &[u8]) -> (Result<Answer, Flaw>, Result<(), Flaw>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (mut reader, mut stream) = (Reader::default(), octets);
            let answer = reader.answer(&mut stream).await;
            (answer, reader.end(&mut stream).await)
        })
    }

    #[test]
    fn how_a_connection_ended_is_told_apart() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(read(whole.as_bytes()).1, Ok(()));
        assert_eq!(read(format!("{whole}HTTP/1.1").as_bytes()).1, Err(Flaw::Unasked));
        assert_eq!(read(b"").0, Err(Flaw::Unanswered));
        let short = &whole.as_bytes()[..whole.len() - 1];
        assert_eq!(read(short).0, Err(Flaw::Cut { bytes: short.len() }));
        assert!(!Flaw::Cut { bytes: 1 }.may_be_asked_again() && Flaw::Broken.may_be_asked_again());
    }
}
