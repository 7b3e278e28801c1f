//! Whose client certificates count is a listener's own affair; and certificates that a reload
//! reads.

use std::path::Path;

use fezz_server::assemble::Functions;
use fezz_server::config::{CertificateFiles, ClientCa, Config, ListenerConfig};

use super::pki::{Authority, directory, s_client, secured};
use crate::binary::Serving;
use crate::harness::{Running, example};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// Leaves the connection open, so that tickets of TLS 1.3 arrive before the client goes.
const OPEN: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn text(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

/// Listeners that trust: the first authority, the second, the first where it likes, nobody.
struct Four {
    server: Running,
    config: Config,
    home: std::path::PathBuf,
    clients: [CertificateFiles; 2],
}

impl Four {
    fn start(name: &str) -> Self {
        let home = directory(name);
        let of = |name: &str| Authority::new(directory(&format!("{}/{name}", home.display())));
        let (first, second) = (of("first"), of("second"));
        let mut config = secured(vec![first.sign("server", &["localhost"])]);
        let listener = |trusted: Option<(&Authority, bool)>| ListenerConfig {
            client_ca: trusted.map(|(who, required)| ClientCa { file: who.file(), required }),
            ..config.listeners[0].clone()
        };
        config.listeners = vec![
            listener(Some((&first, true))),
            listener(Some((&second, true))),
            listener(Some((&first, false))),
            listener(None),
        ];
        let clients = [first.sign("one", &["a.example"]), second.sign("two", &["b.example"])];
        Self { server: Running::start(&config), config, home, clients }
    }

    /// What a client sees at a listener that shows a certificate, or none, and a session or keeps
    /// it.
    fn ask(&self, listener: usize, who: Option<usize>, more: &[&str], input: &[u8]) -> String {
        let files = who.and_then(|who| self.clients.get(who));
        let files = files.map(|files| [text(&files.chain), text(&files.key)]);
        let mut words = vec!["-servername", "localhost"];
        if let Some([chain, key]) = &files {
            words.extend(["-cert", chain, "-key", key]);
        }
        words.extend(more);
        s_client(self.server.addresses[listener], &words, input)
    }
}

#[test]
fn each_listener_trusts_its_own_authorities() {
    let four = Four::start("trust");
    for version in ["-tls1_2", "-tls1_3"] {
        let served = |listener, who| four.ask(listener, who, &[version], GET).contains("200 OK");
        assert_eq!([None, Some(0), Some(1)].map(|who| served(0, who)), [false, true, false]);
        assert_eq!([None, Some(0), Some(1)].map(|who| served(1, who)), [false, false, true]);
        assert_eq!([None, Some(0), Some(1)].map(|who| served(2, who)), [true, true, false]);
        assert_eq!([None, Some(0), Some(1)].map(|who| served(3, who)), [true, true, true]);
    }
    let counted = four.server.handle.counted();
    assert_eq!(counted.tls.certificates.len(), 1, "one certificate, however many listeners");
}

#[test]
fn a_session_is_resumed_only_where_the_same_is_trusted() {
    let four = Four::start("sessions");
    for version in ["-tls1_2", "-tls1_3"] {
        for (from, who) in [(0, Some(0)), (1, Some(1)), (2, None), (2, Some(0)), (3, None)] {
            let file = text(&four.home.join(format!("session{version}")));
            let first = four.ask(from, who, &[version, "-sess_out", &file], OPEN);
            assert!(first.contains("New, TLSv1."), "{from}: {first}");
            // A client with a session shows no certificate: what counts is in the session.
            for to in (0..4).filter(|to| *to != from).chain([from]) {
                let said = four.ask(to, None, &[version, "-sess_in", &file], GET);
                assert_eq!(said.contains("Reused, TLSv1."), to == from, "{from} to {to}: {said}");
                let served = to == from || to >= 2;
                assert_eq!(said.contains("200 OK"), served, "{from} to {to}: {said}");
            }
        }
    }
}

#[test]
fn all_listeners_have_the_new_certificate_or_none_has() {
    let four = Four::start("exchange");
    let CertificateFiles { chain, key } = &four.config.tls.certificates[0];
    let subjects = || {
        let all = (0..4).map(|listener| four.ask(listener, Some(0), &[], b""));
        let of =
            |said: String| said.lines().find(|it| it.starts_with("subject=")).map(str::to_owned);
        all.map(of).map(|subject| subject.expect("a subject")).collect::<Vec<_>>()
    };
    assert_eq!(subjects(), ["subject=CN = server"; 4]);
    let next = Authority::new(directory("exchange/next")).sign("next", &["localhost"]);
    std::fs::copy(&next.chain, chain).expect("copied");
    let wrong = four.server.handle.reload_certificates().expect_err("a chain without its key");
    assert!(wrong[0].to_string().contains("is not that of"), "{wrong:?}");
    assert_eq!(subjects(), ["subject=CN = server"; 4]);
    std::fs::copy(&next.key, key).expect("copied");
    four.server.handle.reload_certificates().expect("a pair");
    assert_eq!(subjects(), ["subject=CN = next"; 4]);
}

#[test]
fn another_configuration_brings_its_certificates_but_no_other_trust() {
    let mut four = Four::start("publish");
    let handle = four.server.handle.clone();
    let present = Functions::load(&four.config).expect("loads").registry;
    let publish = |config: &Config| {
        handle.publish(Functions::reload(config, &present).expect("loads")).certificates_stay
    };
    // The same again changes nothing: sessions are resumed as before.
    let file = text(&four.home.join("session"));
    four.ask(3, None, &["-sess_out", &file], OPEN);
    assert!(!publish(&four.config));
    assert_eq!(handle.counted().tls.reloads, 0);
    assert!(four.ask(3, None, &["-sess_in", &file], GET).contains("Reused, TLSv1."));
    let other = Authority::new(directory("publish/other"));
    four.config.tls.certificates.push(other.sign("other", &["other.example"]));
    four.config.listeners.reverse();
    assert!(!publish(&four.config), "the order means nothing");
    let said = four.ask(0, Some(0), &["-servername", "other.example"], b"");
    assert!(said.contains("subject=CN = other\n"), "{said}");
    assert!(four.ask(0, Some(0), &[], GET).contains("200 OK"), "each has its own trust still");
    assert!(!four.ask(1, Some(0), &[], GET).contains("200 OK"));
    // A listener that is there trusts somebody whom the configuration does not name any more.
    four.config.listeners.retain(|one| one.client_ca.as_ref().is_none_or(|it| !it.required));
    four.config.tls.certificates.remove(0);
    assert!(publish(&four.config));
    assert!(four.ask(0, Some(0), &[], GET).contains("200 OK"));
    assert_eq!((handle.counted().tls.reloads, handle.counted().tls.reloads_failed), (1, 1));
}

#[test]
fn a_hangup_reads_certificates_again_or_says_what_is_wrong() {
    let authority = Authority::new(directory("hangup"));
    let served = authority.sign("served", &["localhost"]);
    let next = authority.sign("next", &["localhost"]);
    let pair = format!("{},{}", text(&served.chain), text(&served.key));
    let function = text(&example("echo"));
    let words = ["--listen-tls", "127.0.0.1:0", "--certificate", &pair, "--function", &function];
    let mut server = Serving::start(&[], &words);
    let name = ["-servername", "localhost"];
    let subject = |server: &Serving| s_client(server.secured()[0], &name, b"");
    assert!(subject(&server).contains("subject=CN = served\n"));
    std::fs::copy(&next.chain, &served.chain).expect("copied");
    server.signal("HUP");
    let line = server.line_with("fezz reload:");
    assert!(line.contains("nothing changed") && line.contains("is not that of"), "{line}");
    assert!(subject(&server).contains("subject=CN = served\n"));
    std::fs::copy(&next.key, &served.key).expect("copied");
    server.signal("HUP");
    let line = server.line_with("fezz reload:");
    assert!(line.contains("kept=1"), "{line}");
    assert!(subject(&server).contains("subject=CN = next\n"));
    // The flag is for every listener with TLS.
    let ca = text(&authority.file());
    let more = ["--listen-tls", "127.0.0.1:0", "--tls-client-ca", &ca];
    let strict = Serving::start(&[], &[words.as_slice(), &more].concat());
    let shown = [&text(&next.chain), &text(&next.key)];
    for address in strict.secured() {
        assert!(!s_client(address, &name, GET).contains("200 OK"));
        let words = [name[0], name[1], "-cert", shown[0], "-key", shown[1]];
        assert!(s_client(address, &words, GET).contains("200 OK"));
    }
    assert_eq!(strict.secured().len(), 2);
}
