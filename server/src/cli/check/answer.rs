//! What can be wrong with an answer that arrived. The server refuses most of it with 502; here it
//! is said why, and some of what the server puts right in silence is said too.

use std::fmt;

use fezz_abi::{CallError, Stage};
use fezz_wire::{ResponseView, WireError, WireLimits};

use super::finding::{Finding, Outcome};

/// Field names that only the host may write: it frames the reply (RFC 9112 §6, RFC 9110 §7.6.1).
const FRAMING: [&str; 7] = [
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// The parts of an answer that equal requests are expected to have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) status: u16,
    /// In lower case, in order.
    pub(super) names: Vec<Vec<u8>>,
    pub(super) body_bytes: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, names, body_bytes } = self;
        write!(out, "status {status}, {} fields, {body_bytes} octets", names.len())
    }
}

/// Something wrong with an answer, or with several. The function is to blame, always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The answer is not memory that may be read.
    Call(CallError),
    /// The answer is no envelope of a response.
    Wire(WireError),
    /// The function panicked and its guard said so.
    Panic,
    /// The answer is of another version than was settled.
    Version { wanted: u64, found: u64 },
    /// The function says another length than its body has.
    Length { said: String, found: usize },
    /// The function tries to frame the reply.
    Framing { name: &'static str },
    /// A status that has no content comes with some.
    Content { status: u16, bytes: usize },
    /// The status is 500.
    ServerError,
    /// Equal requests have unequal answers.
    Unsteady { first: Shape, then: Shape, together: bool },
    /// An answer changed while the host had it.
    Changed { bytes: usize },
    /// Memory grew with every batch of calls.
    Growth { kib: u64, calls: u64 },
}

impl Fault {
    const fn outcome(&self) -> Outcome {
        match self {
            Self::Call(_)
            | Self::Wire(_)
            | Self::Panic
            | Self::Version { .. }
            | Self::Length { .. }
            | Self::Changed { .. } => Outcome::Fail,
            Self::Framing { .. }
            | Self::Content { .. }
            | Self::ServerError
            | Self::Unsteady { .. }
            | Self::Growth { .. } => Outcome::Warn,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Call(error) => error.name(),
            Self::Wire(error) => error.name(),
            Self::Panic => "panic",
            Self::Version { .. } => "version",
            Self::Length { .. } => "content_length",
            Self::Framing { .. } => "framing_field",
            Self::Content { .. } => "content_without_meaning",
            Self::ServerError => "status_500",
            Self::Unsteady { .. } => "unsteady",
            Self::Changed { .. } => "answer_changed",
            Self::Growth { .. } => "growth",
        }
    }

    fn stage(&self) -> Option<Stage> {
        match self {
            Self::Call(error) => Some(error.stage()),
            Self::Wire(error) => Some(error.stage().into()),
            Self::Panic => Some(Stage::Panic),
            Self::Version { .. } => Some(Stage::ResponseEnvelope),
            Self::Changed { .. } => Some(Stage::PluginCall),
            Self::Length { .. }
            | Self::Framing { .. }
            | Self::Content { .. }
            | Self::ServerError
            | Self::Unsteady { .. }
            | Self::Growth { .. } => None,
        }
    }

    const fn remedy(&self) -> &'static str {
        match self {
            Self::Call(error) => call_remedy(*error),
            Self::Wire(error) => wire_remedy(error),
            Self::Panic => "fix what the function's own message below names; the client got 500",
            Self::Version { .. } => "answer in the version that meta.version of the request says",
            Self::Length { .. } => {
                "leave content-length away, the server writes it; this body is not what the \
                 function meant to send"
            }
            Self::Framing { .. } => "leave it away: the server frames the reply and drops it",
            Self::Content { .. } => "leave the body empty: the server drops it",
            Self::ServerError => "see whether it needs configuration or other services to answer",
            Self::Unsteady { together: true, .. } => {
                "look for data that several threads use without a lock; else declare \
                 max_concurrency 1 in the identity"
            }
            Self::Unsteady { together: false, .. } => {
                "see whether it is meant to: a cache or a retry will not expect it"
            }
            Self::Changed { .. } => {
                "allocate memory for each answer: a buffer that calls share is \
                 overwritten while the server reads it; or declare \
                                     max_concurrency 1 in the identity"
            }
            Self::Growth { .. } => {
                "see whether fezz_free_v2 frees all of an answer, and whether \
                                    what the function keeps between calls has a bound"
            }
        }
    }

    /// As it is shown.
    pub(super) fn finding(&self) -> Finding {
        Finding {
            outcome: self.outcome(),
            reason: self.name().to_owned(),
            stage: self.stage().map_or("", Stage::name).to_owned(),
            text: self.to_string(),
            remedy: self.remedy().to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(out),
            Self::Wire(error) => write!(out, "the answer is no response envelope: {error}"),
            Self::Version { wanted, found } => {
                write!(out, "the answer is of version {found}; version {wanted} was settled")
            }
            Self::Panic => out.write_str("the function panicked; its guard answered 500"),
            Self::Length { said, found } => {
                write!(out, "content-length says '{said}' and the body has {found} octets")
            }
            Self::Framing { name } => write!(out, "the answer has a field '{name}'"),
            Self::Content { status, bytes } => {
                write!(out, "an answer with status {status} has a body of {bytes} octets")
            }
            Self::ServerError => out.write_str("the function answered 500"),
            Self::Unsteady { first, then, together } => {
                let when = if *together { " while other calls ran" } else { "" };
                write!(out, "the same request was answered with {first}, then{when} with {then}")
            }
            Self::Changed { bytes } => write!(
                out,
                "an answer of {bytes} octets changed while another call ran, before it was freed"
            ),
            Self::Growth { kib, calls } => write!(
                out,
                "memory grew by {kib} KiB over {calls} calls, {} octets a call",
                kib.saturating_mul(1_024) / (*calls).max(1)
            ),
        }
    }
}

const fn call_remedy(error: CallError) -> &'static str {
    match error {
        CallError::NoResponse => {
            "return a response for every request; {NULL, 0} makes the server answer 502"
        }
        CallError::EmptyResponse => "return a response envelope: a CBOR map with a status",
        CallError::NullWithLength { .. } => {
            "check what the allocation returned before returning its length with it"
        }
        CallError::LengthTooLarge { .. } => {
            "return the number of octets that were written; for larger answers raise \
             --limit-response-body"
        }
        CallError::PointsIntoRequest => {
            "copy what is to be sent: the request belongs to the server and is never freed by the \
             function"
        }
        CallError::RunsIntoRequest { .. } => "return the number of octets that were written",
        CallError::Unterminated { .. } => "end the text with a NUL",
        CallError::NotUtf8 { .. } => "send text alone; the boundary of fezz_handle_v2 takes octets",
        CallError::NotJson { .. } | CallError::NotAResponse { .. } => {
            "return {\"status\": 200, \"headers\": [[\"name\", \"value\"]], \"body\": \"text\"}"
        }
        CallError::RequestUnreadable => "report this: it is not the function's fault",
    }
}

const fn wire_remedy(error: &WireError) -> &'static str {
    match error {
        WireError::BodyTooLarge { .. } => {
            "send less, or raise --limit-response-body for the server"
        }
        WireError::TrailingOctets { .. } => {
            "return the number of octets the encoder wrote, not the size of its buffer"
        }
        WireError::Truncated { .. } => "return all octets the encoder wrote",
        WireError::HeaderNameEmpty { .. }
        | WireError::HeaderNameOctet { .. }
        | WireError::HeaderValueOctet { .. } => {
            "never put what a client sent into a field without a check: a line feed in it would \
             begin another field"
        }
        WireError::HeaderCount { .. } | WireError::HeadTooLarge { .. } => "send fewer fields",
        WireError::StatusRange { .. } => "answer with a final status, 200 to 599",
        _ => {
            "write {\"status\": 200, \"headers\": [], \"body\": h''} with a CBOR library and \
              compare"
        }
    }
}

/// Judges an answer to a request with this method; faults that do not keep it from being sent go
/// into `besides`.
///
/// # Errors
/// What makes the server answer 500 or 502 in its place.
pub(super) fn examine(
    method: &str,
    answer: Result<&[u8], CallError>,
    settled: Option<u64>,
    besides: &mut Vec<Fault>,
) -> Result<Shape, Fault> {
    let octets = answer.map_err(Fault::Call)?;
    let view = ResponseView::decode(octets, &WireLimits::default()).map_err(Fault::Wire)?;
    if view.is_panic() {
        return Err(Fault::Panic);
    }
    if let (Some(wanted), Some(found)) = (settled, view.meta_version())
        && wanted != found
    {
        return Err(Fault::Version { wanted, found });
    }
    let (status, body_bytes) = (view.status(), view.body_len());
    let mut names = Vec::new();
    for (name, value) in view.headers() {
        let name = name.to_vec().to_ascii_lowercase();
        if name == b"content-length" {
            besides.extend(wrong_length(method, status, &value.to_vec(), body_bytes));
        }
        let framing = FRAMING.into_iter().find(|known| known.as_bytes() == name);
        besides.extend(framing.map(|name| Fault::Framing { name }));
        names.push(name);
    }
    // RFC 9110 §15.3.5, §15.3.6, §15.4.5.
    if matches!(status, 204 | 205 | 304) && body_bytes > 0 {
        besides.push(Fault::Content { status, bytes: body_bytes });
    }
    if status == 500 {
        besides.push(Fault::ServerError);
    }
    Ok(Shape { status, names, body_bytes })
}

/// Whether a content-length disagrees with the body. An answer to HEAD and a 304 may say the
/// length of what they leave out (RFC 9110 §8.6).
fn wrong_length(method: &str, status: u16, value: &[u8], found: usize) -> Option<Fault> {
    let said: Option<u64> = str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|it| it.is_ascii_digit()))
        .and_then(|text| text.parse().ok());
    let agrees = said == Some(found as u64);
    let left_out = said.is_some() && found == 0 && (method == "HEAD" || status == 304);
    let said = || value.escape_ascii().to_string();
    (!agrees && !left_out).then(|| Fault::Length { said: said(), found })
}

#[cfg(test)]
mod tests {
    use fezz_wire::encode_response;

    use super::*;

    fn judged(method: &str, status: u16, fields: &[(&str, &str)], body: &[u8]) -> Vec<Fault> {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let octets = encode_response(status, fields, false, body);
        let mut besides = Vec::new();
        let shape = examine(method, Ok(&octets), None, &mut besides).unwrap();
        assert_eq!((shape.status, shape.body_bytes), (status, body.len()));
        besides
    }

    #[test]
    fn a_length_agrees_or_stands_for_what_is_left_out() {
        let length = |value| [("Content-Length", value)];
        assert_eq!(judged("GET", 200, &length("2"), b"ok"), []);
        assert_eq!(judged("HEAD", 200, &length("7"), b""), []);
        assert_eq!(judged("GET", 304, &length("7"), b""), []);
        for (method, said) in [("GET", "7"), ("HEAD", "7"), ("GET", "2, 2"), ("GET", "+2")] {
            let expected = Fault::Length { said: said.to_owned(), found: 2 };
            assert_eq!(judged(method, 200, &length(said), b"ok"), [expected]);
        }
        let expected = Fault::Length { said: "x".to_owned(), found: 0 };
        assert_eq!(judged("HEAD", 200, &length("x"), b""), [expected]);
    }

    #[test]
    fn what_the_server_puts_right_is_said() {
        let names: Vec<&str> = judged("GET", 204, &[("Connection", "close"), ("TE", "x")], b"x")
            .iter()
            .map(Fault::name)
            .collect();
        assert_eq!(names, ["framing_field", "framing_field", "content_without_meaning"]);
        assert_eq!(judged("GET", 500, &[], b""), [Fault::ServerError]);
    }

    #[test]
    fn refusals_have_the_stage_of_the_server() {
        let judged = |answer, settled| examine("GET", answer, settled, &mut Vec::new());
        let stage = |answer| judged(answer, None).unwrap_err().finding().stage;
        let other = b"\xa2\x66status\x18\xc8\x64meta\xa1\x67version\x03";
        assert!(judged(Ok(other), None).is_ok() && judged(Ok(other), Some(3)).is_ok());
        let expected = Fault::Version { wanted: 2, found: 3 };
        assert_eq!(judged(Ok(other), Some(2)), Err(expected));
        assert_eq!(stage(Err(CallError::NoResponse)), "plugin_call");
        assert_eq!(stage(Ok(b"\xff")), "deserialize_response");
        assert_eq!(stage(Ok(b"\x80")), "response_envelope");
        assert_eq!(stage(Ok(b"\xa1\x66status\x18\x64")), "response_decode");
    }
}
