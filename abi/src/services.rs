//! What a host does for its functions, as a trait on its side and a table of C functions on theirs.
//!
//! The table is all a function ever holds of the host: no other pointer crosses. Calls are named
//! by numbers the host checks, so that a number kept too long finds nothing instead of memory.
#![expect(unsafe_code, reason = "foreign code calls through this table")]

use core::ffi::c_void;
use core::mem::{offset_of, size_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::types::{FezzOwned, FezzSlice};
use crate::version::ABI_LEVEL;

/// Octets of one log line that are passed on; what is longer is cut.
pub const LOG_BYTES_MAX: usize = 8 * 1024;

/// Octets of one request to a service of the host, at most.
pub const INVOKE_BYTES_MAX: usize = 17 * 1024 * 1024;

/// The answer of [`HostServices::remaining_ns`] about a call without deadline, in nanoseconds.
pub const NO_DEADLINE_NS: u64 = u64::MAX;

/// The capabilities that come with the table itself, as a host offers them in its handshake.
pub const CAPABILITIES: [&str; 3] = ["log", "cancelled", "remaining"];

/// Format of [`HostServices::invoke`]: JSON.
pub const FORMAT_JSON: u32 = 0;
/// Format of [`HostServices::invoke`]: MessagePack.
pub const FORMAT_MSGPACK: u32 = 1;
/// Format of [`HostServices::invoke`]: CBOR, as in `fezz-wire`.
pub const FORMAT_CBOR: u32 = 2;

/// What a host does for its functions. Any thread may ask, also several at once and also after the
/// call in question has ended. A panic does not reach the function: it gets the answer that is
/// told at each method.
pub trait HostServices: Sync {
    /// Takes a line for the log, without its end of line; octets as the function wrote them, at
    /// most [`LOG_BYTES_MAX`]. `call` is 0 outside of calls.
    fn log(&self, call: u64, level: LogLevel, text: &[u8]);

    /// Whether nobody waits for this call any more. After a panic: no.
    fn cancelled(&self, call: u64) -> bool;

    /// Nanoseconds this call has left; [`NO_DEADLINE_NS`] if nobody counts. After a panic too.
    fn remaining_ns(&self, call: u64) -> u64;

    /// Answers a request envelope in one of the formats with a response envelope in the same.
    ///
    /// # Errors
    /// Why there is no answer. After a panic: [`InvokeError::Failed`].
    fn invoke(&self, call: u64, format: u32, request: &[u8]) -> Result<Vec<u8>, InvokeError>;
}

/// How much a line in the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Somebody must act.
    Error,
    /// Somebody should look.
    Warn,
    /// Worth knowing.
    Info,
    /// For whoever develops the function.
    Debug,
}

impl LogLevel {
    /// The number that crosses the boundary: 1 to 4.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Error => 1,
            Self::Warn => 2,
            Self::Info => 3,
            Self::Debug => 4,
        }
    }

    /// The level with this number; any other number is finer than all of them.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code {
            0 | 1 => Self::Error,
            2 => Self::Warn,
            3 => Self::Info,
            _ => Self::Debug,
        }
    }

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Why nobody waits for a call any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelReason {
    /// Its time is up.
    Deadline,
    /// The client went away.
    ClientGone,
    /// The server is about to stop.
    Drain,
}

impl CancelReason {
    /// The number that crosses the boundary: 1 to 3.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Deadline => 1,
            Self::ClientGone => 2,
            Self::Drain => 3,
        }
    }

    /// The reason with this number; a later host may have more.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Deadline),
            2 => Some(Self::ClientGone),
            3 => Some(Self::Drain),
            _ => None,
        }
    }

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::ClientGone => "client_gone",
            Self::Drain => "drain",
        }
    }
}

/// Why a service of the host has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvokeError {
    /// This host has no such services. The operator is to ask.
    Unsupported,
    /// No call with this number is running. The function is to blame.
    UnknownCall,
    /// The host does not speak this format. The function is to blame.
    Format,
    /// The request is longer than [`INVOKE_BYTES_MAX`], or no request at all, or there is nowhere
    /// to put the answer. The function is to blame.
    Request,
    /// The call was cancelled. Nobody is to blame.
    Cancelled,
    /// The service failed. The host is to blame.
    Failed,
}

impl InvokeError {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Unsupported,
        Self::UnknownCall,
        Self::Format,
        Self::Request,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The number that crosses the boundary: 1 to 6.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Unsupported => 1,
            Self::UnknownCall => 2,
            Self::Format => 3,
            Self::Request => 4,
            Self::Cancelled => 5,
            Self::Failed => 6,
        }
    }

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::UnknownCall => "unknown_call",
            Self::Format => "format",
            Self::Request => "request",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl core::fmt::Display for InvokeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "the host has no such services",
            Self::UnknownCall => "no call with this number is running",
            Self::Format => "the host does not speak this format",
            Self::Request => "the request is missing or too long, or has no place for its answer",
            Self::Cancelled => "the call was cancelled",
            Self::Failed => "the service failed",
        })
    }
}

impl std::error::Error for InvokeError {}

/// The table a function gets by `fezz_init_v1`. It only ever grows at its end: a function looks at
/// `struct_size` before it uses a member that came later.
#[repr(C)]
#[derive(Debug)]
pub struct FezzHostV1 {
    /// Size of the table in the host, in octets.
    pub struct_size: u32,
    /// [`ABI_LEVEL`] of the host.
    pub abi_level: u32,
    /// First argument of every member; means nothing to a function.
    pub ctx: *mut c_void,
    /// Takes a line for the log: call (0 outside of calls), level, text.
    pub log: unsafe extern "C" fn(*mut c_void, u64, u32, FezzSlice),
    /// 1 if nobody waits for the call any more, else 0.
    pub cancelled: unsafe extern "C" fn(*mut c_void, u64) -> u32,
    /// Nanoseconds the call has left, or [`NO_DEADLINE_NS`].
    pub remaining_ns: unsafe extern "C" fn(*mut c_void, u64) -> u64,
    /// Call, format, request, where to put the answer; 0, or [`InvokeError::code`].
    pub invoke: unsafe extern "C" fn(*mut c_void, u64, u32, FezzSlice, *mut FezzOwned) -> i32,
    /// Frees what `invoke` gave, once.
    pub release: unsafe extern "C" fn(*mut c_void, FezzOwned),
}

#[expect(clippy::cast_possible_truncation, reason = "a few words")]
const TABLE_BYTES: u32 = FezzHostV1::BASELINE_BYTES as u32;
const WORD: usize = size_of::<usize>();
const _: () = assert!(offset_of!(FezzHostV1, ctx) == 8);
const _: () = assert!(offset_of!(FezzHostV1, log) == 8 + WORD);
const _: () = assert!(offset_of!(FezzHostV1, cancelled) == 8 + 2 * WORD);
const _: () = assert!(offset_of!(FezzHostV1, remaining_ns) == 8 + 3 * WORD);
const _: () = assert!(offset_of!(FezzHostV1, invoke) == 8 + 4 * WORD);
const _: () = assert!(offset_of!(FezzHostV1, release) == 8 + 5 * WORD);
const _: () = assert!(size_of::<FezzHostV1>() == FezzHostV1::BASELINE_BYTES);

// SAFETY: nothing in a table is ever written, and its members may be called on any thread: what
// stands behind `ctx` is `Sync`.
unsafe impl Sync for FezzHostV1 {}
// SAFETY: as above.
unsafe impl Send for FezzHostV1 {}

impl FezzHostV1 {
    /// Octets of the first version of the table: what every host has.
    pub const BASELINE_BYTES: usize = 8 + 6 * WORD;
}

/// The services of one host and the table made for them.
type Made = (&'static dyn HostServices, &'static FezzHostV1);

/// A function may use its table as long as the process lives, so none is ever given back; there is
/// one for each host, however often it is handed out.
static TABLES: Mutex<Vec<Made>> = Mutex::new(Vec::new());

/// The table of a host.
#[must_use]
pub fn table(services: &'static dyn HostServices) -> &'static FezzHostV1 {
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = tables.iter().find(|(other, _)| core::ptr::eq(*other, services));
    if let Some((_, table)) = known {
        return table;
    }
    let behind: &'static &'static dyn HostServices = Box::leak(Box::new(services));
    let table: &'static FezzHostV1 = Box::leak(Box::new(FezzHostV1 {
        struct_size: TABLE_BYTES,
        abi_level: ABI_LEVEL,
        ctx: core::ptr::from_ref(behind).cast_mut().cast(),
        log,
        cancelled,
        remaining_ns,
        invoke,
        release,
    }));
    tables.push((services, table));
    table
}

/// # Safety
/// `ctx` must be that of a table made here.
unsafe fn services(ctx: *mut c_void) -> &'static dyn HostServices {
    // SAFETY: `table` put a leaked reference there, which nobody ever writes.
    unsafe { *ctx.cast_const().cast::<&'static dyn HostServices>() }
}

/// Octets lent by a function, at most `max`; nothing if it lends none.
///
/// # Safety
/// The slice must be readable for as long as the result is used.
unsafe fn lent<'f>(slice: FezzSlice, max: usize) -> &'f [u8] {
    if slice.ptr.is_null() || slice.len == 0 {
        return &[];
    }
    // SAFETY: not null, and not longer than what the caller vouches for.
    unsafe { core::slice::from_raw_parts(slice.ptr, slice.len.min(max)) }
}

/// Runs code of the host, whose panics end here.
fn guarded<T>(otherwise: T, run: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => value,
        Err(payload) => {
            // A payload may panic when it is dropped; this one is not.
            core::mem::forget(payload);
            otherwise
        }
    }
}

unsafe extern "C" fn log(ctx: *mut c_void, call: u64, level: u32, text: FezzSlice) {
    guarded((), || {
        // SAFETY: the function passes on the `ctx` of its table and lends the text for this call.
        let (services, text) = unsafe { (services(ctx), lent(text, LOG_BYTES_MAX)) };
        services.log(call, LogLevel::from_code(level), text);
    });
}

unsafe extern "C" fn cancelled(ctx: *mut c_void, call: u64) -> u32 {
    // SAFETY: the function passes on the `ctx` of its table.
    guarded(0, || u32::from(unsafe { services(ctx) }.cancelled(call)))
}

unsafe extern "C" fn remaining_ns(ctx: *mut c_void, call: u64) -> u64 {
    // SAFETY: the function passes on the `ctx` of its table.
    guarded(NO_DEADLINE_NS, || unsafe { services(ctx) }.remaining_ns(call))
}

unsafe extern "C" fn invoke(
    ctx: *mut c_void,
    call: u64,
    format: u32,
    request: FezzSlice,
    out: *mut FezzOwned,
) -> i32 {
    let answer = guarded(Err(InvokeError::Failed), || {
        if out.is_null() || request.ptr.is_null() || request.len > INVOKE_BYTES_MAX {
            return Err(InvokeError::Request);
        }
        // SAFETY: the function passes on the `ctx` of its table and lends the request.
        let (services, octets) = unsafe { (services(ctx), lent(request, INVOKE_BYTES_MAX)) };
        services.invoke(call, format, octets)
    });
    let (owned, code) = match answer {
        Ok(octets) => {
            let len = octets.len();
            let ptr = Box::into_raw(octets.into_boxed_slice()).cast();
            (FezzOwned { ptr, len }, 0)
        }
        Err(error) => (FezzOwned::NONE, error.code()),
    };
    if !out.is_null() {
        // SAFETY: not null, and the function's own place for the two words.
        unsafe { out.write(owned) };
    }
    code
}

unsafe extern "C" fn release(_: *mut c_void, buf: FezzOwned) {
    if !buf.ptr.is_null() {
        let slice = core::ptr::slice_from_raw_parts_mut(buf.ptr, buf.len);
        // SAFETY: the two words `invoke` gave, made by `Box::into_raw`, and given back once.
        drop(unsafe { Box::from_raw(slice) });
    }
}

#[cfg(test)]
mod tests;
