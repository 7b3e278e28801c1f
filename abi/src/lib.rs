//! The plugin boundary: two symbols, octets in, octets out, and who owns them until when.
//!
//! A function is a shared object, its *artifact*, that exports
//!
//! ```c
//! FezzOwned fezz_handle_v2(FezzSlice req);   /* request envelope in, response envelope out */
//! void      fezz_free_v2(FezzOwned buf);     /* frees exactly what handle returned         */
//! ```
//!
//! and nothing else. Both are frozen; nothing may ever become a third required symbol. What the
//! octets mean is the business of `fezz-wire`. The same contract for C is in `include/fezz.h`.
//!
//! # Who may call what, and when
//!
//! `fezz_handle_v2` is called by any worker, and by several at once unless the identity limits it,
//! from the end of loading to the end of the process. `req` is lent until return; the answer
//! changes hands.
//!
//! `fezz_free_v2` is called by the worker that made the call, before it does anything else, after
//! each call that returned a pointer. With it the pointer goes back.
//!
//! # Rules of the pair
//!
//! - `req` is never null, read-only and valid until return. Its alignment is 1.
//! - `{NULL, 0}` means "no response": nothing is freed and the dispatch fails at
//!   [`Stage::PluginCall`]. A null pointer with a length is refused the same way.
//! - A pointer with length 0 is freed; the dispatch fails at [`Stage::DeserializeResponse`].
//! - Every other pointer is freed exactly once, also when the octets do not decode and also when
//!   the answer came too late. A length above the host's limit is refused before anything behind
//!   the pointer is read.
//! - A pointer into `req` is refused, reported, and not freed: it is not the function's memory.
//! - A panic or exception must not cross. The Rust SDK catches it and answers 500. Nothing on the
//!   host's side can: a panic that reaches an `extern "C"` function written in Rust aborts the
//!   process (since Rust 1.81), and an exception that reaches the host makes the host abort and
//!   name the artifact.
//! - Threads live long and have at least 2 MiB of stack.
//! - Artifacts are never unloaded: thread-local destructors make that unsafe. A replaced version
//!   gets no new calls and stays mapped until the process ends.
//!
//! # The earlier boundary
//!
//! Artifacts that export `fezz_fetch` (JSON texts) are loaded only where the operator says so
//! ([`SYMBOL_LEGACY_FETCH`]); they stand behind the same call and are deprecated.
//!
//! # Optional symbols
//!
//! Found by name ([`SYMBOLS_OPTIONAL`]), each with a default where it is missing:
//!
//! | symbol | what it is for | without it |
//! |---|---|---|
//! | `fezz_identity_v1` | data that says who the artifact is | named after its file |
//! | `fezz_init_v1` | takes the host's services ([`FezzHostV1`]) and settings | not called |
//! | `fezz_handshake_v1` | versions, capabilities, fallback, time to live | version 2, for ever |
//! | `fezz_selfcheck_v1` | tries the function before it gets traffic | taken to be well |
//! | `fezz_cancel_v1` | hears that nobody waits for a call any more | not called |
//! | `fezz_drain_v1`, `fezz_fini_v1` | orderly end | not called |
//!
//! What they answer is judged as the answers of `fezz_handle_v2` are, and freed by the same
//! `fezz_free_v2`. A host drives them with `host::Function`, in the order of the table; the Rust
//! SDK exports those that the options of its attribute ask for ([`guest`]).
//!
//! # What is deliberately absent
//!
//! Pointers of the host other than its one table, and a third required symbol. Growth happens in
//! the maps of the envelope, at the end of the table, and in symbols that are found by name.

#[cfg(feature = "host")]
pub mod artifact;
#[cfg(feature = "host")]
pub mod digest;
pub mod guest;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "host")]
mod legacy;
#[cfg(feature = "host")]
mod load_error;
#[cfg(feature = "host")]
mod load_options;
#[cfg(feature = "host")]
mod private_copy;
pub mod services;
mod types;
mod version;

#[cfg(feature = "host")]
pub use host::CallError;
#[cfg(feature = "host")]
pub use load_error::{Foreign, LoadError, LoadFault, Table};
#[cfg(feature = "host")]
pub use load_options::{Abi, LoadOptions};
#[cfg(feature = "host")]
pub use private_copy::{LIBRARIES_MAX, LIBRARY_BYTES_MAX, LOOKUPS_MAX, PrivateFault, Step};
pub use services::{CancelReason, FezzHostV1, HostServices, InvokeError, LogLevel};
pub use types::{FezzFree, FezzHandle, FezzOwned, FezzSlice};
pub use version::{
    ABI_LEVEL, FLAG_INLINE_OK, FLAG_WANTS_RUNNER, FezzIdentityV1, IDENTITY_MAGIC, IdentityError,
    SYMBOL_CANCEL, SYMBOL_DRAIN, SYMBOL_FINI, SYMBOL_FREE, SYMBOL_HANDLE, SYMBOL_HANDSHAKE,
    SYMBOL_IDENTITY, SYMBOL_INIT, SYMBOL_LEGACY_FETCH, SYMBOL_LEGACY_FREE, SYMBOL_SELFCHECK,
    SYMBOLS_OPTIONAL, Stage,
};
