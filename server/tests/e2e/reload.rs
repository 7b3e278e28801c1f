//! SIGHUP: `fezz serve` reads its functions again, or says why it does not.

use std::path::Path;
use std::time::{Duration, Instant};

use super::binary::Serving;
use super::harness::{Client, statuses};
use super::versions::{folder, speaking};

fn says(server: &Serving) -> String {
    let mut client = Client::to(server.address);
    client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, content) = client.reply();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    String::from_utf8(content).expect("text")
}

/// `--function a@VERSION=...` below `folder`, and `a@1` everywhere.
fn start(folder: &Path, versions: &[&str]) -> Serving {
    let mut words = vec!["--route".to_owned(), "a@1=/{*rest}".to_owned()];
    for version in versions {
        let artifact = folder.join(format!("{version}.so"));
        words.push("--function".to_owned());
        words.push(format!("a@{version}={}@/only/{version}", artifact.display()));
    }
    Serving::start(&[], &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Sleeps while it is loaded.
fn slow_to_load(seconds: u32) -> String {
    format!("__attribute__((constructor)) static void slow(void) {{ sleep({seconds}); }}")
}

#[test]
fn a_file_replaced_in_place_is_served_after_a_hangup() {
    let folder = folder("hangup");
    for version in ["1.0", "1.1"] {
        speaking(&folder.join(format!("{version}.so")), version, "");
    }
    let mut server = start(&folder, &["1.0", "1.1"]);
    assert_eq!(says(&server), "1.1");
    let mut busy = Client::to(server.address);
    busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    // Answered by a loop of the same server a little later: the one before is under way.
    std::thread::sleep(Duration::from_millis(100));
    speaking(&folder.join("1.1.so"), "new", "");
    assert_eq!(says(&server), "1.1", "nobody said a word yet");
    server.signal("HUP");
    let line = server.line_with("fezz reload:");
    assert_eq!(line, "fezz reload: added=1 (a@1.1) retired=1 (a@1.1) kept=1 (a@1.0)\n");
    assert_eq!(says(&server), "new");
    assert_eq!(busy.reply().1, b"1.1");
    server.signal("TERM");
    let (said, code) = server.end();
    assert!(said.contains("served=4 cut=0"), "{said}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_directory_is_read_again() {
    let folder = folder("hangup_root");
    let artifact = |version: &str| folder.join("functions/a").join(version).join("fezz.so");
    speaking(&artifact("1.0"), "1.0", "");
    let root = folder.display().to_string();
    let mut server = Serving::start(&[], &["--root", &root, "--route", "a@1=/{*rest}"]);
    assert_eq!(says(&server), "1.0");
    speaking(&artifact("1.1"), "1.1", "");
    server.signal("HUP");
    let line = server.line_with("fezz reload:");
    assert_eq!(line, "fezz reload: added=1 (a@1.1) retired=0 kept=1 (a@1.0)\n");
    assert_eq!(says(&server), "1.1");
    std::fs::remove_dir_all(folder.join("functions/a/1.1")).expect("it was there");
    server.signal("HUP");
    let line = server.line_with("fezz reload:");
    assert_eq!(line, "fezz reload: added=0 retired=1 (a@1.1) kept=1 (a@1.0)\n");
    assert_eq!(says(&server), "1.0");
}

#[test]
fn a_broken_artifact_changes_nothing() {
    let folder = folder("hangup_broken");
    for version in ["1.0", "1.1"] {
        speaking(&folder.join(format!("{version}.so")), version, "");
    }
    let mut server = start(&folder, &["1.0", "1.1"]);
    speaking(&folder.join("1.0.so"), "new", "");
    std::fs::write(folder.join("1.1.so"), "no artifact").expect("it is written");
    server.signal("HUP");
    let line = server.line_with("fezz reload:");
    assert!(
        line.starts_with("fezz reload: nothing changed: ")
            && line.contains("1.1.so")
            && line.contains(" reason="),
        "{line}"
    );
    let mut client = Client::to(server.address);
    client.send(b"GET /only/1.0 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().1, b"1.0", "the other one does not change either");
    assert_eq!(says(&server), "1.1");
    speaking(&folder.join("1.1.so"), "repaired", "");
    server.signal("HUP");
    let line = server.line_with("fezz reload:");
    assert!(line.starts_with("fezz reload: added=2 "), "{line}");
    assert_eq!(says(&server), "repaired");
}

#[test]
fn a_storm_of_hangups_is_few_reloads() {
    let folder = folder("hangup_storm");
    speaking(&folder.join("1.0.so"), "1.0", "");
    let mut server = start(&folder, &["1.0"]);
    speaking(&folder.join("1.0.so"), "new", &slow_to_load(2));
    server.signal("HUP");
    // It is loading; all of these are one more reload.
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..100 {
        server.signal("HUP");
    }
    assert_eq!(says(&server), "1.0", "it serves meanwhile");
    server.line_with("fezz reload: one is waiting already");
    assert!(server.line_with("fezz reload:").contains("added=1 "));
    assert!(server.line_with("fezz reload:").contains("added=0 retired=0 kept=1 "));
    assert_eq!(says(&server), "new");
    server.signal("TERM");
    let (said, code) = server.end();
    assert!(!said.contains("fezz reload"), "{said}");
    assert_eq!(code, Some(0));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it took is what is tested")]
fn signals_to_stop_do_not_wait_for_an_artifact_that_loads() {
    let folder = folder("hangup_stop");
    speaking(&folder.join("1.0.so"), "1.0", "");
    let mut server = start(&folder, &["1.0"]);
    let mut busy = Client::to(server.address);
    busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    speaking(&folder.join("1.0.so"), "never", &slow_to_load(60));
    server.signal("HUP");
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    server.signal("TERM");
    server.line_with("fezz draining: SIGTERM");
    server.signal("HUP");
    server.line_with("fezz reload: nothing changed: the server is draining");
    assert_eq!(statuses(&busy.rest()), [200]);
    server.signal("TERM");
    let (_, code) = server.end();
    assert_eq!(code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "it waited for the artifact");
}
