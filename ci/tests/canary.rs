//! A program with one planted bug for each sanitizer: `canary address|thread|memory` must not end
//! well. Compiled by ci/sanitize alone, with its flags.

use std::mem::MaybeUninit;
use std::thread;

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_default();
    match kind.as_str() {
        "address" => freed(),
        "thread" => raced(),
        "memory" => unwritten(),
        _ => {}
    }
}

/// Reads what was freed.
fn freed() {
    let octet = Box::into_raw(Box::new(1_u8));
    // SAFETY: none: freed, then read.
    unsafe {
        drop(Box::from_raw(octet));
        println!("{}", octet.read_volatile());
    }
}

/// Writes from two threads.
fn raced() {
    static mut COUNT: u64 = 0;
    let count = || {
        for _ in 0..1_000 {
            // SAFETY: none: nothing orders the two.
            unsafe { (&raw mut COUNT).write_volatile((&raw const COUNT).read_volatile() + 1) };
        }
    };
    thread::scope(|scope| {
        scope.spawn(count);
        scope.spawn(count);
    });
}

/// Decides by what nobody wrote.
fn unwritten() {
    let octet = Box::new(MaybeUninit::<u8>::uninit());
    // SAFETY: none: never written.
    if unsafe { octet.as_ptr().read_volatile() } == 7 {
        println!("seven");
    }
}
