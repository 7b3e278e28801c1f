//! Write a Fezz function in Rust: one ordinary function from a request to a response.
//!
//! ```
//! use fezz::{Request, Response};
//!
//! #[fezz::function]
//! fn hello(request: Request) -> Response {
//!     let name = request.query_value("name").unwrap_or("world".into());
//!     Response::text(format!("hello {name}\n"))
//! }
//! # fn main() {}
//! ```
//!
//! Compile it as a shared library and give that file to the server:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//! ```
//!
//! The attribute exports what the boundary asks for and leaves your function as it is, so it can
//! be tested without a server:
//!
//! ```
//! # use fezz::{Request, Response};
//! # fn hello(request: Request) -> Response { Response::text("hello Ada\n") }
//! let reply = fezz::testing::request("GET", "/?name=Ada").call(hello);
//! assert_eq!((reply.status(), reply.text()), (200, "hello Ada\n"));
//! ```
//!
//! # Failing
//!
//! Return `Result` to use `?`. What may be inside is told at [`IntoResponse`]: in short, an error
//! that can be displayed becomes a 500 whose message is logged and not sent, and an [`Error`] or a
//! [`Response`] becomes the answer it describes. A panic becomes a 500 too; this needs unwinding,
//! so `panic = "abort"` is refused when compiling.
//!
//! # What does not compile
//!
//! ```compile_fail
//! #[fezz::function] // a function is called and returns
//! async fn hello(_: fezz::Request<'_>) -> fezz::Response { fezz::Response::new(204) }
//! # fn main() {}
//! ```
//! ```compile_fail
//! #[fezz::function] // a number is no response
//! fn hello(_: fezz::Request) -> u32 { 7 }
//! # fn main() {}
//! ```
//! ```compile_fail
//! #[fezz::function] // what is borrowed from a request ends with the call
//! fn hello(request: fezz::Request) -> fezz::Response { fezz::Response::text(request.path()) }
//! # fn main() {}
//! ```
//! ```compile_fail
//! #[fezz::function(fast)] // no such option
//! fn hello(_: fezz::Request) -> fezz::Response { fezz::Response::new(204) }
//! # fn main() {}
//! ```
//!
//! # Threads
//!
//! Calls may run on several threads at once. A function that cannot bear that says
//! `#[fezz::function(max_concurrency = 1)]`. One that is always short and never blocks may say
//! `#[fezz::function(inline)]`, and the server can spare itself a change of threads. Threads that a
//! function starts are its own business; it is never unloaded.
//!
//! # Feature `axum`
//!
//! With the feature `axum`, `#[fezz::app]` serves a whole `axum::Router`.
#![forbid(unsafe_code)]

#[cfg(feature = "axum")]
mod app;
mod octets;
mod outcome;
mod query;
mod request;
mod response;
mod serve;
pub mod testing;

#[cfg(feature = "axum")]
pub use app::Meta;
/// The version of axum whose `Router` `#[fezz::app]` serves.
#[cfg(feature = "axum")]
pub use axum;
#[cfg(feature = "axum")]
pub use fezz_macros::app;
pub use fezz_macros::function;
pub use octets::Octets;
pub use outcome::{Error, IntoResponse};
pub use query::QueryPairs;
pub use request::{Headers, Request};
pub use response::Response;

/// What the attributes generate calls to. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use crate::serve::serve;
    pub use fezz_abi::guest::{free, handle};
    pub use fezz_abi::{FLAG_INLINE_OK, FezzIdentityV1, FezzOwned, FezzSlice};

    #[cfg(feature = "axum")]
    pub use crate::app::App;

    /// What an artifact says it was built with.
    pub const SDK: &str = concat!("fezz ", env!("CARGO_PKG_VERSION"));
}
