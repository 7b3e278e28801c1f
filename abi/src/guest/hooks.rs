//! Glue for the optional entry points of functions written in Rust, and for the services their
//! host offers. A panic in any of them ends here.

use std::sync::atomic::{AtomicPtr, Ordering};

use super::settle;
use crate::services::{FezzHostV1, LogLevel, NO_DEADLINE_NS};
use crate::types::{FezzOwned, FezzSlice};

/// `fezz_init_v1` returns this where the author's code refused.
pub const INIT_REFUSED: i32 = 1;
/// `fezz_init_v1` returns this where the author's code panicked.
pub const INIT_PANICKED: i32 = 2;
/// `fezz_init_v1` returns this where the host's table is no table of its first version or later.
pub const INIT_TABLE: i32 = 3;

/// The table of the host, once there is one.
static HOST: AtomicPtr<FezzHostV1> = AtomicPtr::new(std::ptr::null_mut());

/// The body of `fezz_init_v1`: keeps the host's table and gives the settings' octets to `start`.
///
/// # Safety
/// The arguments must be what the host passed to `fezz_init_v1`, during that call.
pub unsafe fn init(
    table: *const FezzHostV1,
    settings: FezzSlice,
    start: impl FnOnce(&[u8]) -> Result<(), String>,
) -> i32 {
    // SAFETY: `struct_size` comes first and is there in any version of the table.
    if table.is_null() || (unsafe { (*table).struct_size } as usize) < FezzHostV1::BASELINE_BYTES {
        return INIT_TABLE;
    }
    // SAFETY: the host's table lives as long as the process and has all of our members.
    adopt(unsafe { &*table });
    // SAFETY: the host lends `len` octets behind a pointer that is not null, for this call.
    let settings = unsafe { std::slice::from_raw_parts(settings.ptr, settings.len) };
    match settle(|| start(settings)) {
        Some(Ok(())) => 0,
        Some(Err(reason)) => {
            log(0, LogLevel::Error, &reason);
            INIT_REFUSED
        }
        None => INIT_PANICKED,
    }
}

/// The body of `fezz_handshake_v1` and `fezz_selfcheck_v1`: octets in, octets handed over. A panic
/// becomes "no response".
///
/// # Safety
/// `request` must be what the host passed, during that call.
pub unsafe fn envelope(request: FezzSlice, answer: impl FnOnce(&[u8]) -> Vec<u8>) -> FezzOwned {
    // SAFETY: as in `handle`, by the caller's promise.
    unsafe { super::handle(request, |octets| settle(|| answer(octets)).unwrap_or_default()) }
}

/// The body of `fezz_drain_v1`: 0 if `end` says that everything ended.
pub fn drain(end: impl FnOnce() -> bool) -> i32 {
    i32::from(settle(end) != Some(true))
}

/// The body of entry points without an answer.
pub fn quietly(run: impl FnOnce()) {
    settle(run);
}

/// Uses this host from now on.
pub fn adopt(table: &'static FezzHostV1) {
    HOST.store(std::ptr::from_ref(table).cast_mut(), Ordering::Release);
}

/// Uses this host if there is none yet.
pub fn adopt_first(table: &'static FezzHostV1) {
    let table = std::ptr::from_ref(table).cast_mut();
    let none = std::ptr::null_mut();
    // Whoever came first stays.
    HOST.compare_exchange(none, table, Ordering::AcqRel, Ordering::Acquire).ok();
}

fn host() -> Option<&'static FezzHostV1> {
    let table = HOST.load(Ordering::Acquire);
    // SAFETY: null, or a table that lives as long as the process.
    unsafe { table.cast_const().as_ref() }
}

/// Gives the host a line for its log; false if there is no host.
pub fn log(call: u64, level: LogLevel, text: &str) -> bool {
    let Some(host) = host() else { return false };
    // SAFETY: a member of the host's table, with its own `ctx`; the text is lent for the call.
    unsafe { (host.log)(host.ctx, call, level.code(), FezzSlice::lend(text.as_bytes())) };
    true
}

/// Whether nobody waits for this call any more, as far as there is a host to say so.
#[must_use]
pub fn cancelled(call: u64) -> bool {
    // SAFETY: a member of the host's table, with its own `ctx`.
    host().is_some_and(|host| unsafe { (host.cancelled)(host.ctx, call) } != 0)
}

/// Nanoseconds this call has left, if there is a host and it counts.
#[must_use]
pub fn remaining_ns(call: u64) -> Option<u64> {
    let host = host()?;
    // SAFETY: a member of the host's table, with its own `ctx`.
    let left = unsafe { (host.remaining_ns)(host.ctx, call) };
    (left != NO_DEADLINE_NS).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_or_refuses_is_told_by_a_number() {
        let lend = FezzSlice::lend(b"\xa0");
        // SAFETY: no table, and settings lent for the call.
        let code = unsafe { init(std::ptr::null(), lend, |_| Ok(())) };
        assert_eq!(code, INIT_TABLE);
        assert_eq!(drain(|| true), 0);
        assert_eq!(drain(|| false), 1);
        assert_eq!(drain(|| std::panic::resume_unwind(Box::new(()))), 1);
        quietly(|| std::panic::resume_unwind(Box::new(())));
        // SAFETY: octets lent for the call; nothing is handed over.
        let none = unsafe { envelope(lend, |_| std::panic::resume_unwind(Box::new(()))) };
        assert!(none.ptr.is_null());
        // SAFETY: octets lent for the call, and the answer given back once.
        unsafe {
            let answer = envelope(lend, <[u8]>::to_vec);
            assert_eq!(answer.len, 1);
            super::super::free(answer);
        }
    }
}
