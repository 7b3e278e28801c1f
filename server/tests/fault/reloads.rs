//! Reloads under faults: what cannot be opened, read, loaded or begun changes nothing, and the
//! answer says why. The next reload, without a fault, is served.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::control::{Call, Fault};
use super::folder;
use super::server::{PATIENCE, Server, within};

/// What a reload asks for, and how it is refused.
const KINDS: [(Call, &[Fault]); 9] = [
    (Call::Open, &[Fault::Emfile, Fault::Enfile, Fault::Eacces, Fault::Eintr]),
    (Call::Read, &[Fault::Eio, Fault::Eintr, Fault::Short]),
    (Call::Stat, &[Fault::Enomem, Fault::Eacces]),
    (Call::Memfd, &[Fault::Emfile, Fault::Enfile, Fault::Enomem]),
    (Call::Write, &[Fault::Enospc, Fault::Enomem, Fault::Eintr, Fault::Short]),
    (Call::Dlopen, &[Fault::Emfile, Fault::Enomem]),
    (Call::Thread, &[Fault::Eagain]),
    (Call::Fcntl, &[Fault::Emfile]),
    (Call::LogWrite, &[Fault::Enospc, Fault::Eio]),
];

/// A function that says one word.
fn compile(folder: &Path, word: &str) -> PathBuf {
    let (source, artifact) = (folder.join("word.c"), folder.join(format!("{word}.so")));
    let length = 0x40 + word.len();
    let text = format!(
        "#include \"fezz.h\"\n\
         static uint8_t answer[] = \"\\xa2\\x66status\\x18\\xc8\\x64\" \"body\\x{length:x}\" \
         \"{word}\";\n\
         FezzOwned fezz_handle_v2(FezzSlice request) {{\n\
             (void)request;\n\
             FezzOwned out = {{ answer, sizeof answer - 1 }};\n\
             return out;\n\
         }}\n\
         void fezz_free_v2(FezzOwned buf) {{ (void)buf; }}\n"
    );
    std::fs::write(&source, text).expect("written");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../abi/include");
    let status = Command::new("gcc")
        .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-I"])
        .arg(include)
        .arg("-o")
        .args([&artifact, &source])
        .status()
        .expect("gcc runs");
    assert!(status.success(), "{word} compiles");
    artifact
}

/// The word that is served.
fn served(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.plain).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = b"GET /word HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer.rsplit("\r\n").next().expect("content").to_owned()
}

#[test]
fn a_reload_that_fails_changes_nothing() {
    let folder = folder("reload");
    let words = ["even", "odd"].map(|word| (word, compile(&folder, word)));
    let artifact = folder.join("served.so");
    let put = |round: usize| {
        // In one step, and never twice the same file.
        let beside = folder.join("beside.so");
        std::fs::copy(&words[round % 2].1, &beside).expect("copied");
        std::fs::rename(&beside, &artifact).expect("renamed");
        words[round % 2].0
    };
    put(0);
    let more = format!(
        "[[function]]\nname = \"word\"\nartifact = \"{}\"\n\
         [[route]]\npath = \"/word\"\nfunction = \"word\"\n",
        artifact.display()
    );
    let server = Server::start(folder.clone(), &more);
    let (mut round, mut present) = (0, "even");
    let (mut refused, mut done) = (0, 0);
    for (call, faults) in KINDS {
        for fault in faults {
            for number in 1.. {
                let before = server.control.injected();
                round += 1;
                let wanted = put(round);
                server.control.count(call, *fault, number, number);
                let (ok, said) = server.order("reload format=json timeout=60s");
                server.control.off();
                let what = format!("{call:?} {fault:?} {number}: {said}");
                if ok {
                    done += 1;
                    present = wanted;
                } else {
                    refused += 1;
                    let says = said.contains("\"why\":\"") || said.contains("\"complaints\":[\"");
                    assert!(says || said.contains("\"complaints\":[{"), "{what}");
                }
                assert_eq!(served(&server), present, "{what}");
                let injected = server.control.injected().since(&before).sum();
                if injected == 0 {
                    assert!(ok, "nothing failed: {what}");
                    break;
                }
                let harmless = [Fault::Eintr, Fault::Short].contains(fault);
                assert!(ok || !harmless && call != Call::LogWrite, "{what}");
            }
        }
    }
    assert!(refused > 20 && done > 20, "{refused} refused, {done} done");
    round += 1;
    let wanted = put(round);
    let (ok, said) = server.order("reload format=json timeout=60s");
    assert!(ok && served(&server) == wanted, "{said}");
    assert_eq!(server.end().code(), Some(0));
    eprintln!("reloads: {refused} refused, {done} done");
}

/// Logs that cannot be opened anew go on where they were, and say so; the next signal mends it.
#[test]
fn a_log_that_cannot_be_opened_again_goes_on() {
    let server = Server::start(folder("reopen"), "");
    let text = || std::fs::read_to_string(server.folder.join("server.log")).unwrap_or_default();
    for (round, fault) in [Fault::Emfile, Fault::Enospc, Fault::Eacces].into_iter().enumerate() {
        server.control.count(Call::Open, fault, 1, u64::MAX);
        server.signal("USR1");
        let said = within(PATIENCE, || {
            let text = text();
            let said = |log: &str| text.matches(&format!("the {log} log cannot be opened")).count();
            (said("access") > round && said("server") > round).then_some(())
        });
        server.control.off();
        assert!(said.is_some(), "{fault:?}: {}", text());
    }
    let moved = server.folder.join("server.log.1");
    std::fs::rename(server.folder.join("server.log"), &moved).expect("renamed");
    server.signal("USR1");
    within(PATIENCE, || server.folder.join("server.log").exists().then_some(())).expect("anew");
    assert_eq!(server.end().code(), Some(0));
}
