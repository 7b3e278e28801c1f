//! The requests of one connection, read by other people's parsers, too.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_peers::check(octets));
