//! Each optional symbol, exported by a function in C that follows or breaks its rules.
#![cfg(feature = "host")]
#![expect(unsafe_code, reason = "the tests look into the artifacts they made")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use common::library;
use fezz_abi::host::{
    Exports, Function, HandshakeFault, InitFault, SelfCheck, SelfCheckFault, StepError,
};
use fezz_abi::{CallError, CancelReason, HostServices, InvokeError, LoadFault, LogLevel, Stage};
use fezz_wire::{Answer, Offer, SelfCheckSpec, SelfCheckVerdict, encode_settings};
use libloading::os::unix::Library;

/// Everything a function has beside the symbol under test, with the header of the project.
fn artifact(name: &str, code: &str) -> Function {
    let source = format!(
        "#include \"fezz.h\"
        #include <stdlib.h>
        #include <string.h>
        static size_t frees;
        static FezzOwned hand_over(const void *from, size_t len) {{
            uint8_t *p = malloc(len + 1); memcpy(p, from, len); return (FezzOwned){{p, len}};
        }}
        FezzOwned fezz_handle_v2(FezzSlice req) {{ return hand_over(req.ptr, req.len); }}
        void fezz_free_v2(FezzOwned buf) {{ frees += 1; free(buf.ptr); }}
        FEZZ_EXPORT size_t probe(void) {{ return frees; }}
        {code}"
    );
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include");
    let path = library(name, &source, &[include, "-fvisibility=hidden", "-Werror"]);
    Function::load_in_place(&path).unwrap()
}

/// What the function counts or remembers.
fn probe(function: &Function) -> usize {
    // SAFETY: a library of this test without constructors, loaded already.
    let library = unsafe { Library::new(function.path()) }.unwrap();
    // SAFETY: the probe of `artifact` or of `remembering`, both of this type.
    unsafe { library.get::<extern "C" fn() -> usize>("probe").unwrap()() }
}

/// C that hands these octets over.
fn answering(octets: &[u8]) -> String {
    let numbers: Vec<_> = octets.iter().map(u8::to_string).collect();
    format!("static const uint8_t a[] = {{{}}}; return hand_over(a, sizeof a);", numbers.join(","))
}

struct Host(Mutex<Vec<(u64, LogLevel, String)>>);

impl HostServices for Host {
    fn log(&self, call: u64, level: LogLevel, text: &[u8]) {
        let text = String::from_utf8(text.to_vec()).unwrap();
        self.0.lock().unwrap().push((call, level, text));
    }

    fn cancelled(&self, call: u64) -> bool {
        call == 77
    }

    fn remaining_ns(&self, call: u64) -> u64 {
        call + 1
    }

    fn invoke(&self, _: u64, format: u32, request: &[u8]) -> Result<Vec<u8>, InvokeError> {
        match format {
            2 => Ok(request.iter().rev().copied().collect()),
            _ => Err(InvokeError::Unsupported),
        }
    }
}

static HOST: Host = Host(Mutex::new(Vec::new()));

#[test]
fn without_any_of_them_there_are_defaults() {
    let function = artifact("plain", "");
    assert_eq!(function.exports(), Exports::default());
    assert!(!function.exports().wants_call());
    function.init(&HOST, b"").unwrap();
    let handshake = function.handshake(&Offer::new("test")).unwrap();
    assert_eq!((handshake.version, handshake.ttl, handshake.fallback), (2, None, None));
    assert!(handshake.capabilities.is_empty());
    assert_eq!(function.selfcheck(b"\xa0"), Ok(SelfCheck::Absent));
    function.cancel(1, CancelReason::Deadline);
    assert!(function.drain(1));
    function.fini();
    // Without a handshake a function speaks version 2, whatever is offered.
    let later = Offer { handle: 3..=3, ..Offer::new("test") };
    let error = function.handshake(&later).unwrap_err();
    assert_eq!(error.fault(), &HandshakeFault::Version { found: 2, min: 3, max: 3 });
    assert_eq!(probe(&function), 0);
}

#[test]
fn a_handshake_is_agreed_on_and_freed() {
    let answer = Answer {
        capabilities: vec!["log".into()],
        fallback: Some("previous".into()),
        ttl_ms: Some(250),
        ..Answer::default()
    };
    let code = format!(
        "FezzOwned fezz_handshake_v1(FezzSlice offer) {{ {} }}",
        answering(&answer.encode())
    );
    let function = artifact("agreeing", &code);
    assert_eq!(function.exports(), Exports { handshake: true, ..Exports::default() });
    let offer = Offer { capabilities: vec!["log".into()], ..Offer::new("test") };
    let handshake = function.handshake(&offer).unwrap();
    assert_eq!((handshake.version, &handshake.capabilities[..]), (2, &["log".to_owned()][..]));
    assert_eq!(handshake.fallback.as_deref(), Some("previous"));
    assert_eq!(handshake.ttl, Some(Duration::from_millis(250)));
    assert_eq!(probe(&function), 1);
    let error = function.handshake(&Offer::new("test")).unwrap_err();
    assert_eq!((error.stage(), error.name()), (Stage::Handshake, "capabilities"));
    assert!(error.to_string().contains("libagreeing.so: found a function that needs \"log\""));
    assert_eq!(probe(&function), 2);
}

#[test]
fn the_offer_arrives_as_it_was_made() {
    // Answers the version that stands behind "min" in the offer.
    let code = "
        FezzOwned fezz_handshake_v1(FezzSlice offer) {
            static uint8_t a[] = \"\\xa1\\x69\" \"functions\" \"\\xa1\\x66\" \"handle\" \"?\";
            for (size_t i = 0; i + 4 < offer.len; i++)
                if (!memcmp(offer.ptr + i, \"\\x63min\", 4)) a[sizeof a - 2] = offer.ptr[i + 4];
            return hand_over(a, sizeof a - 1);
        }";
    let function = artifact("mirror", code);
    let offer = Offer { handle: 7..=9, ..Offer::new("test") };
    assert_eq!(function.handshake(&offer).unwrap().version, 7);
}

fn name<F: fezz_abi::host::StepFault>(outcome: Result<impl Sized, StepError<F>>) -> &'static str {
    outcome.map(|_| ()).map_err(|error| error.name()).err().unwrap()
}

#[test]
fn answers_are_judged_like_those_of_handle() {
    let cases = [
        ("none", "return (FezzOwned){0, 0};", "no_response", 0),
        ("nullen", "return (FezzOwned){0, 7};", "null_with_length", 0),
        ("empty", "return (FezzOwned){malloc(1), 0};", "empty_response", 1),
        ("long", "return (FezzOwned){malloc(1), 65537};", "length_too_large", 1),
        ("into", "return (FezzOwned){(uint8_t *)in.ptr, 1};", "points_into_request", 0),
        ("list", "return hand_over(\"\\x80\", 1);", "wrong_type", 1),
        ("cut", "return hand_over(\"\\xa1\", 1);", "truncated", 1),
    ];
    for (test, body, expected, frees) in cases {
        let code = format!(
            "FezzOwned fezz_handshake_v1(FezzSlice in) {{ {body} }}
             FezzOwned fezz_selfcheck_v1(FezzSlice in) {{ {body} }}"
        );
        let function = artifact(&format!("judged-{test}"), &code);
        assert_eq!(name(function.handshake(&Offer::new("test"))), expected, "{test}");
        assert_eq!(probe(&function), frees, "{test}");
        assert_eq!(name(function.selfcheck(&SelfCheckSpec::default().encode())), expected);
        assert_eq!(probe(&function), 2 * frees, "{test}");
    }
    let none = HandshakeFault::Answer(CallError::NoResponse);
    let function = artifact(
        "judged-once-more",
        "FezzOwned fezz_handshake_v1(FezzSlice in) { return (FezzOwned){0, 0}; }",
    );
    let error = function.handshake(&Offer::new("test")).unwrap_err();
    // At its stage, whatever the stage of such an answer to a request.
    assert_eq!((error.fault(), error.stage()), (&none, Stage::Handshake));
}

#[test]
fn a_self_check_passes_or_says_what_is_wrong() {
    let verdicts = [
        SelfCheckVerdict { checks: Some(3), failures: vec![] },
        SelfCheckVerdict { checks: None, failures: vec!["no disk".into(), "\x1b[0m".into()] },
    ];
    let [passed, failed] = verdicts.map(|verdict| {
        let code = format!(
            "FezzOwned fezz_selfcheck_v1(FezzSlice spec) {{ {} }}",
            answering(&verdict.encode())
        );
        artifact(&format!("checked-{}", verdict.failures.len()), &code)
            .selfcheck(&SelfCheckSpec::default().encode())
    });
    assert_eq!(passed, Ok(SelfCheck::Passed { checks: Some(3) }));
    let error = failed.unwrap_err();
    assert!(matches!(error.fault(), SelfCheckFault::Failed { failures } if failures.len() == 2));
    assert_eq!((error.stage(), error.name()), (Stage::SelfCheck, "failed"));
    let words = error.to_string();
    assert!(words.contains("2 of its checks failed: \"no disk\", \"\\u{1b}[0m\""), "{words}");
}

/// A function that remembers what it was told, and uses every service there is.
const REMEMBERING: &str = "
    static const FezzHostV1 *host;
    static size_t seen;
    int32_t fezz_init_v1(const FezzHostV1 *table, FezzSlice settings) {
        host = table;
        if (table->struct_size < sizeof(FezzHostV1) || table->abi_level != FEZZ_ABI_LEVEL)
            return -1;
        table->log(table->ctx, 0, FEZZ_LOG_INFO, (FezzSlice){settings.ptr + 2, 3});
        return settings.len == 1 ? 42 : 0;
    }
    void fezz_cancel_v1(uint64_t call, uint32_t reason) { seen += 10 * call + reason; }
    int32_t fezz_drain_v1(uint64_t ns) { seen += ns; return ns < 1000; }
    void fezz_fini_v1(void) { seen = 0; }
    FEZZ_EXPORT size_t remembered(void) { return seen; }
    FEZZ_EXPORT size_t ask(uint64_t call, size_t what) {
        FezzOwned out;
        static const uint8_t text[] = {'a', 'b', 'c'};
        switch (what) {
        case 0: return host->cancelled(host->ctx, call);
        case 1: return host->remaining_ns(host->ctx, call);
        case 2: return host->invoke(host->ctx, call, FEZZ_FORMAT_JSON, (FezzSlice){text, 3}, &out);
        default:
            if (host->invoke(host->ctx, call, FEZZ_FORMAT_CBOR, (FezzSlice){text, 3}, &out))
                return 0;
            seen = out.ptr[0] == 'c' && out.len == 3;
            host->release(host->ctx, out);
            return seen;
        }
    }";

#[test]
fn services_reach_the_host_and_its_words_reach_the_function() {
    let function = artifact("remembering", REMEMBERING);
    let exports =
        Exports { init: true, cancel: true, drain: true, fini: true, ..Exports::default() };
    assert_eq!(function.exports(), exports);
    assert!(function.exports().wants_call());
    function.init(&HOST, &encode_settings(&[("url".into(), "x".into())])).unwrap();
    let lines = HOST.0.lock().unwrap().split_off(0);
    assert_eq!(lines, [(0, LogLevel::Info, "url".to_owned())]);
    // SAFETY: a library of this test without constructors, loaded already.
    let library = unsafe { Library::new(function.path()) }.unwrap();
    let ask = |call: u64, what: usize| {
        // SAFETY: the function above.
        unsafe { library.get::<extern "C" fn(u64, usize) -> usize>("ask").unwrap()(call, what) }
    };
    // SAFETY: the function above.
    let seen = || unsafe { library.get::<extern "C" fn() -> usize>("remembered").unwrap()() };
    assert_eq!([ask(77, 0), ask(78, 0), ask(78, 1)], [1, 0, 79]);
    assert_eq!([ask(5, 2), ask(5, 3)], [1, 1]);
    function.fini();
    function.cancel(7, CancelReason::ClientGone);
    assert_eq!(seen(), 72);
    assert!(function.drain(2000));
    assert!(!function.drain(999));
    assert_eq!(seen(), 72 + 2999);
    function.fini();
    assert_eq!(seen(), 0);
}

#[test]
fn init_may_refuse() {
    let function = artifact(
        "refusing",
        "int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings) {
            return settings.len == 1 && settings.ptr[0] == 0xa0 ? 42 : 0;
        }",
    );
    // No settings are an empty map.
    let error = function.init(&HOST, b"").unwrap_err();
    assert_eq!(error.fault(), &InitFault::Refused { code: 42 });
    assert_eq!((error.stage(), error.name()), (Stage::Load, "init_refused"));
    assert!(error.to_string().contains("fezz_init_v1 returning 42; expected 0"));
    function.init(&HOST, &encode_settings(&[("a".into(), "b".into())])).unwrap();
}

#[test]
fn what_a_library_of_the_artifact_exports_is_not_the_artifacts() {
    let inner = "int fezz_drain_v1(unsigned long ns) { return 7; } int inner(void) { return 1; }";
    let inner = library("inner", inner, &[]);
    let folder = inner.parent().unwrap().display().to_string();
    let source = format!(
        "{} int inner(void);
        FezzOwned fezz_handle_v2(FezzSlice req) {{ return (FezzOwned){{malloc(1), inner()}}; }}
        void fezz_free_v2(FezzOwned buf) {{ free(buf.ptr); }}",
        common::TYPES
    );
    let flags = [&format!("-L{folder}"), "-linner", &format!("-Wl,-rpath,{folder}")];
    let source = common::file("outer.c", source.as_bytes());
    let outer = Path::new(&folder).join("libouter.so");
    let run = std::process::Command::new("gcc")
        .args(["-shared", "-fPIC"])
        .arg(source)
        .args(flags)
        .arg("-o")
        .arg(&outer)
        .output()
        .unwrap();
    assert!(run.status.success(), "gcc: {}", String::from_utf8_lossy(&run.stderr));
    let function = Function::load_in_place(&outer).unwrap();
    assert_eq!(function.exports(), Exports::default());
    assert!(function.drain(1));
}

#[test]
fn data_under_the_name_of_an_entry_point_is_refused() {
    let source = format!(
        "{} int fezz_fini_v1 = 1;
        FezzOwned fezz_handle_v2(FezzSlice req) {{ return (FezzOwned){{0, 0}}; }}
        void fezz_free_v2(FezzOwned buf) {{}}",
        common::TYPES
    );
    let error = Function::load(&library("data", &source, &[])).unwrap_err();
    assert!(matches!(error.fault(), LoadFault::NotAFunction { symbol: "fezz_fini_v1", .. }));
}
