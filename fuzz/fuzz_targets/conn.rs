//! One conversation, cut into reads and writes in two ways.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::conn(octets));
