//! The strictest author: what an attribute generates trips none of their lints.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]
#![deny(clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks)]
#![deny(clippy::allow_attributes, clippy::allow_attributes_without_reason)]
#![deny(elided_lifetimes_in_paths)]

use std::time::Duration;

use fezz::{Call, CancelReason, Init, Request, Response, SelfCheck};

/// A public function with everything spelled out.
#[fezz::function(
    name = "strict",
    version = "1",
    max_concurrency = 2,
    inline,
    host,
    capabilities = [],
    fallback = "fail_request",
    ttl = "1h",
    init = start,
    selfcheck = check,
    cancel = cancelled,
    drain = drained,
    fini = ended
)]
#[must_use]
pub fn strict(request: Request<'_>) -> Response {
    Response::text(request.method().to_owned())
}

fn start(_: &Init) {}

fn check(check: &mut SelfCheck) {
    check.that("it is strict", true);
}

fn cancelled(_: Call, _: Option<CancelReason>) {}

fn drained(left: Duration) -> bool {
    !left.is_zero()
}

fn ended() {}

#[test]
fn it_is_still_an_ordinary_function() {
    let reply = fezz::testing::request("PUT", "/").call(strict);
    assert_eq!(reply.text(), "PUT");
}
