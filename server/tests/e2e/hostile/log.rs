//! What the operator reads of each failed dispatch: one line, with its function, its stage and why.

use super::{artifact, get, panics};
use crate::binary::Serving;
use crate::harness::{Client, statuses};

/// A function and a path, the status, the stage, and why.
const ROWS: [&str; 14] = [
    "returns_null/ 502 plugin_call the function returned no response",
    "null_with_length/ 502 plugin_call the function returned a null pointer with length 9",
    "points_into_request/inside 502 plugin_call the function returned a pointer into the request \
     instead of memory of its own",
    "wrong_length/request 502 plugin_call the function returned 16 octets that would overlap the \
     request",
    "wrong_length/half 502 deserialize_response the item at octet 10 lacks 3 octets",
    "empty_answer/ 502 deserialize_response the function returned a response of 0 octets",
    "no_envelope/noise 502 deserialize_response octet 0xff at 0 begins no CBOR item that may stand \
     there",
    "no_envelope/list 502 response_envelope envelope at octet 0 is an array, not a map",
    "no_envelope/tail 502 response_decode 1 octets follow the envelope that ends at 10",
    "bad_status/1000 502 response_decode status 1000 is not in 200..=599",
    "splits_response/value-crlf 502 response_decode header value at octet 33 holds the control \
     octet 0x0d",
    "deep_nesting/100 502 response_decode at octet 13 items are nested deeper than 8 levels",
    "endless_sleep/ 504 timeout no answer by the deadline",
    "endless_sleep/ 503 limit refused: the function is in quarantine until a trial call of it \
     comes back",
];

/// The function's name, the path, the status, the stage, and why.
fn parts(row: &str) -> Option<(&str, &str, u16, &str, &str)> {
    let (target, rest) = row.split_once(' ')?;
    let (status, rest) = rest.split_once(' ')?;
    let (stage, why) = rest.split_once(' ')?;
    Some((target.split_once('/')?.0, target, status.parse().ok()?, stage, why))
}

#[test]
fn each_failed_dispatch_is_one_line() {
    let mut functions: Vec<String> = Vec::new();
    let rows = ROWS.map(|row| parts(row).expect("five parts"));
    for (name, ..) in rows {
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
    for (name, target, status, stage, why) in rows {
        let line = ask(&format!("/{target}"), status);
        let expected = format!("fezz::dispatch: {why} function={name}@1.0 stage={stage}\n");
        assert_eq!(line, expected);
    }
    let line = ask("/rust/panic", 500);
    let why = "the function panicked; its own log says why";
    assert_eq!(line, format!("fezz::dispatch: {why} function=rust@0.1.0 stage=panic\n"));
    server.signal("TERM");
    let (said, code) = server.end();
    assert!(!said.contains("fezz::dispatch"), "no second line for any of them: {said}");
    assert_eq!(code, Some(0), "{said}");
}
