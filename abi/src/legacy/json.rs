//! Envelopes as JSON texts and back; no foreign memory, no `unsafe`.
//!
//! ```json
//! {"method": "POST", "path": "/orders?id=7", "headers": [["accept", "*/*"]], "body": "text"}
//! {"status": 200, "headers": [["content-type", "text/plain"]], "body": "text"}
//! ```
//!
//! `path` holds the query as well; a request without content has the body null. In an answer
//! `headers` and `body` may be null or absent, and unknown members are skipped, as in envelopes.
//! Statuses and headers are judged where those of envelopes are.

use std::ffi::CString;

use fezz_wire::{RequestView, encode_response, joined};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::host::CallError;

/// What a function of the JSON boundary is asked.
#[derive(Debug)]
pub(super) enum Question {
    /// A text for it.
    Ask(CString),
    /// Nothing: this envelope is the answer.
    Answered(Vec<u8>),
}

#[derive(Serialize)]
struct Request<'r> {
    method: &'r str,
    path: &'r str,
    headers: Vec<(&'r str, &'r str)>,
    body: Option<&'r str>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    #[serde(default)]
    headers: Option<Vec<(String, String)>>,
    #[serde(default)]
    body: Option<String>,
}

/// The text for a request envelope.
pub(super) fn question(envelope: &[u8]) -> Result<Question, CallError> {
    // The host's own envelopes are in one piece; a recorded one may come from elsewhere.
    let whole;
    let view = match RequestView::decode(envelope) {
        Err(fezz_wire::WireError::Segmented { .. }) => {
            whole = joined(envelope).map_err(|_| CallError::RequestUnreadable)?;
            RequestView::decode(&whole)
        }
        view => view,
    };
    let view = view.map_err(|_| CallError::RequestUnreadable)?;
    let mut headers = Vec::with_capacity(view.header_count());
    for (name, value) in view.headers() {
        match (str::from_utf8(name), str::from_utf8(value)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => return Ok(unsupported("header values")),
        }
    }
    let Ok(body) = str::from_utf8(view.body()) else { return Ok(unsupported("bodies")) };
    let request = Request {
        method: view.method(),
        path: view.path_and_query(),
        headers,
        body: (!body.is_empty()).then_some(body),
    };
    let text = serde_json::to_vec(&request).map_err(|_| CallError::RequestUnreadable)?;
    // RFC 8259 §7: a NUL inside a string is written as an escape, so none is left.
    CString::new(text).map(Question::Ask).map_err(|_| CallError::RequestUnreadable)
}

/// RFC 9110 §15.5.16.
fn unsupported(what: &str) -> Question {
    let headers = [(&b"content-type"[..], &b"text/plain"[..])];
    let body = format!("This function takes {what} in UTF-8 only.\n");
    Question::Answered(encode_response(415, headers.into_iter(), false, body.as_bytes()))
}

/// The envelope for an answer.
pub(super) fn answer(text: &[u8]) -> Result<Vec<u8>, CallError> {
    // RFC 8259 §8.1.
    let text =
        str::from_utf8(text).map_err(|error| CallError::NotUtf8 { at: error.valid_up_to() })?;
    // A list of three values would do as the members in their order; it is not a response.
    let object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
    if !object {
        return Err(blame(text, None));
    }
    let response: Response =
        serde_json::from_str(text).map_err(|error| blame(text, Some(&error)))?;
    let headers = response.headers.unwrap_or_default();
    let pairs = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let body = response.body.unwrap_or_default();
    Ok(encode_response(response.status, pairs, false, body.as_bytes()))
}

/// Whether the text is no JSON, or JSON of another shape.
#[cold]
fn blame(text: &str, unfit: Option<&serde_json::Error>) -> CallError {
    match (serde_json::from_str::<IgnoredAny>(text), unfit) {
        (Err(error), _) => CallError::NotJson { line: error.line(), column: error.column() },
        (Ok(_), Some(error)) => {
            CallError::NotAResponse { line: error.line(), column: error.column() }
        }
        (Ok(_), None) => CallError::NotAResponse { line: 1, column: 1 },
    }
}

#[cfg(test)]
mod tests;
