//! Handshakes and requests that go well, or are refused in order.

use std::io::{Read, Write};
use std::sync::Arc;

use fezz_server::config::{ClientCa, Tickets, TlsVersion, UnknownSni};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::pki::{Authority, directory, run, s_client, said, secured};
use crate::harness::{Client, Running, statuses};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn curl_gets_answers_over_one_connection_and_sees_its_end() {
    let authority = Authority::new(directory("curl"));
    let mut config = secured(vec![authority.sign("server", &["localhost", "127.0.0.1"])]);
    config.tls.hsts_s = Some(31_536_000);
    let server = Running::start(&config);
    let url = format!("https://localhost:{}/", server.address.port());
    let echo = format!("{url}echo");
    let ca = authority.file();
    let ca = ca.to_str().expect("text");
    let blob: Vec<u8> = (0..900_000u32).map(|number| number.to_le_bytes()[0]).collect();
    let sent = run("curl", &["-s", "--cacert", ca, "--data-binary", "@-", &echo], &blob);
    assert!(sent.stdout == blob, "{} octets: {}", sent.stdout.len(), said(&sent));
    let both = run("curl", &["-sv", "--cacert", ca, &url, &url], b"");
    let text = said(&both);
    assert!(text.contains("strict-transport-security: max-age=31536000"), "{text}");
    assert!(text.contains("ALPN: server accepted http/1.1"), "{text}");
    assert!(text.contains("Re-using existing connection"), "{text}");
    let words = ["-s", "--cacert", ca, "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: b.c"];
    let other = run("curl", &[words.as_slice(), &[&url]].concat(), b"");
    assert_eq!(said(&other), "421", "a host that is not the certificate's");
    assert!(server.handle.counted().secured >= 3);
}

#[test]
fn openssl_resumes_in_both_versions_and_sends_nothing_early() {
    let authority = Authority::new(directory("resumption"));
    let config = secured(vec![authority.sign("server", &["localhost"])]);
    let server = Running::start(&config);
    for version in ["-tls1_2", "-tls1_3"] {
        let session = authority.directory.join(format!("session{version}"));
        let session = session.to_str().expect("text");
        let words = ["-servername", "localhost", version];
        let open = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let first = [words.as_slice(), &["-sess_out", session]].concat();
        let first = s_client(server.address, &first, open);
        assert!(first.contains("New, TLSv1."), "{first}");
        let again = [words.as_slice(), &["-sess_in", session]].concat();
        let again = s_client(server.address, &again, GET);
        assert!(again.contains("Reused, TLSv1."), "{again}");
        assert!(again.contains("HTTP/1.1 200 OK"), "{again}");
        if version == "-tls1_3" {
            assert!(again.contains("Max Early Data: 0"), "{again}");
        }
    }
}

#[test]
fn without_tickets_nobody_comes_back() {
    let authority = Authority::new(directory("no-tickets"));
    let mut config = secured(vec![authority.sign("server", &["localhost"])]);
    config.tls.tickets = Tickets::Off;
    let server = Running::start(&config);
    for version in ["-tls1_2", "-tls1_3"] {
        let session = authority.directory.join(format!("session{version}"));
        let session = session.to_str().expect("text");
        let words = ["-servername", "localhost", version, "-sess_out", session];
        let open = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let first = s_client(server.address, &words, open);
        assert!(first.contains("HTTP/1.1 200 OK"), "{first}");
        assert!(!first.contains("TLS session ticket"), "{first}");
    }
}

#[test]
fn old_versions_and_renegotiation_are_refused() {
    let authority = Authority::new(directory("versions"));
    let mut config = secured(vec![authority.sign("server", &["localhost"])]);
    let server = Running::start(&config);
    for version in ["-tls1", "-tls1_1"] {
        let words = [version, "-cipher", "ALL:@SECLEVEL=0"];
        let text = s_client(server.address, &words, b"");
        assert!(text.contains("alert protocol version"), "{version}: {text}");
    }
    server.wait("both failed", |counted| counted.handshake_failed["incompatible"] == 2);
    let text = s_client(server.address, &["-tls1_2"], b"R\n");
    assert!(text.contains("no renegotiation"), "{text}");
    config.tls.version_min = TlsVersion::V13;
    let strict = Running::start(&config);
    let text = s_client(strict.address, &["-tls1_2"], b"");
    assert!(text.contains("alert"), "{text}");
    let text = s_client(strict.address, &["-tls1_3", "-alpn", "h2,http/1.1"], GET);
    assert!(text.contains("ALPN protocol: http/1.1"), "{text}");
    let text = s_client(strict.address, &["-tls1_3", "-alpn", "http/1.0"], GET);
    assert!(text.contains("ALPN protocol: http/1.0") && text.contains("200 OK"), "{text}");
    let text = s_client(strict.address, &["-alpn", "h2"], b"");
    assert!(text.contains("no application protocol"), "{text}");
    strict.wait("both failed", |counted| counted.handshake_failed["incompatible"] == 2);
}

#[test]
fn names_choose_the_certificate() {
    let authority = Authority::new(directory("names"));
    let one = authority.sign("one", &["one.example", "localhost"]);
    let wild = authority.sign("wild", &["*.two.example"]);
    let mut config = secured(vec![one, wild]);
    let server = Running::start(&config);
    for (name, subject) in [("one.example", "one"), ("A.two.example", "wild"), ("", "one")] {
        let words = if name.is_empty() { vec!["-noservername"] } else { vec!["-servername", name] };
        let text = s_client(server.address, &words, b"");
        assert!(text.contains(&format!("subject=CN = {subject}\n")), "{name}: {text}");
    }
    for name in ["two.example", "a.b.two.example", "other.example"] {
        let text = s_client(server.address, &["-servername", name], b"");
        assert!(text.contains("unrecognized name"), "{name}: {text}");
    }
    server.wait("three were refused", |counted| counted.handshake_failed["unknown_name"] == 3);
    config.tls.unknown_sni = UnknownSni::Default;
    let lenient = Running::start(&config);
    let request = b"GET /host HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n";
    let text = s_client(lenient.address, &["-servername", "other.example"], request);
    assert!(text.contains("subject=CN = one\n") && text.contains("200 OK"), "{text}");
}

#[test]
fn elliptic_and_rsa_keys_of_all_encodings_serve_one_name() {
    let home = directory("encodings");
    let at = |name: &str| home.join(name).to_str().expect("text").to_owned();
    let make = |words: &[&str]| {
        let made = run("openssl", words, b"");
        assert!(made.status.success(), "{words:?}: {}", said(&made));
    };
    make(&["genrsa", "-traditional", "-out", &at("pkcs1.key"), "2048"]);
    make(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &at("sec1.key")]);
    make(&["genpkey", "-algorithm", "ed25519", "-out", &at("pkcs8.key")]);
    let mut files = Vec::new();
    for name in ["pkcs1", "sec1", "pkcs8"] {
        let (key, chain) = (at(&format!("{name}.key")), at(&format!("{name}.pem")));
        let subject = format!("/CN={name}");
        make(&[
            "req",
            "-x509",
            "-new",
            "-key",
            &key,
            "-out",
            &chain,
            "-subj",
            &subject,
            "-addext",
            "subjectAltName=DNS:localhost",
            "-days",
            "2",
        ]);
        files.push(fezz_server::config::CertificateFiles { chain: chain.into(), key: key.into() });
    }
    let server = Running::start(&secured(files));
    for (schemes, subject) in
        [("ECDSA+SHA256:RSA-PSS+SHA256", "sec1"), ("RSA-PSS+SHA256", "pkcs1"), ("ed25519", "pkcs8")]
    {
        let words = ["-servername", "localhost", "-sigalgs", schemes, "-quiet"];
        let text = s_client(server.address, &words, GET);
        assert!(text.contains(&format!("CN = {subject}\n")), "{schemes}: {text}");
        assert!(text.contains("200 OK"), "{schemes}: {text}");
    }
}

#[test]
fn client_certificates_are_asked_for() {
    let authority = Authority::new(directory("clients"));
    let stranger = Authority::new(directory("strangers"));
    let mut config = secured(vec![authority.sign("server", &["localhost"])]);
    config.listeners[0].client_ca = Some(ClientCa { file: authority.file(), required: true });
    let good = authority.sign("good", &["good.example"]);
    let late = authority.sign_with("late", &["late.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let wrong = stranger.sign("wrong", &["good.example"]);
    let text = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let server = Running::start(&config);
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(server.address, &[version], GET);
        assert!(!said.contains("200 OK"), "{said}");
        for (files, ok) in [(&good, true), (&late, false), (&wrong, false)] {
            let (chain, key) = (text(&files.chain), text(&files.key));
            let words = [version, "-servername", "localhost", "-cert", &chain, "-key", &key];
            let said = s_client(server.address, &words, GET);
            assert_eq!(said.contains("200 OK"), ok, "{words:?}: {said}");
        }
    }
    let failed = |counts: &fezz_server::Snapshot| counts.handshake_failed["client_certificate"];
    server.wait("six were refused", |counted| failed(counted) == 6);
    config.listeners[0].client_ca = Some(ClientCa { file: authority.file(), required: false });
    let optional = Running::start(&config);
    let said = s_client(optional.address, &["-servername", "localhost"], GET);
    assert!(said.contains("200 OK"), "{said}");
}

const PYTHON: &str = r#"
import socket, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
raw = socket.create_connection(("127.0.0.1", port), 10)
tls = context.wrap_socket(raw, server_hostname="localhost")
version = tls.version()
for _ in range(50):
    tls.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n")
    tls.sendall(b"x" * 20000)
    octets = b""
    while octets.count(b"x") < 20000:
        octets += tls.recv(65536)
    assert octets.startswith(b"HTTP/1.1 200 OK\r\n"), octets[:80]
tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
rest = b""
while True:
    some = tls.recv(65536)  # an end without close_notify raises here
    if not some:
        break
    rest += some
assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
assert version == "TLSv1.3", version
print("fine")
"#;

#[test]
fn python_keeps_a_connection_and_is_told_its_end() {
    let authority = Authority::new(directory("python"));
    let server = Running::start(&secured(vec![authority.sign("server", &["localhost"])]));
    let port = server.address.port().to_string();
    let ca = authority.file();
    let output = run("python3", &["-c", PYTHON, &port, ca.to_str().expect("text")], b"");
    assert_eq!(said(&output), "fine\n");
}

#[test]
fn rustls_pipelines_and_a_slow_reader_gets_everything() {
    let authority = Authority::new(directory("rustls"));
    let server = Running::start(&secured(vec![authority.sign("server", &["localhost"])]));
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(authority.file()).expect("the authority");
    roots.add(ca).expect("an authority");
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups.insert(0, rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768);
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut client = StreamOwned::new(connection, Client::to(server.address).0);
    let mut requests = Vec::new();
    for _ in 0..10 {
        requests.extend_from_slice(b"POST /echo HTTP/1.1\r\nHost: localhost\r\n");
        requests.extend_from_slice(b"Content-Length: 100000\r\n\r\n");
        requests.extend_from_slice(&[b'.'; 100_000]);
    }
    requests.extend_from_slice(GET);
    let mut answers = Vec::new();
    let mut some = vec![0; 3_000];
    // All of it fits into what the client's system keeps: it does not read while it writes.
    for part in requests.chunks(120_000) {
        client.write_all(part).expect("taken");
        let bytes = client.read(&mut some).expect("answered");
        answers.extend_from_slice(&some[..bytes]);
    }
    client.read_to_end(&mut answers).expect("an end in order");
    let group = client.conn.negotiated_key_exchange_group().map(|group| group.name());
    assert_eq!(group, Some(rustls::NamedGroup::X25519MLKEM768));
    let text = String::from_utf8(answers).expect("text");
    assert_eq!(statuses(&text), [200; 11]);
    // One in each version of HTTP, two in the text of the last answer.
    assert_eq!(text.matches('.').count(), 10 * 100_000 + 11 + 2);
}
