//! A configuration file is refused with reasons, or taken and shown as it was taken.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_server::trial::config_file(octets));
