//! The configuration file, from its text to answers over a socket, and what `fezz check` says.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::binary::Serving;
use super::harness::{Client, example, present_user};
use super::tls::pki::{Authority, directory};

fn fezz(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fezz"));
    command.args(words).env_remove("FEZZ_CONFIG").output().expect("fezz runs")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A configuration in a directory of its own.
fn file(name: &str, content: &str) -> PathBuf {
    let path = directory(&format!("configuration-{name}")).join("fezz.toml");
    std::fs::write(&path, content).expect("written");
    path
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Serves the echo example at `/echo` with bodies of at most 5 octets, and elsewhere with 9.
fn two_routes() -> String {
    format!(
        "version = 1\n\
         [[listener]]\naddress = \"127.0.0.1:0\"\n\
         [[function]]\nname = \"echo\"\nartifact = \"{}\"\n\
         [[route]]\npath = \"/echo\"\nfunction = \"echo\"\nlimits = {{ body = \"5B\" }}\n\
         [[route]]\npath = \"/{{*rest}}\"\nmethods = [\"POST\"]\nfunction = \"echo\"\n\
         [limits]\nbody = \"9B\"\n\
         [metrics]\nlisten = \"off\"\n[log]\nformat = \"text\"\n\
         [sandbox]\nuser = \"{}\"\n",
        example("echo").display(),
        present_user()[1]
    )
}

fn status(server: &Serving, head: &str, body: &str) -> String {
    let mut client = Client::to(server.address);
    let length = body.len();
    let request = format!("{head} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
    client.send(request.as_bytes());
    client.reply().0.lines().next().expect("a status line").to_owned()
}

#[test]
fn a_file_is_served_and_obeyed() {
    let path = file("served", &two_routes());
    let server = Serving::alone(&["serve", "--config", &shown(&path)], &[]);
    for (head, body, expected) in [
        ("POST /echo", "12345", "200"),
        ("POST /echo", "123456", "413"),
        // The route takes it, and the example knows nothing there.
        ("POST /other", "123456789", "404"),
        ("POST /other", "1234567890", "413"),
        ("GET /other", "", "405"),
    ] {
        let line = status(&server, head, body);
        assert!(line.starts_with(&format!("HTTP/1.1 {expected} ")), "{head} {body}: {line}");
    }
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}

#[test]
fn the_environment_names_the_file_where_nothing_is_said() {
    let path = file("environment", &two_routes());
    let server = Serving::alone(&["serve"], &[("FEZZ_CONFIG", &shown(&path))]);
    assert!(status(&server, "POST /echo", "1").contains(" 200 "));
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}

#[test]
fn flags_and_a_file_exclude_each_other() {
    let path = file("excluded", &two_routes());
    let output = fezz(&["serve", "--config", &shown(&path), "--listen", "127.0.0.1:0"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--config <FILE>' cannot be used with"), "{said}");
}

#[test]
fn everything_wrong_is_said_with_its_place() {
    let path = file("wrong", "version = 1\n[limits]\nbody = 10\nbdy = 1\n[timeout]\n");
    let output = fezz(&["serve", "--config", &shown(&path)]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in ["fezz.toml:3:8", "fezz.toml:4:1", "fezz.toml:5:2", "did you mean 'timeouts'?"] {
        assert!(said.contains(word), "no '{word}' in {said}");
    }
}

#[test]
fn what_is_in_force_is_shown_with_its_origin() {
    let path = file("shown", &two_routes());
    let output = fezz(&["config", "show", "--config", &shown(&path)]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let line = |key: &str| {
        let mut lines = said.lines().filter(|line| line.starts_with(&format!("{key} = ")));
        lines.next().unwrap_or_else(|| panic!("no {key} in {said}")).to_owned()
    };
    assert!(line("body").starts_with("body = \"9B\" "), "{said}");
    assert!(line("body").ends_with("fezz.toml:16"), "{said}");
    assert!(
        line("handler").contains("\"30s\"") && line("handler").ends_with("# default"),
        "{said}"
    );
    let again = path.with_file_name("again.toml");
    std::fs::write(&again, &said).expect("written");
    assert_eq!(fezz(&["check", &shown(&again)]).status.code(), Some(0));
    let explained = fezz(&["config", "explain", "limits.body"]);
    assert!(text(&explained.stdout).contains("body_too_large"));
    let unknown = fezz(&["config", "explain", "limits.bdy"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean 'body'?"));
}

/// The hardened example with everything it names, below a directory.
fn hardened(name: &str) -> PathBuf {
    let place = directory(&format!("configuration-{name}"));
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/fezz.toml");
    let content = std::fs::read_to_string(packaged).expect("the example");
    for part in ["tls", "acme", "functions", "log", "run"] {
        std::fs::create_dir_all(place.join(part)).expect("a directory");
    }
    let files = Authority::new(place.join("tls")).sign("privkey", &["localhost"]);
    std::fs::copy(&files.chain, place.join("tls/fullchain.pem")).expect("copied");
    std::fs::copy(example("hello"), place.join("functions/libhello.so")).expect("copied");
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    std::fs::write(place.join("tokens"), format!("{digest} partner\n")).expect("written");
    for secret in ["tokens", "tls/privkey.key"] {
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(place.join(secret), mode).expect("a mode");
    }
    let adapted = content
        .replace("/etc/fezz/tls/privkey.pem", "tls/privkey.key")
        .replace("/etc/fezz/", "")
        .replace("/var/lib/fezz/", "")
        .replace("/var/log/fezz/", "log/")
        .replace("unix:/run/fezz/", "unix:run/");
    let path = place.join("fezz.toml");
    std::fs::write(&path, adapted).expect("written");
    path
}

#[test]
fn the_hardened_example_is_beyond_reproach() {
    let path = hardened("hardened");
    let output = fezz(&["check", "--strict", &shown(&path)]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("0 errors, 0 warnings; 2 listeners, 1 function, 2 routes"), "{said}");
}

#[test]
fn what_a_file_names_is_looked_at() {
    let path = hardened("named");
    let place = path.parent().expect("a directory");
    let content = std::fs::read_to_string(&path).expect("the file");
    let content = content
        + "[[function]]\nname = \"gone\"\nartifact = \"gone.so\"\n\
           [[route]]\npath = \"/gone\"\nfunction = \"gone\"\n\
           [[function]]\nname = \"other\"\nartifact = \"functions/libhello.so\"\nsha256 = \"\
           9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n\
           [[route]]\npath = \"/other\"\nfunction = \"other\"\n";
    std::fs::write(&path, content).expect("written");
    std::fs::write(place.join("tokens"), "secret\n").expect("written");
    Authority::new(place.join("tls")).sign("privkey", &["localhost"]);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(place.join("tls/privkey.key"), open).expect("a mode");
    std::fs::remove_dir(place.join("log")).expect("removed");
    let output = fezz(&["check", "--format", "json", &shown(&path)]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in [
        "\"outcome\":\"fail\"",
        "\"name\":\"artifact\",\"key\":\"function[1].artifact\"",
        "\"name\":\"artifact\",\"key\":\"function[2].artifact\"",
        "\"name\":\"policy_tokens\",\"key\":\"policy.partners.auth.file\"",
        "\"name\":\"mismatch\",\"key\":\"certificate[0].key\"",
        "\"name\":\"unreadable\",\"key\":\"access_log.output\"",
        "\"severity\":\"warning\",\"name\":\"readable_by_all\",\"key\":\"certificate[0].key\"",
    ] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn functions_without_routes_and_routes_without_functions_are_found() {
    let artifact = example("hello");
    let function = |name: &str, version: &str| {
        format!(
            "[[function]]\nname = \"{name}\"\nversion = \"{version}\"\nartifact = \"{}\"\n\
             fallback = \"error\"\n",
            artifact.display()
        )
    };
    let content = format!(
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n{}{}{}\
         [[function]]\nartifact = \"{}\"\n\
         [[route]]\npath = \"/\"\nfunction = \"a\"\n\
         [[route]]\npath = \"/x\"\nfunction = \"nobody\"\n",
        function("a", "1.0.0"),
        function("a", "2.0.0"),
        function("b", "1.0.0"),
        artifact.display()
    );
    let output = fezz(&["check", &shown(&file("routes", &content))]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in ["no route leads to 'a@1.0.0'", "no route leads to 'b@1.0.0'", "is called 'nobody'"]
    {
        assert!(said.contains(word), "no {word} in {said}");
    }
    assert!(!said.contains("'a@2.0.0'; add"), "{said}");
}

#[test]
fn a_file_is_known_by_its_content() {
    let place = directory("configuration-content");
    let disguised = place.join("fezz.conf");
    std::fs::write(&disguised, two_routes()).expect("written");
    let output = fezz(&["check", &shown(&disguised)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let artifact = place.join("hello.toml");
    std::fs::copy(example("hello"), &artifact).expect("copied");
    let output = fezz(&["check", &shown(&artifact)]);
    assert!(text(&output.stdout).starts_with("ok    preflight"), "{}", text(&output.stdout));
}
