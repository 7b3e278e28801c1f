//! Load generators that are not ours: not a single error, also when the server ends connections
//! after their thousandth request.

use std::process::Command;

use super::harness::{Running, example, serving};

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("ci/setup installs it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
fn wrk_sees_no_error() {
    let mut config = serving(example("hello"));
    config.event_loops = 2;
    let server = Running::start(&config);
    let url = format!("http://{}/", server.address);
    let said = output("wrk", &["-t1", "-c32", "-d1s", &url]);
    assert!(said.contains("Requests/sec"), "{said}");
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    let answered = server.handle.counted().served();
    assert!(answered > 1_000, "connections were ended and made again: {answered}");
}

#[test]
fn h2load_sees_no_error() {
    let server = Running::start(&serving(example("echo")));
    let url = format!("http://{}/host", server.address);
    let said = output("h2load", &["--h1", "-n", "5000", "-c", "16", "-m", "4", &url]);
    assert!(said.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
    assert!(said.contains("5000 2xx"), "{said}");
}
