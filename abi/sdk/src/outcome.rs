//! What a function may return, and what becomes of its errors.
//!
//! Two audiences, never mixed: a client gets what was meant for it, the log gets the rest.

use std::fmt;

use crate::octets::Octets;
use crate::response::Response;

/// What a function may return.
///
/// | returned | answer |
/// |---|---|
/// | [`Response`] | itself |
/// | `&'static str`, `String` | 200 with that text |
/// | `Ok(one of these)` | the same |
/// | `Err(anything that can be displayed)` | 500; the message is logged, not sent |
/// | `Err(`[`Error`]`)` | the status and text it was made with |
/// | `Err(`[`Response`]`)` | that response |
///
/// An error type of your own gets a status of its own by `impl From<YourError> for fezz::Error`,
/// as long as it does not implement `Display`.
#[diagnostic::on_unimplemented(
    message = "a Fezz function cannot return `{Self}`",
    label = "this is not a response",
    note = "return `fezz::Response`, text, or a `Result` of one of them; its error may be anything \
            that implements `Display`, a `fezz::Error` or a `fezz::Response`"
)]
pub trait IntoResponse {
    /// The response to send.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    #[inline]
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        self.response
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(outcome) => outcome.into_response(),
            Err(error) => error.into().into_response(),
        }
    }
}

/// The end of a call that did not go as hoped: an answer for the client, and perhaps a cause for
/// the log.
///
/// Use it as the error type of a function, and `?` accepts every error that can be displayed. It
/// does not implement `Display` itself, so that it cannot be mistaken for such an error.
pub struct Error {
    response: Response,
    cause: Option<String>,
}

impl Error {
    /// An answer with this status and text; nothing is logged.
    ///
    /// ```
    /// # use fezz::{Error, Request, Response};
    /// fn item(request: Request) -> Result<Response, Error> {
    ///     let id = request.query_value("id").ok_or_else(|| Error::new(400, "which id?\n"))?;
    ///     let id: u32 = id.parse().map_err(|_| Error::new(400, "the id is a number\n"))?;
    ///     let text = std::fs::read_to_string(format!("/nowhere/{id}"))?; // logged, and a 500
    ///     Ok(Response::text(text))
    /// }
    /// assert_eq!(fezz::testing::request("GET", "/").call(item).status(), 400);
    /// assert_eq!(fezz::testing::request("GET", "/?id=7").call(item).status(), 500);
    /// ```
    #[must_use]
    pub fn new(status: u16, text: impl Into<Octets>) -> Self {
        const TYPE: &str = "text/plain; charset=utf-8";
        let response = Response::new(status).header("content-type", TYPE).body(text);
        Self { response, cause: None }
    }

    /// The same answer, with a cause for the log that the client does not see.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    fn log(&self) {
        if let Some(cause) = &self.cause {
            let status = self.response.status_code();
            crate::call().error(format_args!("answered {status}: {cause}"));
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("status", &self.response.status_code())
            .field("cause", &self.cause)
            .finish()
    }
}

impl<E: fmt::Display> From<E> for Error {
    fn from(cause: E) -> Self {
        Self::new(500, "internal server error\n").because(cause)
    }
}

impl From<Response> for Error {
    fn from(response: Response) -> Self {
        Self { response, cause: None }
    }
}
