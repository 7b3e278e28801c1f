//! From octets to octets: read the envelope, run the function, write the envelope.

use fezz_wire::{RequestView, WireError, joined};

use crate::outcome::{Error, IntoResponse};
use crate::request::Request;

/// Answers one request envelope. Panics of the function pass through; `fezz_abi::guest` catches
/// them.
#[inline]
pub fn serve<R: IntoResponse>(octets: &[u8], function: impl FnOnce(Request<'_>) -> R) -> Vec<u8> {
    match RequestView::usual(octets) {
        Some(view) => function(Request::new(view)).into_response().encode(),
        None => serve_unusual(octets, function),
    }
}

/// An envelope that no host of ours writes: in another layout, in segments, or not an envelope at
/// all.
#[cold]
#[inline(never)]
fn serve_unusual<R: IntoResponse>(
    octets: &[u8],
    function: impl FnOnce(Request<'_>) -> R,
) -> Vec<u8> {
    let whole = match RequestView::decode(octets) {
        Ok(view) => return function(Request::new(view)).into_response().encode_all(),
        Err(WireError::Segmented { .. }) => joined(octets),
        Err(error) => Err(error),
    };
    let response = whole.and_then(|octets| {
        let view = RequestView::decode(&octets)?;
        Ok(function(Request::new(view)).into_response())
    });
    let refused = |error: WireError| {
        Error::from(format_args!("the request envelope is unreadable: {error}")).into_response()
    };
    response.unwrap_or_else(refused).encode_all()
}
