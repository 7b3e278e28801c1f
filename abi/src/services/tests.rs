//! The table as a function sees it, with hosts that answer, refuse and panic.

use std::sync::Mutex;

use super::*;

struct Host(Mutex<Vec<(u64, LogLevel, Vec<u8>)>>);

impl HostServices for Host {
    fn log(&self, call: u64, level: LogLevel, text: &[u8]) {
        self.0.lock().unwrap().push((call, level, text.to_vec()));
    }

    fn cancelled(&self, call: u64) -> bool {
        call == 7
    }

    fn remaining_ns(&self, call: u64) -> u64 {
        call * 1000
    }

    fn invoke(&self, call: u64, format: u32, request: &[u8]) -> Result<Vec<u8>, InvokeError> {
        if format != 2 {
            return Err(InvokeError::Format);
        }
        Ok([&call.to_be_bytes(), request].concat())
    }
}

struct Panicking;

impl HostServices for Panicking {
    fn log(&self, _: u64, _: LogLevel, _: &[u8]) {
        std::panic::resume_unwind(Box::new(()));
    }

    fn cancelled(&self, _: u64) -> bool {
        std::panic::resume_unwind(Box::new(()))
    }

    fn remaining_ns(&self, _: u64) -> u64 {
        std::panic::resume_unwind(Box::new(()))
    }

    fn invoke(&self, _: u64, _: u32, _: &[u8]) -> Result<Vec<u8>, InvokeError> {
        std::panic::resume_unwind(Box::new(()))
    }
}

/// What `invoke` answers through a table.
fn invoked(table: &FezzHostV1, format: u32, request: &[u8]) -> Result<Vec<u8>, i32> {
    let mut out = FezzOwned { ptr: std::ptr::dangling_mut(), len: 9 };
    // SAFETY: a table of this module; what it gives is read before it is released, once.
    unsafe {
        let code = (table.invoke)(table.ctx, 5, format, FezzSlice::lend(request), &raw mut out);
        if code != 0 {
            assert!(out.ptr.is_null() && out.len == 0);
            return Err(code);
        }
        let octets = std::slice::from_raw_parts(out.ptr, out.len).to_vec();
        (table.release)(table.ctx, out);
        Ok(octets)
    }
}

#[test]
fn every_member_reaches_the_host_behind_its_table() {
    static HOST: Host = Host(Mutex::new(Vec::new()));
    let table = table(&HOST);
    assert_eq!((table.struct_size as usize, table.abi_level), (size_of::<FezzHostV1>(), 2));
    let long = vec![b'x'; LOG_BYTES_MAX + 1];
    // SAFETY: a table of this module.
    unsafe {
        (table.log)(table.ctx, 5, 2, FezzSlice::lend(b"a line"));
        (table.log)(table.ctx, 0, 99, FezzSlice::lend(&long));
        (table.log)(table.ctx, 0, 0, FezzSlice { ptr: std::ptr::null(), len: 3 });
        assert_eq!((table.cancelled)(table.ctx, 7), 1);
        assert_eq!((table.cancelled)(table.ctx, 8), 0);
        assert_eq!((table.remaining_ns)(table.ctx, 3), 3000);
    }
    assert_eq!(invoked(table, 2, b"ask").unwrap(), b"\0\0\0\0\0\0\0\x05ask");
    assert_eq!(invoked(table, 0, b"ask"), Err(InvokeError::Format.code()));
    let lines = HOST.0.lock().unwrap();
    assert_eq!(lines[0], (5, LogLevel::Warn, b"a line".to_vec()));
    assert_eq!((lines[1].1, lines[1].2.len()), (LogLevel::Debug, LOG_BYTES_MAX));
    assert_eq!(lines[2], (0, LogLevel::Error, Vec::new()));
}

#[test]
fn a_request_that_is_none_does_not_reach_the_host() {
    static HOST: Host = Host(Mutex::new(Vec::new()));
    let table = table(&HOST);
    let request = InvokeError::Request.code();
    let mut out = FezzOwned::NONE;
    let lend = |ptr, len| FezzSlice { ptr, len };
    let ptr = std::ptr::dangling();
    // SAFETY: a table of this module; nothing is read where nothing is lent.
    unsafe {
        let invoke = |slice, out| (table.invoke)(table.ctx, 5, 2, slice, out);
        assert_eq!(invoke(lend(std::ptr::null(), 0), &raw mut out), request);
        assert_eq!(invoke(lend(ptr, INVOKE_BYTES_MAX + 1), &raw mut out), request);
        assert_eq!(invoke(FezzSlice::lend(b"x"), std::ptr::null_mut()), request);
        (table.release)(table.ctx, FezzOwned::NONE);
    }
}

#[test]
fn a_panic_of_the_host_ends_at_the_table() {
    static HOST: Panicking = Panicking;
    let table = table(&HOST);
    // SAFETY: a table of this module.
    unsafe {
        (table.log)(table.ctx, 1, 1, FezzSlice::lend(b"x"));
        assert_eq!((table.cancelled)(table.ctx, 1), 0);
        assert_eq!((table.remaining_ns)(table.ctx, 1), NO_DEADLINE_NS);
    }
    assert_eq!(invoked(table, 2, b"x"), Err(InvokeError::Failed.code()));
}

#[test]
fn a_host_has_one_table() {
    static ONE: Host = Host(Mutex::new(Vec::new()));
    static TWO: Host = Host(Mutex::new(Vec::new()));
    assert!(std::ptr::eq(table(&ONE), table(&ONE)));
    assert!(!std::ptr::eq(table(&ONE), table(&TWO)));
}

#[test]
fn numbers_and_words_are_told_apart() {
    for code in 1..=4 {
        assert_eq!(LogLevel::from_code(code).code(), code);
    }
    for code in 1..=3 {
        assert_eq!(CancelReason::from_code(code).unwrap().code(), code);
    }
    assert_eq!((CancelReason::from_code(0), CancelReason::from_code(4)), (None, None));
    let mut names: Vec<_> = InvokeError::ALL.iter().map(|error| error.name()).collect();
    let codes: Vec<_> = InvokeError::ALL.iter().map(|error| error.code()).collect();
    assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
    names.dedup();
    assert_eq!(names.len(), 6);
}
