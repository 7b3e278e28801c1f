//! Fifty reloads while clients ask: not one request is lost, and no answer is older than what a
//! reload has said is served.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::super::binary::Serving;
use super::super::harness::{Client, present_user};
use super::super::tls::pki::Authority;
use super::super::versions::folder;
use super::{Load, Truth, put, said, status, verb, wait};

const RELOADS: u64 = 50;

/// The configuration for a round: the same function, other routes beside it.
fn configuration(folder: &Path, round: u64) -> String {
    let shown = folder.display();
    let [_, user] = present_user();
    let mut text = format!(
        "version = 1\n\
         [[listener]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\n\
         [[listener]]\nname = \"tls\"\naddress = \"127.0.0.1:0\"\ntls = true\n\
         [[certificate]]\ncert = \"{shown}/server.pem\"\nkey = \"{shown}/server.key\"\n\
         [[function]]\nname = \"f\"\nartifact = \"{shown}/f.so\"\n\
         [admin]\nlisten = \"unix:{shown}/a.sock\"\n\
         [metrics]\nlisten = \"off\"\n\
         [log]\nformat = \"text\"\n\
         [limits]\nrequests_per_connection = 1000000\n\
         [sandbox]\nuser = \"{user}\"\n\
         [[route]]\npath = \"/{{*rest}}\"\nfunction = \"f\"\n"
    );
    for route in 0..round % 3 {
        text += &format!("[[route]]\npath = \"/round/{round}/{route}\"\nfunction = \"f\"\n");
    }
    text
}

/// What a client gets over TLS, over a connection of its own.
fn over_tls(port: u16, folder: &Path) -> String {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(folder.join("ca.pem")).expect("a certificate");
    roots.add(authority).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let stream = Client::to(([127, 0, 0, 1], port).into()).0;
    let mut client = StreamOwned::new(connection, stream);
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    std::io::Write::write_all(&mut client, request).expect("sent");
    let mut reply = String::new();
    std::io::Read::read_to_string(&mut client, &mut reply).expect("an answer to its end");
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    reply.rsplit("\r\n").next().expect("content").to_owned()
}

#[test]
fn fifty_reloads_lose_nothing() {
    let folder = folder("fifty_reloads");
    let authority = Authority::new(folder.clone());
    authority.sign("server", &["localhost"]);
    put(&folder.join("f.so"), "0");
    let file = folder.join("fezz.toml");
    std::fs::write(&file, configuration(&folder, 0)).expect("written");
    let socket = folder.join("a.sock");
    let server = Serving::alone(&["serve", "--config", &file.display().to_string()], &[]);
    let tls = status(&socket)["listeners"][1]["address"].as_str().expect("text").to_owned();
    let port = tls.rsplit(':').next().expect("a port").parse().expect("a number");
    let truth = Arc::new(Truth::default());
    let load = Load::start(server.address, 4, &truth, false);
    for round in 1..=RELOADS {
        load.await_answers(20);
        let text = configuration(&folder, round);
        if round % 10 == 3 {
            // Half of it is there: nothing changes, and the reason names the file.
            let half = format!("{}\n[[rou", &text[..text.len() / 2]);
            std::fs::write(&file, half).expect("written");
            let (code, said) = said(&verb(&socket, &["reload"]));
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains("nothing changed") && said.contains("fezz.toml"), "{said}");
        }
        truth.attempted.store(round, Ordering::SeqCst);
        put(&folder.join("f.so"), &round.to_string());
        if round % 5 == 0 {
            authority.sign("server", &["localhost"]);
        }
        std::fs::write(&file, text).expect("written");
        if round % 7 == 0 {
            let number = || status(&socket)["last_reload"]["number"].as_u64().unwrap_or(0);
            let before = number();
            server.signal("HUP");
            wait("the signal is obeyed", || number() > before);
            assert_eq!(status(&socket)["last_reload"]["ok"], true);
        } else {
            let (code, said) = said(&verb(&socket, &["reload"]));
            assert_eq!(code, Some(0), "{said}");
            assert!(said.contains("added=1 (f) retired=1 (f)"), "{said}");
        }
        truth.published.store(round, Ordering::SeqCst);
        assert_eq!(over_tls(port, &folder), round.to_string());
    }
    let (answered, retried) = load.stop();
    assert!(answered >= RELOADS * 20 && retried == 0, "{answered} answers, {retried} retries");
    let (code, said) = said(&verb(&socket, &["drain", "--wait"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("cut=0"), "{said}");
    assert_eq!(server.end().1, Some(0));
}

/// Keys that nothing but a start obeys are named, and everything else is obeyed.
#[test]
fn what_needs_a_restart_is_named() {
    let folder = folder("reload_restart");
    Authority::new(folder.clone()).sign("server", &["localhost"]);
    put(&folder.join("f.so"), "1");
    let file = folder.join("fezz.toml");
    std::fs::write(&file, configuration(&folder, 0)).expect("written");
    let socket = folder.join("a.sock");
    let server = Serving::alone(&["serve", "--config", &file.display().to_string()], &[]);
    let text =
        configuration(&folder, 0) + "[workers]\nthreads = 7\n[timeouts]\nkeep_alive = \"9s\"\n";
    std::fs::write(&file, text).expect("written");
    let output = verb(&socket, &["reload", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(answer["restart_needed"], serde_json::json!(["workers.threads"]), "{answer}");
    assert_eq!(answer["kept"], serde_json::json!(["f"]), "{answer}");
    assert_eq!(answer["settings_changed"], true, "{answer}");
    // And it is said again as long as it is so.
    let (_, text) = said(&verb(&socket, &["reload"]));
    assert!(text.contains("needs a restart: workers.threads"), "{text}");
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}
