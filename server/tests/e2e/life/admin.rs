//! The operator's socket: whose it is, what is said over it, and what is not.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use super::super::binary::Serving;
use super::super::harness::{Client, c_function, example};
use super::super::versions::folder;
use super::{put, said, status, verb, wait};

fn serving(folder: &Path, more: &[&str]) -> Serving {
    let socket = folder.join("a.sock").display().to_string();
    let function = example("hello").display().to_string();
    let words = ["--function", &function, "--admin", &socket, "--event-loops", "1"];
    Serving::start(&[], &[&words, more].concat())
}

/// One line asked, everything that comes back.
fn talk(socket: &Path, line: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    stream.write_all(line).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn the_socket_is_private_replaces_a_dead_one_and_goes_with_the_server() {
    let folder = folder("admin_socket");
    let socket = folder.join("a.sock");
    // A dead one: bound, and nobody there any more.
    drop(UnixListener::bind(&socket).expect("bound"));
    assert!(socket.exists());
    // With a mask that takes nothing away.
    let shown = socket.display().to_string();
    let function = example("hello").display().to_string();
    let words = ["--function", &function, "--admin", &shown];
    let server = Serving::start(&["sh", "-c", "umask 0; exec \"$@\"", "sh"], &words);
    let found = std::fs::symlink_metadata(&socket).expect("it is there");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    // A living one stays, and so does what is no socket.
    let function = function.as_str();
    for (path, word) in [(&socket, "answers there"), (&folder.join("file"), "is no socket")] {
        if !path.exists() {
            std::fs::write(path, "kept").expect("written");
        }
        let [flag, user] = super::super::harness::present_user();
        let output = Command::new(env!("CARGO_BIN_EXE_fezz"))
            .args(["serve", "--listen", "127.0.0.1:0", "-f", function, &flag, &user, "--admin"])
            .arg(path)
            .output()
            .expect("fezz runs");
        let (code, text) = said(&output);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(word), "{text}");
        assert!(path.exists());
    }
    assert_eq!(std::fs::read_to_string(folder.join("file")).expect("text"), "kept");
    assert_eq!(status(&socket)["pid"], server.id());
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
    assert!(!socket.exists());
    let left = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(left, 1, "nothing is left but the file");
}

#[test]
fn nobody_there_is_said_in_words() {
    let folder = folder("admin_nobody");
    for verb_name in ["status", "reload", "drain", "upgrade"] {
        let (code, text) = said(&verb(&folder.join("none"), &[verb_name]));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("no server listens there"), "{text}");
        let output = Command::new(env!("CARGO_BIN_EXE_fezz")).arg(verb_name).output();
        let (code, text) = said(&output.expect("fezz runs"));
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("--admin PATH or --config FILE"), "{text}");
    }
    // Somebody who takes the connection and says nothing.
    let silent = folder.join("silent");
    let _listener = UnixListener::bind(&silent).expect("bound");
    let child = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .args(["reload", "--timeout", "1s", "--admin"])
        .arg(&silent)
        .output()
        .expect("fezz runs");
    let (code, text) = said(&child);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no answer within 11 s"), "{text}");
}

#[test]
fn the_protocol_is_one_line_and_everything_else_is_refused() {
    let folder = folder("admin_protocol");
    let server = serving(&folder, &[]);
    let socket = folder.join("a.sock");
    let answer = talk(&socket, b"status\n");
    let json = answer.strip_prefix("ok\n").expect("done");
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(json["pid"], server.id());
    assert!(talk(&socket, b"status format=text\n").starts_with("ok\nfezz "));
    let long = [b"status ".as_slice(), &[b'x'; 8_192], b"\n"].concat();
    for (line, name) in [
        (b"stat\n".as_slice(), "unknown_verb"),
        (b"\n", "unknown_verb"),
        (b"status please=1\n", "unknown_key"),
        (b"reload timeout=5\n", "wrong_value"),
        (b"upgrade binary=fezz\n", "wrong_value"),
        (b"status format=xml\n", "wrong_value"),
        (b"\xff\xfe\n", "request_not_text"),
        (&long, "request_too_long"),
        // It does not come to its end in time.
        (b"stat", "request_too_slow"),
    ] {
        let answer = talk(&socket, line);
        let json = answer.strip_prefix("failed\n").unwrap_or_else(|| panic!("{answer}"));
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!((&json["ok"], &json["error"]), (&false.into(), &name.into()), "{line:?}");
    }
    // Who connects and says nothing keeps nobody from an answer.
    let idle: Vec<UnixStream> =
        (0..3).map(|_| UnixStream::connect(&socket).expect("it listens")).collect();
    assert!(talk(&socket, b"status\n").starts_with("ok\n"));
    drop(idle);
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}

/// Whoever gets hold of the socket in another way is still asked who he is.
#[test]
fn other_users_are_refused_even_if_the_file_lets_them() {
    let folder = folder("admin_peer");
    let server = serving(&folder, &[]);
    let socket = folder.join("a.sock");
    let is_root =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("us"));
    if is_root != 0 {
        eprintln!("not tried: only root can ask as somebody else");
        return;
    }
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o777)).expect("ours");
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_fezz")])
        .args(["status", "--admin"])
        .arg(&socket)
        .output()
        .expect("setpriv runs");
    let (_, text) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("only the server's own user and root may ask"), "{text}");
    drop(server);
}

#[test]
fn the_status_tells_of_functions_that_are_sick() {
    let folder = folder("admin_status");
    let socket = folder.join("a.sock");
    let shown = socket.display().to_string();
    let hangs = c_function(
        "hangs_for_status",
        "FezzOwned fezz_handle_v2(FezzSlice r) { (void)r; for (;;) pause(); }\n\
         void fezz_free_v2(FezzOwned o) { free(o.ptr); }\n",
    );
    let sick = format!("sick={}@/sick", hangs.display());
    let well = format!("well={}@/well", example("hello").display());
    let words = ["-f", &sick, "-f", &well, "--admin", &shown, "--set", "sick.timeout=100ms"];
    let more = ["--set", "sick.abandon-max=1", "--event-loops", "2", "--workers", "3"];
    let server = Serving::start(&[], &[words.as_slice(), &more].concat());
    let mut idle = Client::to(server.address);
    idle.send(b"GET /well HTTP/1.1\r\nHost: a\r\n\r\n");
    idle.reply();
    let mut client = Client::to(server.address);
    client.send(b"GET /sick HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.reply().0.starts_with("HTTP/1.1 504 "));
    let function = |name: &str| {
        let all = status(&socket)["functions"].clone();
        let all = all.as_array().expect("a list").clone();
        let is_it =
            |it: &serde_json::Value| it["name"].as_str().is_some_and(|it| it.starts_with(name));
        all.into_iter().find(is_it).expect("it is there")
    };
    wait("it is given up", || function("sick")["circuit"] == "open");
    let sick = function("sick");
    assert_eq!((&sick["abandoned"], &sick["errors"]), (&1.into(), &1.into()), "{sick}");
    assert!(sick["quarantine_ms"].as_u64().is_some_and(|it| (1..=10_000).contains(&it)), "{sick}");
    assert_eq!(sick["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(function("well")["circuit"], "closed");
    let all = status(&socket);
    assert_eq!((&all["workers"]["all"], &all["workers"]["abandoned"]), (&3.into(), &1.into()));
    let loops = all["loops"].as_array().expect("a list");
    assert_eq!(loops.len(), 2);
    let idle_ones = loops.iter().map(|it| it["connections"]["idle"].as_u64().expect("a number"));
    assert!(idle_ones.sum::<u64>() >= 1, "{all}");
    assert!(loops.iter().all(|it| it["lag_us"].is_u64()), "{all}");
    let listener = &all["listeners"][0];
    assert_eq!(listener["address"], server.address.to_string());
    let (_, text) = said(&verb(&socket, &["status"]));
    assert!(text.contains("function  sick circuit=open("), "{text}");
    drop(server);
}

#[test]
fn a_reload_that_takes_long_does_not_hang_its_verb() {
    let folder = folder("admin_late");
    let socket = folder.join("a.sock");
    let shown = socket.display().to_string();
    let artifact = folder.join("f.so");
    put(&artifact, "1");
    let function = artifact.display().to_string();
    let server = Serving::start(&[], &["-f", &function, "--admin", &shown]);
    let slow = "__attribute__((constructor)) static void slow(void) { sleep(3); }";
    super::super::versions::speaking(&folder.join("slow.so"), "2", slow);
    std::fs::rename(folder.join("slow.so"), &artifact).expect("renamed");
    let (code, text) = said(&verb(&socket, &["reload", "--timeout", "300ms"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("not over within 0.3 s; it goes on"), "{text}");
    // The server answers meanwhile, and the reload comes to its end.
    assert_eq!(status(&socket)["ready"], true);
    wait("it is over", || status(&socket)["last_reload"]["ok"] == true);
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}
