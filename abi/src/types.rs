//! The two structs that cross the boundary, with their layout asserted at compile time.
//!
//! Nothing here owns anything: a `FezzSlice` is a loan, a `FezzOwned` is a debt. Who pays it, and
//! when, is written in the crate documentation.

use core::mem::{align_of, offset_of, size_of};

/// Octets lent for the length of one call: the request envelope.
///
/// The function must not write through it, must not keep it and must not free it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FezzSlice {
    /// First octet. Never null in a call; alignment 1.
    pub ptr: *const u8,
    /// Number of octets behind `ptr`.
    pub len: usize,
}

/// Octets handed over by the function: the response envelope.
///
/// Whoever receives one with a non-null `ptr` passes exactly the same two values to
/// `fezz_free_v2` once.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FezzOwned {
    /// First octet, or null for "no response".
    pub ptr: *mut u8,
    /// Number of octets behind `ptr`.
    pub len: usize,
}

impl FezzSlice {
    /// Lends `octets`; the result is valid as long as they are.
    #[must_use]
    pub const fn lend(octets: &[u8]) -> Self {
        Self { ptr: octets.as_ptr(), len: octets.len() }
    }
}

impl FezzOwned {
    /// "No response": nothing to read, nothing to free.
    pub const NONE: Self = Self { ptr: core::ptr::null_mut(), len: 0 };
}

/// Signature of `fezz_handle_v2` as a function author writes it.
pub type FezzHandle = unsafe extern "C" fn(FezzSlice) -> FezzOwned;

/// Signature of `fezz_free_v2` as a function author writes it.
pub type FezzFree = unsafe extern "C" fn(FezzOwned);

// The layout is frozen: two machine words, pointer first, no padding.
const _: () = assert!(size_of::<FezzSlice>() == 2 * size_of::<usize>());
const _: () = assert!(align_of::<FezzSlice>() == align_of::<usize>());
const _: () = assert!(offset_of!(FezzSlice, ptr) == 0);
const _: () = assert!(offset_of!(FezzSlice, len) == size_of::<usize>());
const _: () = assert!(size_of::<FezzOwned>() == 2 * size_of::<usize>());
const _: () = assert!(align_of::<FezzOwned>() == align_of::<usize>());
const _: () = assert!(offset_of!(FezzOwned, ptr) == 0);
const _: () = assert!(offset_of!(FezzOwned, len) == size_of::<usize>());
