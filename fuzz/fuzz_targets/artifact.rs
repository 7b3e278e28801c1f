//! The examination of an artifact before any of it is loaded.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_abi::artifact::trial::check(octets));
