//! Chunk framing, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::chunked(octets));
