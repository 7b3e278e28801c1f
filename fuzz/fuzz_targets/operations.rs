//! The connection core under a driver that does anything it may.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::operations(octets));
