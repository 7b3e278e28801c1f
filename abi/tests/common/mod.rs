//! Artifacts written in C, compiled into the test's own folder.
#![allow(dead_code, reason = "each test program uses its own part of this module")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The two types, as a function author who does not use `fezz.h` would write them.
pub(crate) const TYPES: &str = "
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
typedef struct { const uint8_t *ptr; size_t len; } FezzSlice;
typedef struct { uint8_t *ptr; size_t len; } FezzOwned;
";

/// An artifact whose `fezz_handle_v2` has this body, and which frees its answers and counts that.
///
/// `probe_frees()` says how often `fezz_free_v2` was called, `probe_last(i)` with which pointer
/// (0), which length (1) and on which thread (2); `probe_given(i)` the same about what handle
/// returned.
pub(crate) fn handle(test: &str, body: &str) -> PathBuf {
    let source = format!(
        "{TYPES}
        #include <pthread.h>
        static size_t frees, last[3], given[3];
        /* One test answers with what lies before its request: not ours. */
        static const uint8_t *lent;
        static FezzOwned answer(FezzSlice req) {{ {body} }}
        FezzOwned fezz_handle_v2(FezzSlice req) {{
            FezzOwned out = answer(req);
            lent = req.ptr;
            given[0] = (size_t) out.ptr; given[1] = out.len; given[2] = (size_t) pthread_self();
            return out;
        }}
        void fezz_free_v2(FezzOwned buf) {{
            frees += 1;
            last[0] = (size_t) buf.ptr; last[1] = buf.len; last[2] = (size_t) pthread_self();
            if (buf.ptr + 1 != lent) free(buf.ptr);
        }}
        size_t probe_frees(void) {{ return frees; }}
        size_t probe_last(size_t i) {{ return last[i]; }}
        size_t probe_given(size_t i) {{ return given[i]; }}
        "
    );
    library(test, &source, &[])
}

/// Compiles `source` to `libNAME.so` with extra `flags`.
pub(crate) fn library(name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let mut all = vec!["-shared", "-fPIC", "-Wall", "-Wno-unused-parameter"];
    all.extend_from_slice(flags);
    compile(&format!("lib{name}.so"), source, &all)
}

/// Compiles `source` with these flags to a file of this name.
pub(crate) fn compile(file: &str, source: &str, flags: &[&str]) -> PathBuf {
    let folder = folder();
    let input = folder.join(format!("{file}.c"));
    let output = folder.join(file);
    std::fs::write(&input, source).unwrap();
    let run = Command::new("gcc").args(flags).arg(&input).arg("-o").arg(&output).output().unwrap();
    assert!(run.status.success(), "gcc: {}", String::from_utf8_lossy(&run.stderr));
    output
}

/// Writes a file of this name.
pub(crate) fn file(name: &str, octets: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, octets).unwrap();
    path
}

/// A folder of this test program alone.
pub(crate) fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let stem = program.file_stem().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(stem);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
