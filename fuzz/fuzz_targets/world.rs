//! A world of clients, workers and faults.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::world(octets));
