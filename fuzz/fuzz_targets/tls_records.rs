//! Whatever a peer sends in place of records ends in order, and costs a bounded answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_server::trial::tls_records(octets));
