//! An envelope of any octets, read by the codec and by another reader.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::wire_response(octets));
