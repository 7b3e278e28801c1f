//! The operator's interface: a Unix socket, one line asked, one answer given.
//!
//! ```text
//! VERB [timeout=TIME] [format=text|json] [binary=PATH]
//! ```
//!
//! The answer is `ok` or `failed` on a line of its own, then text or a JSON object, then the end.
//! Nothing that changes the server's state can be said anywhere else but by a signal.

mod ask;
mod socket;
mod threads;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use ask::{AskFault, ask};
pub use socket::AdminFault;
pub(crate) use socket::AdminSocket;
pub(crate) use threads::start;

use crate::units::parse_duration;

/// Connections that are served at once; more wait.
pub(crate) const CONNECTIONS_MAX: usize = 4;
/// Octets of a request, its end of line included.
pub(crate) const REQUEST_BYTES_MAX: usize = 4_096;
/// For a whole request to arrive, and for an answer to leave.
pub(crate) const TALK_MAX: Duration = Duration::from_secs(5);
/// The longest that anybody may want to wait.
pub(crate) const PATIENCE_MAX: Duration = Duration::from_secs(3_600);
/// How long an answer may take unless said otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// What the server is doing.
    Status,
    /// To read the configuration again.
    Reload,
    /// To end in order.
    Drain,
    /// To hand over to another binary.
    Upgrade,
}

/// How an answer looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// For a person.
    Text,
    /// One object.
    #[default]
    Json,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) verb: Verb,
    pub(crate) format: Format,
    /// How long the answer may take; for `drain`: nothing if it is not to wait for the end.
    pub(crate) patience: Option<Duration>,
    /// For `upgrade`: the binary; nothing for the one that runs.
    pub(crate) binary: Option<PathBuf>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether it was done.
    pub(crate) done: bool,
    /// Text or JSON.
    pub(crate) body: String,
}

/// What is wrong with a request. The asker's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFault {
    /// It is longer than [`REQUEST_BYTES_MAX`].
    TooLong,
    /// It is not text.
    NotText,
    /// Its end did not come within [`TALK_MAX`].
    TooSlow,
    /// There is no such verb.
    Verb,
    /// There is no such key.
    Key,
    /// A value is wrong.
    Value,
}

/// Who answers.
pub(crate) trait Operator: Send + Sync {
    /// Does what is asked. May take as long as the request says.
    fn answer(&self, request: &Request) -> Answer;

    /// The answer to `request` has left, or cannot leave any more.
    fn told(&self, request: &Request);
}

impl Verb {
    const ALL: [Self; 4] = [Self::Status, Self::Reload, Self::Drain, Self::Upgrade];

    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Reload => "reload",
            Self::Drain => "drain",
            Self::Upgrade => "upgrade",
        }
    }
}

impl Request {
    pub(crate) const fn new(verb: Verb, format: Format) -> Self {
        Self { verb, format, patience: None, binary: None }
    }

    /// Reads a line without its end.
    pub(crate) fn parse(line: &str) -> Result<Self, RequestFault> {
        let (verb, mut rest) = line.split_once(' ').unwrap_or((line, ""));
        let verb = Verb::ALL.into_iter().find(|it| it.name() == verb);
        let mut request = Self::new(verb.ok_or(RequestFault::Verb)?, Format::Json);
        while !rest.is_empty() {
            // A path is the rest of the line, whatever is in it.
            if let Some(path) = rest.strip_prefix("binary=") {
                request.binary = Some(PathBuf::from(path)).filter(|it| it.is_absolute());
                return if request.binary.is_some() {
                    Ok(request)
                } else {
                    Err(RequestFault::Value)
                };
            }
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            match word.split_once('=') {
                Some(("format", "text")) => request.format = Format::Text,
                Some(("format", "json")) => request.format = Format::Json,
                Some(("timeout", text)) => {
                    let patience = parse_duration(text).map_err(|_| RequestFault::Value)?;
                    request.patience = Some(patience.min(PATIENCE_MAX));
                }
                Some(("format", _)) => return Err(RequestFault::Value),
                _ => return Err(RequestFault::Key),
            }
            rest = after;
        }
        Ok(request)
    }

    /// The line, without its end.
    pub(crate) fn line(&self) -> String {
        let mut line = self.verb.name().to_owned();
        if self.format == Format::Text {
            line += " format=text";
        }
        if let Some(patience) = self.patience {
            line += &format!(" timeout={}ms", patience.as_millis());
        }
        if let Some(binary) = &self.binary {
            line += &format!(" binary={}", binary.display());
        }
        line
    }
}

impl Answer {
    /// A negative one, with its reason.
    pub(crate) fn failed(format: Format, name: &str, why: impl fmt::Display) -> Self {
        Self { done: false, body: complaint(format, name, &why.to_string()) }
    }
}

/// What went wrong, as an answer says it.
pub(crate) fn complaint(format: Format, name: &str, why: &str) -> String {
    match format {
        Format::Text => format!("{why}\n"),
        Format::Json => {
            let object = crate::json::Object::new().value("ok", false);
            object.text("error", name).text("why", why).end() + "\n"
        }
    }
}

impl RequestFault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "request_too_long",
            Self::NotText => "request_not_text",
            Self::TooSlow => "request_too_slow",
            Self::Verb => "unknown_verb",
            Self::Key => "unknown_key",
            Self::Value => "wrong_value",
        }
    }
}

impl fmt::Display for RequestFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(out, "a request has {REQUEST_BYTES_MAX} octets at most"),
            Self::NotText => out.write_str("a request is a line of UTF-8"),
            Self::TooSlow => {
                write!(out, "a request has to arrive within {} s", TALK_MAX.as_secs())
            }
            Self::Verb => out.write_str("the verbs are status, reload, drain and upgrade"),
            Self::Key => out.write_str("the keys are timeout=, format= and binary="),
            Self::Value => out.write_str(
                "timeout= is a time such as 30s, format= is text or json, binary= is an absolute \
                 path and comes last",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_is_written() {
        let request = Request {
            patience: Some(Duration::from_millis(1_500)),
            binary: Some(PathBuf::from("/opt/a b=c/fezz")),
            ..Request::new(Verb::Upgrade, Format::Text)
        };
        let line = "upgrade format=text timeout=1500ms binary=/opt/a b=c/fezz";
        assert_eq!(request.line(), line);
        assert_eq!(Request::parse(line), Ok(request));
        let plain = Request::new(Verb::Status, Format::Json);
        assert_eq!(Request::parse(&plain.line()), Ok(plain));
        // Nobody may wait for ever.
        let long = Request::parse("drain timeout=9h").map(|it| it.patience);
        assert_eq!(long, Ok(Some(PATIENCE_MAX)));
    }
}
