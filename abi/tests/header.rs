//! `fezz.h` compiles as C and as C++ without a warning and agrees with the Rust types.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::process::Command;

use fezz_abi::services::{FORMAT_CBOR, FORMAT_JSON, FORMAT_MSGPACK};
use fezz_abi::{
    ABI_LEVEL, CancelReason, FLAG_INLINE_OK, FLAG_WANTS_RUNNER, FezzHostV1, FezzIdentityV1,
    FezzOwned, FezzSlice, IDENTITY_MAGIC, InvokeError, LogLevel, SYMBOLS_OPTIONAL,
};

const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
const HEADER: &str = include_str!("../include/fezz.h");

/// A function in the common subset of both languages.
const FUNCTION: &str = r#"
#include "fezz.h"
#include <stdlib.h>
const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY("both", "1.0", FEZZ_F_INLINE_OK, 4);
FezzOwned fezz_handle_v2(FezzSlice req) {
  FezzOwned out = {(uint8_t *)malloc(req.len), req.len};
  return out;
}
void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }
"#;

fn languages() -> [(&'static str, &'static [&'static str]); 2] {
    const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    [
        ("c", &[STRICT[0], STRICT[1], STRICT[2], STRICT[3], "-xc", "-std=c11"]),
        ("cpp", &[STRICT[0], STRICT[1], STRICT[2], STRICT[3], "-xc++", "-std=c++17"]),
    ]
}

/// What the Rust side says about sizes, offsets and constants, as assertions in C.
fn assertions() -> String {
    let mut text = String::from(
        "#ifdef __cplusplus\n#define CHECK static_assert\n#else\n#define CHECK _Static_assert\n\
         #endif\n",
    );
    let mut check = |what: String, value: usize| {
        writeln!(text, "CHECK({what} == {value}u, \"{what}\");").unwrap();
    };
    macro_rules! layout {
        ($type:ident: $($field:ident),*) => {
            check(format!("sizeof({})", stringify!($type)), size_of::<$type>());
            $(check(
                format!("offsetof({}, {})", stringify!($type), stringify!($field)),
                offset_of!($type, $field),
            );)*
        };
    }
    layout!(FezzSlice: ptr, len);
    layout!(FezzOwned: ptr, len);
    layout!(FezzHostV1: struct_size, abi_level, ctx, log, cancelled, remaining_ns, invoke, release);
    layout!(FezzIdentityV1: struct_size, magic, abi_level, flags, max_concurrency, reserved, name,
        version, sdk, build_id);
    let constants = [
        ("FEZZ_ABI_LEVEL", ABI_LEVEL),
        ("FEZZ_IDENTITY_MAGIC", IDENTITY_MAGIC),
        ("FEZZ_F_INLINE_OK", FLAG_INLINE_OK),
        ("FEZZ_F_WANTS_RUNNER", FLAG_WANTS_RUNNER),
        ("FEZZ_LOG_ERROR", LogLevel::Error.code()),
        ("FEZZ_LOG_WARN", LogLevel::Warn.code()),
        ("FEZZ_LOG_INFO", LogLevel::Info.code()),
        ("FEZZ_LOG_DEBUG", LogLevel::Debug.code()),
        ("FEZZ_CANCEL_DEADLINE", CancelReason::Deadline.code()),
        ("FEZZ_CANCEL_CLIENT_GONE", CancelReason::ClientGone.code()),
        ("FEZZ_CANCEL_DRAIN", CancelReason::Drain.code()),
        ("FEZZ_INVOKE_UNSUPPORTED", InvokeError::Unsupported.code().cast_unsigned()),
        ("FEZZ_INVOKE_UNKNOWN_CALL", InvokeError::UnknownCall.code().cast_unsigned()),
        ("FEZZ_INVOKE_FORMAT", InvokeError::Format.code().cast_unsigned()),
        ("FEZZ_INVOKE_REQUEST", InvokeError::Request.code().cast_unsigned()),
        ("FEZZ_INVOKE_CANCELLED", InvokeError::Cancelled.code().cast_unsigned()),
        ("FEZZ_INVOKE_FAILED", InvokeError::Failed.code().cast_unsigned()),
        ("FEZZ_FORMAT_JSON", FORMAT_JSON),
        ("FEZZ_FORMAT_MSGPACK", FORMAT_MSGPACK),
        ("FEZZ_FORMAT_CBOR", FORMAT_CBOR),
    ];
    for (name, value) in constants {
        check(name.to_owned(), value as usize);
    }
    text
}

#[test]
fn it_compiles_as_both_languages_and_agrees_with_rust() {
    for (language, flags) in languages() {
        let source = format!("{FUNCTION}{}", assertions());
        let mut all = vec!["-shared", "-fPIC", "-fvisibility=hidden", "-I", INCLUDE];
        all.extend_from_slice(flags);
        let path = common::compile(&format!("lib{language}.so"), &source, &all);
        #[cfg(feature = "host")]
        {
            let inspection = fezz_abi::artifact::inspect(&path).unwrap();
            let identity = inspection.identity.unwrap();
            assert_eq!((identity.name(), identity.version()), ("both", "1.0"));
            assert_eq!((identity.flags, identity.max_concurrency), (FLAG_INLINE_OK, 4));
            assert_eq!(identity.sdk(), "fezz.h");
        }
        assert!(path.exists());
    }
}

#[test]
fn a_wrong_number_would_be_noticed() {
    let source = format!("{FUNCTION}{}", assertions().replace("== 184u", "== 185u"));
    let input = common::file("wrong.c", source.as_bytes());
    let run = Command::new("gcc")
        .args(["-std=c11", "-fsyntax-only", "-I", INCLUDE])
        .arg(input)
        .output()
        .unwrap();
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("sizeof(FezzIdentityV1)"));
}

#[test]
fn every_function_has_its_tag_guard_owner_and_reason() {
    let declarations: Vec<_> = HEADER
        .match_indices("\nFEZZ_EXPORT ")
        .map(|(at, _)| HEADER[..at].rsplit("/*").next().unwrap())
        .collect();
    assert_eq!(declarations.len(), 2 + SYMBOLS_OPTIONAL.len());
    for comment in declarations {
        assert!(comment.contains("[worker") || comment.contains("[attendant]"), "{comment}");
        for part in ["loaded", "own:", "why:"] {
            assert!(comment.contains(part), "{part} is missing in: {comment}");
        }
    }
    for name in SYMBOLS_OPTIONAL {
        assert!(HEADER.contains(&format!(" {name}(")), "{name} is not declared in the header");
    }
}
