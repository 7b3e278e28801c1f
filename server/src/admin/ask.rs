//! The other end: a verb of the command line asks a server that runs.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{Answer, Request, TALK_MAX};

/// Octets of an answer.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AskFault {
    /// Nobody listens there.
    Nobody,
    /// This user may not ask there.
    Denied,
    /// There was no answer in time.
    Silence(Duration),
    /// The server ended before it answered.
    Cut,
    /// What was answered is not what a server answers.
    Garbled,
    /// What the system said.
    System(io::Error),
}

/// Asks the server whose socket is `path`, and waits `patience` at most for its answer.
///
/// # Errors
/// Why there is none.
pub(crate) fn ask(path: &Path, request: &Request, patience: Duration) -> Result<Answer, AskFault> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // It holds for connect as well, which waits while the queue is full (unix(7)).
    socket.set_write_timeout(Some(TALK_MAX))?;
    socket.connect(&SockAddr::unix(path)?)?;
    let mut stream = UnixStream::from(socket);
    stream.write_all(format!("{}\n", request.line()).as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(patience))?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(AskFault::Silence(patience));
        }
        Err(error) => return Err(error.into()),
        Ok(0) => return Err(AskFault::Cut),
        Ok(_) => {}
    }
    let answer = String::from_utf8(answer).map_err(|_| AskFault::Garbled)?;
    match answer.split_once('\n') {
        Some(("ok", body)) => Ok(Answer { done: true, body: body.to_owned() }),
        Some(("failed", body)) => Ok(Answer { done: false, body: body.to_owned() }),
        _ => Err(AskFault::Garbled),
    }
}

impl From<io::Error> for AskFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::Nobody,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Cut,
            _ => Self::System(error),
        }
    }
}

impl AskFault {
    /// The stable reason word.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Denied => "denied",
            Self::Silence(_) => "silence",
            Self::Cut => "cut",
            Self::Garbled => "garbled",
            Self::System(_) => "system",
        }
    }
}

impl fmt::Display for AskFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => out.write_str(
                "no server listens there; is it running, and was it started with --admin?",
            ),
            Self::Denied => {
                out.write_str("this user may not ask; the server's own user and root may")
            }
            Self::Silence(patience) => write!(out, "no answer within {} s", patience.as_secs()),
            Self::Cut => out.write_str("the server ended before it answered"),
            Self::Garbled => out.write_str("what answered there is no fezz"),
            Self::System(error) => error.fmt(out),
        }
    }
}
