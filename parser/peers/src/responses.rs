//! Responses of ours, read by other people's parsers: each is one response, and what was meant.

use httparse::{EMPTY_HEADER, Response, Status};

/// Field lines of a response that are looked at.
const FIELDS_MAX: usize = 2_048;

/// Checks that `sent` is one whole response with this status and content; the content of a response
/// to HEAD is not there.
///
/// # Panics
///
/// When it is not.
#[expect(clippy::panic, reason = "a fuzzer notices panics and nothing else")]
pub fn check(sent: &[u8], is_head: bool, status: u16, content: &[u8]) {
    let content = if is_head { &[] } else { content };
    let mut fields = vec![EMPTY_HEADER; FIELDS_MAX];
    let mut response = Response::new(&mut fields);
    match response.parse(sent) {
        Ok(Status::Complete(head_bytes)) => {
            assert_eq!(response.code, Some(status));
            assert_eq!(sent.get(head_bytes..), Some(content), "the content is all there is behind");
            once(&response, "date", 1);
            once(&response, "transfer-encoding", 0);
            let has_length = !matches!(status, 100..=199 | 204 | 304);
            once(&response, "content-length", usize::from(has_length));
        }
        Ok(Status::Partial) => panic!("a head that does not end: {}", sent.escape_ascii()),
        Err(error) => panic!("{error}: {}", sent.escape_ascii()),
    }
    #[cfg(llhttp)]
    {
        let read = crate::llhttp::read_response(sent, is_head);
        let bytes = sent.len();
        let meant = crate::llhttp::Response { status, body: content.to_vec(), bytes };
        assert_eq!(read, Ok(Some(meant)), "{}", sent.escape_ascii());
    }
}

fn once(response: &Response<'_, '_>, name: &str, times: usize) {
    let lines = response.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
    assert_eq!(lines.count(), times, "{name}");
}
