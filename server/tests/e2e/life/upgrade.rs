//! Another binary takes the server's place while clients ask: nothing is lost, whether it becomes
//! ready or not.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::binary::Serving;
use super::super::harness::{Client, present_user};
use super::super::versions::folder;
use super::{Load, Truth, put, said, status, verb, wait};

/// A program for `sh`.
fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    path
}

/// Ends whoever serves at last, should the test fail before it does.
struct Last<'s>(&'s Path);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(verb(self.0, &["drain", "--wait"]));
        }
    }
}

fn process(socket: &Path) -> u64 {
    status(socket)["pid"].as_u64().expect("a number")
}

#[test]
fn upgrades_lose_nothing_and_failed_ones_change_nothing() {
    let folder = folder("upgrade");
    put(&folder.join("f.so"), "0");
    let socket = folder.join("a.sock");
    let shown = socket.display().to_string();
    let function = format!("{}@/{{*rest}}", folder.join("f.so").display());
    let words =
        ["--function", &function, "--admin", &shown, "--event-loops", "2", "--workers", "2"];
    let server = Serving::start(&[], &words);
    let last = Last(&socket);
    let address = server.address;
    assert_eq!(process(&socket), u64::from(server.id()));
    let truth = Arc::new(Truth::default());
    let load = Load::start(address, 4, &truth, true);
    let plain = folder.join("plain");
    std::fs::write(&plain, "no program").expect("written");
    let failures = [
        (script(&folder, "exits", "exit 3"), "30s", "exit code 3"),
        (script(&folder, "crashes", "kill -SEGV $$"), "30s", "SIGSEGV"),
        (script(&folder, "hangs", "exec sleep 60"), "1s", "not ready within 1 s"),
        (script(&folder, "babbles", "eval \"echo hi >&$FEZZ_UPGRADE_FD\""), "30s", "it said 'hi'"),
        (script(&folder, "leads-nowhere", "exec fezz-wrong"), "30s", "exit code 127"),
        (plain, "30s", "cannot be started"),
    ];
    for (binary, timeout, word) in &failures {
        load.await_answers(20);
        let binary = binary.display().to_string();
        let output = verb(&socket, &["upgrade", "--binary", &binary, "--timeout", timeout]);
        let (code, said) = said(&output);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("nothing changed: ") && said.contains(word), "{word}: {said}");
        assert_eq!(process(&socket), u64::from(server.id()));
    }
    // Now the artifact is broken: the right binary finds that, and the old server says so.
    let artifact = folder.join("f.so");
    std::fs::rename(&artifact, folder.join("kept.so")).expect("renamed");
    std::fs::write(&artifact, "no artifact").expect("written");
    let (code, text) = said(&verb(&socket, &["upgrade"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not serve: ") && text.contains("f.so"), "{text}");
    let mut before = u64::from(server.id());
    for round in 1..=3 {
        load.await_answers(50);
        truth.attempted.store(round, Ordering::SeqCst);
        put(&artifact, &round.to_string());
        let (code, said) = said(&verb(&socket, &["upgrade"]));
        assert_eq!(code, Some(0), "{said}");
        let after = said.trim().parse().expect("a process");
        assert_ne!(after, before);
        assert_eq!(process(&socket), after, "the operator's socket is the new one's");
        before = after;
    }
    load.await_answers(50);
    let (answered, retried) = load.stop();
    assert!(answered > 300, "{answered} answers, {retried} retries");
    let mut client = Client::to(address);
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().1, b"3");
    drop(client);
    let (code, text) = said(&verb(&socket, &["drain", "--wait"]));
    assert_eq!(code, Some(0), "{text}");
    wait("it ends", || !Path::new(&format!("/proc/{before}/exe")).exists());
    assert!(!socket.exists(), "the last one takes its socket away");
    drop(last);
    // All of them wrote to the same pipe, and ended in order with nothing cut.
    let (text, code) = server.end();
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text.matches(" cut=0 ").count(), 4, "{text}");
}

#[test]
fn one_upgrade_at_a_time_and_none_while_draining() {
    let folder = folder("upgrade_twice");
    put(&folder.join("f.so"), "0");
    let socket = folder.join("a.sock");
    let shown = socket.display().to_string();
    let function = folder.join("f.so").display().to_string();
    let words = ["--function", &function, "--admin", &shown, "--drain-grace", "20s"];
    let server = Serving::start(&[], &words);
    let started = folder.join("started");
    let waits = script(&folder, "waits", &format!("touch {}; exec sleep 60", started.display()));
    let waits = waits.display().to_string();
    let (first, place) = (waits.clone(), socket.clone());
    let first = std::thread::spawn(move || {
        said(&verb(&place, &["upgrade", "--binary", &first, "--timeout", "3s"]))
    });
    wait("the first one is under way", || started.exists());
    let (code, text) = said(&verb(&socket, &["upgrade", "--binary", &waits]));
    assert_eq!(code, Some(1));
    assert!(text.contains("under way already"), "{text}");
    // Others are answered meanwhile.
    assert_eq!(process(&socket), u64::from(server.id()));
    let (code, text) = first.join().expect("no panic");
    assert_eq!(code, Some(1));
    assert!(text.contains("not ready within 3 s"), "{text}");
    // Somebody is busy, so that the drain takes a while.
    let mut busy = Client::to(server.address);
    busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    wait("it is asked", || status(&socket)["loops"].to_string().contains("\"handle\":1"));
    let (code, _) = said(&verb(&socket, &["drain"]));
    assert_eq!(code, Some(0));
    let (code, text) = said(&verb(&socket, &["upgrade"]));
    assert_eq!(code, Some(1));
    assert!(text.contains("on its way to its end"), "{text}");
    let (code, text) = said(&verb(&socket, &["reload"]));
    assert_eq!(code, Some(1));
    assert!(text.contains("the server is draining"), "{text}");
    assert_eq!(busy.reply().1, b"0");
    assert_eq!(server.end().1, Some(0));
}

/// The address where the server is watched goes along, and is the new one's alone.
#[test]
fn who_watches_the_server_sees_the_new_one() {
    let folder = folder("watched");
    put(&folder.join("f.so"), "0");
    let socket = folder.join("a.sock");
    let [_, user] = present_user();
    let shown = folder.display();
    let text = format!(
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
         [[function]]\nname = \"f\"\nartifact = \"{shown}/f.so\"\n\
         [[route]]\npath = \"/{{*rest}}\"\nfunction = \"f\"\n\
         [admin]\nlisten = \"unix:{shown}/a.sock\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [log]\nformat = \"text\"\n[sandbox]\nuser = \"{user}\"\n"
    );
    let file = folder.join("fezz.toml");
    std::fs::write(&file, text).expect("written");
    let server = Serving::alone(&["serve", "--config", &file.display().to_string()], &[]);
    let (last, watched) = (Last(&socket), server.watched());
    // It stays busy for a while after the upgrade.
    let mut busy = Client::to(server.address);
    busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    wait("it is asked", || status(&socket)["loops"].to_string().contains("\"handle\":1"));
    let (code, text) = said(&verb(&socket, &["upgrade"]));
    assert_eq!(code, Some(0), "{text}");
    for _ in 0..20 {
        let mut client = Client::to(watched);
        client.send(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "), "the old one would say 503");
    }
    assert_eq!(busy.reply().1, b"0");
    assert_eq!(said(&verb(&socket, &["drain", "--wait"])).0, Some(0));
    drop(last);
    assert_eq!(server.end().1, Some(0));
}
