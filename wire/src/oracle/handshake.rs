//! The envelopes before the first request, read a second time out of the tree.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Flip as _, Value, fields, nullable, points_into, string, text, tree, unsigned};
use crate::{
    Answer, HANDSHAKE_BYTES_MAX, Offer, SelfCheckSpec, SelfCheckVerdict, WireError,
    decode_settings, encode_settings,
};

/// Reads `octets` as each of the five, with the codec and with the oracle, and what was read once
/// more after writing it.
///
/// # Panics
/// If they disagree about acceptance or about a value, or an error points outside the octets.
pub fn check_handshake(octets: &[u8]) {
    judge(octets, Offer::decode(octets), offer(octets), Offer::encode, Offer::decode);
    judge(octets, Answer::decode(octets), answer(octets), Answer::encode, Answer::decode);
    judge(
        octets,
        SelfCheckSpec::decode(octets),
        spec(octets),
        SelfCheckSpec::encode,
        SelfCheckSpec::decode,
    );
    judge(
        octets,
        SelfCheckVerdict::decode(octets),
        verdict(octets),
        SelfCheckVerdict::encode,
        SelfCheckVerdict::decode,
    );
    let write = |settings: &Vec<_>| encode_settings(settings);
    judge(octets, decode_settings(octets), settings(octets), write, decode_settings);
}

fn judge<T: PartialEq + core::fmt::Debug>(
    octets: &[u8],
    ours: Result<T, WireError>,
    oracle: Option<T>,
    write: impl Fn(&T) -> Vec<u8>,
    read: impl Fn(&[u8]) -> Result<T, WireError>,
) {
    match (&ours, &oracle) {
        (Ok(ours), Some(oracle)) if ours == oracle => {
            let again = write(ours);
            // What was spelled in fewer octets than we write may exceed the limit now.
            let again = (again.len() <= HANDSHAKE_BYTES_MAX).then(|| read(&again));
            assert!(again.is_none_or(|again| again.as_ref() == Ok(ours)), "{ours:?}");
        }
        (Err(error), None) if points_into(error, octets.len()) => {}
        _ => panic!("codec: {ours:?}, oracle: {oracle:?}, octets: {octets:02x?}"),
    }
}

/// The octets as one map of the size these envelopes may have.
fn record(octets: &[u8]) -> Option<Value> {
    tree(octets, 8).filter(|map| octets.len() <= HANDSHAKE_BYTES_MAX && is_map(map))
}

fn is_map(value: &Value) -> bool {
    matches!(value, Value::Map(_))
}

fn offer(octets: &[u8]) -> Option<Offer> {
    let [functions, capabilities, limits, host] =
        fields(record(octets)?, ["functions", "capabilities", "limits", "host"], 0)?;
    let [range] = fields(nullable(functions)?, ["handle"], 0)?;
    let [min, max] = fields(nullable(range)?, ["min", "max"], 0)?;
    let (min, max) = (unsigned(min?)?, unsigned(max?)?);
    let limits = match nullable(limits) {
        None => Vec::new(),
        Some(Value::Map(pairs)) => pairs
            .into_iter()
            .filter_map(|(name, value)| Some((text(name)?, unsigned(value)?)))
            .collect(),
        Some(_) => return None,
    };
    Some(Offer {
        handle: min..=max,
        capabilities: list(capabilities, text)?,
        limits,
        host: nullable(host).map(text).flip()?.unwrap_or_default(),
    })
}

fn answer(octets: &[u8]) -> Option<Answer> {
    let [functions, capabilities, fallback, ttl_ms] =
        fields(record(octets)?, ["functions", "capabilities", "fallback", "ttl_ms"], 0)?;
    let handle = match nullable(functions) {
        None => Answer::default().handle,
        Some(functions) => {
            let [handle] = fields(functions, ["handle"], 0)?;
            unsigned(handle?)?
        }
    };
    Some(Answer {
        handle,
        capabilities: list(capabilities, text)?,
        fallback: nullable(fallback).map(text).flip()?,
        ttl_ms: nullable(ttl_ms).map(unsigned).flip()?,
    })
}

fn spec(octets: &[u8]) -> Option<SelfCheckSpec> {
    // Its limit is far above what a fuzzer tries.
    let [samples] = fields(tree(octets, 8)?, ["samples"], 0)?;
    Some(SelfCheckSpec { samples: list(samples, string)? })
}

fn verdict(octets: &[u8]) -> Option<SelfCheckVerdict> {
    let [checks, failures] = fields(record(octets)?, ["checks", "failures"], 0)?;
    let failures = list(Some(nullable(failures)?), text)?;
    Some(SelfCheckVerdict { checks: nullable(checks).map(unsigned).flip()?, failures })
}

fn settings(octets: &[u8]) -> Option<Vec<(String, String)>> {
    let Value::Map(pairs) = tree(octets, 8)? else { return None };
    let mut settings = Vec::new();
    for (name, value) in pairs {
        if let Some(name) = text(name) {
            settings.push((name, text(value)?));
        }
    }
    Some(settings)
}

fn list<T>(list: Option<Value>, entry: fn(Value) -> Option<T>) -> Option<Vec<T>> {
    match nullable(list) {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => items.into_iter().map(entry).collect(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// One of each, with something in every place.
    fn samples() -> [Vec<u8>; 5] {
        let offer = Offer {
            handle: 2..=300,
            capabilities: vec!["log".into(), "caf\u{e9}".into()],
            limits: vec![("response_bytes".into(), 17 << 20)],
            host: "fezz".into(),
        };
        let answer = Answer {
            capabilities: vec!["log".into()],
            fallback: Some("previous".into()),
            ttl_ms: Some(90_000),
            ..Answer::default()
        };
        let spec = SelfCheckSpec { samples: vec![vec![0xa0, 0xff], vec![]] };
        let verdict = SelfCheckVerdict { checks: Some(2), failures: vec!["x".into()] };
        let settings = [("url".into(), "http://x/".into())];
        [
            offer.encode(),
            answer.encode(),
            spec.encode(),
            verdict.encode(),
            encode_settings(&settings),
        ]
    }

    #[test]
    fn every_cut_and_every_octet() {
        for octets in samples() {
            check_handshake(&octets);
            for cut in 0..octets.len() {
                check_handshake(&octets[..cut]);
                for octet in 0..=255 {
                    let mut changed = octets.clone();
                    changed[cut] = octet;
                    check_handshake(&changed);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            check_handshake(&octets);
        }

        #[test]
        fn any_items(item in super::super::spelling::any_item()) {
            let mut octets = b"\xa1\x69functions".to_vec();
            item.put(&mut octets);
            check_handshake(&octets);
            check_handshake(&octets[11..]);
        }
    }
}
