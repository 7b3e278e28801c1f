//! A PROXY header is judged alike however it is cut, and what is behind it is not lost.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_server::trial::proxy_header(octets));
