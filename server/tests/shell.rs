//! The binary as an operator meets it: exit codes, one clear line each, closed descriptors, the
//! two signals. What it answers over HTTP is tested elsewhere.
#![expect(clippy::unwrap_used, reason = "a test that cannot start its server has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// A function in C, compiled once for all tests: 200, and the body `ok`.
const FUNCTION: &str = r#"
#include <stdint.h>
#include <stddef.h>
typedef struct { const uint8_t *ptr; size_t len; } FezzSlice;
typedef struct { uint8_t *ptr; size_t len; } FezzOwned;
static uint8_t answer[] = "\xa2\x66status\x18\xc8\x64" "body\x42" "ok";
FezzOwned fezz_handle_v2(FezzSlice req) {
    (void)req;
    FezzOwned out = { answer, sizeof answer - 1 };
    return out;
}
void fezz_free_v2(FezzOwned buf) { (void)buf; }
"#;

fn function() -> PathBuf {
    static PATH: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let compile = || {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let (source, artifact) = (directory.join("ok.c"), directory.join("libok.so"));
        std::fs::write(&source, FUNCTION).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&artifact).arg(&source);
        assert!(compiler.status().unwrap().success());
        artifact
    };
    PATH.get_or_init(compile).clone()
}

/// `--user` with whoever runs the tests, for `serve`: whoever stays root says so, or is warned.
fn present_user(words: &[&str]) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;
    let user = std::fs::metadata("/proc/self").unwrap().uid();
    let serves = words.first() == Some(&"serve");
    if serves { vec!["--user".to_owned(), user.to_string()] } else { Vec::new() }
}

fn fezz(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fezz"));
    command.args(words).args(present_user(words)).output().unwrap()
}

fn code_and_error(words: &[&str]) -> (Option<i32>, String) {
    let output = fezz(words);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A server that was started and is ready.
struct Serving {
    process: Child,
    lines: BufReader<ChildStderr>,
    address: String,
}

impl Serving {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fezz"));
        command
            .arg("serve")
            .args(present_user(&["serve"]))
            .args(words)
            .args(["--listen", "127.0.0.1:0"]);
        command.args(["--event-loops", "1", "--log-format", "text"]);
        Self::ready(command)
    }

    fn ready(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap());
        let mut serving = Self { process, lines, address: String::new() };
        let line = serving.line_with("fezz ready: ");
        let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap();
        serving.address = address.to_owned();
        serving
    }

    fn line_with(&mut self, beginning: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "no '{beginning}' in: {seen}");
            // A moment and a level come first.
            if line.get(34..).is_some_and(|said| said.starts_with(beginning)) {
                return line[34..].trim_end().to_owned();
            }
            seen += &line;
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    fn end(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn wrong_words_are_2_and_a_wrong_configuration_is_1() {
    assert_eq!(fezz(&[]).status.code(), Some(2));
    assert_eq!(fezz(&["serve", "--nonsense"]).status.code(), Some(2));
    // What only means something beside a listener with TLS is never ignored in silence.
    for words in [&["--tls-client-ca", "ca.pem"][..], &["--tls-self-signed"], &["--hsts", "60"]] {
        let (code, said) = code_and_error(&[&["serve", "--function", "f.so"], words].concat());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("--listen-tls <ADDR>"), "{said}");
    }
    assert_eq!(fezz(&["--help"]).status.code(), Some(0));
    let (code, error) = code_and_error(&["serve"]);
    assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
    let (code, error) = code_and_error(&["serve", "-f", "/nonexistent.so", "-f", "README.md@/x"]);
    assert_eq!((code, error.lines().count()), (Some(1), 2), "{error}");
    let artifact = function();
    let twice = artifact.to_str().unwrap();
    let (code, error) = code_and_error(&["serve", "-f", twice, "-f", &format!("b={twice}")]);
    assert_eq!(code, Some(1));
    assert!(error.contains("'/{*rest}' and '/{*rest}' take the same requests"), "{error}");
}

#[test]
fn options_of_functions_that_are_not_there_are_named() {
    let artifact = function();
    let named = format!("hello@1.2={}", artifact.display());
    let serve = ["serve", "-f", &named, "--set", "*.ttl=1h", "--set", "hello.ttl=1h"];
    let wrong = ["--set", "helo.ttl=1h", "--set", "hello@2.ttl=1h", "--listen", "127.0.0.1:0"];
    let (code, error) = code_and_error(&[&serve[..], &wrong].concat());
    assert_eq!((code, error.lines().count()), (Some(1), 2), "{error}");
    assert!(error.contains("there are: hello@1.2; did you mean 'hello'?\n"), "{error}");
    assert!(error.contains("--set 'hello@2.': no loaded function"), "{error}");
    // Without a name it goes by the stem of its file.
    let unnamed = ["serve", "-f", artifact.to_str().unwrap(), "--set", "ok.ttl=1h"];
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, error) = code_and_error(&[&unnamed[..], &["--listen", &address]].concat());
    assert_eq!(code, Some(71), "{error}");
}

#[test]
fn a_port_that_is_taken_is_71() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let artifact = function();
    let words = ["serve", "-f", artifact.to_str().unwrap(), "--listen", &address];
    let (code, error) = code_and_error(&words);
    assert_eq!((code, error.lines().count()), (Some(71), 1), "{error}");
    assert!(error.contains("in use"), "{error}");
    // Two servers that share their ports among loops must not share them with each other.
    let first = Serving::start(&["-f", artifact.to_str().unwrap(), "--workers", "1"]);
    let words = ["serve", "-f", artifact.to_str().unwrap(), "--listen", &first.address];
    assert_eq!(code_and_error(&words).0, Some(71));
}

#[test]
fn the_first_signal_drains_and_others_change_nothing() {
    let artifact = function();
    let mut serving = Serving::start(&["-f", artifact.to_str().unwrap()]);
    assert!(serving.get("/any").ends_with("ok"));
    serving.signal("HUP");
    serving.line_with("fezz reload: added=0 retired=0 kept=1 (ok)");
    serving.signal("USR1");
    serving.line_with("fezz logs: files are opened anew");
    assert!(serving.get("/any").ends_with("ok"));
    serving.signal("TERM");
    serving.line_with("fezz draining: SIGTERM");
    let line = serving.line_with("fezz drained: ");
    assert!(line.contains("served=2 cut=0"), "{line}");
    assert_eq!(serving.end().code(), Some(0));
}

#[test]
fn the_second_signal_ends_at_once() {
    let artifact = function();
    let mut serving = Serving::start(&["-f", artifact.to_str().unwrap(), "--drain-grace", "1h"]);
    let mut half = TcpStream::connect(&serving.address).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    // Answered by the same loop, so the half request has arrived.
    assert!(serving.get("/").ends_with("ok"));
    serving.signal("INT");
    serving.line_with("fezz draining: SIGINT");
    serving.signal("INT");
    let line = serving.line_with("fezz drained: ");
    assert!(line.contains("cut=1"), "{line}");
    assert_eq!(serving.end().code(), Some(0));
}

#[test]
fn closed_standard_descriptors_do_not_become_sockets() {
    let artifact = function();
    let mut command = Command::new("sh");
    let line = "exec \"$0\" serve -f \"$1\" --listen 127.0.0.1:0 --log-format text <&- >&-";
    command.args(["-c", line, env!("CARGO_BIN_EXE_fezz")]).arg(artifact);
    let serving = Serving::ready(command);
    for descriptor in 0..=1 {
        let link = format!("/proc/{}/fd/{descriptor}", serving.process.id());
        assert_eq!(std::fs::read_link(link).unwrap(), PathBuf::from("/dev/null"));
    }
}

#[test]
fn a_directory_serves_its_functions_and_nothing_else() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("root");
    for version in ["1.9.0", "1.10.0"] {
        let directory = root.join("functions/orders").join(version);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::copy(function(), directory.join("fezz.so")).unwrap();
    }
    let words = ["--root", root.to_str().unwrap(), "--route", "orders@1=/newest"];
    let serving = Serving::start(&words);
    for path in ["/rpc/orders/1.9.0/x", "/rpc/orders/1.10.0", "/newest", "//newest", "/%6Eewest"] {
        assert!(serving.get(path).ends_with("ok"), "{path}");
    }
    for path in ["/", "/rpc/orders/1/x", "/rpc/orders/1.9.0x", "/rpc/orders"] {
        assert!(serving.get(path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    assert!(serving.get("/rpc/orders/1.9.0/../../..%2f").starts_with("HTTP/1.1 400 "));
}

#[test]
fn invoke_and_inspect() {
    let artifact = function();
    let path = artifact.to_str().unwrap();
    let record = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("request.cbor");
    let recorded = record.to_str().unwrap();
    let called = fezz(&["invoke", path, "POST", "/x?y", "-d", "body", "--record", recorded]);
    assert_eq!((called.status.code(), called.stdout.as_slice()), (Some(0), &b"ok"[..]));
    let errors = String::from_utf8(called.stderr).unwrap();
    assert!(errors.starts_with("status: 200\n") && errors.contains("time: "), "{errors}");
    let replayed = fezz(&["invoke", path, "--replay", recorded, "--repeat", "3"]);
    assert_eq!((replayed.status.code(), replayed.stdout.as_slice()), (Some(0), &b"ok"[..]));
    assert_eq!(fezz(&["invoke", path, "GET", "x"]).status.code(), Some(2));
    assert_eq!(fezz(&["invoke", path, "GET"]).status.code(), Some(2));
    assert_eq!(fezz(&["invoke", "/nonexistent", "GET", "/"]).status.code(), Some(1));

    let inspected = fezz(&["inspect", path, "--format", "json"]);
    let text = String::from_utf8(inspected.stdout).unwrap();
    assert!(text.starts_with("{\"name\":\"ok\",\"version\":null,"), "{text}");
    assert_eq!(fezz(&["inspect", "/nonexistent"]).status.code(), Some(1));
}

#[test]
fn a_broken_contract_is_70() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, artifact) = (directory.join("broken.c"), directory.join("libbroken.so"));
    std::fs::write(&source, FUNCTION.replace("sizeof answer - 1", "sizeof answer - 2")).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&artifact).arg(&source);
    assert!(compiler.status().unwrap().success());
    let (code, error) = code_and_error(&["invoke", artifact.to_str().unwrap(), "GET", "/"]);
    assert_eq!(code, Some(70));
    assert!(error.contains("stage=deserialize_response"), "{error}");
}

/// The first block of a language in the README.
fn block(language: &str) -> String {
    let readme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, after) = text.split_once(&format!("```{language}\n")).unwrap();
    after.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_functions_of_the_readme_work() {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(manifest.join("../examples/hello/src/lib.rs")).unwrap();
    assert!(example.contains(&block("rust")), "the README and examples/hello differ");

    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, artifact) = (directory.join("readme.c"), directory.join("libreadme.so"));
    std::fs::write(&source, block("c")).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]);
    compiler.arg("-I").arg(manifest.join("../abi/include")).arg("-o").arg(&artifact).arg(&source);
    assert!(compiler.status().unwrap().success());
    let called = fezz(&["invoke", artifact.to_str().unwrap(), "GET", "/"]);
    assert_eq!((called.status.code(), called.stdout.as_slice()), (Some(0), &b"hello from C\n"[..]));
}
