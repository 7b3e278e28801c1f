//! A world whose driver loses octets of replies: this target must crash, or the alarm is dead.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fezz_sim::targets::canary(octets));
