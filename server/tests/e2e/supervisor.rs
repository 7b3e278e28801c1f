//! The unit file that is shipped, and a stand-in for the supervisor that obeys it: a function may
//! end the process in any way, and the server comes back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::binary::Serving;
use super::harness::{Client, c_function, example, statuses};

/// What the unit file says, by `Section.Key`.
fn unit() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/fezz.service");
    let text = std::fs::read_to_string(path).expect("the unit file");
    let mut section = String::new();
    let mut values = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let before = values.insert(format!("{section}.{key}"), value.to_owned());
            assert_eq!(before, None, "{key} is said twice");
        }
    }
    values
}

/// Starts what the unit file says, with our binary and a folder in place of the installed ones.
fn start(unit: &BTreeMap<String, String>, root: &Path) -> Serving {
    let words: Vec<&str> = unit["Service.ExecStart"].split_whitespace().collect();
    let [binary, "serve", "--config", file] = words.as_slice() else {
        panic!("another command: {words:?}");
    };
    assert!(binary.ends_with("/fezz"));
    // It is told to reload by the verb that says how it went.
    assert_eq!(unit["Service.ExecReload"], format!("{binary} reload --config {file}"));
    assert_eq!(
        (unit["Service.Type"].as_str(), unit["Service.NotifyAccess"].as_str()),
        ("notify", "main")
    );
    Serving::start(&[], &["--root", root.to_str().expect("text")])
}

/// Ends the process as the path says.
const CRASHING: &str = r#"
static int asks(FezzSlice r, const char *what) {
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}
FezzOwned fezz_handle_v2(FezzSlice r) {
    if (asks(r, "/segv")) *(volatile int *)8 = 1;
    if (asks(r, "/abort")) abort();
    if (asks(r, "/exit/0")) exit(0);
    if (asks(r, "/exit/1")) exit(1);
    if (asks(r, "/exit/3")) _exit(3);
    return (FezzOwned){ NULL, 0 };
}
void fezz_free_v2(FezzOwned o) { free(o.ptr); }
"#;

#[test]
fn the_server_comes_back_whatever_a_function_ends_it_with() {
    let unit = unit();
    // These are what the supervisor goes by.
    assert_eq!(unit["Service.Restart"], "always");
    assert_eq!(unit.get("Service.RestartPreventExitStatus"), None);
    let pause = unit["Service.RestartSec"].strip_suffix("ms").expect("milliseconds");
    let pause = Duration::from_millis(pause.parse().expect("a number"));
    let attempts: usize = unit["Unit.StartLimitBurst"].parse().expect("a number");
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("supervised");
    for (name, artifact) in
        [("crash", c_function("crashing", CRASHING)), ("hello", example("hello"))]
    {
        let place = root.join("functions").join(name).join("1.0.0");
        std::fs::create_dir_all(&place).expect("a folder");
        std::fs::copy(artifact, place.join("fezz.so")).expect("a copy");
    }
    let endings = ["/segv", "/abort", "/exit/0", "/exit/1", "/exit/3"];
    assert!(endings.len() < attempts, "the supervisor would give up before we do");
    let mut server = start(&unit, &root);
    for ending in endings {
        let mut client = Client::to(server.address);
        client.send(b"GET /rpc/hello/1.0.0/ HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "), "before {ending}");
        let request = format!("GET /rpc/crash/1.0.0{ending} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut crashing = Client::to(server.address);
        crashing.send(request.as_bytes());
        assert_eq!(crashing.rest(), "", "the request is lost with the process");
        assert_eq!(client.rest(), "", "and so is every connection");
        let code = server.end().1;
        let expected = ending.strip_prefix("/exit/").map(|code| code.parse().expect("a code"));
        assert_eq!(code, expected, "{ending}");
        std::thread::sleep(pause);
        server = start(&unit, &root);
    }
    let mut client = Client::to(server.address);
    client.send(b"GET /rpc/hello/1.0.0/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&client.rest()), [200]);
    // What is stopped ends in order, and the supervisor leaves it so.
    assert_eq!(unit["Service.KillSignal"], "SIGTERM");
    server.signal("TERM");
    assert_eq!(server.end().1, Some(0));
}
