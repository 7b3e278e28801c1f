//! A request envelope is read as it was meant.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::wire_request(octets));
