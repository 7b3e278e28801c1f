//! Questions of which each has an answer of its own, so that no two answers can be mistaken.

use super::dice::Dice;
use super::strict::{Answer, Flaw};

/// The host of honest clients; it has a route of its own, so that the server counts them apart.
pub(super) const HONEST_HOST: &str = "honest.test";
/// The pattern of that route, as metrics show it.
pub(super) const HONEST_ROUTE: &str = "honest.test/{*rest}";

/// Most bodies are short.
const SHORT_BYTES_MAX: usize = 2048;
/// One in so many is long.
const LONG_ONE_IN: usize = 32;
const LONG_BYTES_MAX: usize = 48 * 1024;
const STATUSES: [u16; 6] = [200, 201, 404, 418, 500, 599];

/// A request, and the only right answer to it.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The octets of the request.
    pub(super) octets: Vec<u8>,
    status: u16,
    content_type: Option<String>,
    body: Vec<u8>,
    /// Octets after `body` that are the server's own.
    more_bytes: usize,
}

/// `/headers` shows the trace as well, which the server makes: `traceparent: ` and 55 octets
/// (W3C Trace Context §3.2.2), on a line.
const TRACE_BYTES: usize = 13 + 55 + 1;

impl Question {
    /// Any of the kinds there are, for the function `echo` behind `host`.
    pub(super) fn any(dice: &mut Dice, host: &str, close: bool) -> Self {
        let ending = if close { "Connection: close\r\n" } else { "" };
        let head = format!(" HTTP/1.1\r\nHost: {host}\r\n{ending}");
        match dice.below(8) {
            0 => Self::status(dice, &head),
            1 | 2 => Self::headers(dice, &head, host),
            3 => Self::echo(dice, &head, true),
            _ => Self::echo(dice, &head, false),
        }
    }

    /// A short GET whose answer is its own.
    pub(super) fn short(dice: &mut Dice, host: &str, close: bool) -> Self {
        let ending = if close { "Connection: close\r\n" } else { "" };
        let head = format!(" HTTP/1.1\r\nHost: {host}\r\n{ending}");
        Self::headers(dice, &head, host)
    }

    /// A POST of so many octets, echoed.
    pub(super) fn mirrored(dice: &mut Dice, host: &str, bytes: usize) -> Self {
        let body = dice.octets(bytes);
        Self::post(dice, &format!(" HTTP/1.1\r\nHost: {host}\r\n"), body, false)
    }

    /// The same in chunks.
    pub(super) fn in_chunks(dice: &mut Dice, host: &str, bytes: usize) -> Self {
        let body = dice.octets(bytes);
        Self::post(dice, &format!(" HTTP/1.1\r\nHost: {host}\r\n"), body, true)
    }

    fn status(dice: &mut Dice, head: &str) -> Self {
        let status = STATUSES[dice.below(STATUSES.len())];
        Self {
            octets: format!("GET /status/{status}{head}\r\n").into_bytes(),
            status,
            content_type: None,
            body: format!("status {status}\n").into_bytes(),
            more_bytes: 0,
        }
    }

    /// The answer shows the request's own fields, in their order.
    fn headers(dice: &mut Dice, head: &str, host: &str) -> Self {
        let marker = format!("{:016x}{:016x}", dice.number(), dice.number());
        Self {
            octets: format!("GET /headers{head}X-Marker: {marker}\r\n\r\n").into_bytes(),
            status: 200,
            content_type: None,
            body: format!("Host: {host}\nX-Marker: {marker}\n").into_bytes(),
            more_bytes: TRACE_BYTES,
        }
    }

    fn echo(dice: &mut Dice, head: &str, chunked: bool) -> Self {
        let most = if dice.below(LONG_ONE_IN) == 0 { LONG_BYTES_MAX } else { SHORT_BYTES_MAX };
        let length = 16 + dice.below(most);
        let body = dice.octets(length);
        Self::post(dice, head, body, chunked)
    }

    fn post(dice: &mut Dice, head: &str, body: Vec<u8>, chunked: bool) -> Self {
        let content_type = format!("application/x-{:016x}", dice.number());
        let mut octets = format!("POST /echo{head}Content-Type: {content_type}\r\n").into_bytes();
        if chunked {
            octets.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            octets.extend_from_slice(&chunks(dice, &body));
        } else {
            octets.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            octets.extend_from_slice(&body);
        }
        Self { octets, status: 200, content_type: Some(content_type), body, more_bytes: 0 }
    }

    /// Whether `answer` is the answer.
    pub(super) fn check(&self, answer: &Answer) -> Result<(), Flaw> {
        if answer.status != self.status {
            return Err(Flaw::Status(answer.status));
        }
        if self.content_type.is_some()
            && answer.field("content-type") != self.content_type.as_deref()
        {
            return Err(Flaw::ContentType);
        }
        let expected = self.body.len() + self.more_bytes;
        if answer.body.len() != expected || !answer.body.starts_with(&self.body) {
            return Err(Flaw::Body { bytes: answer.body.len(), expected });
        }
        Ok(())
    }
}

/// RFC 9112 §7.1, in pieces of any size.
fn chunks(dice: &mut Dice, body: &[u8]) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::new(), body);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + dice.below(rest.len()));
        octets.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        octets.extend_from_slice(piece);
        octets.extend_from_slice(b"\r\n");
        rest = after;
    }
    octets.extend_from_slice(b"0\r\n\r\n");
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, body: &[u8]) -> Answer {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n");
        let mut text = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        text.extend_from_slice(body);
        Answer::parse(&text).unwrap().unwrap().0
    }

    #[test]
    fn only_its_own_answer_is_right() {
        let mut dice = Dice::new(1);
        let one = Question::mirrored(&mut dice, HONEST_HOST, 40);
        let other = Question::mirrored(&mut dice, HONEST_HOST, 40);
        let kind = one.content_type.clone().unwrap();
        assert_eq!(one.check(&answer(200, &kind, &one.body)), Ok(()));
        assert_eq!(one.check(&answer(503, &kind, &one.body)), Err(Flaw::Status(503)));
        assert_eq!(one.check(&answer(200, "text/plain", &one.body)), Err(Flaw::ContentType));
        let wrong = Flaw::Body { bytes: 40, expected: 40 };
        assert_eq!(one.check(&answer(200, &kind, &other.body)), Err(wrong));
        let short = Flaw::Body { bytes: 39, expected: 40 };
        assert_eq!(one.check(&answer(200, &kind, &one.body[..39])), Err(short));
    }

    #[test]
    fn chunks_are_the_body_again() {
        let mut dice = Dice::new(2);
        let body = dice.octets(1000);
        let (mut rest, mut again) = (&chunks(&mut dice, &body)[..], Vec::new());
        loop {
            let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
            let size = std::str::from_utf8(&rest[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            again.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest = &rest[line + 4 + size..];
            if size == 0 {
                break;
            }
        }
        assert!(rest.is_empty() && again == body);
    }
}
