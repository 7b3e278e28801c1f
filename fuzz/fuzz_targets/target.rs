//! A request target, in all forms.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::target(octets));
