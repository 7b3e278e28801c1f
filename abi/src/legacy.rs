//! The earlier boundary, kept for migration: one text in, one text out, both JSON.
//!
//! ```c
//! char *fezz_fetch(const char *request_json);   /* required                                  */
//! void  fezz_free(char *response_json);         /* optional; without it every answer is lost */
//! ```
//!
//! It stands behind the same call as the present boundary: the request's envelope is turned into
//! JSON, the answer into an envelope. JSON has no octets, so a request whose body or header values
//! are not UTF-8 is answered with 415 and never reaches the function.
#![expect(unsafe_code, reason = "calling foreign code is what this module is for")]

use std::ffi::{CString, c_char};
use std::mem::{forget, transmute};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::os::unix::Library;

use crate::host::{CallError, Culprit, address};
use crate::load_error::LoadError;
use crate::version::{SYMBOL_LEGACY_FETCH, SYMBOL_LEGACY_FREE};

mod json;

use json::Question;

// Allowed to unwind, so that an exception which crosses the boundary arrives at `Culprit`.
type Fetch = unsafe extern "C-unwind" fn(*const c_char) -> *mut c_char;
type Free = unsafe extern "C-unwind" fn(*mut c_char);

/// An artifact of the JSON boundary.
pub(crate) struct Legacy {
    fetch: Fetch,
    free: Option<Free>,
    leaked: AtomicU64,
}

impl Legacy {
    /// Finds its symbols in a library that was examined for them.
    pub(crate) fn bind(path: &Path, library: &Library) -> Result<Self, LoadError> {
        let fetch = address(path, library, SYMBOL_LEGACY_FETCH)?;
        let free = address(path, library, SYMBOL_LEGACY_FREE).ok();
        // SAFETY: the examination found `fezz_fetch` defined as a function in this artifact, and
        // `fezz_free` too if it is there. Their signatures are the promise of their names.
        unsafe {
            Ok(Self {
                fetch: transmute::<*mut (), Fetch>(fetch),
                free: free.map(|free| transmute::<*mut (), Free>(free)),
                leaked: AtomicU64::new(0),
            })
        }
    }

    /// Answers that were lost because there is no `fezz_free`.
    pub(crate) fn leaked(&self) -> u64 {
        self.leaked.load(Ordering::Relaxed)
    }

    /// Calls the function with one request envelope; gives a response envelope. Of the answer no
    /// more than `max` octets are looked at, its NUL included. It is freed before this returns.
    pub(crate) fn call(
        &self,
        path: &Path,
        request: &[u8],
        max: usize,
    ) -> Result<Vec<u8>, CallError> {
        let text = match json::question(request)? {
            Question::Ask(text) => text,
            Question::Answered(envelope) => return Ok(envelope),
        };
        let culprit = Culprit { path };
        // SAFETY: `fetch` is the artifact's `fezz_fetch`, still mapped; the text ends in a NUL and
        // lives until the call returns. The function promises not to keep it.
        let answer = unsafe { (self.fetch)(text.as_ptr()) };
        forget(culprit);
        let envelope = read(&text, answer, max);
        if envelope.as_ref().err().is_none_or(|error| error.owes_free()) {
            self.give_back(path, answer);
        }
        envelope
    }

    fn give_back(&self, path: &Path, answer: *mut c_char) {
        let Some(free) = self.free else {
            self.leaked.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let culprit = Culprit { path };
        // SAFETY: exactly what `fezz_fetch` returned in the call just made, on the thread that
        // made it, and only once.
        unsafe { free(answer) };
        forget(culprit);
    }
}

/// The envelope in an answer.
fn read(request: &CString, answer: *mut c_char, max: usize) -> Result<Vec<u8>, CallError> {
    if answer.is_null() {
        return Err(CallError::NoResponse);
    }
    let lent = request.as_bytes_with_nul().as_ptr_range();
    if lent.contains(&answer.cast_const().cast()) {
        return Err(CallError::PointsIntoRequest);
    }
    let max = max.min(isize::MAX.unsigned_abs());
    // SAFETY: not null; that a text of the function begins here is its promise. No octet behind
    // its NUL is read, and none behind the limit.
    let len = unsafe { libc::strnlen(answer, max) };
    if len == max {
        return Err(CallError::Unterminated { max });
    }
    if len == 0 {
        return Err(CallError::EmptyResponse);
    }
    // SAFETY: so many octets were just read there; the function has handed them over, and they are
    // freed after the last use of the slice.
    json::answer(unsafe { std::slice::from_raw_parts(answer.cast::<u8>(), len) })
}
