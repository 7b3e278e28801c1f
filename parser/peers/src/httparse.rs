//! httparse, asked about one head; bodies and framing are not its business.

use httparse::{EMPTY_HEADER, Error, Request, Status};

use crate::peer::Head;

/// Field lines told: more than our parser ever takes.
const FIELDS_MAX: usize = 512;

/// The head at the start of `octets` with its length, `None` while it is not whole.
///
/// # Errors
///
/// The name of its error.
pub fn read(octets: &[u8]) -> Result<Option<(Head<'_>, usize)>, &'static str> {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = Request::new(&mut fields);
    let bytes = match request.parse(octets) {
        Ok(Status::Complete(bytes)) => bytes,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(name(error)),
    };
    let head = Head {
        method: request.method.unwrap_or_default().as_bytes(),
        target: request.path.unwrap_or_default().as_bytes(),
        minor: request.version.unwrap_or_default(),
        fields: request.headers.iter().map(|line| (line.name.as_bytes(), line.value)).collect(),
    };
    Ok(Some((head, bytes)))
}

const fn name(error: Error) -> &'static str {
    match error {
        Error::HeaderName => "header_name",
        Error::HeaderValue => "header_value",
        Error::NewLine => "new_line",
        Error::Status => "status",
        Error::Token => "token",
        Error::TooManyHeaders => "too_many_headers",
        Error::Version => "version",
    }
}
