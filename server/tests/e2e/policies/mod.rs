//! Policies and routes as clients meet them: what they refuse, what they let pass and how it is
//! counted, over real sockets and more than one loop.

mod access;
mod concurrency;
mod cors;
mod pages;
mod rates;
mod routes;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fezz_server::config::{Config, PolicyConfig};
use fezz_server::{PolicyCounts, Snapshot};

use super::harness::{Client, Running, c_function, field, serving, statuses};

/// Answers 200 with the request envelope as it came, after 400 ms where that says `/slow`, and not
/// at all where it says `/none`. It has an opinion about origins.
fn mirror() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| c_function("policies_mirror", MIRROR)).clone()
}

const MIRROR: &str = r#"
static int asks(FezzSlice r, const char *what) {
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}
static const char head[] = "\xa3\x66status\x18\xc8\x67headers\x83"
    "\xa2\x64name\x78\x1b" "Access-Control-Allow-Origin" "\x65value\x61*"
    "\xa2\x64name\x64" "vary" "\x65value\x66" "Accept"
    "\xa2\x64name\x65" "x-own" "\x65value\x61" "1"
    "\x64" "body\x59";
FezzOwned fezz_handle_v2(FezzSlice r) {
    FezzOwned o = { NULL, 0 };
    if (asks(r, "/none")) return o;
    if (asks(r, "/slow")) usleep(400 * 1000);
    size_t before = sizeof head - 1;
    o.len = before + 2 + r.len;
    o.ptr = malloc(o.len);
    memcpy(o.ptr, head, before);
    o.ptr[before] = (uint8_t)(r.len >> 8);
    o.ptr[before + 1] = (uint8_t)r.len;
    memcpy(o.ptr + before + 2, r.ptr, r.len);
    return o;
}
void fezz_free_v2(FezzOwned o) { free(o.ptr); }
"#;

/// The mirror on every path, on the terms of `policy`, in two loops.
fn guarded(policy: PolicyConfig) -> Config {
    let mut config = serving(mirror());
    config.event_loops = 2;
    config.workers.threads = 2;
    config.policies.push(PolicyConfig { name: "guard".to_owned(), ..policy });
    config.routes[0].policy = Some(0);
    config
}

/// What the policy counted.
fn counted(server: &Running) -> PolicyCounts {
    of_guard(&server.handle.counted())
}

fn of_guard(snapshot: &Snapshot) -> PolicyCounts {
    snapshot.policies.get("guard").copied().unwrap_or_default()
}

/// So many requests were refused for this reason: counted when a turn is over.
fn refused(server: &Running, reason: &str, count: u64) {
    server.wait("it is counted", |it| it.refused.get(reason) == Some(&count));
}

/// A GET on a connection of its own: its head and its content.
fn get(server: &Running, path: &str, fields: &str) -> (String, Vec<u8>) {
    ask(server, "GET", path, fields)
}

fn ask(server: &Running, method: &str, path: &str, fields: &str) -> (String, Vec<u8>) {
    let mut client = Client::to(server.address);
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes());
    client.reply()
}

fn status(head: &str) -> u16 {
    statuses(head)[0]
}

/// A folder of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The values of all lines of a field.
fn fields<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, it)| it.trim()).collect()
}
