//! From octets to octets: read the envelope, run the function, write the envelope.

use fezz_wire::{RequestView, WireError, joined};

use crate::outcome::{Error, IntoResponse};
use crate::request::Request;

/// Answers one request envelope. Panics of the function pass through; `fezz_abi::guest` catches
/// them.
#[inline]
pub fn serve<R: IntoResponse>(octets: &[u8], function: impl FnOnce(Request<'_>) -> R) -> Vec<u8> {
    match RequestView::decode(octets) {
        Ok(view) => function(Request::new(view)).into_response().encode(),
        Err(error) => serve_unusual(octets, &error, function),
    }
}

/// An envelope that no host of ours writes: in segments, or not an envelope at all.
#[cold]
fn serve_unusual<R: IntoResponse>(
    octets: &[u8],
    error: &WireError,
    function: impl FnOnce(Request<'_>) -> R,
) -> Vec<u8> {
    let whole = match error {
        WireError::Segmented { .. } => joined(octets),
        other => Err(*other),
    };
    let response = whole.and_then(|octets| {
        let view = RequestView::decode(&octets)?;
        Ok(function(Request::new(view)).into_response())
    });
    let refused = |error: WireError| {
        Error::from(format_args!("the request envelope is unreadable: {error}")).into_response()
    };
    response.unwrap_or_else(refused).encode()
}
