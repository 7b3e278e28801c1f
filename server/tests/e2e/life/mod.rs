//! The life of the process: who tells it what, what takes its place, what it gives up. Here are the
//! clients that keep asking meanwhile, and count.

mod admin;
mod reload;
mod rights;
mod systemd;
mod upgrade;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use std::io::{ErrorKind, Read as _, Write as _};

use super::harness::{Client, field};

/// Runs a verb against the server whose socket is `socket`.
fn verb(socket: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fezz"));
    command.args(words).arg("--admin").arg(socket).output().expect("fezz runs")
}

/// The exit code and everything that was said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("text"))
}

/// What `status` says.
fn status(socket: &Path) -> serde_json::Value {
    let output = verb(socket, &["status", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output).1);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Waits until `until` holds.
fn wait(what: &str, mut until: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if until() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not come true");
}

/// Which answers are right at this moment: numbers, from the last that was published to the last
/// that may be there already.
#[derive(Default)]
struct Truth {
    published: AtomicU64,
    attempted: AtomicU64,
}

/// Clients that ask over connections that stay, until they are told to stop.
struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<u64>>,
}

impl Load {
    /// `retries` says whether a connection may end before an answer began: then the request is
    /// sent again over another one, as RFC 9112 §9.3.1 has it, and counted.
    fn start(address: SocketAddr, clients: usize, truth: &Arc<Truth>, retries: bool) -> Self {
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let clients = (0..clients).map(|_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            let truth = Arc::clone(truth);
            std::thread::spawn(move || ask_on(address, &over, &answered, &truth, retries))
        });
        let clients = clients.collect();
        Self { over, answered, clients }
    }

    /// Waits for so many more answers: the clients are at work.
    fn await_answers(&self, more: u64) {
        let target = self.answered.load(Ordering::Relaxed) + more;
        wait("the clients get answers", || {
            assert!(!self.clients.iter().any(JoinHandle::is_finished), "a client gave up");
            self.answered.load(Ordering::Relaxed) >= target
        });
    }

    /// The number of answers, all of them right, and of connections that ended before one.
    fn stop(self) -> (u64, u64) {
        self.over.store(true, Ordering::Relaxed);
        let retried = self.clients.into_iter().map(|it| it.join().expect("nothing is lost"));
        let retried = retried.sum();
        (self.answered.load(Ordering::Relaxed), retried)
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn ask_on(
    address: SocketAddr,
    over: &AtomicBool,
    answered: &AtomicU64,
    truth: &Truth,
    retries: bool,
) -> u64 {
    let (mut client, mut retried) = (Client::to(address), 0);
    while !over.load(Ordering::Relaxed) {
        let least = truth.published.load(Ordering::SeqCst);
        let (head, content) = loop {
            match ask(&mut client) {
                Some(reply) => break reply,
                None => {
                    assert!(retries, "a connection ended before its answer");
                    retried += 1;
                    client = Client::to(address);
                }
            }
        };
        let most = truth.attempted.load(Ordering::SeqCst);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let number: u64 = String::from_utf8(content).expect("text").parse().expect("a number");
        assert!((least..=most).contains(&number), "{number} is not from {least} to {most}");
        answered.fetch_add(1, Ordering::Relaxed);
        if field(&head, "connection") == Some("close") {
            client = Client::to(address);
        }
    }
    retried
}

/// One answer, whole; nothing when the connection ended before the first octet of it.
fn ask(client: &mut Client) -> Option<(String, Vec<u8>)> {
    let gone = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
    };
    match client.0.write_all(REQUEST) {
        Err(error) if gone(&error) => return None,
        sent => sent.expect("it is sent"),
    }
    let mut head = vec![0];
    loop {
        match client.0.read(&mut head) {
            Ok(0) => return None,
            Ok(_) => break,
            Err(error) if gone(&error) => return None,
            // A signal interrupts a socket with a timeout (signal(7)), also one of another test.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("an answer: {error}"),
        }
    }
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        client.0.read_exact(&mut octet).expect("an answer that began is whole");
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let length = field(&head, "content-length").map_or(0, |text| text.parse().expect("digits"));
    let mut content = vec![0; length];
    client.0.read_exact(&mut content).expect("an answer that began is whole");
    Some((head, content))
}

/// Puts a function at `artifact` that says `label`, in one step.
fn put(artifact: &Path, label: &str) {
    let beside = artifact.with_extension("new");
    super::versions::speaking(&beside, label, "");
    std::fs::rename(&beside, artifact).expect("renamed");
}
