//! What host and function tell each other before the first request, read by two readers.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::wire_handshake(octets));
