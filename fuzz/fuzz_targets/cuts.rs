//! A request head, cut anywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::cuts(octets));
