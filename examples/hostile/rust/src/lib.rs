//! Panics, wherever a function in Rust can have them; the last segment of the path says where.
//!
//! Must happen: `/panic` and `/payload` are 500, stage `panic`, and the payload that panics when it
//! is dropped does not reach the host. `/thread` is 200: the thread ends alone. `/lock` is 500, and
//! so is every later one, because the lock is poisoned. `/deep` overflows the stack: no panic, the
//! process ends by `SIGABRT`. With the setting `begin=panic` nothing is served: stage `load`; with
//! `check=panic` neither: stage `self_check`.
#![expect(clippy::panic, reason = "that is what it is for")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use fezz::{Init, Request, Response, SelfCheck};

static SHARED: Mutex<u64> = Mutex::new(0);
static CHECK_PANICS: AtomicBool = AtomicBool::new(false);

/// A payload that goes on panicking, and so does what it panics with.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        std::panic::panic_any(Self);
    }
}

#[fezz::function(init = begin, selfcheck = check)]
fn hostile_rust(request: Request) -> Response {
    match request.path().rsplit('/').next().unwrap_or_default() {
        "panic" => panic!("on purpose, with a secret"),
        "payload" => std::panic::panic_any(Payload),
        "thread" => {
            let thread = std::thread::spawn(|| panic!("on purpose, in a thread"));
            let ended = thread.join().is_err();
            Response::text(format!("the thread panicked: {ended}"))
        }
        "lock" => {
            let Ok(mut guard) = SHARED.lock() else { panic!("on purpose, again: poisoned") };
            *guard += 1;
            panic!("on purpose, with the lock held")
        }
        "deep" => Response::text(deeper(0).to_string()),
        _ => Response::text("well"),
    }
}

fn begin(init: &Init) {
    CHECK_PANICS.store(init.setting("check").is_some(), Ordering::Relaxed);
    if init.setting("begin").is_some() {
        panic!("on purpose, before the first request");
    }
}

fn check(_check: &mut SelfCheck) {
    if CHECK_PANICS.load(Ordering::Relaxed) {
        panic!("on purpose, in the self-check");
    }
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(depth + 1)) + 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_is_a_500_here_too() {
        let call = |path| fezz::testing::request("GET", path).call(super::hostile_rust).status();
        assert_eq!(call("/"), 200);
        assert_eq!(call("/panic"), 500);
        assert_eq!(call("/thread"), 200);
    }
}
