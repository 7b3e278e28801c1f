//! Certificates and keys that are no good, at the start and later; redirects and challenges.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fezz_server::config::{CertificateFiles, ListenerConfig};

use super::pki::{Authority, directory, run, s_client, said, secured};
use crate::harness::{Client, Running, example, field, present_user};

/// A start that must fail with one clear line.
fn refused(chain: &Path, key: &Path, words: &[&str]) {
    let pair = format!("{},{}", chain.display(), key.display());
    let output = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .arg("serve")
        .args(present_user())
        .args(["--listen-tls", "127.0.0.1:0", "--certificate", &pair, "--function"])
        .arg(example("echo"))
        .output()
        .expect("fezz runs");
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

#[test]
fn bad_files_are_named_at_the_start() {
    let authority = Authority::new(directory("bad-files"));
    let good = authority.sign("good", &["localhost"]);
    let other = authority.sign("other", &["localhost"]);
    let expired = authority.sign_with("expired", &["localhost"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let early = authority.sign_with("early", &["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    });
    let nameless = authority.sign("nameless", &[]);
    let write = |name: &str, text: &str| {
        let path = authority.directory.join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let whole = std::fs::read_to_string(&good.chain).expect("there");
    let missing = authority.directory.join("missing.pem");
    refused(&missing, &good.key, &["cannot read", "missing.pem", "No such file"]);
    refused(&good.chain, &missing, &["cannot read", "missing.pem"]);
    refused(&write("empty.pem", "\n"), &good.key, &["empty.pem is empty"]);
    refused(&good.chain, &write("empty.key", ""), &["empty.key is empty"]);
    refused(&authority.directory, &good.key, &["no regular file"]);
    refused(&write("text.pem", "hello\n"), &good.key, &["there is no certificate in"]);
    refused(&write("half.pem", &whole[..300]), &good.key, &["half.pem is not PEM"]);
    let broken = whole.replacen("MII", "AAA", 1);
    refused(&write("broken.pem", &broken), &good.key, &["in", "broken.pem cannot be read"]);
    refused(&good.chain, &good.chain, &["no private key in"]);
    refused(&good.chain, &other.key, &["other.key is not that of the first certificate"]);
    refused(&expired.chain, &expired.key, &["expired.pem expired", "days ago"]);
    refused(&early.chain, &early.key, &["early.pem is valid in", "clock"]);
    refused(&nameless.chain, &nameless.key, &["no subject alternative name"]);
}

#[test]
fn a_server_without_a_certificate_does_not_start() {
    let output = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .arg("serve")
        .args(present_user())
        .args(["--listen-tls", "127.0.0.1:0", "--function"])
        .arg(example("echo"))
        .output()
        .expect("fezz runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--tls-self-signed"), "{}", said(&output));
}

/// The subject that a server shows.
fn subject(server: &Running) -> String {
    let text = s_client(server.address, &["-servername", "localhost"], b"");
    let line = text.lines().find_map(|line| line.strip_prefix("subject=CN = "));
    line.unwrap_or_else(|| panic!("no subject in {text}")).to_owned()
}

#[test]
fn files_that_change_are_taken_over_when_they_are_good() {
    let authority = Authority::new(directory("reload"));
    let (first, second) =
        (authority.sign("first", &["localhost"]), authority.sign("second", &["localhost"]));
    // The directory that is served is a symbolic link, as a cluster mounts secrets.
    let place = |name: &str, files: &CertificateFiles| {
        let place = authority.directory.join(name);
        std::fs::create_dir_all(&place).expect("a directory");
        std::fs::copy(&files.chain, place.join("tls.pem")).expect("copied");
        std::fs::copy(&files.key, place.join("tls.key")).expect("copied");
        place
    };
    let (one, two) = (place("one", &first), place("two", &second));
    let link = authority.directory.join("present");
    let swap = |to: &Path| {
        let next = authority.directory.join("next");
        let _none = std::fs::remove_file(&next);
        std::os::unix::fs::symlink(to, &next).expect("a link");
        std::fs::rename(&next, &link).expect("atomic");
    };
    swap(&one);
    let files = CertificateFiles { chain: link.join("tls.pem"), key: link.join("tls.key") };
    let server = Running::start(&secured(vec![files]));
    assert_eq!(subject(&server), "first");
    // Somebody who is here stays as he is.
    swap(&two);
    server.wait("the second is taken over", |counted| counted.tls.reloads == 1);
    assert_eq!(subject(&server), "second");
    // A key alone is no pair; the old ones stay, and it is not tried again and again.
    std::fs::copy(&first.key, two.join("tls.key")).expect("copied");
    server.wait("the bad pair is refused", |counted| counted.tls.reloads_failed == 1);
    assert_eq!(subject(&server), "second");
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(server.handle.counted().tls.reloads_failed, 1);
    // An atomic rename of each file.
    for (from, name) in [(&first.chain, "tls.pem"), (&first.key, "tls.key")] {
        std::fs::copy(from, two.join("new")).expect("copied");
        std::fs::rename(two.join("new"), two.join(name)).expect("atomic");
    }
    server.wait("the good pair is taken over", |counted| counted.tls.reloads == 2);
    assert_eq!(subject(&server), "first");
    let page = server.handle.metrics_page();
    assert!(page.contains("\nfezz_tls_certificate_not_after_timestamp_seconds{"), "{page}");
    assert!(page.contains("fezz_tls_certificate_reloads_total{result=\"failed\"} 1"), "{page}");
}

#[test]
fn a_redirecting_listener_leads_to_https_and_shows_challenges() {
    let authority = Authority::new(directory("redirect"));
    let mut config = secured(vec![authority.sign("server", &["localhost", "*.example.org"])]);
    let challenges = authority.directory.join("challenges");
    std::fs::create_dir_all(&challenges).expect("a directory");
    std::fs::write(challenges.join("a-token_1"), "a-token_1.thumbprint").expect("written");
    std::fs::write(authority.directory.join("secret"), "secret").expect("written");
    let _made = run("mkfifo", &[challenges.join("pipe").to_str().expect("text")], b"");
    let listener = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    config.listeners.push(ListenerConfig::redirect(listener, 8443, Some(challenges)));
    let functions = fezz_server::assemble::Functions::load(&config).expect("loads");
    let settings = fezz_server::Settings::of(&config, functions, 4_096).expect("limits");
    let server = fezz_server::Server::bind(settings).expect("sockets");
    let (address, handle) = (server.redirecting_addresses()[0], server.handle());
    let thread = std::thread::spawn(move || server.run());
    let ask = |target: &str, host: &str| {
        let mut client = Client::to(address);
        client.send(format!("POST {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        client.reply()
    };
    let (head, _) = ask("/a/b?c=d", "www.example.org:80");
    assert!(head.starts_with("HTTP/1.1 308 "), "{head}");
    assert_eq!(field(&head, "location"), Some("https://www.example.org:8443/a/b?c=d"));
    assert!(field(&head, "strict-transport-security").is_none(), "RFC 6797 §7.2");
    assert!(ask("/", "evil.example").0.starts_with("HTTP/1.1 421 "));
    let (head, content) = ask("/.well-known/acme-challenge/a-token_1", "other.example");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(content, b"a-token_1.thumbprint");
    for name in ["nothing", "pipe", "", "..%2Fsecret", "../secret", "a-token_1/"] {
        let (head, _) = ask(&format!("/.well-known/acme-challenge/{name}"), "localhost");
        assert!(
            head.starts_with("HTTP/1.1 404 ") || head.starts_with("HTTP/1.1 308 "),
            "{name}: {head}"
        );
        assert!(!head.starts_with("HTTP/1.1 200 "));
    }
    handle.kill();
    thread.join().expect("no panic").expect("no failure");
}
