//! The program itself: what it says, what it ends with, how it takes signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use super::harness::{Client, c_function, example, present_user, signal, statuses};

/// Octets that a pipe holds when nobody reads it (pipe(7)).
const PIPE_BYTES: usize = 64 * 1024;

fn fezz(arguments: &[&str]) -> Output {
    let serves = arguments.first() == Some(&"serve");
    let user = present_user();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fezz"));
    command.args(arguments).args(user.iter().filter(|_| serves)).output().expect("fezz runs")
}

/// Runs a command that must fail with `code` and say all of `words`, in one line.
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let output = fezz(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: no '{word}' in: {said}");
    }
}

/// Answers at once, but to a request for `/long` after four seconds.
const MOSTLY_SHORT: &str = r#"
static uint8_t answer[] = "\xa2\x66status\x18\xc8\x64" "body\x42" "ok";
FezzOwned fezz_handle_v2(FezzSlice request) {
    FezzOwned out = { answer, sizeof answer - 1 };
    for (size_t at = 0; at + 5 <= request.len; at++)
        if (memcmp(request.ptr + at, "/long", 5) == 0) {
            sleep(4);
            break;
        }
    return out;
}
void fezz_free_v2(FezzOwned buf) { (void)buf; }
"#;

/// The lines of a log without their moment and level.
struct Unstamped<R> {
    lines: BufReader<R>,
    line: Vec<u8>,
    given: usize,
}

impl<R: Read> Unstamped<R> {
    fn of(lines: R) -> Self {
        Self { lines: BufReader::new(lines), line: Vec::new(), given: 0 }
    }
}

impl<R: Read> Read for Unstamped<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.line.len() {
            self.line.clear();
            self.lines.read_until(b'\n', &mut self.line)?;
            let levels = [&b"Z ERROR "[..], b"Z WARN  ", b"Z INFO  ", b"Z DEBUG "];
            let stamped = levels.iter().any(|level| self.line.get(26..34) == Some(*level));
            self.given = if stamped { 34 } else { 0 };
        }
        let rest = &self.line[self.given..];
        let bytes = rest.len().min(into.len());
        into[..bytes].copy_from_slice(&rest[..bytes]);
        self.given += bytes;
        Ok(bytes)
    }
}

/// A `fezz serve` with its ready line read.
pub(crate) struct Serving {
    child: Child,
    pub(crate) output: BufReader<Box<dyn Read>>,
    pub(crate) address: SocketAddr,
    ready: String,
    before: String,
}

impl Serving {
    pub(crate) fn start(prefix: &[&str], arguments: &[&str]) -> Self {
        let mut words = prefix.to_vec();
        let user = present_user();
        words.extend([env!("CARGO_BIN_EXE_fezz"), "serve", "--listen", "127.0.0.1:0"]);
        words.extend(user.iter().map(String::as_str));
        if !arguments.contains(&"--log-format") {
            words.extend(["--log-format", "text"]);
        }
        words.extend(arguments);
        Self::run(&words, &[])
    }

    /// With these words alone, and these variables.
    pub(crate) fn alone(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut words = vec![env!("CARGO_BIN_EXE_fezz")];
        words.extend(arguments);
        Self::run(&words, variables)
    }

    fn run(words: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("fezz starts");
        let said: Box<dyn Read> = Box::new(Unstamped::of(child.stderr.take().expect("piped")));
        let mut output = BufReader::new(said);
        let (mut ready, mut before) = (String::new(), String::new());
        while !ready.starts_with("fezz ready:") {
            before += &ready;
            ready.clear();
            let bytes = output.read_line(&mut ready).expect("a line");
            assert_ne!(bytes, 0, "it ended instead, and said: {before}");
        }
        let address = ready
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap_or_else(|| panic!("no address in {ready:?}"))
            .parse()
            .expect("an address");
        Self { child, output, address, ready, before }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// The next line that it says and that has `word` in it.
    pub(crate) fn line_with(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).expect("a line"), 0, "no '{word}'");
            if line.contains(word) {
                return line;
            }
        }
    }

    /// What it said after the ready line, and its exit code.
    pub(crate) fn end(self) -> (String, Option<i32>) {
        let (said, status) = self.ended();
        (said, status.code())
    }

    /// What it said after the ready line, and how it ended.
    pub(crate) fn ended(mut self) -> (String, ExitStatus) {
        let mut said = String::new();
        self.output.read_to_string(&mut said).expect("text");
        let status = self.child.wait().expect("it ends");
        (said, status)
    }

    /// Where it speaks TLS.
    pub(crate) fn secured(&self) -> Vec<SocketAddr> {
        let found = self.ready.split_whitespace().filter_map(|word| word.strip_prefix("https://"));
        found.map(|address| address.parse().expect("an address")).collect()
    }

    /// What it said before it was ready.
    pub(crate) fn before(&self) -> &str {
        &self.before
    }

    /// Where its metrics are.
    pub(crate) fn watched(&self) -> SocketAddr {
        let word = self.ready.split_whitespace().find_map(|it| it.strip_prefix("metrics:http://"));
        word.expect("it is watched").parse().expect("an address")
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Already gone in every test that does not fail.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn serves_drains_on_sigterm_and_says_so_in_one_line_each() {
    let artifact = example("hello");
    let server = Serving::start(&[], &["--function", &artifact.display().to_string()]);
    for word in ["fezz ready:", "functions=1", "loops=", "workers="] {
        assert!(server.ready.contains(word), "{}", server.ready);
    }
    let mut client = Client::to(server.address);
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    drop(client);
    server.signal("TERM");
    let mut server = server;
    let output = std::mem::replace(&mut server.output, BufReader::new(Box::new(std::io::empty())));
    let said: Vec<String> = output.lines().map(|line| line.expect("text")).collect();
    let drained: Vec<&String> =
        said.iter().filter(|line| line.starts_with("fezz drained:")).collect();
    assert_eq!(drained.len(), 1, "{said:?}");
    assert!(drained[0].contains("served=1 cut=0"), "{said:?}");
    assert_eq!(server.end().1, Some(0));
}

#[test]
fn who_came_before_the_signal_is_answered() {
    let artifact = example("echo").display().to_string();
    let server = Serving::start(&[], &["--function", &artifact]);
    let mut silent = Client::to(server.address);
    server.signal("STOP");
    // The kernel completes these connections; the server has not seen them when it is told to end.
    let mut waiting: Vec<Client> = (0..50).map(|_| Client::to(server.address)).collect();
    for client in &mut waiting {
        client.send(b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.signal("TERM");
    server.signal("CONT");
    for mut client in waiting {
        assert_eq!(statuses(&client.rest()), [200]);
    }
    silent.send(b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(statuses(&silent.rest()), [200], "it had just come");
    drop(silent);
    let (said, code) = server.end();
    let (first, last) = said.trim_end().split_once('\n').expect("two lines");
    assert!(first.starts_with("fezz draining: SIGTERM"), "{said}");
    assert!(last.contains("served=51 cut=0"), "{said}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_request_and_a_reset_in_one_event_are_no_work() {
    let artifact = example("echo").display().to_string();
    let arguments = ["--function", &artifact, "--event-loops", "1", "--workers", "1"];
    let server = Serving::start(&[], &arguments);
    let [mut first, mut leaving, mut last] = [(); 3].map(|()| Client::to(server.address));
    last.send(b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n");
    last.reply();
    first.send(b"GET /delay/1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    server.signal("STOP");
    leaving.send(b"GET /delay/60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    let socket = socket2::SockRef::from(&leaving.0);
    socket.set_linger(Some(Duration::ZERO)).expect("a reset at the end");
    drop(leaving);
    server.signal("CONT");
    assert!(first.reply().0.starts_with("HTTP/1.1 200 "));
    last.0.set_read_timeout(Some(Duration::from_secs(4))).expect("a timeout");
    last.send(b"GET /host HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_eq!(last.reply().1, b"b", "the only worker works for nobody");
}

#[test]
fn a_second_signal_cuts() {
    let artifact = example("echo").display().to_string();
    let server = Serving::start(&[], &["--function", &artifact, "--drain-grace", "60s"]);
    let mut busy = Client::to(server.address);
    busy.send(b"GET /delay/60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut other = Client::to(server.address);
    other.send(b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n");
    other.reply();
    server.signal("INT");
    // The idle connection is told to leave, so the first signal has arrived.
    assert_eq!(other.rest(), "");
    server.signal("INT");
    assert_eq!(busy.rest(), "");
    let (said, code) = server.end();
    assert!(said.contains("cut=1"), "{said}");
    assert_eq!(code, Some(0));
}

/// How often threads of a process went to sleep by themselves.
#[cfg(target_os = "linux")]
fn sleeps(process: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let count = |thread: std::path::PathBuf| {
        let status = std::fs::read_to_string(thread.join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    threads.flatten().map(|thread| count(thread.path())).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_server_is_never_woken() {
    let hello = example("hello");
    let hello = format!("hello={}@/{{*rest}}", hello.display());
    for placement in ["hello.placement=worker", "hello.placement=inline"] {
        let server = Serving::start(&[], &["--function", &hello, "--set", placement]);
        let mut client = Client::to(server.address);
        for _ in 0..100 {
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
        }
        // Timers of the requests may still come; then a whole second is silent, connected or not.
        let silent = (0..20).any(|_| {
            let before = sleeps(server.child.id());
            std::thread::sleep(Duration::from_secs(1));
            sleeps(server.child.id()) == before
        });
        assert!(silent, "{placement}");
        drop(client);
        server.signal("TERM");
        assert_eq!(server.end().1, Some(0));
    }
}

/// The names of the threads that drive loops or stand ready to.
#[cfg(target_os = "linux")]
fn drivers(process: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let name = |thread: std::path::PathBuf| std::fs::read_to_string(thread.join("comm")).ok();
    let names = threads.flatten().filter_map(|thread| name(thread.path()));
    let names = names.map(|name| name.trim().to_owned());
    let mut names: Vec<_> =
        names.filter(|name| name.starts_with("fezz-loop") || name == "fezz-spare").collect();
    names.sort();
    names
}

/// A loop changes hands during a call that keeps its thread, and whoever drives it has its name.
#[cfg(target_os = "linux")]
#[test]
fn the_thread_of_a_loop_has_its_name_after_a_rescue() {
    let artifact = c_function("mostly_short", MOSTLY_SHORT).display().to_string();
    let artifact = format!("main={artifact}@/{{*rest}}");
    let inline = ["--function", &artifact, "--set", "main.placement=inline", "--event-loops", "1"];
    let server = Serving::start(&[], &inline);
    let expected = ["fezz-loop-0", "fezz-spare"];
    let is_so = |_| {
        std::thread::sleep(Duration::from_millis(10));
        drivers(server.id()) == expected
    };
    assert!((0..3_000).any(is_so), "at first: {:?}", drivers(server.id()));
    let mut client = Client::to(server.address);
    client.send(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    let kept = ["fezz-loop-0", "fezz-loop-0", "fezz-spare"];
    let is_kept = |_| {
        std::thread::sleep(Duration::from_millis(10));
        drivers(server.id()) == kept
    };
    assert!((0..300).any(is_kept), "during the call: {:?}", drivers(server.id()));
    assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    assert!((0..3_000).any(is_so), "after it: {:?}", drivers(server.id()));
}

#[test]
fn lines_that_nobody_reads_do_not_keep_it_from_ending() {
    let artifact = example("hello").display().to_string();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut child = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "text"])
        .args(present_user())
        .args(["--function", &artifact])
        .stderr(writer.try_clone().expect("its other end"))
        .spawn()
        .expect("fezz runs");
    let mut reader = BufReader::with_capacity(1, reader);
    let mut line = String::new();
    while !line.contains("fezz ready:") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).expect("a line"), 0, "it ended instead");
    }
    writer.write_all(&[b'.'; PIPE_BYTES]).expect("as much as a pipe takes");
    for name in ["HUP", "TERM"] {
        signal(child.id(), name);
    }
    let code = (0..1_000).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        child.try_wait().expect("a child")
    });
    drop(child.kill());
    assert_eq!(code.and_then(|code| code.code()), Some(0), "it waits for a reader");
}

#[test]
fn one_long_call_does_not_hold_up_those_that_came_with_it() {
    let artifact = c_function("mostly_short", MOSTLY_SHORT).display().to_string();
    let arguments = ["--function", &artifact, "--event-loops", "1", "--workers", "2"];
    let server = Serving::start(&[], &arguments);
    let mut clients: Vec<Client> = (0..6).map(|_| Client::to(server.address)).collect();
    // The server learns that calls are short.
    for _ in 0..300 {
        clients[0].send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        clients[0].reply();
    }
    // All of these are found in one turn, the long one first, and all workers asleep.
    let breath = Duration::from_millis(50);
    std::thread::sleep(breath);
    server.signal("STOP");
    std::thread::sleep(breath);
    clients[0].send(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    for client in clients.iter_mut().skip(1) {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.signal("CONT");
    for client in clients.iter_mut().skip(1) {
        client.0.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    assert!(clients[0].reply().0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn out_of_descriptors_it_keeps_serving_and_takes_everybody_later() {
    let artifact = example("hello").display().to_string();
    let arguments = ["--function", &artifact, "--limit-connections", "1000", "--event-loops", "1"];
    let server = Serving::start(&["prlimit", "--nofile=48:48"], &arguments);
    let mut crowd: Vec<Client> = (0..120).map(|_| Client::to(server.address)).collect();
    for client in &mut crowd {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    // Whoever has a descriptor is served; as they leave, everybody else is.
    for mut client in crowd {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    for _ in 0..100 {
        let mut client = Client::to(server.address);
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&client.rest()), [200]);
    }
    server.signal("TERM");
    let (said, code) = server.end();
    assert!(said.contains("served=220 "), "{said}");
    assert_eq!(code, Some(0));
}

#[test]
fn artifacts_that_cannot_serve_are_refused_before_serving() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken");
    std::fs::create_dir_all(&directory).expect("a directory");
    let write = |name: &str, octets: &[u8]| {
        let path = directory.join(name);
        std::fs::write(&path, octets).expect("a file");
        path.display().to_string()
    };
    let whole = std::fs::read(example("hello")).expect("the artifact");
    let mut other_machine = whole.clone();
    other_machine[18] = 0xB7;
    let no_symbols =
        c_function("no_symbols", "int answer(void);\nint answer(void) { return 42; }\n");
    for (path, words) in [
        ("/nonexistent/libf.so".to_owned(), ["/nonexistent/libf.so", "no such file"]),
        (write("empty.so", b""), ["empty.so", "empty"]),
        (write("script.so", b"#!/bin/sh\necho hi\n"), ["script.so", "script"]),
        (write("half.so", &whole[..8_192]), ["half.so", "copy the file again"]),
        (write("arm.so", &other_machine), ["arm.so", "machine"]),
        (no_symbols.display().to_string(), ["libfunction.so", "fezz_handle_v2"]),
    ] {
        for verb in [vec!["inspect", &path], vec!["serve", "--function", &path]] {
            let output = fezz(&verb);
            let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
            assert_eq!(output.status.code(), Some(1), "{verb:?}: {said}");
            for word in words {
                assert!(said.contains(&word.to_lowercase()), "{verb:?}: no '{word}' in: {said}");
            }
        }
    }
}

#[test]
fn addresses_that_cannot_be_had_are_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let artifact = example("hello").display().to_string();
    fails(&["serve", "--function", &artifact, "--listen", &address], 71, &["in use", &address]);
    fails(&["serve", "--function", &artifact, "--listen", "nowhere"], 1, &["nowhere"]);
    fails(&["serve", "--function", &artifact, "--listen", "192.0.2.1:0"], 1, &["192.0.2.1"]);
    fails(&["serve"], 1, &["--function"]);
}

#[test]
fn invoke_calls_once_without_a_socket() {
    let artifact = example("echo").display().to_string();
    let output = fezz(&["invoke", &artifact, "POST", "/echo", "-d", "octets"]);
    let (content, said) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{said}");
    assert_eq!(content, b"octets", "the content alone goes to standard output");
    assert!(said.contains("200") && said.contains("content-type"), "{said}");
    let output = fezz(&["invoke", "--fail", &artifact, "GET", "/missing"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn every_verb_has_help_with_an_example() {
    for verb in ["serve", "invoke", "inspect"] {
        let output = fezz(&[verb, "--help"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(&format!("fezz {verb} ")) && said.contains("xample"), "{said}");
    }
}
