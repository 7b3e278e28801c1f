//! The JSON boundary, against functions in C that follow or break its rules.
#![cfg(feature = "host")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::library;
use fezz_abi::artifact::{Caution, inspect, inspect_as, inspect_either};
use fezz_abi::host::Function;
use fezz_abi::{Abi, CallError, LoadFault, LoadOptions, Stage};
use fezz_wire::{BodySlot, Meta, RequestHead, ResponseView, WireLimits, write_request};

const V1: LoadOptions = LoadOptions { sha256: None, abi: Abi::V1 };

const FREE: &str = "void fezz_free(char *text) { frees += 1; last = text; free(text); }";

/// An artifact whose `fezz_fetch` has this body and which knows how often it was called (`calls`),
/// how often `fezz_free` was (`frees`) and with what (`last`).
fn fetch(name: &str, body: &str, free: &str) -> PathBuf {
    let source = format!(
        "#define _GNU_SOURCE
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static int calls, frees; static char *last; static pthread_t caller;
        {free}
        char *fezz_fetch(const char *request) {{
            calls += 1; caller = pthread_self();
            {body}
        }}"
    );
    library(name, &source, &["-Wno-unused-variable"])
}

fn load(path: &Path) -> Function {
    Function::load_with(path, &V1).unwrap()
}

fn request(headers: &[(&[u8], &[u8])], body: &[u8]) -> Vec<u8> {
    let head = RequestHead {
        method: "POST",
        scheme: Some("https"),
        authority: Some("localhost:8080"),
        path: "/caf%C3%A9",
        query: Some("id=7"),
        meta: Meta { deadline_ms: Some(250), ..Meta::default() },
        header_count: headers.len(),
    };
    let mut buf = Vec::new();
    let slot = BodySlot::Known(body.len() as u64);
    write_request(&mut buf, &head, headers.iter().copied(), slot);
    buf.extend_from_slice(body);
    buf
}

fn plain() -> Vec<u8> {
    request(&[], b"")
}

/// Status and body of an answer.
fn answer(function: &Function, request: &[u8]) -> Result<(u16, String), CallError> {
    function.call(request, |answer| {
        let view = ResponseView::decode(answer?, &WireLimits::default()).unwrap();
        Ok((view.status(), String::from_utf8(view.body().to_vec()).unwrap()))
    })
}

#[test]
fn the_golden_request_and_response() {
    let golden = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        std::fs::read_to_string(folder.join(name)).unwrap()
    };
    let headers: [(&[u8], &[u8]); 3] = [
        (b"Content-Type", b"application/json; charset=utf-8"),
        (b"x-tag", b"one"),
        (b"X-Tag", b"zwei \"2\""),
    ];
    let body = "{\"id\": 7,\n\t\"note\": \"grün\"}";
    // The function hands back the request it was given if it is the golden one.
    let octal = |text: &str| {
        text.trim_end().bytes().map(|octet| format!("\\{octet:03o}")).collect::<String>()
    };
    let source = format!(
        "return strdup(strcmp(request, \"{}\") ? \"{{\\\"status\\\":500}}\" : \"{}\");",
        octal(&golden("legacy-request.json")),
        octal(&golden("legacy-response.json")),
    );
    let function = load(&fetch("golden", &source, FREE));
    let hex: String = golden("legacy-response.hex").split_whitespace().collect();
    let expected: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let answer = function.call(&request(&headers, body.as_bytes()), |answer| answer.map(Vec::from));
    assert_eq!(answer, Ok(expected));
}

#[test]
fn an_answer_is_freed_once_on_the_calling_thread() {
    let body = "char *text = 0;
        asprintf(&text, \"{\\\"status\\\":200,\\\"body\\\":\\\"%d %d\\\"}\", calls, frees);
        return text;";
    let free = "void fezz_free(char *text) {
        if (!pthread_equal(caller, pthread_self())) abort();
        frees += 1; free(text);
    }";
    let function = load(&fetch("freed", body, free));
    for (round, said) in ["1 0", "2 1", "3 2"].into_iter().enumerate() {
        let call = || answer(&function, &plain());
        let got = std::thread::scope(|scope| scope.spawn(call).join().unwrap());
        assert_eq!(got, Ok((200, said.to_owned())), "{round}");
    }
    assert_eq!((function.leaked_answers(), function.abi()), (0, Abi::V1));
}

#[test]
fn without_a_free_answers_are_counted() {
    let function = load(&fetch("leaks", "return strdup(\"{\\\"status\\\":204}\");", ""));
    for round in 1..=3 {
        assert_eq!(answer(&function, &plain()), Ok((204, String::new())));
        assert_eq!(function.leaked_answers(), round);
    }
    let odd = load(&fetch("leaks_odd", "return strdup(\"[]\");", ""));
    assert!(answer(&odd, &plain()).is_err());
    assert_eq!(odd.leaked_answers(), 1, "a refused answer is lost as well");
    let none = load(&fetch("leaks_none", "return 0;", ""));
    assert!(answer(&none, &plain()).is_err());
    assert_eq!(none.leaked_answers(), 0, "there was nothing to lose");
}

#[test]
fn refused_answers_are_freed_exactly_when_there_is_something_to_free() {
    let max = fezz_abi::host::RESPONSE_BYTES_MAX;
    let shape = CallError::NotAResponse { line: 1, column: 2 };
    let cases: [(&str, &str, CallError, &str, Stage, u32); 8] = [
        ("none", "0", CallError::NoResponse, "no_response", Stage::PluginCall, 0),
        (
            "same",
            "(char *) request",
            CallError::PointsIntoRequest,
            "points_into_request",
            Stage::PluginCall,
            0,
        ),
        (
            "inside",
            "(char *) request + strlen(request)",
            CallError::PointsIntoRequest,
            "points_into_request",
            Stage::PluginCall,
            0,
        ),
        (
            "empty",
            "calloc(1, 1)",
            CallError::EmptyResponse,
            "empty_response",
            Stage::DeserializeResponse,
            1,
        ),
        (
            "endless",
            "memset(calloc(1, 17 * 1024 * 1024 + 1), ' ', 17 * 1024 * 1024)",
            CallError::Unterminated { max },
            "unterminated",
            Stage::PluginCall,
            1,
        ),
        (
            "latin",
            "strdup(\"{\\\"status\\\":200,\\\"body\\\":\\\"caf\\xE9\\\"}\")",
            CallError::NotUtf8 { at: 25 },
            "not_utf8",
            Stage::DeserializeResponse,
            1,
        ),
        (
            "broken",
            "strdup(\"{\\\"status\\\":200\")",
            CallError::NotJson { line: 1, column: 13 },
            "not_json",
            Stage::DeserializeResponse,
            1,
        ),
        ("shape", "strdup(\"{}\")", shape, "not_a_response", Stage::ResponseEnvelope, 1),
    ];
    for (name, text, expected, word, stage, frees) in cases {
        // The second call tells what became of the first.
        let body = format!(
            "if (calls == 1) return {text};
            char *told = 0;
            asprintf(&told, \"{{\\\"status\\\":200,\\\"body\\\":\\\"%d\\\"}}\", frees);
            return told;"
        );
        let function = load(&fetch(&format!("refused_{name}"), &body, FREE));
        let error = answer(&function, &plain()).unwrap_err();
        assert_eq!((error, error.name(), error.stage()), (expected, word, stage), "{name}");
        assert!(!error.to_string().is_empty());
        assert_eq!(answer(&function, &plain()), Ok((200, frees.to_string())), "{name}");
    }
}

#[test]
fn the_operator_sets_the_limit_of_an_answer() {
    let text = r#"{"status":204}"#;
    let path = fetch("limit", "return strdup(\"{\\\"status\\\":204}\");", FREE);
    let limited = |octets| answer(&load(&path).with_response_bytes_max(octets), &plain());
    assert_eq!(limited(text.len() + 1), Ok((204, String::new())));
    assert_eq!(limited(text.len()), Err(CallError::Unterminated { max: text.len() }));
}

#[test]
fn what_is_not_utf8_never_reaches_the_function() {
    let function = load(&fetch("utf8", "abort();", FREE));
    let header: [(&[u8], &[u8]); 1] = [(b"x-tag", b"caf\xE9")];
    for request in [request(&header, b""), request(&[], b"\xFF")] {
        let (status, body) = answer(&function, &request).unwrap();
        assert_eq!(status, 415, "{body}");
        assert!(body.contains("UTF-8"), "{body}");
    }
    assert_eq!(function.call(b"\xA0", |answer| answer.unwrap_err()), CallError::RequestUnreadable);
}

#[test]
fn the_boundary_is_spoken_only_if_the_operator_says_so() {
    let path = fetch("optin", "return 0;", "");
    let error = Function::load(&path).unwrap_err();
    let legacy = LoadFault::MissingSymbols { handle: true, free: true, legacy: true };
    assert_eq!(error.fault(), &legacy);
    assert!(error.to_string().contains("--set NAME.abi=v1"), "{error}");
    assert_eq!(inspect(&path).unwrap_err().fault(), &legacy);
    let inspection = inspect_as(&path, Abi::V1).unwrap();
    assert_eq!(inspection.cautions().collect::<Vec<_>>(), [Caution::EarlierBoundary]);
    assert_eq!(inspect_either(&path).unwrap(), inspection);
    let refused = |path: &Path| Function::load_with(path, &V1).unwrap_err();
    let current = common::handle("current", "return (FezzOwned){0, 0};");
    assert_eq!(inspect_either(&current).unwrap().abi, Abi::V2);
    let error = refused(&current);
    assert_eq!(error.fault(), &LoadFault::MissingFetch { current: true });
    assert!(error.to_string().contains("load it without abi=v1"), "{error}");
    let nothing = library("nothing", "int x;", &[]);
    let error = refused(&nothing);
    assert_eq!(error.fault(), &LoadFault::MissingFetch { current: false });
    assert_eq!(error.name(), "missing_fetch");
    let data = library("data", "int fezz_fetch = 1;", &[]);
    let symbol = "fezz_fetch";
    assert_eq!(refused(&data).fault(), &LoadFault::NotAFunction { symbol, found: 1 });
    let data = library("data_free", "int fezz_free; char *fezz_fetch(char *x) { return 0; }", &[]);
    let symbol = "fezz_free";
    assert_eq!(refused(&data).fault(), &LoadFault::NotAFunction { symbol, found: 1 });
}

#[test]
fn calls_may_overlap() {
    let function = load(&fetch("overlap", "return strdup(\"{\\\"status\\\":200}\");", ""));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    assert_eq!(answer(&function, &plain()), Ok((200, String::new())));
                }
            });
        }
    });
    assert_eq!(function.leaked_answers(), 2000);
}

#[test]
fn an_exception_ends_the_process_and_names_the_artifact() {
    // Runs itself again as the process that ends.
    if let Some(path) = std::env::var_os("FEZZ_TEST_THROWING_LEGACY") {
        answer(&load(Path::new(&path)), &plain()).ok();
        unreachable!("the exception was swallowed");
    }
    let source = "extern \"C\" char *fezz_fetch(const char *) { throw 1; }";
    let path = library("throws", source, &["-xc++", "-Wl,--no-as-needed", "-lstdc++"]);
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["an_exception_ends_the_process_and_names_the_artifact", "--exact", "--nocapture"])
        .env("FEZZ_TEST_THROWING_LEGACY", &path)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success());
    assert!(stderr.contains("libthrows.so: an exception or panic left"), "{stderr}");
}

#[test]
fn the_example_answers() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/legacy-c");
    let out = common::folder();
    let run = Command::new("make")
        .args(["-B", "-C", example])
        .arg(format!("OUT={}", out.display()))
        .output()
        .unwrap();
    assert!(run.status.success(), "make: {}", String::from_utf8_lossy(&run.stderr));
    let function = load(&out.join("liblegacy_c.so"));
    assert_eq!(function.name(), "legacy_c");
    let (status, body) = answer(&function, &request(&[], "grün".as_bytes())).unwrap();
    assert_eq!(status, 200);
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(told["you_sent"]["method"], "POST");
    assert_eq!(told["you_sent"]["path"], "/caf%C3%A9?id=7");
    assert_eq!(told["you_sent"]["body"], "grün");
    assert_eq!(function.leaked_answers(), 0);
}
