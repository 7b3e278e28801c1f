//! The attributes of the Fezz SDK: they leave a function as it is and export it.
//!
//! Use them as `#[fezz::function]` and `#[fezz::app]`; the generated code names the crate `fezz`.

mod declaration;
mod glue;
mod hooks;
mod options;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use options::Options;

/// Exports a function from a request to a response as the function of this artifact.
///
/// ```
/// #[fezz::function]
/// fn hello(request: fezz::Request) -> fezz::Response {
///     fezz::Response::text("hello")
/// }
/// # fn main() {}
/// ```
///
/// Options, separated by commas:
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `name = "..."` | name of the function, at most 63 octets | name of the library |
/// | `version = "..."` | its version, at most 31 octets | version of the package |
/// | `max_concurrency = 1` | most calls at the same time | no limit |
/// | `inline` | calls are short and never block: the event loop may make them | workers call |
/// | `host` | the function uses `fezz::call()` | it has no services |
/// | `init = path` | `fn(&fezz::Init)`, or with a `Result`: takes the operator's settings | |
/// | `selfcheck` | answers the host's samples before there is traffic | is taken to be well |
/// | `selfcheck = path` | the same, then `fn(&mut fezz::SelfCheck)` | |
/// | `capabilities = ["..."]` | what the host must have | needs none |
/// | `fallback = "..."` | if it fails: `fail_request`, `static` or `previous` | the operator says |
/// | `ttl = "1h"` | asks for another handshake after so long (`ms`, `s`, `m`, `h`) | never |
/// | `cancel = path` | `fn(fezz::Call, Option<fezz::CancelReason>)`: nobody waits any more | |
/// | `drain = path` | `fn(Duration) -> bool`: ends work beside calls; whether it ended in time | |
/// | `fini = path` | `fn()`: the function is not used any more | |
///
/// `init`, `cancel` and `capabilities` imply `host`. Nothing is exported that no option asks for.
///
/// A crate has one function: the exported names are fixed.
#[proc_macro_attribute]
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let item = parse_macro_input!(item as ItemFn);
    glue::expand(&options, &item, declaration::function(&item), glue::call_function).into()
}

/// Exports an `axum::Router` as the function of this artifact. Needs the feature `axum` of `fezz`.
///
/// ```
/// use fezz::axum::{Router, routing::get};
///
/// #[fezz::app]
/// fn app() -> Router {
///     Router::new().route("/", get(|| async { "hello" }))
/// }
/// # fn main() {}
/// ```
///
/// The router is built at the first request. The options are those of [`macro@function`].
#[proc_macro_attribute]
pub fn app(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let item = parse_macro_input!(item as ItemFn);
    glue::expand(&options, &item, declaration::app(&item), glue::call_app).into()
}
