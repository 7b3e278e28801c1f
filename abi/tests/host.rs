//! Each rule of the pair, against a function in C that follows or breaks it.
#![cfg(feature = "host")]
#![expect(unsafe_code, reason = "the tests look into the artifacts they made")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{handle, library};
use fezz_abi::host::Function;
use fezz_abi::{CallError, Stage};
use libloading::os::unix::Library;

/// A second way into a loaded artifact: its counters.
struct Probe(Library);

impl Probe {
    fn of(path: &Path) -> Self {
        // SAFETY: a library of this test without constructors.
        Self(unsafe { Library::new(path) }.unwrap())
    }

    fn get(&self, name: &str, index: usize) -> usize {
        // SAFETY: all probes of `common::handle` have this signature or ignore the argument.
        unsafe { self.0.get::<extern "C" fn(usize) -> usize>(name).unwrap()(index) }
    }

    fn frees(&self) -> usize {
        self.get("probe_frees", 0)
    }
}

/// Loads the file in place, so that [`Probe`] sees the same instance.
fn load(path: &Path) -> (Function, Probe) {
    (Function::load_in_place(path).unwrap(), Probe::of(path))
}

#[test]
fn an_answer_is_read_and_freed_once_on_the_calling_thread() {
    let path = handle(
        "good",
        "uint8_t *p = malloc(req.len + 1); p[0] = '>'; memcpy(p + 1, req.ptr, req.len);
         return (FezzOwned){p, req.len + 1};",
    );
    let (function, probe) = load(&path);
    for round in 1..=3 {
        let text = std::thread::scope(|scope| {
            let call = || function.call(b"hello", |answer| answer.unwrap().to_vec());
            scope.spawn(call).join().unwrap()
        });
        assert_eq!(text, b">hello");
        assert_eq!(probe.frees(), round);
        for word in 0..3 {
            assert_eq!(probe.get("probe_last", word), probe.get("probe_given", word));
        }
    }
}

#[test]
fn it_is_freed_when_the_reader_unwinds() {
    let path = handle("unwind", "return (FezzOwned){malloc(4), 4};");
    let (function, probe) = load(&path);
    let call = || function.call(b"x", |_| std::panic::resume_unwind(Box::new(())));
    let outcome: Result<(), _> = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
    assert!(outcome.is_err());
    assert_eq!(probe.frees(), 1);
}

#[test]
fn refused_answers_are_freed_exactly_when_there_is_something_to_free() {
    let huge = isize::MAX.unsigned_abs();
    let max = fezz_abi::host::RESPONSE_BYTES_MAX;
    let cases: [(&str, &str, CallError, Stage, usize); 8] = [
        ("none", "return (FezzOwned){0, 0};", CallError::NoResponse, Stage::PluginCall, 0),
        (
            "nullen",
            "return (FezzOwned){0, 7};",
            CallError::NullWithLength { len: 7 },
            Stage::PluginCall,
            0,
        ),
        (
            "empty",
            "return (FezzOwned){malloc(1), 0};",
            CallError::EmptyResponse,
            Stage::DeserializeResponse,
            1,
        ),
        (
            "signed",
            "return (FezzOwned){malloc(1), (size_t) PTRDIFF_MAX + 1};",
            CallError::LengthTooLarge { len: huge + 1, max },
            Stage::PluginCall,
            1,
        ),
        (
            "endless",
            "return (FezzOwned){malloc(1), SIZE_MAX};",
            CallError::LengthTooLarge { len: usize::MAX, max },
            Stage::PluginCall,
            1,
        ),
        (
            "limit",
            "return (FezzOwned){malloc(1), 17 * 1024 * 1024 + 1};",
            CallError::LengthTooLarge { len: max + 1, max },
            Stage::PluginCall,
            1,
        ),
        (
            "into",
            "return (FezzOwned){(uint8_t *) req.ptr + 1, 1};",
            CallError::PointsIntoRequest,
            Stage::PluginCall,
            0,
        ),
        (
            "over",
            "return (FezzOwned){(uint8_t *) req.ptr - 1, 3};",
            CallError::RunsIntoRequest { len: 3 },
            Stage::PluginCall,
            1,
        ),
    ];
    for (name, body, expected, stage, frees) in cases {
        let (function, probe) = load(&handle(name, body));
        let error = function.call(b"request", |answer| answer.unwrap_err());
        assert_eq!((error, error.stage()), (expected, stage), "{name}");
        assert_eq!(probe.frees(), frees, "{name}");
        let gone = function.call(b"request", |_| probe.frees());
        assert_eq!(gone, frees, "{name}: freed only after the reply was told");
    }
}

#[test]
fn the_operator_sets_the_limit_of_an_answer() {
    let path = handle("limited", "return (FezzOwned){calloc(1, 32), req.len};");
    let (function, probe) = load(&path);
    let function = function.with_response_bytes_max(32);
    assert_eq!(function.call(&[0; 32], |answer| answer.unwrap().len()), 32);
    let error = function.call(&[0; 33], |answer| answer.unwrap_err());
    assert_eq!(error, CallError::LengthTooLarge { len: 33, max: 32 });
    assert_eq!(probe.frees(), 2);
}

#[test]
fn equal_files_are_two_instances_and_survive_being_overwritten() {
    let count = "static uint8_t n; uint8_t *p = malloc(1); *p = ++n; return (FezzOwned){p, 1};";
    let path = handle("counter", count);
    let first = Function::load(&path).unwrap();
    let second = Function::load(&path).unwrap();
    let next = |function: &Function| function.call(b"x", |answer| answer.unwrap()[0]);
    assert_eq!([next(&first), next(&first), next(&second)], [1, 2, 1]);
    assert_eq!((first.name(), first.path()), ("counter", path.as_path()));
    // Writing into a mapped library would kill whoever runs it.
    std::fs::write(&path, b"").unwrap();
    assert_eq!([next(&first), next(&second)], [3, 2]);
}

#[test]
fn a_run_path_relative_to_the_file_still_works() {
    let answer = "uint8_t *p = malloc(1); *p = 5; return (FezzOwned){p, 1};";
    let source = std::fs::read_to_string(handle("relative", answer).with_extension("so.c"));
    let path = library("relative", &source.unwrap(), &["-Wl,-rpath,$ORIGIN"]);
    let function = Function::load(&path).unwrap();
    assert!(function.inspection().origin_run_path);
    assert_eq!(function.call(b"x", |answer| answer.unwrap()[0]), 5);
    assert_eq!(Probe::of(&path).frees(), 0, "the file itself is not mapped");
}

#[test]
fn functions_do_not_see_each_other() {
    let shared = |name: &str, value: u8| {
        let source = format!(
            "{}
            uint8_t number(void) {{ return {value}; }}
            FezzOwned fezz_handle_v2(FezzSlice req) {{
                uint8_t *p = malloc(1); *p = number(); return (FezzOwned){{p, 1}};
            }}
            void fezz_free_v2(FezzOwned buf) {{ free(buf.ptr); }}",
            common::TYPES
        );
        Function::load(&library(name, &source, &[])).unwrap()
    };
    let (one, two) = (shared("one", 1), shared("two", 2));
    assert_eq!(one.call(b"x", |answer| answer.unwrap()[0]), 1);
    assert_eq!(two.call(b"x", |answer| answer.unwrap()[0]), 2);
}

#[test]
fn calls_may_overlap() {
    let path = handle("overlap", "return (FezzOwned){calloc(1, 9), 9};");
    let function = Function::load(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    assert_eq!(function.call(b"x", |answer| answer.unwrap().len()), 9);
                }
            });
        }
    });
}

#[test]
fn an_exception_ends_the_process_and_names_the_artifact() {
    // Runs itself again as the process that ends.
    if let Some(path) = std::env::var_os("FEZZ_TEST_THROWING_ARTIFACT") {
        let function = Function::load(Path::new(&path)).unwrap();
        function.call(b"x", |_| ());
        unreachable!("the exception was swallowed");
    }
    let source = format!(
        "{}
        extern \"C\" FezzOwned fezz_handle_v2(FezzSlice) {{ throw 1; }}
        extern \"C\" void fezz_free_v2(FezzOwned) {{}}",
        common::TYPES
    );
    let path = library("throwing", &source, &["-xc++", "-Wl,--no-as-needed", "-lstdc++"]);
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["an_exception_ends_the_process_and_names_the_artifact", "--exact", "--nocapture"])
        .env("FEZZ_TEST_THROWING_ARTIFACT", &path)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success());
    assert!(stderr.contains("libthrowing.so: an exception or panic left"), "{stderr}");
}
