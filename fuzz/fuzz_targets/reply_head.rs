//! Whatever a function says in its header, a response head stays one.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::reply_head(octets));
