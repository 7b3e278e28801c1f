//! What the operator reads of each failed dispatch: one line, with its function, its stage and why.

use super::{artifact, get, panics};
use crate::binary::Serving;
use crate::harness::{Client, statuses};

/// A function, a path, the status, and what its line says after the function's name.
const ROWS: [(&str, &str, u16, &str); 14] = [
    ("returns_null", "", 502, "stage=plugin_call error=the function returned no response"),
    ("null_with_length", "", 502, "stage=plugin_call error=?"),
    ("points_into_request", "inside", 502, "stage=plugin_call error=?"),
    ("wrong_length", "request", 502, "stage=plugin_call error=?"),
    ("wrong_length", "half", 502, "stage=deserialize_response error=?"),
    ("empty_answer", "", 502, "stage=deserialize_response error=?"),
    ("no_envelope", "noise", 502, "stage=deserialize_response error=?"),
    ("no_envelope", "list", 502, "stage=response_envelope error=?"),
    ("no_envelope", "tail", 502, "stage=response_decode error=?"),
    ("bad_status", "1000", 502, "stage=response_decode error=?"),
    ("splits_response", "value-crlf", 502, "stage=response_decode error=?"),
    ("deep_nesting", "100", 502, "stage=response_decode error=?"),
    ("endless_sleep", "", 504, "stage=timeout error=no answer by the deadline"),
    ("endless_sleep", "", 503, "stage=limit error=quarantined"),
];

#[test]
fn each_failed_dispatch_is_one_line() {
    let mut functions: Vec<String> = Vec::new();
    for (name, ..) in ROWS {
        let word = format!("{name}={}@/{name}/{{*rest}}", artifact(name).display());
        if !functions.contains(&word) {
            functions.push(word);
        }
    }
    functions.push(format!("rust={}@/rust/{{*rest}}", panics::artifact().display()));
    let mut words = vec!["--event-loops", "1", "--workers", "3"];
    for function in &functions {
        words.extend(["--function", function]);
    }
    words.extend(["--set", "endless_sleep.timeout=100ms", "--set", "endless_sleep.abandon_max=1"]);
    let mut server = Serving::start(&[], &words);
    let mut ask = |path: &str, status: u16| {
        let mut client = Client::to(server.address);
        client.send(&get(path));
        client.end();
        assert_eq!(statuses(&client.rest()), [status], "{path}");
        let line = server.line_with("fezz::dispatch");
        if status == 504 {
            assert!(server.line_with("endless_sleep").contains("its thread is given up"));
            assert!(server.line_with("endless_sleep").contains("quarantined: 503 for 10 s"));
        }
        line
    };
    for (name, path, status, rest) in ROWS {
        let line = ask(&format!("/{name}/{path}"), status);
        assert_eq!(line, format!("fezz::dispatch: function={name}@1.0 {rest}\n"));
    }
    let line = ask("/rust/panic", 500);
    let why = "the function panicked; its own log says why";
    assert_eq!(line, format!("fezz::dispatch: function=rust@0.1.0 stage=panic error={why}\n"));
    server.signal("TERM");
    let (said, code) = server.end();
    assert!(!said.contains("fezz::dispatch"), "no second line for any of them: {said}");
    assert_eq!(code, Some(0), "{said}");
}
