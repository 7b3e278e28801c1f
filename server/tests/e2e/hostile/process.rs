//! Functions that change what belongs to the whole process. One process cannot be kept from it:
//! what is tested is what it costs.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::crash::serving;
use super::{artifact, get};
use crate::binary::Serving;
use crate::harness::{Client, example, statuses};

fn ask(server: &Serving, path: &str) -> Vec<u16> {
    let mut client = Client::to(server.address);
    client.send(&get(path));
    client.end();
    statuses(&client.rest())
}

fn healthy(server: &Serving) {
    for _ in 0..10 {
        assert_eq!(ask(server, "/hello"), [200]);
    }
}

/// A line of the process's status file.
fn status_line(process: u32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim_start_matches(':').trim().to_owned()
}

/// SIGTERM means nothing any more; SIGINT and what cannot be ignored are left.
#[test]
fn an_ignored_sigterm_leaves_sigint() {
    let setting = "sick.config.when=never";
    let server = serving(&artifact("signal_handlers"), &["--set", setting]);
    assert_eq!(ask(&server, "/sick/ignore-term"), [200]);
    server.signal("TERM");
    healthy(&server);
    server.signal("INT");
    let (said, code) = server.end();
    assert!(said.starts_with("fezz draining: SIGINT"), "{said}");
    assert!(said.contains("fezz drained: served=11 cut=0"), "{said}");
    assert_eq!(code, Some(0));
}

/// What it does to signals when it begins is undone before it serves.
#[test]
fn a_sigterm_ignored_at_the_begin_drains() {
    let setting = "sick.config.when=begin";
    let server = serving(&artifact("signal_handlers"), &["--set", setting]);
    assert_eq!(ask(&server, "/sick/"), [200]);
    server.signal("TERM");
    let (said, code) = server.end();
    assert!(said.starts_with("fezz draining: SIGTERM"), "{said}");
    assert_eq!(code, Some(0));
}

/// The system ends the process as it would any: no drain, and no line that says so.
#[test]
fn a_default_sigterm_ends_without_a_drain() {
    use std::os::unix::process::ExitStatusExt as _;

    let server = serving(&artifact("signal_handlers"), &[]);
    assert_eq!(ask(&server, "/sick/default-term"), [200]);
    healthy(&server);
    server.signal("TERM");
    let (said, status) = server.ended();
    assert_eq!((said.as_str(), status.code()), ("", None));
    assert_eq!(status.signal(), Some(15), "SIGTERM, signal(7)");
}

/// The server writes without SIGPIPE, and takes signals on a thread of its own.
#[test]
fn a_default_sigpipe_and_a_mask_change_nothing() {
    let server = serving(&artifact("signal_handlers"), &[]);
    assert_eq!(ask(&server, "/sick/default-pipe"), [200]);
    for _ in 0..4 {
        assert_eq!(ask(&server, "/sick/block"), [200]);
    }
    for _ in 0..20 {
        let mut leaving = Client::to(server.address);
        leaving.send(&get("/hello").repeat(50));
        let socket = socket2::SockRef::from(&leaving.0);
        socket.set_linger(Some(Duration::ZERO)).expect("a reset at the end");
        drop(leaving);
    }
    healthy(&server);
    server.signal("TERM");
    let (said, code) = server.end();
    assert!(said.contains("fezz drained:"), "{said}");
    assert_eq!(code, Some(0));
}

/// What is open stays open; what is named by a relative path is somewhere else from then on.
#[test]
fn another_directory_is_another_place_for_a_reload() {
    let artifact = artifact("changes_process");
    let folder = artifact.parent().expect("a folder").display().to_string();
    let file = artifact.file_name().expect("a file").to_str().expect("text");
    let sick = format!("sick=./{file}@/sick/{{*rest}}");
    let hello = format!("hello={}@/hello", example("hello").display());
    let words = ["--function", &sick, "--function", &hello];
    let mut server = Serving::start(&["env", "-C", &folder], &words);
    for path in ["/sick/umask", "/sick/locale", "/sick/environment", "/sick/cwd"] {
        assert_eq!(ask(&server, path), [200], "{path}");
        healthy(&server);
    }
    assert_eq!(status_line(server.id(), "Umask"), "0777");
    let place = std::fs::read_link(format!("/proc/{}/cwd", server.id())).expect("a process");
    assert_eq!(place.to_str(), Some("/"));
    server.signal("HUP");
    let line = server.line_with(file);
    assert!(line.contains("no such file"), "{line}");
    healthy(&server);
    assert_eq!(ask(&server, "/sick/cwd"), [200], "what is loaded serves on");
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}

/// The child keeps the descriptors: the address stays taken, and a connection that the server does
/// not shut down before it closes it does not end.
#[test]
fn a_child_keeps_the_address_until_it_ends() {
    let mut server = serving(&artifact("forks"), &[]);
    let mut known = [(); 2].map(|()| Client::to(server.address));
    for client in &mut known {
        client.send(&get("/hello"));
        client.reply();
    }
    let mut forking = Client::to(server.address);
    forking.send(&get("/sick/60000"));
    assert!(forking.reply().0.starts_with("HTTP/1.1 200 "));
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("a process");
    let children = tasks.flatten().map(|task| task.path().join("children"));
    let child: String = children.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let child = child.trim().to_owned();
    assert!(child.parse::<u32>().is_ok(), "one child: {child:?}");
    healthy(&server);
    let [mut told, mut left] = known;
    told.send(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&told.rest()), [200], "shut down, as the client asked");
    left.end();
    left.0.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let open = std::io::Read::read(&mut left.0, &mut [0]).expect_err("closed, but in one process");
    assert_eq!(open.kind(), ErrorKind::WouldBlock);
    drop(forking);
    server.signal("TERM");
    server.line_with("fezz drained:");
    let taken = TcpListener::bind(server.address).expect_err("the child has it");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    let killed = Command::new("kill").args(["-s", "KILL", &child]).status().expect("kill runs");
    assert!(killed.success());
    assert_eq!(left.rest(), "");
    assert_eq!(server.end().1, Some(0));
}

/// Nobody new comes in, and who is connected is served.
#[test]
fn a_closed_listener_ends_the_accepting() {
    let server = serving(&artifact("closes_descriptors"), &[]);
    let mut known = Client::to(server.address);
    for path in ["/hello", "/sick/listener", "/hello", "/hello"] {
        known.send(&get(path));
        assert!(known.reply().0.starts_with("HTTP/1.1 200 "), "{path}");
    }
    let refused = TcpStream::connect(server.address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// Everybody's connections end without a reply.
#[test]
fn closed_connections_are_lost() {
    let server = serving(&artifact("closes_descriptors"), &[]);
    let mut known = Client::to(server.address);
    known.send(&get("/hello"));
    known.reply();
    assert_eq!(ask(&server, "/sick/clients"), [0; 0]);
    assert_eq!(known.rest(), "");
}

/// A loop that cannot wait any more ends the server: it says why, and a supervisor restarts it.
#[test]
fn a_closed_poll_ends_the_server() {
    let server = serving(&artifact("closes_descriptors"), &[]);
    let mut known = Client::to(server.address);
    known.send(&get("/hello"));
    known.reply();
    // It may be in time to answer this one.
    ask(&server, "/sick/poll");
    assert_eq!(known.rest(), "");
    let (said, status) = server.ended();
    assert!(!status.success() && !said.contains("drained"), "{said}");
}

/// The next connection gets the number of what wakes the loop: what is meant to wake it is sent to
/// that client, between its replies.
#[test]
fn a_closed_waker_writes_to_a_client() {
    let server = serving(&artifact("closes_descriptors"), &[]);
    assert_eq!(ask(&server, "/sick/wake"), [200]);
    let mut client = Client::to(server.address);
    let mut got = Vec::new();
    for _ in 0..100 {
        client.send(&get("/hello"));
        let mut some = [0; 4096];
        let count = std::io::Read::read(&mut client.0, &mut some).expect("the server writes");
        got.extend_from_slice(&some[..count]);
        if got.windows(8).any(|octets| octets == 1_u64.to_ne_bytes()) {
            return;
        }
    }
    panic!("only replies: {}", String::from_utf8_lossy(&got));
}

/// The numbers are given to the next connections; the server's lines go where they went before.
#[test]
fn closed_standard_descriptors_send_no_line_to_a_client() {
    let mut server = serving(&artifact("closes_descriptors"), &[]);
    assert_eq!(ask(&server, "/sick/standard"), [200]);
    let mut clients: Vec<Client> = (0..4).map(|_| Client::to(server.address)).collect();
    for client in &mut clients {
        client.send(&get("/hello"));
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    server.signal("USR1");
    server.line_with("fezz logs: files are opened anew");
    for client in &mut clients {
        let some = Duration::from_millis(10);
        client.0.set_read_timeout(Some(some)).expect("a timeout");
        let nothing = std::io::Read::read(&mut client.0, &mut [0; 1]).expect_err("no octet");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    }
}

/// The process grows by what is leaked; nothing else happens before its limit.
#[test]
fn what_is_leaked_is_the_process_s() {
    let server = serving(&artifact("leaks"), &[]);
    let kib = || -> u64 {
        let line = status_line(server.id(), "VmRSS");
        line.split(' ').next().expect("a number").parse().expect("KiB")
    };
    let before = kib();
    for _ in 0..32 {
        assert_eq!(ask(&server, "/sick/"), [200]);
    }
    let grown = kib() - before;
    assert!(grown >= 32 * 1024, "{grown} KiB");
    healthy(&server);
}
