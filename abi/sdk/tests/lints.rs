//! The strictest author: what an attribute generates trips none of their lints.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]
#![deny(clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks)]
#![deny(clippy::allow_attributes, clippy::allow_attributes_without_reason)]
#![deny(elided_lifetimes_in_paths)]

use fezz::{Request, Response};

/// A public function with everything spelled out.
#[fezz::function]
#[must_use]
pub fn strict(request: Request<'_>) -> Response {
    Response::text(request.method().to_owned())
}

#[test]
fn it_is_still_an_ordinary_function() {
    let reply = fezz::testing::request("PUT", "/").call(strict);
    assert_eq!(reply.text(), "PUT");
}
