//! Functions that end the process. One process cannot be kept from it: what is tested is how it
//! ends, and that its log does not tell another story.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use super::{artifact, get, panics};
use crate::binary::Serving;
use crate::harness::{Client, example, statuses};

/// A server with the sick function on `/sick` and a healthy one on `/hello`.
pub(super) fn serving(sick: &Path, more: &[&str]) -> Serving {
    let sick = format!("sick={}@/sick/{{*rest}}", sick.display());
    let hello = format!("hello={}@/hello", example("hello").display());
    let mut words = vec!["--function", &sick, "--function", &hello, "--event-loops", "1"];
    words.extend(["--workers", "3"]);
    words.extend(more);
    Serving::start(&[], &words)
}

/// How the process ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Signal(i32),
    Code(i32),
}

/// Asks a healthy function, then for `path`; gives what was said after the ready line.
fn ends(sick: &Path, path: &str, expected: &End) -> String {
    let server = serving(sick, &["--set", "sick.placement=worker"]);
    let mut healthy = Client::to(server.address);
    healthy.send(&get("/hello"));
    assert!(healthy.reply().0.starts_with("HTTP/1.1 200 "));
    let mut client = Client::to(server.address);
    client.send(&get(path));
    let reply = client.rest();
    assert_eq!(statuses(&reply), [0_u16; 0], "nobody can answer any more: {reply}");
    assert_eq!(healthy.rest(), "", "everybody's connections end");
    let (said, status) = server.ended();
    let end = match status.signal() {
        Some(number) => End::Signal(number),
        None => End::Code(status.code().expect("a code, if no signal")),
    };
    assert_eq!(end, *expected, "{path}: {said}");
    for lie in ["drained", "draining", "served="] {
        assert!(!said.contains(lie), "{path}: {said}");
    }
    said
}

#[test]
fn a_crash_ends_the_process_and_its_log_does_not_lie() {
    let (abrt, segv) = (End::Signal(libc_number("ABRT")), End::Signal(libc_number("SEGV")));
    for (name, path, end, words) in [
        ("segfault", "/sick/", &segv, ""),
        ("wrong_length", "/sick/beyond", &segv, ""),
        ("aborts", "/sick/", &abrt, ""),
        ("exits", "/sick/", &End::Code(3), ""),
        ("exits", "/sick/at-once", &End::Code(4), ""),
        ("stack_overflow", "/sick/", &abrt, "overflowed its stack"),
        ("double_free", "/sick/", &abrt, "double free detected"),
    ] {
        let said = ends(&artifact(name), path, end);
        assert!(said.contains(words), "{name}: no '{words}' in: {said}");
        assert_eq!(said.is_empty(), words.is_empty(), "{name} says nothing else: {said}");
    }
    let said = ends(&panics::artifact(), "/sick/deep", &abrt);
    assert!(said.contains("overflowed its stack"), "{said}");
}

/// The number of a signal, as kill(1) knows it.
fn libc_number(name: &str) -> i32 {
    let output = std::process::Command::new("kill").args(["-l", name]).output().expect("kill runs");
    let text = String::from_utf8(output.stdout).expect("digits");
    text.trim().parse().expect("a number")
}
