//! `fezz check`: every way a function can go wrong is found, told apart from the others and said,
//! and none of its code runs in the process that says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fezz_server::clock::Clock;

use super::harness::{c_function, example};

const FREE: &str = "void fezz_free_v2(FezzOwned o) { free(o.ptr); }\n";
/// `answer` with 200 and the body `ok`; `GET` tells methods apart.
const OK: &str = r#"
#include <stdio.h>
static const uint8_t ok[] = "\xa2\x66status\x18\xc8\x64" "body\x42" "ok";
static inline FezzOwned answer(void) {
    FezzOwned o = { malloc(sizeof ok - 1), sizeof ok - 1 };
    memcpy(o.ptr, ok, o.len);
    return o;
}
static inline int is_get(FezzSlice r) { return r.len > 14 && memcmp(r.ptr + 9, "GET", 3) == 0; }
"#;

/// One probe of a report: its outcome, and reason and stage of each finding.
#[derive(Debug, PartialEq, Eq)]
struct Probe {
    outcome: String,
    reasons: Vec<(String, String)>,
    text: String,
}

struct Report {
    code: Option<i32>,
    json: String,
}

impl Report {
    fn of(artifact: &Path, words: &[&str]) -> Self {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_fezz"))
            .arg("check")
            .arg(artifact)
            .args(["--format", "json"])
            .args(words)
            .output()
            .expect("the binary starts");
        let json = String::from_utf8(stdout).expect("text");
        assert_eq!(json.lines().count(), 1, "{json} {}", String::from_utf8_lossy(&stderr));
        Self { code: status.code(), json }
    }

    fn probe(&self, name: &str) -> Probe {
        let begin = format!("{{\"probe\":\"{name}\",");
        let text = self.json.split(&begin).nth(1).expect(name);
        let text = text.split("{\"probe\":").next().expect("the rest").to_owned();
        let reasons = text.split("\"reason\":\"").skip(1).map(|part| {
            let reason = part.split('"').next().expect("a reason").to_owned();
            let stage = part.split("\"stage\":").nth(1).expect("a stage");
            let stage = stage.split(',').next().expect("its end").trim_matches('"').to_owned();
            (reason, stage)
        });
        let outcome = text.split("\"outcome\":\"").nth(1).expect("an outcome");
        let outcome = outcome.split('"').next().expect("its end").to_owned();
        Probe { outcome, reasons: reasons.collect(), text }
    }

    /// The probe failed, for this reason alone.
    fn fails(&self, name: &str, reason: &str, stage: &str) -> String {
        let probe = self.probe(name);
        let reasons = [(reason.to_owned(), stage.to_owned())];
        assert_eq!(
            (probe.outcome.as_str(), &probe.reasons[..]),
            ("fail", &reasons[..]),
            "{self:?}"
        );
        assert_eq!(self.code, Some(1), "{self:?}");
        probe.text
    }

    fn outcome(&self, name: &str) -> String {
        self.probe(name).outcome
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "code {:?}\n{}", self.code, self.json.replace("{\"probe\"", "\n{\"probe\""))
    }
}

/// A function whose `fezz_handle_v2` has this body.
fn handling(name: &str, before: &str, body: &str) -> PathBuf {
    let handle = format!("FezzOwned fezz_handle_v2(FezzSlice r) {{ (void)r; {body} }}\n");
    c_function(&format!("check_{name}"), &format!("{OK}{before}\n{handle}{FREE}"))
}

fn checked(name: &str, before: &str, body: &str) -> Report {
    Report::of(&handling(name, before, body), &[])
}

/// A function that answers with exactly these octets.
fn answering(name: &str, octets: &[u8]) -> PathBuf {
    let list: Vec<String> = octets.iter().map(ToString::to_string).collect();
    let before = format!("static const uint8_t octets[] = {{ {} }};", list.join(", "));
    let body = "(void)answer; FezzOwned o = { malloc(sizeof octets), sizeof octets }; \
                memcpy(o.ptr, octets, sizeof octets); return o;";
    handling(name, &before, body)
}

#[test]
fn good_functions_are_fine() {
    let good = handling("good", "", "return answer();");
    for artifact in [good, example("hello"), example("hello_c"), example("axum_app")] {
        let report = Report::of(&artifact, &["--strict"]);
        assert_eq!(report.code, Some(0), "{report:?}");
        assert!(!report.json.contains("\"reason\""), "{report:?}");
    }
    let report = Report::of(&example("echo"), &["--path", "/echo", "--strict"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.probe("octets").text.contains("status 200, 1 fields, 256 octets"), "{report:?}");
    assert!(report.probe("large-body").text.contains(" 1048576 octets"), "{report:?}");
}

#[test]
fn answers_that_break_the_contract_have_their_stage() {
    let of = |name, octets: &[u8]| Report::of(&answering(name, octets), &[]);
    let refused = |name, octets: &[u8], reason, stage| {
        of(name, octets).fails("get", reason, stage);
    };
    refused("garbage", b"\xff", "malformed", "deserialize_response");
    refused("cut", b"\xa2\x66status\x18\xc8\x64body\x45ok", "truncated", "deserialize_response");
    refused("list", b"\x80", "wrong_type", "response_envelope");
    refused("status", b"\xa1\x66status\x19\x03\xe8", "status_range", "response_decode");
    refused("trailing", b"\xa1\x66status\x18\xc8\x00", "trailing_octets", "response_decode");
    let with = |name: &[u8], value: &[u8]| {
        let string = |it: &[u8]| [&[0x40 + u8::try_from(it.len()).expect("short")], it].concat();
        let [name, value] = [name, value].map(string);
        let front = b"\xa3\x66status\x18\xc8\x67headers\x81\xa2\x64name".as_slice();
        [front, &name, b"\x65value", &value, b"\x64body\x42ok"].concat()
    };
    refused("split", &with(b"x", b"a\r\nb: c"), "header_value_octet", "response_decode");
    let text = of("length", &with(b"content-length", b"17")).fails("get", "content_length", "null");
    assert!(text.contains("says '17' and the body has 2 octets"), "{text}");
    let panic = b"\xa3\x66status\x19\x01\xf4\x64meta\xa1\x65panic\xf5\x64body\x40";
    let report = of("panic", panic);
    report.fails("get", "panic", "panic");
    report.fails("methods", "panic", "panic");
    assert_eq!(report.outcome("threads"), "skipped");
}

#[test]
fn answers_that_are_no_memory_are_told_apart() {
    for (name, body, reason, stage) in [
        ("null", "return (FezzOwned){0, 0};", "no_response", "plugin_call"),
        ("null_length", "return (FezzOwned){0, 9};", "null_with_length", "plugin_call"),
        ("empty", "return (FezzOwned){malloc(1), 0};", "empty_response", "deserialize_response"),
        (
            "request",
            "return (FezzOwned){(uint8_t *)r.ptr + 1, r.len - 1};",
            "points_into_request",
            "plugin_call",
        ),
        (
            "endless_length",
            "return (FezzOwned){malloc(1), (size_t)-1};",
            "length_too_large",
            "plugin_call",
        ),
        (
            "overlong",
            "size_t n = 8 << 20; uint8_t *p = malloc(64); memcpy(p, \
             \"\\xa2\\x66status\\x18\\xc8\\x64\" \"body\\x5a\\0\\x7f\\xff\\xec\", 20); \
             return (FezzOwned){p, n};",
            "signal",
            "crash",
        ),
        (
            "huge",
            "size_t n = 20 << 20; return (FezzOwned){calloc(1, n), n};",
            "length_too_large",
            "plugin_call",
        ),
        (
            "large",
            "size_t n = (16 << 20) + 17; uint8_t *p = calloc(1, n + 20); memcpy(p, \
             \"\\xa2\\x66status\\x18\\xc8\\x64\" \"body\\x5a\\x01\\0\\0\\x11\", 20); \
             return (FezzOwned){p, 20 + n};",
            "body_too_large",
            "response_decode",
        ),
    ] {
        checked(name, "", &format!("(void)answer; {body}")).fails("get", reason, stage);
    }
}

#[test]
fn whatever_ends_the_process_is_named() {
    for (name, body, reason, words) in [
        ("exit", "if (is_get(r)) exit(3);", "exit", "exit(3) or _exit(3)"),
        ("exit_fine", "if (is_get(r)) _exit(0);", "exit", "exit(0) or _exit(0)"),
        ("exit_ours", "if (is_get(r)) exit(71);", "exit", "exit(71)"),
        ("abort", "if (is_get(r)) abort();", "abort", "SIGABRT (6)"),
        ("segv", "if (is_get(r)) *(volatile int *)8 = 1;", "signal", "SIGSEGV (11)"),
        ("trap", "if (is_get(r)) __builtin_trap();", "signal", "SIG"),
        ("killed", "if (is_get(r)) kill(getpid(), 9);", "signal", "SIGKILL (9)"),
        (
            "double_free",
            "if (is_get(r)) { void *volatile p = malloc(5000); free(p); free(p); }",
            "abort",
            "double free",
        ),
        ("overflow", "if (is_get(r)) deeper(1);", "abort", "overflowed its stack"),
    ] {
        let before = "#include <signal.h>\nstatic int deeper(int n);\n\
                      static int (*volatile deep)(int) = deeper;\n\
                      static int deeper(int n) { volatile char room[4096]; room[n & 4095] = 1; \
                      return deep(n + 1) + room[0]; }";
        let report = checked(name, before, &format!("{body} return answer();"));
        let text = report.fails("get", reason, "crash");
        assert!(text.contains(words), "{words}: {report:?}");
        assert!(text.contains("\"during\":\"fezz_handle_v2 with GET /\""), "{report:?}");
        assert_eq!(report.outcome("post"), "ok", "{report:?}");
        assert_eq!(report.outcome("repeat"), "skipped", "{report:?}");
    }
}

#[test]
fn what_ends_the_process_elsewhere_is_named_too() {
    let free = "void fezz_free_v2(FezzOwned o) { void *volatile p = o.ptr; free(p); free(p); }\n";
    let handle = "FezzOwned fezz_handle_v2(FezzSlice r) { (void)r; return answer(); }\n";
    let twice = c_function("check_free_twice", &format!("{OK}{handle}{free}"));
    let text = Report::of(&twice, &[]).fails("get", "abort", "crash");
    assert!(text.contains("\"during\":\"fezz_free_v2 of the answer to GET /\""), "{text}");

    let constructor = "__attribute__((constructor)) static void begin(void) { \
                       fprintf(stderr, \"no licence\\n\"); exit(4); }";
    let report = checked("constructor", constructor, "return answer();");
    let text = report.fails("load", "exit", "load");
    assert!(text.contains("exit(4)") && text.contains("no licence"), "{report:?}");
    assert_eq!(report.outcome("get"), "skipped");

    let destructor = "__attribute__((destructor)) static void end(void) { abort(); }";
    let report = checked("destructor", destructor, "return answer();");
    report.fails("load", "bad_end", "null");
    assert_eq!((report.outcome("get"), report.outcome("growth")), ("ok".into(), "ok".into()));
}

#[test]
fn what_does_not_end_is_ended() {
    let clock = Clock::start();
    let body = "if (is_get(r)) for (;;) { } return answer();";
    let report = Report::of(&handling("endless", "", body), &["--timeout", "1s"]);
    let text = report.fails("get", "endless", "timeout");
    assert!(text.contains("no end after 1000 ms; the process was killed"), "{text}");
    assert_eq!(report.outcome("post"), "ok", "{report:?}");

    let sleeping = "__attribute__((constructor)) static void begin(void) { sleep(60); }";
    let artifact = handling("sleeping", sleeping, "return answer();");
    Report::of(&artifact, &["--timeout", "1s"]).fails("load", "endless", "load");
    assert!(clock.now().as_micros() < 30_000_000, "{report:?}");
}

#[test]
fn slow_is_not_endless() {
    let slow = "usleep(300000); return answer();";
    let report = Report::of(&handling("slow", "", slow), &["--timeout", "4s", "--strict"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert_eq!(report.outcome("threads"), "skipped", "{report:?}");
    assert_eq!(report.outcome("growth"), "skipped", "{report:?}");
}

#[test]
fn a_request_is_neither_written_nor_overread_nor_kept() {
    let written = checked("written", "", "((uint8_t *)r.ptr)[r.len - 1] ^= 1; return answer();");
    let text = written.fails("request-memory", "signal", "crash");
    assert!(text.contains("SIGSEGV") && text.contains("cannot be written"), "{text}");
    assert_eq!(written.outcome("get"), "ok", "{written:?}");

    let overread = "if (((volatile const uint8_t *)r.ptr)[r.len] == 7) abort(); return answer();";
    checked("overread", "", overread).fails("request-memory", "signal", "crash");

    let before = "static volatile const uint8_t *kept;";
    let body = "if (kept && *kept == 7) abort(); kept = r.ptr; return answer();";
    checked("kept", before, body).fails("request-memory", "signal", "crash");
}

#[test]
fn a_buffer_that_calls_share_is_seen_unless_calls_are_one_after_another() {
    // The last octet of the body is one of the request, in a buffer that is never freed.
    let body = "static uint8_t shared[sizeof ok - 1]; memcpy(shared, ok, sizeof shared); \
                shared[sizeof shared - 1] = 'a' + r.ptr[r.len - 1] % 26 + is_get(r); \
                return (FezzOwned){shared, sizeof shared};";
    let free = "void fezz_free_v2(FezzOwned o) { (void)o; }\n";
    let one = "const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY(\"one\", \"1.0\", 0, 1);\n";
    let source = |before: &str| {
        format!(
            "{OK}{before}FezzOwned fezz_handle_v2(FezzSlice r) {{ (void)answer; {body} }}\n{free}"
        )
    };
    let report = Report::of(&c_function("check_shared", &source("")), &[]);
    report.fails("answer-memory", "answer_changed", "plugin_call");
    let report = Report::of(&c_function("check_shared_one", &source(one)), &[]);
    assert_eq!((report.code, report.outcome("answer-memory")), (Some(0), "skipped".to_owned()));
}

#[test]
fn a_crash_that_needs_two_calls_is_found_unless_calls_are_one_after_another() {
    let before = "#include <stdatomic.h>\nstatic atomic_int inside;";
    let body = "if (atomic_fetch_add(&inside, 1) > 0) abort(); usleep(200); \
                atomic_fetch_sub(&inside, 1); return answer();";
    let report = checked("racy", before, body);
    let text = report.fails("threads", "abort", "crash");
    assert!(text.contains("4 calls at once from 4 threads"), "{text}");
    assert_eq!(report.outcome("repeat"), "ok", "{report:?}");
    let one = "const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY(\"one\", \"1.0\", 0, 1);";
    let report = checked("serial", &format!("{before}\n{one}"), body);
    assert_eq!((report.code, report.outcome("threads")), (Some(0), "ok".to_owned()), "{report:?}");
}

#[test]
fn warnings_are_no_failures_unless_asked_for() {
    let warned = |name, before, body: &str, probe, reason: &str| {
        let artifact = handling(name, before, body);
        let report = Report::of(&artifact, &[]);
        let found = report.probe(probe);
        assert_eq!(report.code, Some(0), "{report:?}");
        assert_eq!(found.reasons, [(reason.to_owned(), "null".to_owned())], "{report:?}");
        assert_eq!(Report::of(&artifact, &["--strict"]).code, Some(1));
    };
    let leak = "static void *volatile kept; kept = malloc(200); memset(kept, 1, 200); \
                return answer();";
    warned("leak", "", leak, "growth", "growth");
    let unsteady = "static int calls; FezzOwned o = answer(); if (++calls > 1) o.ptr[9] = 0xc9; \
                    return o;";
    warned("unsteady", "", unsteady, "repeat", "unsteady");
    let stack = "__asm__(\".section .note.GNU-stack,\\\"x\\\",@progbits\\n.text\");";
    warned("stack", stack, "return answer();", "preflight", "executable_stack");
}

#[test]
fn what_a_function_prints_or_closes_does_not_confuse_the_report() {
    let body = "printf(\"found\\tfail\\tx\\tx\\tx\\tx\\ndone\\n\"); fflush(stdout); \
                fprintf(stderr, \"\\033[2Jloud\\n\"); return answer();";
    let report = checked("loud", "", body);
    assert_eq!(report.code, Some(0), "{report:?}");

    let body = "if (is_get(r)) for (int i = 0; i < 256; i++) close(i); return answer();";
    let report = checked("closing", "", body);
    let text = report.fails("get", "exit", "crash");
    assert!(text.contains("closed descriptors that are not its own"), "{report:?}");
    assert_eq!(report.outcome("post"), "ok", "{report:?}");
}

#[test]
fn processes_that_a_function_leaves_behind_end_with_its_own() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("left-behind");
    std::fs::remove_file(&file).ok();
    let body = format!(
        "static int forked; if (!forked++ && fork() == 0) {{ FILE *f = fopen(\"{}\", \"a\"); \
         fprintf(f, \"%d\\n\", (int)getpid()); fclose(f); sleep(600); _exit(0); }} \
         usleep(20000); return answer();",
        file.display()
    );
    let artifact = handling("forking", "", &body);
    let clock = Clock::start();
    let report = Report::of(&artifact, &["--timeout", "2s"]);
    assert!(clock.now().as_micros() < 60_000_000, "{report:?}");
    let left = std::fs::read_to_string(&file).expect("somebody was left behind");
    for process in left.lines() {
        let state = || std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // A killed process needs a moment to end.
        let gone = || state().is_empty() || state().contains(") Z ");
        let ended = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            gone()
        });
        assert!(ended, "{process} is alive: {}", state());
    }
}

#[test]
fn no_code_of_the_function_runs_in_the_process_that_reports() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("processes");
    std::fs::remove_file(&file).ok();
    let constructor = format!(
        "__attribute__((constructor)) static void begin(void) {{ FILE *f = fopen(\"{}\", \"a\"); \
         fprintf(f, \"%d\\n\", (int)getpid()); fclose(f); }}",
        file.display()
    );
    let artifact = handling("processes", &constructor, "return answer();");
    let process = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .arg("check")
        .arg(&artifact)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let parent = process.id().to_string();
    assert!(process.wait_with_output().expect("its end").status.success());
    let ran = std::fs::read_to_string(&file).expect("constructors ran");
    let mut processes: Vec<&str> = ran.lines().collect();
    assert!(!processes.contains(&parent.as_str()), "{ran}");
    let count = processes.len();
    processes.dedup();
    assert_eq!((count, processes.len()), (14, 14), "one process for each probe: {ran}");
}

/// The optional symbols, each of which counts and can be told to misbehave.
const LIFE: &str = r#"
void *memmem(const void *, size_t, const void *, size_t);
static const FezzHostV1 *host;
static int begun;
static uint64_t last;
int32_t fezz_init_v1(const FezzHostV1 *given, FezzSlice settings) {
    static const char line[] = "begins";
    host = given;
    host->log(host->ctx, 0, FEZZ_LOG_INFO, (FezzSlice){(const uint8_t *)line, sizeof line - 1});
    if (settings.len > 1 && memchr(settings.ptr, '!', settings.len)) return 17;
    return begun++ == 0 || host == NULL ? 0 : 18;
}
void fezz_fini_v1(void) { if (--begun != 0) abort(); }
int32_t fezz_drain_v1(uint64_t ns) { return ns > 0 ? 0 : 1; }
void fezz_cancel_v1(uint64_t call, uint32_t reason) {
    if (call != last || reason != FEZZ_CANCEL_CLIENT_GONE) abort();
    if (!host->cancelled(host->ctx, call)) abort();
}
static FezzOwned put(const char *octets, size_t len) {
    FezzOwned o = { malloc(len), len };
    memcpy(o.ptr, octets, len);
    return o;
}
static inline uint64_t call_of(FezzSlice r) {
    const uint8_t *at = memmem(r.ptr, r.len, "dcall\x1b", 6);
    uint64_t call = 0;
    if (at == NULL) abort();
    for (int i = 0; i < 8; i++) call = call << 8 | at[6 + i];
    return call;
}
"#;

/// A function with all optional symbols.
fn living(name: &str, handshake: &str, selfcheck: &str) -> PathBuf {
    let put = |octets: &str| format!("return put({octets}, sizeof {octets} - 1);");
    let handle = "last = call_of(r); if (begun != 1 || host->cancelled(host->ctx, last)) abort(); \
                  if (memmem(r.ptr, r.len, \"gversion\\x02\", 9) == NULL) abort(); \
                  return answer();";
    let (handshake, selfcheck) = (put(handshake), put(selfcheck));
    let one = "const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY(\"one\", \"1.0\", 0, 1);";
    let source = format!(
        "{OK}{LIFE}{one}\nFezzOwned fezz_handshake_v1(FezzSlice r) {{ (void)r; {handshake} }}\n\
         FezzOwned fezz_selfcheck_v1(FezzSlice r) {{ \
         if (memmem(r.ptr, r.len, \"GET\", 3) == NULL) abort(); {selfcheck} }}\n\
         FezzOwned fezz_handle_v2(FezzSlice r) {{ {handle} }}\n{FREE}"
    );
    c_function(&format!("check_{name}"), &source)
}

const AGREED: &str = r#""\xa1\x69" "functions\xa1\x66" "handle\x02""#;
const PASSED: &str = r#""\xa2\x66" "checks\x03\x68" "failures\x80""#;

#[test]
fn a_life_is_lived_as_the_server_would() {
    let artifact = living("living", AGREED, PASSED);
    let report = Report::of(&artifact, &["--strict"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.probe("handshake").text.contains("version 2, needs nothing"), "{report:?}");
    assert!(report.probe("selfcheck").text.contains("3 checks of its own passed"), "{report:?}");
    assert!(report.probe("renewal").text.contains("ended, begun anew"), "{report:?}");

    let report = Report::of(&artifact, &["--config", "mode=!"]);
    let text = report.fails("handshake", "init_refused", "load");
    assert!(text.contains("fezz_init_v1 returning 17"), "{text}");
    assert!(text.contains("info: begins"), "{text}");
    assert_eq!(report.outcome("get"), "skipped");
    assert_eq!(report.outcome("load"), "ok");
}

#[test]
fn what_does_not_fit_is_said_before_the_first_call() {
    let version = r#""\xa1\x69" "functions\xa1\x66" "handle\x07""#;
    let report = Report::of(&living("newer", version, PASSED), &[]);
    report.fails("handshake", "version", "handshake");
    assert_eq!(report.outcome("get"), "skipped");

    let failed = r#""\xa1\x68" "failures\x81\x6b" "no database""#;
    let report = Report::of(&living("unwell", AGREED, failed), &[]);
    let text = report.fails("selfcheck", "failed", "self_check");
    assert!(text.contains("no database"), "{text}");
    assert_eq!(report.outcome("get"), "ok", "{report:?}");
}

#[test]
fn the_json_boundary_is_a_warning() {
    let report = Report::of(&legacy(), &[]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let reasons = [("earlier_boundary".to_owned(), "null".to_owned())];
    assert_eq!(report.probe("preflight").reasons, reasons, "{report:?}");
    assert_eq!(report.outcome("get"), "ok", "{report:?}");
    assert_eq!(report.outcome("threads"), "ok", "{report:?}");
    assert_eq!(report.outcome("request-memory"), "skipped", "{report:?}");
}

/// The example of the JSON boundary.
fn legacy() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = Command::new("make")
        .arg("--quiet")
        .arg("-C")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/legacy-c"))
        .arg(format!("OUT={}", target.display()))
        .status();
    assert!(made.expect("make runs").success(), "the example in C builds");
    target.join("liblegacy_c.so")
}

#[test]
fn the_page_has_every_probe() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/check.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let report = Report::of(&PathBuf::from("/nonexistent.so"), &[]);
    let probes = report.json.split("{\"probe\":\"").skip(1);
    for name in probes.map(|it| it.split('"').next().expect("a name")) {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_loaded_is_not_tried() {
    let report = Report::of(&PathBuf::from("/nonexistent.so"), &[]);
    report.fails("preflight", "unreadable", "load");
    assert_eq!(report.json.matches("\"outcome\":\"skipped\"").count(), 14, "{report:?}");
    let missing = c_function("check_missing", &format!("{OK}{FREE}void *x = (void *)answer;"));
    assert_eq!(Report::of(&missing, &[]).outcome("preflight"), "fail");
}

#[test]
fn a_file_that_changed_after_it_was_examined_is_not_loaded() {
    let constructor = "__attribute__((constructor)) static void begin(void) { abort(); }";
    let artifact = handling("changed", constructor, "return answer();");
    let output = Command::new(env!("CARGO_BIN_EXE_fezz"))
        .args(["check-probe", "load", "--sha256", &"ab".repeat(32)])
        .arg(artifact)
        .output()
        .expect("the binary starts");
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("found\tfail\t") && said.ends_with("done\n"), "{said}");
}

#[test]
fn usage_is_2_and_text_is_for_people() {
    let fezz = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_fezz")).args(words).output().expect("the binary starts")
    };
    for words in [
        &["check"][..],
        &["check", "./x.so", "--timeout", "5"],
        &["check", "./x.so", "--path", "x"],
        &["check", "./x.so", "--format", "xml"],
    ] {
        assert_eq!(fezz(words).status.code(), Some(2), "{words:?}");
    }
    let toml = fezz(&["check", "./absent.toml"]);
    let said = String::from_utf8_lossy(&toml.stdout).into_owned();
    assert_eq!(toml.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error[unreadable]: cannot be read"), "{said}");

    let artifact = handling("text", "", "if (is_get(r)) exit(3); return answer();");
    let shown = fezz(&["check", artifact.to_str().expect("text")]);
    let text = String::from_utf8(shown.stdout).expect("text");
    assert_eq!(shown.status.code(), Some(1), "{text}");
    let line = |beginning: &str| text.lines().any(|line| line.starts_with(beginning));
    assert!(line("ok    post ") && line("FAIL  get ") && line("-     repeat "), "{text}");
    assert!(line("      remedy   return a response in place of exit"), "{text}");
    assert!(text.ends_with(" 1 failed\n"), "{text}");
}
