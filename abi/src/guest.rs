//! Glue for functions written in Rust: lend the request, catch what unwinds, hand over, take back.
//!
//! The SDK's attributes generate the two symbols; each is one call into this module, so that no
//! author writes `unsafe` and all of it is here.
#![expect(unsafe_code, reason = "this is the function's side of the boundary")]

use std::any::Any;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::types::{FezzOwned, FezzSlice};

pub mod hooks;

/// Octets allocated for every answer that fits into them. So an answer's length alone says how it
/// was allocated, and one that was freed has room for the next.
const ROOM_BYTES: usize = 1_024;

thread_local! {
    /// The last small answer of this thread that was freed; its octets mean nothing. Hosts free on
    /// the thread that called, before anything else, so one is enough.
    static FREED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A vector with room for `len` octets, which [`handle`] hands over as it is if that is how many
/// it then holds. What it holds now means nothing.
#[inline]
#[must_use]
pub fn answer_room(len: usize) -> Vec<u8> {
    if len > ROOM_BYTES {
        return Vec::with_capacity(len);
    }
    // There is none while the thread ends.
    let freed = FREED.try_with(Cell::take).unwrap_or_default();
    if freed.capacity() == ROOM_BYTES { freed } else { new_room() }
}

#[cold]
#[inline(never)]
fn new_room() -> Vec<u8> {
    // By way of a box, since that is what it is to have exactly this capacity.
    let mut room = Vec::from([0; ROOM_BYTES].as_slice()).into_boxed_slice().into_vec();
    room.clear();
    room
}

/// The answer in an allocation that its length tells the size of: see [`ROOM_BYTES`].
#[inline]
fn measured(answer: Vec<u8>) -> Vec<u8> {
    let capacity = answer.len().max(ROOM_BYTES);
    if answer.capacity() == capacity { answer } else { moved(answer) }
}

#[cold]
#[inline(never)]
fn moved(answer: Vec<u8>) -> Vec<u8> {
    if answer.len() > ROOM_BYTES {
        return answer.into_boxed_slice().into_vec();
    }
    let mut room = new_room();
    room.extend_from_slice(&answer);
    room
}

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
    let mut answer = ManuallyDrop::new(measured(answer));
    FezzOwned { ptr: answer.as_mut_ptr(), len: answer.len() }
}

/// The body of `fezz_free_v2`: takes back what [`handle`] handed over.
///
/// # Safety
/// `buf` must be a value that [`handle`] returned, and must not have been freed before.
#[inline]
pub unsafe fn free(buf: FezzOwned) {
    if buf.ptr.is_null() {
        return;
    }
    let capacity = buf.len.max(ROOM_BYTES);
    // SAFETY: the parts of a vector that `handle` kept from being dropped, and `measured` before.
    take_back(unsafe { Vec::from_raw_parts(buf.ptr, buf.len, capacity) });
}

/// Frees an answer, or keeps its memory for the next one.
#[inline]
pub fn take_back(answer: Vec<u8>) {
    if answer.capacity() == ROOM_BYTES {
        // While the thread ends nothing is kept, and the answer is freed with the closure.
        FREED.try_with(|freed| freed.set(answer)).ok();
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

    /// Each length around the border, answered from vectors of any capacity, with and without an
    /// answer that was freed before.
    #[test]
    fn small_answers_take_turns_in_one_allocation() {
        for len in [1, 2, 100, ROOM_BYTES - 1, ROOM_BYTES, ROOM_BYTES + 1, 5_000] {
            let octets: Vec<u8> = (0..=250).cycle().take(len).collect();
            for capacity in [len, len + 1, 2 * len, ROOM_BYTES, 4 * ROOM_BYTES] {
                let answer = call(|_| {
                    let mut answer = Vec::with_capacity(capacity);
                    answer.extend_from_slice(&octets);
                    answer
                });
                assert_eq!(answer.unwrap(), octets);
                let answer = call(|_| {
                    let mut answer = answer_room(len);
                    assert!(answer.capacity() >= len);
                    answer.clear();
                    answer.extend_from_slice(&octets);
                    answer
                });
                assert_eq!(answer.unwrap(), octets);
            }
        }
        let place = |_: &[u8]| {
            let mut answer = answer_room(7);
            answer.clear();
            answer.extend_from_slice(&(answer.as_ptr().addr()).to_ne_bytes());
            answer
        };
        assert_eq!(call(place), call(place), "the same memory");
    }

    /// No host does so, and yet nothing is freed as what it is not.
    #[test]
    fn an_answer_may_be_freed_on_another_thread() {
        for len in [1, ROOM_BYTES, ROOM_BYTES + 1] {
            // SAFETY: the slice is lent for the call.
            let owned = unsafe { handle(FezzSlice::lend(b"request"), |_| vec![7; len]) };
            let (address, len) = (owned.ptr.expose_provenance(), owned.len);
            std::thread::spawn(move || {
                let ptr = std::ptr::with_exposed_provenance_mut(address);
                // SAFETY: the value that `handle` returned, once.
                unsafe { free(FezzOwned { ptr, len }) };
            })
            .join()
            .unwrap();
        }
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
