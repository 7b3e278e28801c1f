//! Whatever comes instead of TLS, and handshakes that end at any step.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::pki::{Authority, directory, run, s_client, said, secured};
use crate::harness::{Client, Running, example, present_user};

fn server(name: &str, change: impl FnOnce(&mut fezz_server::config::Config)) -> Running {
    let authority = Authority::new(directory(name));
    let mut config = secured(vec![authority.sign("server", &["localhost"])]);
    change(&mut config);
    Running::start(&config)
}

/// What comes back for these octets, until the server's end.
fn answer(server: &Running, octets: &[u8]) -> Vec<u8> {
    let mut client = Client::to(server.address);
    client.send(octets);
    let mut answer = Vec::new();
    if let Err(error) = client.0.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    answer
}

#[test]
fn plain_http_is_told_to_use_https() {
    let server = server("plain", |_| {});
    let text = answer(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let text = String::from_utf8(text).expect("plain text");
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nthis port speaks TLS: use https instead of http"), "{text}");
    server.wait("it is counted", |counted| counted.handshake_failed["plain_http"] == 1);
}

#[test]
fn what_is_no_tls_gets_an_alert() {
    let server = server("garbage", |_| {});
    let oversized = [b"\x16\x03\x01\xff\xff".as_slice(), &[1; 70_000]].concat();
    let cases: [(&[u8], &str); 7] = [
        (&[0; 64], "zeros"),
        (b"SSH-2.0-client\r\n", "another protocol"),
        (b"\x16\x03\x01\0\0", "an empty record"),
        (b"\x16\x03\x01\0\x04\x02\0\0\0", "a server's hello"),
        (b"\x16\x03\x01\0\x04\x01\x7f\0\0", "a hello of megabytes"),
        (b"\x17\x03\x03\0\x05hello", "data before any key"),
        (&oversized, "a record beyond the largest"),
    ];
    for (octets, what) in cases {
        let alert = answer(&server, octets);
        assert!(alert.is_empty() || alert.starts_with(&[21, 3]), "{what}: {alert:?}");
    }
    server.wait("all are counted", |counted| {
        counted.handshake_failed.values().sum::<u64>() == cases.len() as u64
    });
}

#[test]
fn a_handshake_has_a_deadline_however_it_trickles() {
    let server = server("deadline", |config| {
        config.timeouts.tls_handshake = Duration::from_millis(300);
    });
    let mut silent = Client::to(server.address);
    let mut trickling = Client::to(server.address);
    for octet in *b"\x16\x03\x01\x02\x00\x01\x00" {
        // The last ones may come after the end.
        let _late = trickling.0.write_all(&[octet]);
        std::thread::sleep(Duration::from_millis(60));
    }
    let mut octet = [0];
    for client in [&mut silent, &mut trickling] {
        assert!(!matches!(client.0.read(&mut octet), Ok(1..)), "nothing is said");
    }
    server.wait("both timed out", |counted| counted.timed_out["handshake"] == 2);
}

#[test]
fn too_many_handshakes_at_once_wait_outside() {
    let server = server("handshakes", |config| {
        config.tls.handshakes_max = 4;
        config.timeouts.tls_handshake = Duration::from_secs(1);
    });
    let silent: Vec<Client> = (0..12).map(|_| Client::to(server.address)).collect();
    server.wait("four are in", |counted| counted.accepted == 4);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.handle.counted().accepted, 4, "nobody else is let in");
    let get = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let text = s_client(server.address, &["-servername", "localhost", "-quiet"], get);
    assert!(text.contains("200 OK"), "who waits is served at last: {text}");
    drop(silent);
}

/// Anonymous memory that may come with 264 aborted handshakes: less than 500 octets for each.
const GROWTH_KIB_MAX: i64 = 128;

/// Opens handshakes with Python, ends each at another step, and sees what is left of them.
const ABORTS: &str = r#"
import socket, ssl, struct, sys
port, rounds = int(sys.argv[1]), int(sys.argv[2])
def client(version):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context
contexts = [client(ssl.TLSVersion.TLSv1_2), client(ssl.TLSVersion.TLSv1_3)]
def step(tls):
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
count = 0
for _ in range(rounds):
    for context in contexts:
        for cut in (0, 1, 5, 6, 43, 100, 200, "hello", "half", "all", "wrong"):
            there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(there, back, server_hostname="localhost")
            step(tls)
            hello = back.read()
            raw = socket.create_connection(("127.0.0.1", port), 5)
            if isinstance(cut, int):
                raw.sendall(hello[:cut])
            else:
                raw.sendall(hello)
                if cut != "hello":
                    there.write(raw.recv(20000))
                    step(tls)
                    flight = back.read()
                    if cut == "half":
                        flight = flight[:len(flight) // 2]
                    if cut == "wrong":
                        flight = flight[:-1] + bytes([flight[-1] ^ 1])
                    raw.sendall(flight)
            count += 1
            if count % 3 == 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
print(count)
"#;

/// Looks in a row that see as many descriptors before nobody is taken to be leaving any more.
const STILL_LOOKS: u32 = 20;

#[test]
fn handshakes_aborted_at_every_step_leave_nothing() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .arg("serve")
        .args(present_user())
        .args(["--listen-tls", "127.0.0.1:0", "--tls-self-signed", "--function"])
        .arg(example("echo"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("fezz starts");
    let mut ready = String::new();
    let stderr = child.stderr.take().expect("piped");
    BufReader::new(stderr).read_line(&mut ready).expect("a line");
    let port = ready.split_once("https://127.0.0.1:").expect("ready").1;
    let port = port.split_once(' ').expect("more words").0;
    let directory = format!("/proc/{}/fd", child.id());
    let descriptors = || std::fs::read_dir(&directory).expect("Linux").count();
    let status = format!("/proc/{}/status", child.id());
    let aborted = |rounds: usize| {
        let words = ["100", "python3", "-c", ABORTS, port, &rounds.to_string()];
        let output = run("timeout", &words, b"");
        assert_eq!(said(&output).trim(), (rounds * 22).to_string());
        let (mut held, mut looks) = (descriptors(), 0);
        while looks < STILL_LOOKS {
            std::thread::sleep(Duration::from_millis(100));
            let before = std::mem::replace(&mut held, descriptors());
            looks = if held == before { looks + 1 } else { 0 };
        }
        let status = std::fs::read_to_string(&status).expect("Linux");
        let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = memory.and_then(|text| text.trim().strip_suffix(" kB"));
        (held, kib.and_then(|text| text.parse::<i64>().ok()).expect("a number"))
    };
    // What is made once, for the first of each kind, is there after this.
    let (before, warm) = aborted(4);
    let (after, memory) = aborted(12);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(after, before);
    let grown = memory - warm;
    assert!(grown <= GROWTH_KIB_MAX, "{grown} KiB stay behind {} handshakes", 12 * 22);
}
