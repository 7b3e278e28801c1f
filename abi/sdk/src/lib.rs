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
//! # The call and its host
//!
//! A function that says `host` in its attribute gets services of its host, by [`call()`]: a line in
//! the server's log, whether somebody still waits, how much time is left.
//!
//! ```
//! use fezz::{Request, Response};
//!
//! #[fezz::function(host)]
//! fn search(request: Request) -> Response {
//!     let mut hits = Vec::new();
//!     for place in ["attic", "cellar"] {
//!         if fezz::call().cancelled() {
//!             fezz::call().info(format_args!("gave up before the {place}"));
//!             break;
//!         }
//!         hits.push(place);
//!     }
//!     Response::text(hits.join("\n"))
//! }
//! # fn main() {}
//! ```
//!
//! More of the attribute's options name functions that run before and after: `init` gets the
//! operator's settings and may refuse them, `selfcheck` tries the function before it gets traffic,
//! `cancel`, `drain` and `fini` hear of an end. `capabilities`, `ttl` and `fallback` are answered
//! in a handshake. Nothing is exported for what is not mentioned.
//!
//! ```
//! use fezz::{Init, Request, Response, SelfCheck};
//! use std::sync::OnceLock;
//!
//! static GREETING: OnceLock<String> = OnceLock::new();
//!
//! #[fezz::function(init = start, selfcheck = check, fallback = "previous", ttl = "1h")]
//! fn hello(request: Request) -> Response {
//!     Response::text(GREETING.get().cloned().unwrap_or_default())
//! }
//!
//! fn start(init: &Init) -> Result<(), String> {
//!     let greeting = init.setting("greeting").ok_or("the setting `greeting` is missing")?;
//!     GREETING.set(greeting.to_owned()).ok();
//!     Ok(())
//! }
//!
//! fn check(check: &mut SelfCheck) {
//!     check.that("there is a greeting", GREETING.get().is_some());
//! }
//! # fn main() {
//! assert!(fezz::testing::init(start, &[]).is_err());
//! assert_eq!(fezz::testing::self_check(check), ["there is a greeting"]);
//! fezz::testing::init(start, &[("greeting", "ahoy")]).unwrap();
//! # }
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
mod call;
mod hooks;
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
pub use call::{Call, call};
pub use fezz_abi::{CancelReason, LogLevel};
#[cfg(feature = "axum")]
pub use fezz_macros::app;
pub use fezz_macros::function;
pub use hooks::{Init, IntoOutcome, SelfCheck};
pub use octets::Octets;
pub use outcome::{Error, IntoResponse};
pub use query::QueryPairs;
pub use request::{Headers, Request};
pub use response::Response;

/// What the attributes generate calls to. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use crate::call::{cancelled, serve_in_call};
    pub use crate::hooks::{handshake, self_check, start};
    pub use crate::serve::serve;
    pub use fezz_abi::guest::hooks::{drain, envelope, init, quietly};
    pub use fezz_abi::guest::{free, handle, take_back};
    pub use fezz_abi::{FLAG_INLINE_OK, FezzHostV1, FezzIdentityV1, FezzOwned, FezzSlice};

    #[cfg(feature = "axum")]
    pub use crate::app::App;

    /// What an artifact says it was built with.
    pub const SDK: &str = concat!("fezz ", env!("CARGO_PKG_VERSION"));
}
