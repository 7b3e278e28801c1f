//! The load generator against the null server and hyper, as processes, on free ports.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail that way")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fezz_stress::load::Report;
use rustls::pki_types::PrivateKeyDer;

const NULL_SERVER: &str = env!("CARGO_BIN_EXE_fezz-null-server");
const HYPER_SERVER: &str = env!("CARGO_BIN_EXE_fezz-hyper-server");
const LOAD: &str = env!("CARGO_BIN_EXE_fezz-load");

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let address_text = address.to_string();
        let child = Command::new(program).args(["--listen", &address_text]).spawn().unwrap();
        let server = Self { child, address };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return server;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{program} does not accept connections");
    }

    fn load(&self, arguments: &str) -> Output {
        Command::new(LOAD)
            .args(["--connect", &self.address.to_string(), "--json", "--quiet"])
            .args(arguments.split_whitespace())
            .output()
            .unwrap()
    }

    fn report(&self, arguments: &str) -> Report {
        let output = self.load(arguments);
        assert!(output.status.success(), "{arguments}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn every_mode_counts_every_answer() {
    let server = Server::start(NULL_SERVER);
    for arguments in [
        "--requests 1000 -c 8 --expect-body hello",
        "--requests 1000 -c 3 --depth 16 --expect-body hello",
        "--requests 1000 -c 4 --template browser --depth 100",
        "--requests 1000 -c 4 --template post --depth 200",
        "--requests 500 -c 4 --fresh",
        "--requests 200 -c 4 --rate 2000",
    ] {
        let report = server.report(arguments);
        let asked: u64 = arguments.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!((report.answers, report.failed), (asked, 0), "{arguments}");
        assert!(report.latency_us.p50 > 0.0, "{arguments}: {report:?}");
    }
}

#[test]
fn an_echo_is_compared_octet_by_octet() {
    let server = Server::start(HYPER_SERVER);
    let report = server.report("--requests 300 -c 4 --template post --expect-echo --depth 3");
    assert_eq!(report.answers, 300);
    let fresh = server.report("--requests 300 -c 4 --template post --expect-echo --fresh");
    assert_eq!(fresh.answers, 300);
}

#[test]
fn a_wrong_answer_fails_the_run() {
    let server = Server::start(NULL_SERVER);
    let output = server.load("--requests 5 -c 1 --expect-body hallo");
    assert!(!output.status.success());
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report.answers, report.failed, report.faults["body_octets"]), (0, 5, 5));
}

#[test]
fn a_server_that_is_not_there_is_given_up() {
    let mut server = Server::start(NULL_SERVER);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let output = server.load("--seconds 5");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("given up after 1000 faults; the last one: connection"), "{said}");
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let server = Server::start(NULL_SERVER);
    let report = server.report("--seconds 1 --rate 2000 -c 4");
    assert!((1_900.0..=2_100.0).contains(&report.per_second), "{report:?}");
}

#[test]
fn idle_connections_are_held_until_standard_input_ends() {
    let server = Server::start(NULL_SERVER);
    let mut holder = Command::new(LOAD)
        .args(["--connect", &server.address.to_string(), "--idle", "50"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "{\"idle\":50}");
    drop(holder.stdin.take());
    assert_eq!(lines.next().unwrap().unwrap(), "{\"still_open\":50}");
    assert!(holder.wait().unwrap().success());
}

/// A server with TLS, made of rustls and a thread for each connection; and its certificate.
fn secured(answers: &'static [u8]) -> (SocketAddr, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(made.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            thread::spawn(move || serve(stream.unwrap(), config, answers));
        }
    });
    (address, file)
}

/// Answers what ends in a blank line until the peer leaves, or asks for the end.
fn serve(stream: TcpStream, config: Arc<rustls::ServerConfig>, answer: &[u8]) {
    let tls = rustls::ServerConnection::new(config).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, stream);
    let (mut request, mut octet) = (Vec::new(), [0]);
    while let Ok(1) = stream.read(&mut octet) {
        request.push(octet[0]);
        if request.ends_with(b"\r\n\r\n") {
            let ends = request.windows(5).any(|word| word == b"close");
            stream.write_all(answer).unwrap();
            if ends {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
                return;
            }
            request.clear();
        }
    }
}

#[test]
fn with_tls_handshakes_are_counted_and_certificates_verified() {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    const LAST: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    let load = |address: SocketAddr, words: &str| {
        let output = Command::new(LOAD)
            .args(["--connect", &address.to_string(), "--json", "--quiet", "--tls"])
            .args(words.split_whitespace())
            .output()
            .unwrap();
        serde_json::from_slice::<Report>(&output.stdout).unwrap()
    };
    let (address, file) = secured(ANSWER);
    let trust = format!("--tls-ca {}", file.path().display());
    let kept = load(address, &format!("{trust} --requests 300 -c 4 --depth 3 --expect-body hello"));
    assert_eq!((kept.answers, kept.handshakes, kept.resumed), (300, 4, 0), "{kept:?}");
    let (last, other) = secured(LAST);
    let other = format!("--tls-ca {}", other.path().display());
    let fresh = load(last, &format!("{other} --requests 40 -c 4 --fresh"));
    assert_eq!((fresh.answers, fresh.handshakes, fresh.resumed), (40, 40, 0), "{fresh:?}");
    let resumed = load(last, "--insecure-for-loopback --requests 40 -c 4 --fresh --tls-resume");
    assert_eq!((resumed.answers, resumed.handshakes), (40, 40), "{resumed:?}");
    assert!(resumed.resumed >= 36, "{resumed:?}");
    // The authority of one server is not that of the other.
    let wrong = load(last, &format!("{trust} --requests 2 -c 1 --fresh"));
    assert_eq!((wrong.answers, wrong.faults["tls"]), (0, 2), "{wrong:?}");
}
