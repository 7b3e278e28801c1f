//! The only way octets become a response head.
//!
//! A function chooses status, names and values; framing, connection options and the date are the
//! host's. CR, LF, NUL and other control octets do not get through (RFC 9112 §11.1).

use crate::class::Class;
use crate::copy::copy;
use crate::index::Known;
use crate::scan::has_no_stop;
use core::fmt;

/// Takes the octets of a response head, in order.
pub trait Octets {
    /// Appends `octets`.
    fn put(&mut self, octets: &[u8]);

    /// Appends all `parts`, one behind the other. Whoever has to look for room looks once.
    #[inline(always)]
    fn put_all<const N: usize>(&mut self, parts: [&[u8]; N]) {
        for part in parts {
            self.put(part);
        }
    }
}

/// [`Octets`] into memory of a fixed size.
#[derive(Debug)]
pub struct Cursor<'a> {
    buffer: &'a mut [u8],
    /// Octets written; more than the buffer has if something did not fit.
    length: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the front of `buffer`.
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// What was written; `None` if something did not fit.
    #[must_use]
    pub fn written(&self) -> Option<&[u8]> {
        self.buffer.get(..self.length)
    }
}

impl Octets for Cursor<'_> {
    #[inline(always)]
    fn put(&mut self, octets: &[u8]) {
        self.put_all([octets]);
    }

    #[inline(always)]
    fn put_all<const N: usize>(&mut self, parts: [&[u8]; N]) {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let rest = self.buffer.get_mut(self.length..);
        let Some(mut room) = rest.and_then(|rest| rest.get_mut(..length)) else {
            self.length = usize::MAX;
            return;
        };
        for part in parts {
            let Some((place, after)) = room.split_at_mut_checked(part.len()) else { return };
            copy(place, part);
            room = after;
        }
        self.length += length;
    }
}

/// The interim response that asks for the body (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Writes the status line. `status` has three digits; anything else is written as 500, for no
/// other line would be one.
///
/// The second space is there with and without a reason phrase (RFC 9112 §4).
#[inline(always)]
pub fn write_status_line(out: &mut impl Octets, status: u16) {
    if status == 200 {
        return out.put(b"HTTP/1.1 200 OK\r\n");
    }
    write_other_status_line(out, status);
}

#[inline(never)]
fn write_other_status_line(out: &mut impl Octets, status: u16) {
    let status = if matches!(status, 100..=999) { status } else { 500 };
    let mut line = *b"HTTP/1.1 000 ";
    let digits = [status / 100, status / 10 % 10, status % 10];
    for (place, digit) in line.iter_mut().skip(9).zip(digits) {
        *place += (digit & 0xf) as u8;
    }
    out.put_all([&line, reason(status).as_bytes(), b"\r\n"]);
}

/// Reason phrases of the status codes of RFC 9110 §15 and of those this server sends.
const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// What became of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldFate {
    /// It is in the head.
    Written,
    /// It is the host's to say: framing, connection options, date.
    Dropped,
}

/// Why a field cannot be written. The function that made it is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// The field name is empty.
    NameEmpty,
    /// The field name holds an octet that no token may hold.
    NameOctet {
        /// Octets in front of it.
        offset: usize,
        /// The octet.
        octet: u8,
    },
    /// The field value holds a control octet other than HTAB.
    ValueOctet {
        /// Octets in front of it.
        offset: usize,
        /// The octet.
        octet: u8,
    },
}

impl ReplyError {
    /// The stable reason word, for logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NameEmpty => "reply_name_empty",
            Self::NameOctet { .. } => "reply_name_octet",
            Self::ValueOctet { .. } => "reply_value_octet",
        }
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameEmpty => f.write_str("a field name is empty"),
            Self::NameOctet { offset, octet } => {
                write!(f, "a field name holds the octet {octet:#04x} at {offset}")
            }
            Self::ValueOctet { offset, octet } => {
                write!(f, "a field value holds the octet {octet:#04x} at {offset}")
            }
        }
    }
}

impl core::error::Error for ReplyError {}

/// Writes one field line, unless it is the host's to write.
///
/// # Errors
/// A name or value that would not be one field line; nothing is written then.
#[inline(always)]
pub fn write_field(
    out: &mut impl Octets,
    name: &[u8],
    value: &[u8],
) -> Result<FieldFate, ReplyError> {
    // Nearly every response has this field: its name is right, and it is not the host's.
    let usual = name == b"content-type";
    let right = (usual || is_token(name)) && is_value(value);
    if !right {
        return Err(what_is_wrong(name, value));
    }
    if !usual && is_host_field(name) {
        return Ok(FieldFate::Dropped);
    }
    out.put_all([name, b": ", value, b"\r\n"]);
    Ok(FieldFate::Written)
}

/// RFC 9110 §5.6.2.
#[inline]
fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && Class::TOKEN.has_all(name)
}

/// RFC 9110 §5.5. Where there are sixteen octets or more, they are judged sixteen at a time, the
/// last ones perhaps twice. A function of its own: what it keeps in registers would be lost
/// whenever something is copied.
#[inline(never)]
fn is_value(value: &[u8]) -> bool {
    let Some(last) = value.last_chunk::<16>() else { return Class::VALUE.has_all(value) };
    let (blocks, _) = value.as_chunks::<16>();
    has_no_stop(last) && blocks.iter().all(has_no_stop) || is_value_with_tabs(value)
}

#[cold]
#[inline(never)]
fn is_value_with_tabs(value: &[u8]) -> bool {
    Class::VALUE.has_all(value)
}

/// RFC 9110 §5.1, §5.5.
#[cold]
fn what_is_wrong(name: &[u8], value: &[u8]) -> ReplyError {
    if name.is_empty() {
        return ReplyError::NameEmpty;
    }
    let offset = Class::TOKEN.end(name, 0);
    match name.get(offset) {
        Some(&octet) => ReplyError::NameOctet { offset, octet },
        None => {
            let offset = Class::VALUE.end(value, 0);
            ReplyError::ValueOctet { offset, octet: value.get(offset).copied().unwrap_or(0) }
        }
    }
}

/// Fields that decide framing, belong to this hop, or are the host's clock.
fn is_host_field(name: &[u8]) -> bool {
    let is_likely = name.first().is_some_and(|first| Known::is_likely(*first, name.len()));
    match if is_likely { Known::of(name) } else { None } {
        Some(
            Known::ContentLength | Known::TransferEncoding | Known::Connection | Known::OtherHop,
        ) => true,
        Some(Known::Host | Known::Expect) => false,
        None => name.eq_ignore_ascii_case(b"date"),
    }
}

/// How the end of a response body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// By Content-Length: this many octets. To HEAD: as many as GET would get.
    Length(u64),
    /// By the status: 1xx, 204 and 304 have none.
    NoContentLength,
}

/// Writes the framing field of a response, or nothing.
#[inline(always)]
pub fn write_framing(out: &mut impl Octets, body: ReplyBody) {
    let ReplyBody::Length(length) = body else { return };
    let mut line = *b"00000000000000000000\r\n";
    let (mut rest, mut start) = (length, line.len() - 2);
    while let Some(place) = line.get_mut(start - 1) {
        start -= 1;
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_all([b"content-length: ", line.get(start..).unwrap_or(&[])]);
}

/// Whether a response with this status may have content (RFC 9110 §6.4.1).
#[must_use]
pub const fn status_has_content(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

/// What the response says about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing: HTTP/1.1 goes on.
    KeepAlive,
    /// `keep-alive`: HTTP/1.0 goes on because both sides said so.
    KeepAliveExplicit,
    /// `close` (RFC 9112 §9.6).
    Close,
}

const KEEP_ALIVE_TAIL: &[u8] = b"\r\nconnection: keep-alive\r\n\r\n";
const CLOSE_TAIL: &[u8] = b"\r\nconnection: close\r\n\r\n";

/// Most octets [`write_tail`] writes.
pub const TAIL_BYTES_MAX: usize = b"date: ".len() + 29 + KEEP_ALIVE_TAIL.len();

const _: () = assert!(CLOSE_TAIL.len() <= KEEP_ALIVE_TAIL.len());

/// Writes the end of a response head: date, connection option, empty line.
#[inline]
pub fn write_tail(out: &mut impl Octets, date: &[u8; 29], ending: Ending) {
    match ending {
        Ending::KeepAlive => out.put_all([b"date: ", date, b"\r\n\r\n"]),
        Ending::KeepAliveExplicit => out.put_all([b"date: ", date, KEEP_ALIVE_TAIL]),
        Ending::Close => out.put_all([b"date: ", date, CLOSE_TAIL]),
    }
}

/// The last second of the year 9999, the last one with a four-digit year.
const LAST_SECOND: u64 = 253_402_300_799;

/// A time as in `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7). Later years than 9999 are
/// written as its last second.
#[must_use]
pub fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    const DAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let seconds = unix_seconds.min(LAST_SECOND);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let mut text = *b"Thu, 00 Jan 0000 00:00:00 GMT";
    put_word(&mut text, 0, DAYS, days % 7);
    put_digits(&mut text, 5, 2, day);
    put_word(&mut text, 8, MONTHS, month - 1);
    put_digits(&mut text, 12, 4, year);
    put_digits(&mut text, 17, 2, second / 3600);
    put_digits(&mut text, 20, 2, second / 60 % 60);
    put_digits(&mut text, 23, 2, second % 60);
    text
}

/// Year, month and day of the proleptic Gregorian calendar, `days` after 1970-01-01.
///
/// Years begin in March here, so that the day that comes and goes is the last one.
#[must_use]
pub const fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_PER_ERA: u64 = 146_097;
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as u64;
    (year, month, day)
}

fn put_word(text: &mut [u8; 29], at: usize, words: &[u8], index: u64) {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let word = words.chunks_exact(3).nth(index);
    for (place, octet) in text.iter_mut().skip(at).zip(word.unwrap_or(&[])) {
        *place = *octet;
    }
}

fn put_digits(text: &mut [u8; 29], at: usize, count: usize, number: u64) {
    let mut number = number;
    for place in text.iter_mut().skip(at).take(count).rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests;
