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
    for (path, setting) in [("/sick/ignore-term", "when=never"), ("/sick/", "when=begin")] {
        let setting = format!("sick.config.{setting}");
        let server = serving(&artifact("signal_handlers"), &["--set", &setting]);
        assert_eq!(ask(&server, path), [200]);
        server.signal("TERM");
        healthy(&server);
        server.signal("INT");
        let (said, code) = server.end();
        assert!(said.starts_with("fezz draining: SIGINT"), "{said}");
        assert!(said.contains("fezz drained: served=11 cut=0"), "{said}");
        assert_eq!(code, Some(0));
    }
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

/// The child keeps the descriptors: connections end all the same, the address stays taken.
#[test]
fn a_child_keeps_the_address_until_it_ends() {
    let mut server = serving(&artifact("forks"), &[]);
    assert_eq!(ask(&server, "/sick/60000"), [200]);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("a process");
    let children = tasks.flatten().map(|task| task.path().join("children"));
    let child: String = children.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let child = child.trim().to_owned();
    assert!(child.parse::<u32>().is_ok(), "one child: {child:?}");
    // Whoever was connected before the child began sees the end of the connection.
    healthy(&server);
    server.signal("TERM");
    server.line_with("fezz drained:");
    let address = server.address;
    let taken = TcpListener::bind(address).expect_err("the child has it");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    // It would be connected to nobody.
    drop(TcpStream::connect(address).expect("the system completes it"));
    let killed = Command::new("kill").args(["-s", "KILL", &child]).status().expect("kill runs");
    assert!(killed.success());
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
    assert_eq!(ask(&server, "/sick/poll").len(), 0, "the loop that would answer is gone");
    assert_eq!(known.rest(), "");
    let (said, status) = server.ended();
    assert!(!status.success() && !said.contains("drained"), "{said}");
}

/// The numbers are given to the next connections, and then the server's lines go to a client.
#[test]
fn closed_standard_descriptors_send_lines_to_a_client() {
    let mut server = serving(&artifact("closes_descriptors"), &[]);
    assert_eq!(ask(&server, "/sick/standard"), [200]);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut server.output, &mut text).expect("text");
    assert_eq!(text, "", "nobody writes to it any more");
    let mut clients: Vec<Client> = (0..4).map(|_| Client::to(server.address)).collect();
    for client in &mut clients {
        client.send(&get("/hello"));
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    server.signal("TERM");
    let got: String = clients.iter_mut().map(Client::rest).collect();
    assert!(got.contains("fezz draining: SIGTERM"), "{got}");
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
