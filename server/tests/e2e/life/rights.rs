//! What the process gives up: for real, where the tests run as root.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::binary::Serving;
use super::super::harness::{Client, c_function, example, signal};
use super::super::tls::pki::Authority;
use super::{said, verb};

/// The user that has nothing, on every Linux.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").expect("we are a process").uid() == 0;
    if !root {
        eprintln!("not tried: only root can give up being root");
    }
    root
}

/// A folder that everybody may enter, outside of ours.
fn place(name: &str) -> PathBuf {
    let place = std::env::temp_dir().join(format!("fezz-rights-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&place));
    std::fs::create_dir_all(&place).expect("a folder");
    std::fs::set_permissions(&place, PermissionsExt::from_mode(0o755)).expect("ours");
    place
}

/// Says who it was when it was loaded, who it is, whether it can be root, which files it can open,
/// and which landlock the kernel has (-1: none; system call 444 everywhere, flag 1 asks for it).
fn spying(secret: &Path) -> PathBuf {
    let body = format!(
        r#"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
static uid_t loaded_as = 12345;
__attribute__((constructor)) static void look(void) {{ loaded_as = geteuid(); }}
static int opens(const char *path) {{
    int fd = open(path, O_RDONLY);
    if (fd >= 0) close(fd);
    return fd >= 0;
}}
FezzOwned fezz_handle_v2(FezzSlice r) {{
    (void)r;
    char said[24 + 128] = "\xa2\x66status\x18\xc8\x64" "body\x58";
    char *text = said + 17;
    int n = snprintf(text, 128, "loaded=%u is=%u root=%d shadow=%d secret=%d landlock=%d",
                     loaded_as, geteuid(), setuid(0) == 0 || seteuid(0) == 0, opens("/etc/shadow"),
                     opens("{}"), (int)syscall(444, (void *)0, (size_t)0, 1));
    said[16] = (char)n;
    FezzOwned o = {{ malloc(17 + n), 17 + n }};
    memcpy(o.ptr, said, 17 + n);
    return o;
}}
void fezz_free_v2(FezzOwned o) {{ free(o.ptr); }}
"#,
        secret.display()
    );
    c_function("spying", &body)
}

fn says(server: &Serving) -> String {
    let mut client = Client::to(server.address);
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, content) = client.reply();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    String::from_utf8(content).expect("text")
}

/// A server, started as root with these words. Not one of ours: it says who it becomes.
fn start(words: &[&str]) -> Serving {
    let always = ["serve", "--listen", "127.0.0.1:0", "--log-format", "text"];
    Serving::alone(&[&always, words].concat(), &[])
}

#[test]
fn root_is_warned_of_unless_it_is_asked_for() {
    if !is_root() {
        return;
    }
    let function = example("hello").display().to_string();
    for (words, warned) in [(&[][..], true), (&["--user", "root"], false)] {
        let mut server = start(&[&["-f", &function][..], words].concat());
        // Said before it serves, so that the next lines are those of the end.
        assert_eq!(server.before().contains("this is root, and so is every function"), warned);
        server.signal("TERM");
        assert!(server.line_with("fezz drain").starts_with("fezz draining"));
        assert_eq!(server.end().1, Some(0));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .args(["serve", "--listen", "127.0.0.1:0", "-f", &function])
        .args(["--user", "nobody-of-that-name"])
        .output()
        .expect("fezz runs");
    let (code, text) = said(&output);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there is no user 'nobody-of-that-name'"), "{text}");
}

#[test]
fn every_thread_gives_up_everything_before_a_function_is_loaded() {
    if !is_root() {
        return;
    }
    let place = place("drop");
    let secret = place.join("secret");
    std::fs::write(&secret, "for root alone").expect("written");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).expect("ours");
    let artifact = place.join("spying.so");
    std::fs::copy(spying(&secret), &artifact).expect("copied");
    let artifact = artifact.display().to_string();
    let socket = place.join("a.sock");
    let shown = socket.display().to_string();
    let mut server = start(&["-f", &artifact, "--user", "nobody", "--admin", &shown]);
    let wanted = format!("loaded={NOBODY} is={NOBODY} root=0 shadow=0 secret=0 ");
    assert!(says(&server).starts_with(&wanted), "{}", says(&server));
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("it runs");
    let mut count = 0;
    for task in tasks {
        let status = std::fs::read_to_string(task.expect("a task").path().join("status"));
        let status = status.expect("text");
        let line = |key: &str| {
            let mut lines = status.lines();
            let line = lines.find_map(|it| it.strip_prefix(key)).expect("a line");
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        for key in ["Uid:", "Gid:"] {
            assert_eq!(line(key), [NOBODY.to_string().as_str(); 4], "{status}");
        }
        for key in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(line(key), ["0000000000000000"], "{status}");
        }
        assert_eq!(line("NoNewPrivs:"), ["1"]);
        assert!(!line("Groups:").contains(&"0".to_owned()), "{status}");
        count += 1;
    }
    assert!(count >= 5, "loops, workers, watch, signals: {count}");
    // The socket is the new user's, and root still may ask.
    assert_eq!(std::fs::symlink_metadata(&socket).expect("it is there").uid(), NOBODY);
    assert_eq!(said(&verb(&socket, &["status"])).0, Some(0));
    server.signal("TERM");
    let _ = server.line_with("fezz drained");
    drop(server);
    drop(std::fs::remove_dir_all(&place));
}

#[test]
fn one_line_says_what_was_given_up() {
    if !is_root() {
        return;
    }
    let place = place("line");
    let artifact = place.join("hello.so");
    std::fs::copy(example("hello"), &artifact).expect("copied");
    let mut child = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "text", "--user", "nobody"])
        .args(["--landlock", "-f"])
        .arg(&artifact)
        .stderr(Stdio::piped())
        .spawn()
        .expect("fezz runs");
    let mut text = String::new();
    let mut said = child.stderr.take().expect("piped");
    while !text.contains("ready: ") {
        let mut octets = [0; 512];
        let bytes = said.read(&mut octets).expect("a line");
        assert_ne!(bytes, 0, "{text}");
        text += &String::from_utf8_lossy(&octets[..bytes]);
    }
    let line = text.lines().find(|line| line.contains("gave up: ")).expect("one line");
    for word in ["user=nobody uid=65534 gid=65534", "capabilities=none", "landlock="] {
        assert!(line.contains(word), "{line}");
    }
    signal(child.id(), "TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    drop(std::fs::remove_dir_all(&place));
}

/// Certificates are read as root at the start, and as the user afterwards: what he may not read
/// stays as it was, with the reason.
#[test]
fn a_key_for_root_alone_is_served_and_cannot_be_read_again() {
    if !is_root() {
        return;
    }
    let place = place("key");
    let files = Authority::new(place.clone()).sign("server", &["localhost"]);
    std::fs::set_permissions(&files.key, PermissionsExt::from_mode(0o600)).expect("ours");
    let artifact = place.join("hello.so");
    std::fs::copy(example("hello"), &artifact).expect("copied");
    let (artifact, socket) = (artifact.display().to_string(), place.join("a.sock"));
    let pair = format!("{},{}", files.chain.display(), files.key.display());
    let shown = socket.display().to_string();
    let words = ["-f", &artifact, "--user", "nobody", "--admin", &shown];
    let more = ["--listen-tls", "127.0.0.1:0", "--certificate", &pair];
    let server = start(&[words.as_slice(), &more].concat());
    let (code, text) = said(&verb(&socket, &["reload"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nothing changed") && text.contains("server.key"), "{text}");
    std::os::unix::fs::chown(&files.key, Some(NOBODY), None).expect("given");
    let (code, text) = said(&verb(&socket, &["reload"]));
    assert_eq!(code, Some(0), "{text}");
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
    drop(std::fs::remove_dir_all(&place));
}

/// A file that everybody may read, and that nobody named.
#[test]
fn landlock_closes_what_is_not_named() {
    let secret = Path::new(env!("CARGO_TARGET_TMPDIR")).join("landlock-secret");
    std::fs::create_dir_all(&secret).expect("a folder");
    let secret = secret.join("secret");
    std::fs::write(&secret, "for everybody").expect("written");
    let artifact = spying(&secret).display().to_string();
    let open = Serving::start(&[], &["-f", &artifact]);
    let said_open = says(&open);
    assert!(said_open.contains("secret=1"), "without it the file is open: {said_open}");
    let has_landlock = !said_open.ends_with("landlock=-1");
    drop(open);
    let confined = Serving::start(&[], &["-f", &artifact, "--landlock"]);
    let said = says(&confined);
    let wanted = if has_landlock { "secret=0" } else { "secret=1" };
    assert!(said.contains(wanted), "{said}");
    if !has_landlock {
        eprintln!("not tried: this kernel has no landlock");
    }
    confined.signal("TERM");
    assert_eq!(confined.end().1, Some(0));
}
