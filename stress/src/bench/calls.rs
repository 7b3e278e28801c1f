//! Calls whose answers nobody waits for, each on a connection of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::server::pin_to;
use crate::clock::Clock;

/// A caller whose call was answered or refused calls again so many seconds after that call.
const AGAIN_SECONDS: f64 = 1.0;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One call, begun.
#[derive(Debug)]
pub(super) struct Call {
    stream: TcpStream,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Waiting,
    Answered,
    Closed,
}

impl Call {
    /// Sends a GET of `path`.
    pub(super) fn begin(server: SocketAddr, path: &str) -> io::Result<Self> {
        let mut call = Self { stream: TcpStream::connect(server)? };
        call.stream.set_nodelay(true)?;
        call.send(path)?;
        call.stream.set_nonblocking(true)?;
        Ok(call)
    }

    /// Whether neither an answer nor the end of the connection has arrived.
    pub(super) fn is_waiting(&mut self) -> bool {
        self.look() == Fate::Waiting
    }

    /// A request is shorter than any socket's buffer, so that writing it does not wait.
    fn send(&mut self, path: &str) -> io::Result<()> {
        write!(self.stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    }

    fn look(&mut self) -> Fate {
        let mut inbox = [0; 4096];
        match self.stream.read(&mut inbox) {
            Ok(0) => Fate::Closed,
            Ok(_) => Fate::Answered,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Fate::Waiting,
            Err(_) => Fate::Closed,
        }
    }
}

/// Clients that call the same target at the same time, again and again.
#[derive(Debug)]
pub(super) struct Crowd {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Calls>>,
}

/// What a crowd did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Calls {
    /// Calls begun.
    pub(super) begun: u64,
    /// Calls that ended, by whatever answer.
    pub(super) ended: u64,
}

impl Crowd {
    /// Sends `clients` on their way, on the given cores.
    pub(super) fn gather(
        server: SocketAddr,
        path: &'static str,
        clients: usize,
        cpus: Vec<usize>,
    ) -> io::Result<Self> {
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let thread = thread::Builder::new().name("crowd".to_owned()).spawn(move || {
            pin_to(&cpus)?;
            call_again_and_again(server, path, clients, &told)
        })?;
        Ok(Self { enough, thread })
    }

    /// Ends it, and says what it did.
    pub(super) fn dismiss(self) -> io::Result<Calls> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the clients panicked"))?
    }
}

fn call_again_and_again(
    server: SocketAddr,
    path: &str,
    clients: usize,
    enough: &AtomicBool,
) -> io::Result<Calls> {
    let clock = Clock::start();
    let mut calls = Calls::default();
    let mut crowd = Vec::with_capacity(clients);
    for _ in 0..clients {
        crowd.push((Call::begin(server, path)?, Fate::Waiting, clock.seconds()));
        calls.begun += 1;
    }
    while !enough.load(Ordering::Relaxed) {
        thread::sleep(LOOK_EVERY);
        for (call, fate, begun) in &mut crowd {
            if *fate == Fate::Waiting {
                *fate = call.look();
                calls.ended += u64::from(*fate != Fate::Waiting);
            }
            if *fate == Fate::Waiting || clock.seconds() - *begun < AGAIN_SECONDS {
                continue;
            }
            // What is left of the last answer, or the end after it, is of no interest.
            *call = Call::begin(server, path)?;
            (*fate, *begun) = (Fate::Waiting, clock.seconds());
            calls.begun += 1;
        }
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_call_waits_until_it_is_answered_or_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut call = Call::begin(listener.local_addr().unwrap(), "/x").unwrap();
        let mut accepted = listener.accept().unwrap().0;
        assert!(call.is_waiting());
        accepted.write_all(b"HTTP/1.1 503 \r\n\r\n").unwrap();
        while call.is_waiting() {}
        drop(accepted);
        while call.look() != Fate::Closed {}
    }

    #[test]
    fn a_crowd_calls_at_once_and_again_only_after_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let crowd = Crowd::gather(address, "/x", 3, vec![0]).unwrap();
        let mut waiting: Vec<TcpStream> = (0..3).map(|_| listener.accept().unwrap().0).collect();
        waiting[1].write_all(b"HTTP/1.1 504 \r\n\r\n").unwrap();
        let fourth = listener.accept().unwrap().0;
        let calls = crowd.dismiss().unwrap();
        assert_eq!(calls, Calls { begun: 4, ended: 1 });
        drop((waiting, fourth));
    }
}
