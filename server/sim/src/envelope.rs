//! What is written as a request envelope is read as what was meant.

use fezz_wire::{
    BodySlot, Meta, RequestHead, close_body, oracle, set_call, set_deadline, write_request,
};

use crate::rng::Rng;

/// Octets of one drawn string.
const TEXT_BYTES_MAX: usize = 300;

fn text(rng: &mut Rng) -> String {
    let bytes = if rng.chance(100) { rng.size(0, TEXT_BYTES_MAX) } else { rng.size(0, 30) };
    (0..bytes).map(|_| char::from(b' ' + u8::try_from(rng.below(95)).unwrap_or(0))).collect()
}

fn maybe(rng: &mut Rng) -> Option<String> {
    (rng.below(2) == 1).then(|| text(rng))
}

/// Checks the request that octets spell.
///
/// # Panics
///
/// When it is read as another one, or cannot be read.
pub fn check(octets: &[u8]) {
    let mut rng = Rng::from_octets(octets);
    let (method, path, query) = (text(&mut rng), text(&mut rng), maybe(&mut rng));
    let (scheme, authority) = (maybe(&mut rng), maybe(&mut rng));
    let (trace_id, client_ip) = (maybe(&mut rng), maybe(&mut rng));
    let count = if rng.chance(50) { rng.size(0, 256) } else { rng.size(0, 12) };
    let headers = (0..count).map(|_| (text(&mut rng), text(&mut rng))).collect::<Vec<_>>();
    let body = vec![b'b'; if rng.chance(20) { rng.size(0, 70_000) } else { rng.size(0, 300) }];
    let deadlines = (rng.below(3) > 0).then(|| (rng.any() >> rng.below(64), rng.any()));
    let version = (rng.below(4) == 0).then(|| rng.any() >> rng.below(64));
    let calls = (rng.below(3) == 0).then(|| (rng.any(), rng.any()));
    let slot = match rng.below(2) {
        0 => BodySlot::Known(body.len() as u64),
        _ => BodySlot::Open,
    };
    let head: RequestHead<'_> = RequestHead {
        method: method.as_str(),
        scheme: scheme.as_deref(),
        authority: authority.as_deref(),
        path: path.as_str(),
        query: query.as_deref(),
        meta: Meta {
            trace_id: trace_id.as_deref(),
            deadline_ms: deadlines.map(|(first, _)| first),
            client_ip: client_ip.as_deref(),
            version,
            call: calls.map(|(first, _)| first),
            tls: None,
            principal: None,
        },
        header_count: count,
    };
    let mut buffer = Vec::new();
    let lines = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut layout = write_request(&mut buffer, &head, lines, slot);
    buffer.extend_from_slice(&body);
    close_body(&mut buffer, &mut layout);
    if let Some((_, second)) = deadlines {
        set_deadline(&mut buffer, &mut layout, second);
    }
    if let Some((_, second)) = calls {
        set_call(&mut buffer, &layout, second);
    }
    let read = oracle::request(layout.envelope(&buffer));
    assert!(read.is_some(), "what was written cannot be read");
    let Some(read) = read else { return };
    let path_and_query = match &query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    assert_eq!((read.method, read.path_and_query), (method, path_and_query));
    assert_eq!((read.scheme, read.authority), (scheme, authority));
    assert_eq!((read.trace_id, read.client_ip), (trace_id, client_ip));
    // A deadline never takes more room than the one it replaces.
    let deadline = deadlines.map(|(first, second)| second.min(widest(first)));
    assert_eq!(read.deadline_ms, deadline);
    assert_eq!((read.version, read.call), (version, calls.map(|(_, second)| second)));
    let sent = headers.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
    assert!(read.headers == sent.collect::<Vec<_>>() && read.body == body);
}

/// The largest number that takes no more room than `number` (RFC 8949 §3.1).
const fn widest(number: u64) -> u64 {
    match number {
        0..=23 => 23,
        24..=0xFF => 0xFF,
        0x100..=0xFFFF => 0xFFFF,
        0x1_0000..=0xFFFF_FFFF => 0xFFFF_FFFF,
        _ => u64::MAX,
    }
}
