//! A program with one planted bug for each sanitizer: `canary address|thread|memory` must not end
//! well. Compiled by ci/sanitize alone, with its flags.

use std::mem::MaybeUninit;
use std::sync::Barrier;
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
    // Both are there from the first write to the last: a thread that begins when the other has
    // ended may be taken for the same.
    let (begin, end) = (Barrier::new(2), Barrier::new(2));
    let count = || {
        begin.wait();
        for _ in 0..1_000 {
            // SAFETY: none: nothing orders the two.
            unsafe { (&raw mut COUNT).write_volatile((&raw const COUNT).read_volatile() + 1) };
        }
        end.wait();
    };
    thread::scope(|scope| {
        scope.spawn(&count);
        scope.spawn(&count);
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
