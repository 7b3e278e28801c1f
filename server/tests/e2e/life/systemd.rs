//! A stand-in for the supervisor: it hands over sockets, hears what the server says of itself, and
//! misses the sign of life when an event loop is stuck.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fezz_proto::{Instant, Notice};
use fezz_server::assemble::Functions;
use fezz_server::supervisor::feed_while_loops_turn;
use fezz_server::{Observer, Server, Settings};

use super::super::binary::Serving;
use super::super::harness::{Client, c_function, example, present_user, serving, signal, statuses};
use super::super::versions::folder;
use super::{put, said, verb, wait};

/// How long a word may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Signs of life, four in 200 ms, after which another word never comes.
const ALIVE_MAX: usize = 1_200;

/// What a supervisor hears, and where it listens. As a real one does, it takes each word at once:
/// the kernel keeps ten of them, and the server drops what comes then.
struct Supervisor {
    words: Receiver<String>,
    path: PathBuf,
}

impl Supervisor {
    fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (heard, words) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(bytes) = socket.recv(&mut buffer) {
                let word = String::from_utf8(buffer[..bytes].to_vec()).expect("text");
                if heard.send(word).is_err() {
                    break;
                }
            }
        });
        Self { words, path }
    }

    fn next(&self) -> String {
        self.words.recv_timeout(PATIENCE).expect("a word in time")
    }

    /// The next word that begins so, behind signs of life alone.
    fn next_with(&self, word: &str) -> String {
        for _ in 0..ALIVE_MAX {
            let said = self.next();
            if said.starts_with(word) {
                return said;
            }
            assert_eq!(said, "WATCHDOG=1", "while waiting for {word}");
        }
        panic!("{word} never comes");
    }
}

#[test]
fn the_supervisor_hears_every_change() {
    let folder = folder("systemd_notify");
    let supervisor = Supervisor::new(&folder);
    put(&folder.join("f.so"), "1");
    let socket = folder.join("a.sock");
    let [flag, user] = present_user();
    let (function, shown) =
        (folder.join("f.so").display().to_string(), socket.display().to_string());
    let words = ["serve", "--listen", "127.0.0.1:0", "-f", &function, "--admin", &shown];
    let words = [&words[..], &["--log-format", "text", &flag, &user]].concat();
    let notify = supervisor.path.display().to_string();
    let variables = [("NOTIFY_SOCKET", notify.as_str()), ("WATCHDOG_USEC", "200000")];
    let server = Serving::alone(&words, &variables);
    supervisor.next_with("READY=1\nSTATUS=Serving");
    for _ in 0..5 {
        assert_eq!(supervisor.next(), "WATCHDOG=1");
    }
    let reload = said(&verb(&socket, &["reload"]));
    assert_eq!(reload.0, Some(0), "{}", reload.1);
    let reloading = supervisor.next_with("RELOADING=1\n");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    supervisor.next_with("READY=1\nSTATUS=Serving; reloaded");
    std::fs::write(folder.join("f.so"), "broken").expect("written");
    assert_eq!(said(&verb(&socket, &["reload"])).0, Some(1));
    supervisor.next_with("RELOADING=1\n");
    supervisor.next_with("READY=1\nSTATUS=Serving; the last reload changed nothing");
    put(&folder.join("f.so"), "2");
    // The new process is not the service before the old one says so, and may say what it wants.
    let (code, text) = said(&verb(&socket, &["upgrade"]));
    assert_eq!(code, Some(0), "{text}");
    let words = std::iter::repeat_with(|| supervisor.next()).take(ALIVE_MAX);
    let heard: Vec<String> = words.filter(|word| word != "WATCHDOG=1").take(2).collect();
    assert!(
        heard.iter().any(|it| it.starts_with(&format!("MAINPID={}\n", text.trim()))),
        "{heard:?}"
    );
    assert!(heard.iter().any(|it| it.starts_with("READY=1\n")), "{heard:?}");
    // The next words are the new one's: it lives, and the old one does not say that it ends.
    for _ in 0..5 {
        assert_eq!(supervisor.next(), "WATCHDOG=1");
    }
    let (code, text) = said(&verb(&socket, &["drain", "--wait"]));
    assert_eq!(code, Some(0), "{text}");
    supervisor.next_with("STOPPING=1\n");
    assert_eq!(server.end().1, Some(0));
}

/// Says `kept` if what it starts would know of sockets that were handed over, or have one.
const HEIR: &str = r#"
#include <fcntl.h>
#include <sys/socket.h>
static uint8_t kept[] = "\xa2\x66status\x18\xc8\x64" "body" "\x44" "kept";
static uint8_t gone[] = "\xa2\x66status\x18\xc8\x64" "body" "\x44" "gone";
static int is_inherited(int fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) && listens &&
           !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}
FezzOwned fezz_handle_v2(FezzSlice r) {
    (void)r;
    int left = getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES");
    for (int fd = 0; fd < 256; fd++) left |= is_inherited(fd);
    return left ? (FezzOwned){ kept, sizeof kept - 1 } : (FezzOwned){ gone, sizeof gone - 1 };
}
void fezz_free_v2(FezzOwned o) { (void)o; }
"#;

/// Sockets that are there before the server is: one whose name a listener has, shared by several
/// loops, and one that nobody knows.
#[test]
fn sockets_are_handed_over_by_name() {
    let folder = folder("systemd_sockets");
    let artifact = c_function("handed_over", HEIR);
    let artifact = artifact.display();
    let [_, user] = present_user();
    let file = folder.join("fezz.toml");
    let text = |name: &str| {
        format!(
            "version = 1\n[[listener]]\naddress = \"systemd:{name}\"\n\
             [[function]]\nname = \"f\"\nartifact = \"{artifact}\"\n\
             [[route]]\npath = \"/{{*rest}}\"\nfunction = \"f\"\n\
             [workers]\nevent_loops = 3\n\
             [metrics]\nlisten = \"off\"\n[log]\nformat = \"text\"\n[sandbox]\nuser = \"{user}\"\n"
        )
    };
    // The shell gives them the numbers that the protocol wants; they come as its first three.
    let script = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; \
                  LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=$0 exec \"$@\"";
    let start = |names: &str, listener: &TcpListener, other: OwnedFd| {
        let stdin = OwnedFd::from(listener.try_clone().expect("a copy"));
        Command::new("sh")
            .args(["-c", script, names, env!("CARGO_BIN_EXE_fezz"), "serve", "--config"])
            .arg(&file)
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::from(other))
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh runs")
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let spare = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    std::fs::write(&file, text("web")).expect("written");
    // Somebody comes before the server does.
    let mut early = Client::to(listener.local_addr().expect("its address"));
    early.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let child = start("web:other", &listener, spare());
    let early = early.rest();
    assert_eq!(statuses(&early), [200]);
    // What was handed over goes no further: neither variables nor descriptors.
    assert!(early.ends_with("gone"), "{early}");
    for _ in 0..30 {
        let mut client = Client::to(listener.local_addr().expect("its address"));
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&client.rest()), [200]);
    }
    signal(child.id(), "TERM");
    let output = child.wait_with_output().expect("it ends");
    let (code, text_said) = said(&output);
    assert_eq!(code, Some(0), "{text_said}");
    assert!(
        text_said.contains("no listener names it") && text_said.contains("other"),
        "{text_said}"
    );
    for (wanted, names, other, word) in [
        ("https", "web:other", spare(), "no socket called 'https' was handed over"),
        (
            "web",
            "web:file",
            OwnedFd::from(std::fs::File::open("/dev/null").expect("it is there")),
            "'file' is not usable: it is no socket",
        ),
    ] {
        std::fs::write(&file, text(wanted)).expect("written");
        let output = start(names, &listener, other).wait_with_output().expect("it ends");
        let (code, text) = said(&output);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(word), "{text}");
    }
}

/// Keeps its loop inside it while the lock is held by somebody else.
struct Keeps(Arc<Mutex<()>>);

impl Observer for Keeps {
    fn notice(&mut self, _at: Instant, what: &Notice) {
        if matches!(what, Notice::HeadDone) {
            drop(self.0.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[test]
fn the_watchdog_starves_while_a_loop_is_stuck() {
    let mut config = serving(example("hello"));
    config.event_loops = 2;
    let functions = Functions::load(&config).expect("it loads");
    let settings = Settings::of(&config, functions, 4_096).expect("the limits agree");
    let mut server = Server::bind(settings).expect("the sockets open");
    let lock = Arc::new(Mutex::new(()));
    server.observe(|_| Box::new(Keeps(Arc::clone(&lock))));
    let (handle, address) = (server.handle(), server.addresses()[0]);
    let running = std::thread::spawn(move || server.run());
    let fed = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&fed);
    let feed = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let interval = Duration::from_millis(200);
    feed_while_loops_turn(handle.clone(), interval, feed).expect("a thread");
    let meals = || fed.load(Ordering::SeqCst);
    wait("it is fed", || meals() > 3);
    let kept = lock.lock().expect("nobody panics");
    let mut client = Client::to(address);
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // Whatever was asked before is answered by now.
    let stuck = |patience| handle.loops(patience).iter().filter(|it| it.lag.is_none()).count();
    wait("one loop does not answer", || stuck(Duration::from_millis(300)) == 1);
    let before = meals();
    std::thread::sleep(interval * 5);
    assert!(meals() <= before + 1, "{before} and then {}", meals());
    drop(kept);
    assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    let before = meals();
    wait("it is fed again", || meals() > before + 3);
    // A server that drains turns to its end, and so does the watchdog.
    handle.drain();
    running.join().expect("no panic").expect("no failure");
    let before = meals();
    wait("nothing is stuck in what is over", || meals() > before);
}
