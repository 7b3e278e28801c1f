//! A few threads that stand ready to talk: started before any function runs, because threads
//! cannot be started while an artifact is being loaded.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{
    Answer, CONNECTIONS_MAX, Format, Operator, REQUEST_BYTES_MAX, Request, RequestFault, TALK_MAX,
    Verb,
};
use crate::clock::Clock;
use crate::log;
use crate::sys::unix;

/// Pause after a connection that could not be taken: what is wrong does not pass at once.
const PAUSE: Duration = Duration::from_millis(100);

/// How long somebody whose request was refused may go on talking at one time, and how often.
const LEAVE_MAX: Duration = Duration::from_millis(200);
const LEAVE_READS_MAX: usize = 16;

/// Those who answer.
struct Desk {
    operator: Arc<dyn Operator>,
    /// Requests under way that may take long.
    waiting: AtomicUsize,
}

/// Starts the threads. They end with the process.
///
/// # Errors
/// The operating system's reason why a thread cannot be had.
pub(crate) fn start(listener: &UnixListener, operator: Arc<dyn Operator>) -> io::Result<()> {
    let desk = Arc::new(Desk { operator, waiting: AtomicUsize::new(0) });
    for number in 0..CONNECTIONS_MAX {
        let (listener, desk) = (listener.try_clone()?, Arc::clone(&desk));
        thread::Builder::new()
            .name(format!("fezz-admin-{number}"))
            .spawn(move || desk.attend(&listener))?;
    }
    Ok(())
}

impl Desk {
    fn attend(&self, listener: &UnixListener) {
        loop {
            match listener.accept() {
                // Who leaves early is no news.
                Ok((stream, _)) => drop(self.talk(stream)),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    fn talk(&self, mut stream: UnixStream) -> io::Result<()> {
        stream.set_write_timeout(Some(TALK_MAX))?;
        let peer = unix::peer(stream.as_fd())?;
        if peer.user != 0 && peer.user != unix::effective_user() {
            // The file's mode says the same; a descriptor may have been passed on.
            let fields = [("user", log::Value::from(u64::from(peer.user)))];
            log::warn("fezz::admin", &fields, "somebody else's request was refused");
            let why = "only the server's own user and root may ask";
            say(&mut stream, &Answer::failed(Format::Text, "not_allowed", why))?;
            return hear_out(&mut stream);
        }
        let request = match read(&mut stream)? {
            Ok(line) => Request::parse(&line),
            Err(fault) => Err(fault),
        };
        match request {
            Ok(request) => self.answer(&mut stream, &request),
            Err(fault) => {
                say(&mut stream, &Answer::failed(Format::Json, fault.name(), fault))?;
                hear_out(&mut stream)
            }
        }
    }

    /// Lets nobody wait who would take the last thread.
    fn answer(&self, stream: &mut UnixStream, request: &Request) -> io::Result<()> {
        let long = usize::from(request.verb != Verb::Status);
        let before = self.waiting.fetch_add(long, Ordering::AcqRel);
        let said = if long > 0 && before >= CONNECTIONS_MAX - 1 {
            let why = "too many requests wait for their end already";
            say(stream, &Answer::failed(request.format, "busy", why))
        } else {
            let said = say(stream, &self.operator.answer(request));
            self.operator.told(request);
            said
        };
        self.waiting.fetch_sub(long, Ordering::AcqRel);
        said
    }
}

/// Reads one line, within limits of length and time that hold for all of it.
fn read(stream: &mut UnixStream) -> io::Result<Result<String, RequestFault>> {
    let clock = Clock::start();
    let mut line = Vec::new();
    let mut chunk = [0; 512];
    loop {
        let waited = Duration::from_micros(clock.now().as_micros());
        let Some(left) = TALK_MAX.checked_sub(waited).filter(|it| !it.is_zero()) else {
            return Ok(Err(RequestFault::TooSlow));
        };
        stream.set_read_timeout(Some(left))?;
        let read = match stream.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        line.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let end = line.iter().position(|octet| *octet == b'\n');
        if end.unwrap_or(line.len()) >= REQUEST_BYTES_MAX {
            return Ok(Err(RequestFault::TooLong));
        }
        // The end of what is sent ends the line as well.
        if let Some(end) = end.or((read == 0).then_some(line.len())) {
            line.truncate(end);
            return Ok(String::from_utf8(line).map_err(|_| RequestFault::NotText));
        }
    }
}

/// Drops what is still being said, within limits: closing before would take the answer away.
fn hear_out(stream: &mut UnixStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(LEAVE_MAX))?;
    let mut chunk = [0; 4_096];
    for _ in 0..LEAVE_READS_MAX {
        if stream.read(&mut chunk)? == 0 {
            break;
        }
    }
    Ok(())
}

fn say(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let word = if answer.done { "ok" } else { "failed" };
    stream.write_all(format!("{word}\n{}", answer.body).as_bytes())
}
