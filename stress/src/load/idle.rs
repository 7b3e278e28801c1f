//! Connections that only exist: each asks one question, then is held until its owner says so.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use super::Plan;
use super::answer::{Checker, Fault};
use super::secure::Wire;

const INBOX_BYTES: usize = 64 * 1024;

/// Connections that were made, used once, and are now quiet.
#[derive(Debug)]
pub struct Held {
    streams: Vec<Wire<TcpStream>>,
}

/// Why the connections could not be made.
#[derive(Debug)]
pub enum IdleError {
    /// Connecting or writing failed.
    Os {
        /// Connections that stood already.
        open: usize,
        /// What the operating system said.
        error: io::Error,
    },
    /// A wrong answer.
    Answer {
        /// Connections that stood already.
        open: usize,
        /// What is wrong with it.
        fault: Fault,
    },
}

impl fmt::Display for IdleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os { open, error } => write!(f, "after {open} connections: {error}"),
            Self::Answer { open, fault } => {
                write!(f, "after {open} connections: wrong answer ({fault})")
            }
        }
    }
}

impl std::error::Error for IdleError {}

/// Opens `plan.connections` connections one after another, with one exchange on each.
///
/// # Errors
/// The first connection that cannot be made or is answered wrongly.
pub fn hold(plan: &Plan) -> Result<Held, IdleError> {
    let mut checker = Checker::new(plan.expectation.clone());
    let mut streams = Vec::with_capacity(plan.connections);
    for open in 0..plan.connections {
        let stream = TcpStream::connect(plan.server).and_then(|stream| wire(stream, plan));
        let mut stream = stream.map_err(|error| IdleError::Os { open, error })?;
        let outcome = exchange(&mut stream, plan, &mut checker);
        match outcome.map_err(|error| IdleError::Os { open, error })? {
            Ok(()) => streams.push(stream),
            Err(fault) => return Err(IdleError::Answer { open, fault }),
        }
    }
    Ok(Held { streams })
}

impl Held {
    /// How many of the connections the server still keeps open.
    ///
    /// # Errors
    /// When a socket cannot be made non-blocking.
    pub fn still_open(&mut self) -> io::Result<usize> {
        let mut open = 0;
        for stream in &mut self.streams {
            stream.socket().set_nonblocking(true)?;
            let looked = stream.read(&mut [0]);
            open += usize::from(looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
        }
        Ok(open)
    }
}

fn wire(stream: TcpStream, plan: &Plan) -> io::Result<Wire<TcpStream>> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(plan.patience))?;
    Wire::new(stream, plan.security.as_ref())
}

fn exchange(
    stream: &mut Wire<TcpStream>,
    plan: &Plan,
    checker: &mut Checker,
) -> io::Result<Result<(), Fault>> {
    stream.write_all(&plan.request)?;
    stream.flush()?;
    let mut inbox = vec![0; INBOX_BYTES];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut inbox[filled..])?;
        filled += read;
        match checker.take(&inbox[..filled]) {
            Err(fault) => return Ok(Err(fault)),
            Ok(Some(answer)) if answer.closes => return Ok(Err(Fault::ClosedEarly)),
            Ok(Some(answer)) if answer.octets < filled => return Ok(Err(Fault::Unasked)),
            Ok(Some(_)) => return Ok(Ok(())),
            Ok(None) if read == 0 => return Ok(Err(Fault::ClosedEarly)),
            Ok(None) => {}
        }
    }
}
