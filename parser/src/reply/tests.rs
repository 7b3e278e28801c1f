//! What becomes of status lines, fields, framing and ends of heads.

use super::*;
use std::string::String;
use std::vec::Vec;

impl Octets for Vec<u8> {
    fn put(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_status_line_has_two_spaces_with_and_without_a_reason() {
    assert_eq!(text(|out| write_status_line(out, 200)), "HTTP/1.1 200 OK\r\n");
    assert_eq!(text(|out| write_status_line(out, 418)), "HTTP/1.1 418 \r\n");
    assert_eq!(text(|out| write_status_line(out, 999)), "HTTP/1.1 999 \r\n");
    let error = "HTTP/1.1 500 Internal Server Error\r\n";
    assert_eq!(text(|out| write_status_line(out, 20)), error);
    assert_eq!(text(|out| write_status_line(out, 1000)), error);
}

#[test]
fn lengths_are_written_in_full() {
    for length in [0, 9, 10, 12_345, u64::MAX] {
        let line = text(|out| write_framing(out, ReplyBody::Length(length)));
        assert_eq!(line, std::format!("content-length: {length}\r\n"));
    }
    assert_eq!(text(|out| write_framing(out, ReplyBody::NoContentLength)), "");
}

#[test]
fn nothing_splits_a_response() {
    for octet in (0..=u8::MAX).filter(|octet| !Class::VALUE.has(*octet)) {
        let mut out = Vec::new();
        let value = [b'a', octet, b'b'];
        let error = ReplyError::ValueOctet { offset: 1, octet };
        assert_eq!(write_field(&mut out, b"x", &value), Err(error));
        let error = ReplyError::NameOctet { offset: 1, octet };
        assert_eq!(write_field(&mut out, &value, b"x"), Err(error));
        assert!(out.is_empty());
    }
    assert_eq!(write_field(&mut Vec::new(), b"", b"x"), Err(ReplyError::NameEmpty));
}

/// Each octet at each place of names and values of every length around the words' borders.
#[test]
fn every_octet_of_every_place_is_judged() {
    for len in 1..=35 {
        for (at, octet) in (0..len).flat_map(|at| (0..=u8::MAX).map(move |octet| (at, octet))) {
            let mut octets = std::vec![b'a'; len];
            octets[at] = octet;
            let is_field = |name, value| write_field(&mut Vec::new(), name, value).is_ok();
            assert_eq!(is_field(b"x", &octets), Class::VALUE.has(octet), "{octets:?}");
            let is_name = is_field(&octets, b"x");
            assert_eq!(is_name, Class::TOKEN.has(octet), "{octets:?}");
        }
    }
}

#[test]
fn functions_do_not_frame() {
    for name in [
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Date",
    ] {
        let mut out = Vec::new();
        assert_eq!(write_field(&mut out, name.as_bytes(), b"1"), Ok(FieldFate::Dropped));
        assert!(out.is_empty());
    }
    let line = text(|out| {
        assert_eq!(write_field(out, b"Host", b"a\tb"), Ok(FieldFate::Written));
    });
    assert_eq!(line, "Host: a\tb\r\n");
}

#[test]
fn a_cursor_says_when_something_did_not_fit() {
    let mut buffer = [0; TAIL_BYTES_MAX];
    let mut cursor = Cursor::new(&mut buffer);
    write_tail(&mut cursor, &imf_fixdate(0), Ending::KeepAliveExplicit);
    let tail = b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\nconnection: keep-alive\r\n\r\n";
    assert_eq!(cursor.written(), Some(&tail[..]));
    cursor.put(b"x");
    cursor.put(b"");
    assert_eq!(cursor.written(), None);
}

#[test]
fn dates_agree_with_the_calendar() {
    for (seconds, date) in [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(std::str::from_utf8(&imf_fixdate(seconds)), Ok(date));
    }
}
