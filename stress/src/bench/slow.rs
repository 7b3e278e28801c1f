//! Fast clients beside a thousand slow ones: who dawdles must not cost anybody else anything.
//!
//! The slow ones are a third each: heads that come octet by octet, bodies that come in small
//! pieces, and readers who take a long answer in small pieces. None of them is slower than the
//! server allows, so that all of them stay for the whole turn; that is looked at afterwards.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::bodies::upload;
use super::client::words;
use super::contender::Contender;
use super::error::BenchError;
use super::results::Results;
use super::rounds::{Turn, WARMUP_SHARE, leave_out};
use super::server::{Bench, RESCUED, Server, pin_to};
use super::workload::{Role, Workload};
use crate::clock::Clock;
use crate::load::Report;

const CLIENTS: usize = 1_000;
/// Each slow client does something once in so many ticks, and they do it one after the other:
/// people who have nothing to do with each other do not come in bursts.
const TICKS: usize = CLIENTS;
const TICK: Duration = Duration::from_millis(1);
/// Pieces of slow bodies and of slow reads: more than the 500 octets a second that are asked for.
const PIECE_BYTES: usize = 1_024;
const SLOW_BODY_BYTES: usize = 256 * 1024;
/// What slow readers are sent back: more than the kernel takes from the server at once.
const ANSWER_BYTES: usize = 256 * 1024;
/// So long they may wait for the beginning of it.
const READY_SECONDS_MAX: f64 = 10.0;
const LOOK_EVERY: Duration = Duration::from_millis(5);
const ECHO_PATH: &str = "/echo";

/// Where latencies are compared: far from what the server can do.
const PACE: u32 = 5_000;
const PACED_CONNECTIONS: u32 = 16;
const CONNECTIONS: u32 = 64;
/// Rounds beyond which nothing is learned: a thousand clients come and go in each.
const ROUNDS_MAX: u32 = 3;

/// The series that stands beside `slow`: requests per second.
pub(super) const SLOW_RATE: &str = "slow_rate";

/// Measures it for all that can take part.
pub(super) fn measure(
    bench: &Bench,
    workload: &Workload,
    results: &mut Results,
) -> Result<(), BenchError> {
    for contender in &bench.contenders {
        let outcome = bench.start(contender, Role::Slow).and_then(|server| {
            let Some(server) = server else { return Ok(()) };
            results.started(&contender.name, &server.command);
            compare(bench, workload, contender, &server, results)
        });
        if let Err(error) = outcome {
            leave_out(contender, workload, &error, results);
        }
    }
    Ok(())
}

fn compare(
    bench: &Bench,
    workload: &Workload,
    contender: &Contender,
    server: &Server,
    results: &mut Results,
) -> Result<(), BenchError> {
    let (mut latencies, mut rates, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.args.rounds().min(ROUNDS_MAX) {
        let alone = fast(bench, contender, server)?;
        let crowd = Dawdlers::gather(server.address, bench.load_cpus())?;
        let beside = fast(bench, contender, server);
        let gone = crowd.dismiss()?;
        let beside = beside?;
        if gone > 0 {
            return Err(BenchError::Load { said: format!("{gone} of the slow ones were let go") });
        }
        latencies.push(beside.p99_us / alone.p99_us);
        rates.push(beside.per_second / alone.per_second);
        shown.push(format!("{:.0} → {:.0} µs", alone.p99_us, beside.p99_us));
    }
    let found = if contender.is_inline() { server.said(RESCUED)? } else { 0 };
    if found > 0 {
        return Err(BenchError::Rescues { expected: 0, found });
    }
    results.add(workload.name, &contender.name, latencies, &shown.join(", "));
    let remark = "requests per second beside them, to without";
    results.add(SLOW_RATE, &contender.name, rates, remark);
    Ok(())
}

/// What the fast ones had.
#[derive(Clone, Copy, Debug)]
struct Fast {
    per_second: f64,
    /// In the middle one of the windows.
    p99_us: f64,
}

/// As many as are answered, then a fixed number of requests a second.
fn fast(bench: &Bench, contender: &Contender, server: &Server) -> Result<Fast, BenchError> {
    let seconds = bench.args.turn().as_secs_f64();
    let turn = |what: &str| -> Result<Report, BenchError> {
        let warmup = seconds * WARMUP_SHARE;
        let mut arguments = words(&format!("{what} --seconds {seconds} --warmup {warmup}"));
        arguments.extend(contender.load_arguments(Role::Slow, &bench.places));
        let report = Turn::run(bench, server, &arguments, &bench.load_cpus())?.reports.pop();
        let report = report.ok_or(BenchError::Load { said: "no report".to_owned() })?;
        let none = report.faults.is_empty();
        if none { Ok(report) } else { Err(BenchError::Load { said: report.to_string() }) }
    };
    let busy = turn(&format!("--connections {CONNECTIONS}"))?;
    let paced = turn(&format!("--connections {PACED_CONNECTIONS} --rate {PACE}"))?;
    let p99_us = paced.typical_p99_us().unwrap_or(paced.latency_us.p99);
    Ok(Fast { per_second: busy.per_second, p99_us })
}

/// Slow clients at work.
#[derive(Debug)]
struct Dawdlers {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<usize>>,
}

impl Dawdlers {
    /// Connects them all, and lets them dawdle from now on.
    fn gather(server: SocketAddr, cpus: Vec<usize>) -> io::Result<Self> {
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let answer = upload(ECHO_PATH, ANSWER_BYTES);
        let clients: io::Result<Vec<Dawdler>> =
            (0..CLIENTS).map(|index| Dawdler::begin(server, index, &answer)).collect();
        let clients = clients?;
        wait_for_readers(&clients)?;
        let thread = thread::Builder::new().name("dawdlers".to_owned()).spawn(move || {
            pin_to(&cpus)?;
            dawdle(clients, &told)
        })?;
        Ok(Self { enough, thread })
    }

    /// Lets them go, and says how many the server had let go before.
    fn dismiss(self) -> io::Result<usize> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the slow clients panicked"))?
    }
}

/// Waits until every reader has the beginning of its answer: then what it sent is dealt with, and
/// what is left is slow.
fn wait_for_readers(clients: &[Dawdler]) -> io::Result<()> {
    let clock = Clock::start();
    for client in clients.iter().filter(|client| client.habit == Habit::Reader) {
        while let Err(error) = client.stream.peek(&mut [0]) {
            if error.kind() != ErrorKind::WouldBlock || clock.seconds() > READY_SECONDS_MAX {
                return Err(error);
            }
            thread::sleep(LOOK_EVERY);
        }
    }
    Ok(())
}

fn dawdle(mut clients: Vec<Dawdler>, enough: &AtomicBool) -> io::Result<usize> {
    let mut tick = 0;
    while !enough.load(Ordering::Relaxed) {
        thread::sleep(TICK);
        for client in clients.iter_mut().skip(tick % TICKS).step_by(TICKS) {
            client.step()?;
        }
        tick += 1;
    }
    let mut gone = 0;
    for client in &mut clients {
        gone += usize::from(!client.is_served()?);
    }
    Ok(gone)
}

/// A client that takes its time.
#[derive(Debug)]
struct Dawdler {
    stream: TcpStream,
    habit: Habit,
    gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    Head,
    Body,
    Reader,
}

impl Dawdler {
    fn begin(server: SocketAddr, index: usize, answered: &[u8]) -> io::Result<Self> {
        let habit = [Habit::Head, Habit::Body, Habit::Reader][index % 3];
        let mut stream = TcpStream::connect(server)?;
        match habit {
            Habit::Head => stream.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: ")?,
            Habit::Body => write!(
                stream,
                "POST {ECHO_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {SLOW_BODY_BYTES}\r\n\r\n"
            )?,
            Habit::Reader => stream.write_all(answered)?,
        }
        stream.set_nonblocking(true)?;
        Ok(Self { stream, habit, gone: false })
    }

    fn step(&mut self) -> io::Result<()> {
        let mut piece = [b'x'; PIECE_BYTES];
        let done = match self.habit {
            Habit::Head => self.stream.write(&piece[..1]),
            Habit::Body => self.stream.write(&piece),
            Habit::Reader => self.stream.read(&mut piece),
        };
        match done {
            // The end of the file, where there should be more to read.
            Ok(0) => self.gone = true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if is_end(error.kind()) => self.gone = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether the server still waits for the rest, or has the rest for it.
    fn is_served(&mut self) -> io::Result<bool> {
        if self.gone || self.habit == Habit::Reader {
            return Ok(!self.gone);
        }
        // An answer before the end of the request would be a refusal.
        match self.stream.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(error) if !is_end(error.kind()) => Err(error),
            _ => Ok(false),
        }
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair(index: usize) -> (Dawdler, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = Dawdler::begin(address, index, b"POST / HTTP/1.1\r\n\r\n").unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn each_habit_is_slow_in_its_own_way() {
        let (mut head, mut server) = pair(0);
        head.step().unwrap();
        let mut octets = vec![0; 256];
        let mut got = 0;
        while !octets[..got].ends_with(b"X-Slow: x") {
            got += server.read(&mut octets[got..]).unwrap();
        }
        assert!(head.is_served().unwrap());
        let (mut body, _server) = pair(1);
        assert_eq!(body.habit, Habit::Body);
        body.step().unwrap();
        assert!(body.is_served().unwrap());
        let (mut reader, mut server) = pair(2);
        server.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
        reader.step().unwrap();
        assert!(reader.is_served().unwrap());
    }

    #[test]
    fn who_was_refused_is_not_served() {
        let (mut head, mut server) = pair(0);
        server.write_all(b"HTTP/1.1 408 \r\n\r\n").unwrap();
        head.stream.set_nonblocking(false).unwrap();
        assert_eq!(head.stream.peek(&mut [0]).unwrap(), 1);
        head.stream.set_nonblocking(true).unwrap();
        assert!(!head.is_served().unwrap());
    }

    #[test]
    fn a_reader_whose_answer_ends_is_gone() {
        let (mut reader, mut server) = pair(2);
        // Read all, so that the end is none by force.
        let mut request = [0; 64];
        assert!(server.read(&mut request).unwrap() > 0);
        drop(server);
        reader.stream.set_nonblocking(false).unwrap();
        reader.step().unwrap();
        assert!(reader.gone && !reader.is_served().unwrap());
    }
}
