//! How long the content of a request is.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::framing(octets));
