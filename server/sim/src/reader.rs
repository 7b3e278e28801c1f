//! A strict reader of responses, written from the RFCs and from nothing else.
//!
//! It shares no code with the parser or the core: a mistake would have to be made twice to stay
//! hidden. It takes octets in any pieces, knows which methods were asked with, and refuses whatever
//! this server has no reason to send.

use std::collections::VecDeque;

/// What is wrong with received octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not `HTTP/1.1 SP 3DIGIT SP reason CRLF` (RFC 9112 §4).
    StatusLine,
    /// Not `name: value CRLF` (RFC 9112 §5).
    FieldLine,
    /// A line longer than this server writes.
    LongLine,
    /// A field stands twice that must not.
    Repeated,
    /// `Content-Length` is absent where content may follow, or present where it must not
    /// (RFC 9110 §8.6).
    Framing,
    /// `Date` is absent or not what the server was told (RFC 9110 §6.6.1).
    Date,
    /// `Connection` says something else than `close` or `keep-alive`.
    Connection,
    /// A 405 without `Allow` (RFC 9110 §15.5.6) or a 503 without `Retry-After`.
    FieldMissing,
    /// An interim response that nobody asked for, or a second one (RFC 9110 §15.2).
    Interim,
    /// Octets behind a response that announced the end (RFC 9112 §9.6).
    AfterClose,
    /// A response to no request.
    Unasked,
}

/// One final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The content; empty for HEAD.
    pub content: Vec<u8>,
    /// What `content-length` says.
    pub content_length: Option<u64>,
    /// Whether the connection ends.
    pub closes: bool,
    /// Whether `connection: keep-alive` was said.
    pub keeps: bool,
    /// Octets of it, and of interim responses before it.
    pub octets: u64,
}

/// A request whose response is awaited.
#[derive(Clone, Copy, Debug)]
struct Asked {
    is_head: bool,
    expects: bool,
    /// Nobody knows whether it is HEAD.
    unsure: bool,
}

#[derive(Debug)]
enum State {
    StatusLine,
    Fields(Fields),
    Content(Response, usize),
    /// It is over, but for so many octets of so many that may come or not.
    Maybe(usize, usize),
    Over,
}

#[derive(Debug)]
struct Fields {
    status: u16,
    count: u32,
    content_length: Option<u64>,
    date: bool,
    connection: Option<bool>,
    allow: bool,
    retry_after: bool,
}

/// The reader.
#[derive(Debug)]
pub struct Reader {
    asked: VecDeque<Asked>,
    line: Vec<u8>,
    state: State,
    responses: Vec<Response>,
    interims: u32,
    interim_of_next: bool,
    /// Octets since the last final response.
    octets: u64,
}

/// No status line or field line of this server is longer.
const LINE_BYTES_MAX: usize = 512;

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the start of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            asked: VecDeque::new(),
            line: Vec::new(),
            state: State::StatusLine,
            responses: Vec::new(),
            interims: 0,
            interim_of_next: false,
            octets: 0,
        }
    }

    /// A request has been begun; `is_head` asks for no content, `expects` for a 100.
    pub fn ask(&mut self, is_head: bool, expects: bool) {
        self.asked.push_back(Asked { is_head, expects, unsure: false });
    }

    /// Something has been begun that may be a request, for HEAD or not.
    pub fn ask_unsure(&mut self) {
        self.asked.push_back(Asked { is_head: true, expects: false, unsure: true });
    }

    /// Final responses so far.
    #[must_use]
    pub fn responses(&self) -> &[Response] {
        &self.responses
    }

    /// Interim responses so far.
    #[must_use]
    pub const fn interims(&self) -> u32 {
        self.interims
    }

    /// Whether the last octet was the last one of a response.
    #[must_use]
    pub fn is_between(&self) -> bool {
        match &self.state {
            State::StatusLine => self.line.is_empty(),
            State::Over => true,
            State::Maybe(left, all) => *left == 0 || left == all,
            State::Fields(_) | State::Content(..) => false,
        }
    }

    /// Whether the server announced the end.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over | State::Maybe(..))
    }

    /// Takes the next octets.
    ///
    /// # Errors
    ///
    /// The first flaw.
    pub fn take(&mut self, mut octets: &[u8]) -> Result<(), Flaw> {
        while let Some(&first) = octets.first() {
            match &mut self.state {
                State::Over => return Err(Flaw::AfterClose),
                State::Maybe(left, _) => {
                    *left = left.checked_sub(octets.len()).ok_or(Flaw::AfterClose)?;
                    return Ok(());
                }
                State::Content(response, left) => {
                    let part = octets.len().min(*left);
                    response.content.extend_from_slice(&octets[..part]);
                    *left -= part;
                    self.octets += part as u64;
                    octets = &octets[part..];
                    if *left == 0 {
                        self.finish();
                    }
                }
                State::StatusLine | State::Fields(_) => {
                    octets = &octets[1..];
                    self.octets += 1;
                    self.line.push(first);
                    if first == b'\n' {
                        let line = std::mem::take(&mut self.line);
                        self.line(&line)?;
                    } else if self.line.len() > LINE_BYTES_MAX {
                        return Err(Flaw::LongLine);
                    }
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Flaw> {
        match &mut self.state {
            State::StatusLine => {
                let asked = self.asked.front().ok_or(Flaw::Unasked)?;
                let status = status_of(line)?;
                let unwanted = status < 200 && (!asked.expects || self.interim_of_next);
                if unwanted || (status < 200 && status != 100) {
                    return Err(Flaw::Interim);
                }
                self.state = State::Fields(Fields::of(status));
                Ok(())
            }
            State::Fields(fields) if line == b"\r\n" => {
                let fields = std::mem::replace(fields, Fields::of(0));
                self.head_done(&fields)
            }
            State::Fields(fields) => fields.take(line),
            State::Content(..) | State::Maybe(..) | State::Over => Err(Flaw::AfterClose),
        }
    }

    fn head_done(&mut self, fields: &Fields) -> Result<(), Flaw> {
        if fields.status == 100 {
            if fields.count > 0 {
                return Err(Flaw::Interim);
            }
            self.interims += 1;
            self.interim_of_next = true;
            self.state = State::StatusLine;
            return Ok(());
        }
        let asked = self.asked.pop_front().ok_or(Flaw::Unasked)?;
        self.interim_of_next = false;
        // RFC 9110 §8.6: never in 204; §15.4.5: a 304 may repeat what a 200 would have said.
        let content = match (fields.status, fields.content_length) {
            (204, None) | (304, _) => 0,
            (204, Some(_)) | (_, None) => return Err(Flaw::Framing),
            (_, Some(_)) if asked.is_head => 0,
            (_, Some(length)) => usize::try_from(length).map_err(|_| Flaw::Framing)?,
        };
        if !fields.date {
            return Err(Flaw::Date);
        }
        if (fields.status == 405 && !fields.allow) || (fields.status == 503 && !fields.retry_after)
        {
            return Err(Flaw::FieldMissing);
        }
        let response = Response {
            status: fields.status,
            content: Vec::new(),
            content_length: fields.content_length,
            closes: fields.connection == Some(false),
            keeps: fields.connection == Some(true),
            octets: 0,
        };
        // A server that gave up before it had read "HEAD " cannot know that no content is wanted.
        let unsure = asked.unsure || (asked.is_head && response.status == 408);
        let unknown = unsure && response.closes;
        let maybe = response.content_length.filter(|_| unknown);
        self.state = State::Content(response, content);
        if content == 0 {
            self.finish();
        }
        if let Some(bytes) = maybe {
            let bytes = usize::try_from(bytes).map_err(|_| Flaw::Framing)?;
            self.state = State::Maybe(bytes, bytes);
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let State::Content(mut response, _) =
            std::mem::replace(&mut self.state, State::StatusLine)
        {
            response.octets = std::mem::take(&mut self.octets);
            if response.closes {
                self.state = State::Over;
            }
            self.responses.push(response);
        }
    }
}

fn status_of(line: &[u8]) -> Result<u16, Flaw> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").ok_or(Flaw::StatusLine)?;
    let rest = rest.strip_suffix(b"\r\n").ok_or(Flaw::StatusLine)?;
    let (digits, reason) = rest.split_at_checked(3).ok_or(Flaw::StatusLine)?;
    let reason = reason.strip_prefix(b" ").ok_or(Flaw::StatusLine)?;
    let visible = reason.iter().all(|octet| (0x20..=0x7e).contains(octet));
    if !digits.iter().all(u8::is_ascii_digit) || !visible {
        return Err(Flaw::StatusLine);
    }
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    if (100..600).contains(&status) { Ok(status) } else { Err(Flaw::StatusLine) }
}

impl Fields {
    const fn of(status: u16) -> Self {
        Self {
            status,
            count: 0,
            content_length: None,
            date: false,
            connection: None,
            allow: false,
            retry_after: false,
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), Flaw> {
        self.count += 1;
        let line = line.strip_suffix(b"\r\n").ok_or(Flaw::FieldLine)?;
        let colon = line.iter().position(|&octet| octet == b':').ok_or(Flaw::FieldLine)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let token =
            |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
        if name.is_empty() || !name.iter().all(token) {
            return Err(Flaw::FieldLine);
        }
        let value = value.trim_ascii();
        if value.iter().any(|&octet| octet < 0x20 || octet == 0x7f) {
            return Err(Flaw::FieldLine);
        }
        match name.to_ascii_lowercase().as_slice() {
            b"content-length" => {
                if self.content_length.is_some() {
                    return Err(Flaw::Repeated);
                }
                let text = std::str::from_utf8(value).map_err(|_| Flaw::Framing)?;
                let length = text.parse::<u64>().map_err(|_| Flaw::Framing)?;
                if length.to_string() != text {
                    return Err(Flaw::Framing);
                }
                self.content_length = Some(length);
            }
            b"date" if self.date => return Err(Flaw::Repeated),
            b"date" => self.date = is_date(value).then_some(true).ok_or(Flaw::Date)?,
            b"connection" => {
                let keeps = match value {
                    b"close" => false,
                    b"keep-alive" => true,
                    _ => return Err(Flaw::Connection),
                };
                if self.connection.replace(keeps).is_some() {
                    return Err(Flaw::Repeated);
                }
            }
            b"allow" => self.allow = true,
            b"retry-after" => self.retry_after = true,
            b"transfer-encoding" | b"trailer" | b"upgrade" | b"keep-alive" | b"te" => {
                return Err(Flaw::Framing);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The text of `Date` that the simulated driver tells the core after `seconds`.
#[must_use]
pub fn date_of(seconds: u64) -> [u8; 29] {
    let mut date = *b"Sun, 06 Nov 1994 00:00:00 GMT";
    let digits = [(17, seconds / 3_600 % 24), (20, seconds / 60 % 60), (23, seconds % 60)];
    for (at, number) in digits {
        let pair = format!("{number:02}");
        date[at..at + 2].copy_from_slice(pair.as_bytes());
    }
    date
}

fn is_date(value: &[u8]) -> bool {
    value.len() == 29
        && value.starts_with(b"Sun, 06 Nov 1994 ")
        && value.ends_with(b" GMT")
        && value[17..25].iter().enumerate().all(|(at, octet)| match at {
            2 | 5 => *octet == b':',
            _ => octet.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "date: Sun, 06 Nov 1994 00:00:07 GMT\r\n";

    fn read(octets: &str, heads: &[bool]) -> Result<Vec<Response>, Flaw> {
        let mut reader = Reader::new();
        for &is_head in heads {
            reader.ask(is_head, true);
        }
        for piece in octets.as_bytes().chunks(3) {
            reader.take(piece)?;
        }
        assert!(reader.is_between(), "cut off");
        Ok(reader.responses().to_vec())
    }

    #[test]
    fn reads_content_by_length_and_none_for_head() {
        let one = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{DATE}\r\n");
        let responses = read(&format!("{one}{one}hi"), &[true, false]).unwrap();
        assert_eq!(responses[0].content, b"");
        assert_eq!(responses[1].content, b"hi");
    }

    #[test]
    fn takes_an_interim_response_once() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        let last = format!("HTTP/1.1 204 No Content\r\n{DATE}\r\n");
        assert!(read(&format!("{interim}{last}"), &[false]).is_ok());
        assert_eq!(read(&format!("{interim}{interim}"), &[false]), Err(Flaw::Interim));
    }

    #[test]
    fn names_what_is_wrong() {
        let cases = [
            ("HTTP/1.0 200 OK\r\n", Flaw::StatusLine),
            ("HTTP/1.1 200\r\n", Flaw::StatusLine),
            ("HTTP/1.1 200 OK\r\na b: c\r\n", Flaw::FieldLine),
            ("HTTP/1.1 200 OK\r\ncontent-length: 02\r\n", Flaw::Framing),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n", Flaw::Repeated),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", Flaw::Date),
            ("HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", Flaw::Framing),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n", Flaw::Framing),
            ("HTTP/1.1 200 OK\r\nconnection: upgrade\r\n", Flaw::Connection),
        ];
        for (octets, flaw) in cases {
            assert_eq!(read(octets, &[false]), Err(flaw), "{octets}");
        }
        let last = format!("HTTP/1.1 204 No\r\nconnection: close\r\n{DATE}\r\n");
        assert_eq!(read(&format!("{last}H"), &[false, false]), Err(Flaw::AfterClose));
        assert_eq!(read(&last, &[]), Err(Flaw::Unasked));
    }

    #[test]
    fn the_date_of_the_driver_is_a_date() {
        assert!(is_date(&date_of(0)));
        assert_eq!(&date_of(3_725)[17..25], b"01:02:05");
    }
}
