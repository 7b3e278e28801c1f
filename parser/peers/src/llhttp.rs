//! llhttp, asked about one request: the only `unsafe` of this crate, around one call into its C.
#![expect(unsafe_code, reason = "llhttp is written in C")]

use crate::peer::{Framed, Head, Said};

/// Field lines told; as in `shim.c`.
const FIELDS_MAX: usize = 512;
/// `HPE_OK`: everything was read and nothing is wrong.
const OK: i32 = 0;
/// `HPE_PAUSED`: the shim stopped behind a whole request.
const PAUSED: i32 = 21;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    length: u32,
}

impl Span {
    fn of(self, octets: &[u8]) -> &[u8] {
        let start = self.start as usize;
        octets.get(start..start + self.length as usize).unwrap_or_default()
    }
}

/// Mirrors `struct story` of `shim.c`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Story {
    error: i32,
    consumed: u32,
    body_bytes: u32,
    field_count: u16,
    status: u16,
    content_length: u64,
    method: Span,
    target: Span,
    head_done: u8,
    message_done: u8,
    keep_alive: u8,
    upgrade: u8,
    major: u8,
    minor: u8,
    chunked: u8,
    has_length: u8,
    names: [Span; FIELDS_MAX],
    values: [Span; FIELDS_MAX],
}

unsafe extern "C" {
    fn fezz_llhttp_read(
        octets: *const u8,
        length: usize,
        kind: i32,
        body: *mut u8,
        story: *mut Story,
    );
    safe fn fezz_llhttp_error_name(error: i32) -> *const std::ffi::c_char;
    safe fn fezz_llhttp_version() -> u32;
    safe fn fezz_llhttp_story_bytes() -> usize;
}

/// What llhttp says about the request at the start of `octets`.
#[must_use]
pub fn read(octets: &[u8]) -> Said<'_> {
    let (story, body) = tell(octets, 0);
    said(octets, &story, body)
}

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its content.
    pub body: Vec<u8>,
    /// Octets of all of it.
    pub bytes: usize,
}

/// The response at the start of `octets`, when that is whole.
///
/// # Errors
///
/// The name of its error.
pub fn read_response(octets: &[u8], is_head: bool) -> Result<Option<Response>, &'static str> {
    let (story, body) = tell(octets, 1 + i32::from(is_head));
    if story.error != OK && story.error != PAUSED {
        return Err(error_name(story.error));
    }
    let bytes = story.consumed as usize;
    Ok((story.message_done != 0).then_some(Response { status: story.status, body, bytes }))
}

fn tell(octets: &[u8], kind: i32) -> (Story, Vec<u8>) {
    assert_eq!(fezz_llhttp_story_bytes(), size_of::<Story>(), "compiled for another structure");
    assert!(u32::try_from(octets.len()).is_ok(), "offsets have 32 bits");
    let mut body = Vec::with_capacity(octets.len());
    let mut story = std::mem::MaybeUninit::<Story>::uninit();
    let (start, length) = (octets.as_ptr(), octets.len());
    // SAFETY: octets are readable for their length; the body that is told is a part of them, so it
    // fits as many; the shim writes the whole story before it returns and keeps no pointer.
    unsafe {
        fezz_llhttp_read(start, length, kind, body.as_mut_ptr(), story.as_mut_ptr());
        let story = story.assume_init();
        body.set_len(story.body_bytes as usize);
        (story, body)
    }
}

fn said<'a>(octets: &'a [u8], story: &Story, body: Vec<u8>) -> Said<'a> {
    let trimmed = |span: &Span| span.of(octets).trim_ascii();
    let (names, values) = (story.names.iter(), story.values.iter());
    let fields = names.zip(values).take(story.field_count as usize);
    let head = Head {
        method: story.method.of(octets),
        target: story.target.of(octets),
        minor: story.minor,
        // It leaves white space at the end of values.
        fields: fields.map(|(name, value)| (name.of(octets), trimmed(value))).collect(),
    };
    let framed = Framed {
        chunked: story.chunked != 0,
        length: (story.has_length != 0).then_some(story.content_length),
    };
    if story.error != OK && story.error != PAUSED {
        return Said::Refused(error_name(story.error));
    }
    match (story.head_done != 0, story.message_done != 0) {
        (false, _) => Said::Partial,
        (true, false) => Said::Head { head, framed, body },
        (true, true) => Said::Whole {
            head,
            framed,
            body,
            bytes: story.consumed as usize,
            keeps_alive: story.keep_alive != 0,
        },
    }
}

fn error_name(error: i32) -> &'static str {
    let name = fezz_llhttp_error_name(error);
    // SAFETY: the library returns NUL-terminated constants.
    unsafe { std::ffi::CStr::from_ptr(name) }.to_str().unwrap_or("?")
}

/// Its version: 90403 is 9.4.3.
#[must_use]
pub fn version() -> u32 {
    fezz_llhttp_version()
}
