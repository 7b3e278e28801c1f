//! Glue for functions written in Rust: lend the request, catch what unwinds, hand over, take back.
//!
//! The SDK's attributes generate the two symbols; each is one call into this module, so that no
//! author writes `unsafe` and all of it is here.
#![expect(unsafe_code, reason = "this is the function's side of the boundary")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::types::{FezzOwned, FezzSlice};

pub mod hooks;

/// The body of `fezz_handle_v2`: gives the request's octets to `answer` and hands its answer over.
///
/// An empty answer becomes "no response". A panic becomes [`panic_envelope`].
///
/// # Safety
/// `request` must be what the host passed to `fezz_handle_v2`, during that call.
#[inline]
pub unsafe fn handle(request: FezzSlice, answer: impl FnOnce(&[u8]) -> Vec<u8>) -> FezzOwned {
    // SAFETY: the host lends `len` octets behind a pointer that is not null, for this call.
    let octets = unsafe { std::slice::from_raw_parts(request.ptr, request.len) };
    let answer = guarded(|| answer(octets));
    if answer.is_empty() {
        return FezzOwned::NONE;
    }
    // Capacity becomes length, so that pointer and length are enough to free it. An answer that
    // was allocated at its exact size is not moved.
    let len = answer.len();
    let ptr = Box::into_raw(answer.into_boxed_slice());
    FezzOwned { ptr: ptr.cast(), len }
}

/// The body of `fezz_free_v2`: takes back what [`handle`] handed over.
///
/// # Safety
/// `buf` must be a value that [`handle`] returned, and must not have been freed before.
#[inline]
pub unsafe fn free(buf: FezzOwned) {
    if !buf.ptr.is_null() {
        let slice = std::ptr::slice_from_raw_parts_mut(buf.ptr, buf.len);
        // SAFETY: made by `Box::into_raw` with this pointer and this length.
        drop(unsafe { Box::from_raw(slice) });
    }
}

/// Runs `answer`; if it panics, gives [`panic_envelope`] instead.
///
/// The panic hook has written message and place to standard error by then, and that is the only
/// place they go to: a client must not learn them.
#[inline]
pub fn guarded(answer: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    settle(answer).unwrap_or_else(panic_envelope)
}

/// Runs `run`; nothing if it panics.
#[inline]
fn settle<T>(run: impl FnOnce() -> T) -> Option<T> {
    // What the function shares between calls is behind its own locks, which are poisoned.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => Some(value),
        Err(payload) => {
            panicked(payload);
            None
        }
    }
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) {
    // A payload may panic when it is dropped. The second payload is leaked: it could go on so.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

/// A valid response that says: status 500, because the function panicked.
#[cold]
#[must_use]
pub fn panic_envelope() -> Vec<u8> {
    let headers: [(&[u8], &[u8]); 1] = [(b"content-type", b"text/plain; charset=utf-8")];
    fezz_wire::encode_response(500, headers.into_iter(), true, b"internal server error\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use fezz_wire::{ResponseView, WireLimits};

    fn call(answer: impl FnOnce(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
        // SAFETY: the slice is lent for the call.
        let owned = unsafe { handle(FezzSlice::lend(b"request"), answer) };
        if owned.ptr.is_null() {
            return None;
        }
        // SAFETY: `handle` handed over so many octets.
        let copy = unsafe { std::slice::from_raw_parts(owned.ptr, owned.len) }.to_vec();
        // SAFETY: the same value, once.
        unsafe { free(owned) };
        Some(copy)
    }

    #[test]
    fn an_answer_is_handed_over_whatever_its_capacity() {
        assert_eq!(call(<[u8]>::to_vec).unwrap(), b"request");
        let spacious = |octets: &[u8]| {
            let mut answer = Vec::with_capacity(4096);
            answer.extend_from_slice(octets);
            answer
        };
        assert_eq!(call(spacious).unwrap(), b"request");
        assert_eq!(call(|_| Vec::new()), None);
    }

    #[test]
    fn nothing_is_nothing_to_free() {
        // SAFETY: null is accepted.
        unsafe { free(FezzOwned::NONE) };
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("while dropping"));
        }
    }

    #[test]
    fn a_panic_is_a_marked_500_even_if_its_payload_panics() {
        for payload in [Box::new("message") as Box<dyn Any + Send>, Box::new(Bomb)] {
            let octets = call(|_| std::panic::resume_unwind(payload)).unwrap();
            let response = ResponseView::decode(&octets, &WireLimits::default()).unwrap();
            assert_eq!((response.status(), response.is_panic()), (500, true));
            assert_eq!(response.body().to_vec(), b"internal server error\n");
        }
    }
}
