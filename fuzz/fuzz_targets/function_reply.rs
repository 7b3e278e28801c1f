//! Whatever a function answers, clients read one response, and the one that was meant.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    if let Some(answered) = fezz_server::trial::answered(octets) {
        let fezz_server::trial::Answered { is_head, status, content, sent } = answered;
        fezz_peers::responses::check(&sent, is_head, status, &content);
    }
});
