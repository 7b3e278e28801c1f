//! Codec and oracle side by side: on every spelling of an envelope, on mutated envelopes and on
//! arbitrary octets.

use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec as vec_of;
use proptest::prelude::*;
use proptest::sample::Index;

use super::spelling::{any_item, request_spelled, response_spelled};
use super::*;
use crate::{
    BodySlot, Meta, RequestHead, close_body, encode_response, set_call, set_deadline, write_request,
};

const SMALL: WireLimits =
    WireLimits { header_count_max: 3, head_bytes_max: 120, body_bytes_max: 20, nesting_max: 4 };

fn check_both(octets: &[u8]) {
    check(octets, &WireLimits::default());
    check(octets, &SMALL);
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn slices(pairs: &Pairs) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    pairs.iter().map(|(name, value)| (&name[..], &value[..]))
}

fn mutated(mut octets: Vec<u8>, edits: &[(Index, u8, u8)]) -> Vec<u8> {
    for (at, octet, how) in edits {
        let at = at.index(octets.len() + 1);
        match how {
            0 => octets.insert(at, *octet),
            1 if at < octets.len() => drop(octets.remove(at)),
            2 => octets.truncate(at),
            _ if at < octets.len() => octets[at] = *octet,
            _ => {}
        }
    }
    octets
}

fn token() -> impl Strategy<Value = Vec<u8>> {
    vec_of(prop::sample::select(b"abcXYZ-019_".to_vec()), 1..40)
}

fn edits() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    vec_of(
        (
            any::<Index>(),
            any::<u8>(),
            prop_oneof![1 => Just(0), 1 => Just(1), 1 => Just(2), 6 => Just(3)],
        ),
        1..4,
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_spelling_of_a_response(spelled in response_spelled()) {
        let mut octets = Vec::new();
        spelled.put(&mut octets);
        check_both(&octets);
    }

    #[test]
    fn every_spelling_of_a_request(spelled in request_spelled()) {
        let mut octets = Vec::new();
        spelled.put(&mut octets);
        check_both(&octets);
    }

    #[test]
    fn arbitrary_items_and_octets(spelled in any_item(), octets in vec_of(any::<u8>(), 0..64)) {
        let mut item = Vec::new();
        spelled.put(&mut item);
        check_both(&item);
        check_both(&octets);
    }

    #[test]
    fn responses_written_read_and_mutated(
        status in 200..600u16,
        pairs in vec_of((token(), vec_of(0x20..0x7fu8, 0..300)), 0..5),
        panic: bool,
        body in vec_of(any::<u8>(), 0..600),
        edits in edits(),
    ) {
        let octets = encode_response(status, slices(&pairs), panic, &body);
        prop_assert_eq!(octets.capacity(), octets.len());
        let view = ResponseView::decode(&octets, &WireLimits::default()).unwrap();
        let status = u64::from(status);
        let expected = Response { status, headers: pairs, panic, version: None, body };
        prop_assert_eq!(response_of(&view), expected);
        check_both(&octets);
        check_both(&mutated(octets, &edits));
    }

    #[test]
    fn requests_written_read_and_mutated(
        method in "[A-Z]{1,30}",
        scheme in prop::option::of("https?"),
        authority in prop::option::of("\\PC{0,40}"),
        path in "/\\PC{0,40}",
        query in prop::option::of("[a-z=&]{0,300}"),
        pairs in vec_of((vec_of(any::<u8>(), 0..40), vec_of(any::<u8>(), 0..300)), 0..5),
        trace_id in prop::option::of("[0-9a-f]{32}"),
        deadline in prop::option::of((any::<u64>(), 0..60u32, 0..60u32)),
        client_ip in prop::option::of("[0-9a-f.:]{3,39}"),
        version in prop::option::of((any::<u64>(), 0..64u32).prop_map(|(n, shift)| n >> shift)),
        calls in prop::option::of((any::<u64>(), any::<u32>())),
        principal in prop::option::of("\\PC{0,40}"),
        body in vec_of(any::<u8>(), 0..600),
        open: bool,
        before in 0..40usize,
        edits in edits(),
    ) {
        let deadline_ms = deadline.map(|(n, shift, _)| n >> shift);
        let head: RequestHead<'_> = RequestHead {
            method: &method, scheme: scheme.as_deref(), authority: authority.as_deref(),
            path: &path, query: query.as_deref(),
            meta: Meta {
                trace_id: trace_id.as_deref(),
                deadline_ms,
                client_ip: client_ip.as_deref(),
                version,
                call: calls.map(|(first, _)| first),
                tls: None,
                principal: principal.as_deref(),
            },
            header_count: pairs.len(),
        };
        let mut buf = vec![0xee; before];
        let known_slot = BodySlot::Known(body.len() as u64);
        let slot = if open { BodySlot::Open } else { known_slot };
        let mut layout = write_request(&mut buf, &head, slices(&pairs), slot);
        prop_assert_eq!(layout.body_at as usize, buf.len());
        buf.extend_from_slice(&body);
        close_body(&mut buf, &mut layout);
        let mut expected = Request {
            path_and_query: match &query {
                Some(query) => alloc::format!("{path}?{query}"),
                None => path.clone(),
            },
            method: method.clone(), scheme: scheme.clone(), authority: authority.clone(),
            headers: pairs.clone(),
            trace_id: trace_id.clone(), deadline_ms, client_ip: client_ip.clone(),
            version, call: calls.map(|(first, _)| first),
            body: body.clone(),
        };
        let octets = layout.envelope(&buf);
        let view = RequestView::decode(octets).unwrap();
        prop_assert_eq!(&request_of(&view), &expected);
        prop_assert_eq!(view.meta().principal(), principal.as_deref());
        // Known or found out later, the octets are the same.
        let known = {
            let mut buf = Vec::new();
            write_request(&mut buf, &head, slices(&pairs), known_slot);
            buf.extend_from_slice(&body);
            buf
        };
        prop_assert_eq!(layout.envelope(&buf), &known[..]);
        if let Some((n, shift, less)) = deadline {
            let left = n >> shift >> less;
            set_deadline(&mut buf, &mut layout, left);
            expected.deadline_ms = Some(left);
            let octets = layout.envelope(&buf);
            prop_assert_eq!(&request_of(&RequestView::decode(octets).unwrap()), &expected);
            let meta = Meta { deadline_ms: Some(left), ..head.meta };
            let mut known = Vec::new();
            let head = RequestHead { meta, ..head };
            write_request(&mut known, &head, slices(&pairs), known_slot);
            known.extend_from_slice(&body);
            prop_assert_eq!(octets, &known[..]);
        }
        if let Some((_, second)) = calls {
            set_call(&mut buf, &layout, second.into());
            expected.call = Some(second.into());
        }
        let octets = layout.envelope(&buf).to_vec();
        prop_assert_eq!(&request_of(&RequestView::decode(&octets).unwrap()), &expected);
        check_both(&octets);
        check_both(&mutated(octets, &edits));
    }
}

/// The generators above make envelopes of both kinds: neither side of `check` goes untested.
#[test]
fn spellings_are_accepted_and_refused() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (responses, requests) = (response_spelled(), request_spelled());
    let (mut accepted, rounds) = ([0, 0], 500);
    for _ in 0..rounds {
        let (mut response, mut request) = (Vec::new(), Vec::new());
        responses.new_tree(&mut runner).unwrap().current().put(&mut response);
        requests.new_tree(&mut runner).unwrap().current().put(&mut request);
        let limits = WireLimits::default();
        accepted[0] += usize::from(ResponseView::decode(&response, &limits).is_ok());
        accepted[1] += usize::from(RequestView::decode(&request).is_ok());
    }
    assert!(accepted.iter().all(|n| (rounds / 20..rounds * 19 / 20).contains(n)), "{accepted:?}");
}

/// The starts and the `meta` that are compared as one constant, beside those that are not.
#[test]
fn usual_and_unusual_starts_are_read_alike() {
    let long = "4bf92f3577b34da6a3ce929d0e0e4736";
    let trace_ids = [None, Some(""), Some(&long[1..]), Some(long)];
    let deadlines = [None, Some(0), Some(24), Some(300), Some(70_000), Some(1 << 40)];
    for method in ["GET", "POST", "PUT", "GETS", "g\u{e9}t", ""] {
        for scheme in [None, Some("http"), Some("https"), Some("httpx"), Some("")] {
            for trace_id in trace_ids {
                for deadline_ms in deadlines {
                    let meta = Meta { trace_id, deadline_ms, ..Meta::default() };
                    let head =
                        RequestHead { method, scheme, path: "/", meta, ..Default::default() };
                    let mut octets = Vec::new();
                    write_request(&mut octets, &head, slices(&Vec::new()), BodySlot::Known(0));
                    check_both(&octets);
                    let read = RequestView::decode(&octets).unwrap();
                    assert_eq!((read.method(), read.scheme()), (method, scheme));
                    assert_eq!(read.meta().trace_id(), trace_id);
                    assert_eq!(read.meta().deadline_ms(), deadline_ms);
                }
            }
        }
    }
}

/// Every prefix and every single-octet change of one envelope in each direction. The strings are
/// not UTF-8: those that a change turns into text must be refused.
#[test]
fn every_cut_and_every_octet() {
    let headers: Pairs =
        vec![(b"host".to_vec(), b"a".to_vec()), (b"x".to_vec(), b"\xe9\tz".to_vec())];
    let response = encode_response(404, slices(&headers), false, b"gon\xe9");
    let headers: Pairs = [&headers[..], &[(b"\xe9".to_vec(), Vec::new())]].concat();
    let head = RequestHead {
        method: "GET",
        path: "/x",
        meta: Meta { deadline_ms: Some(300), ..Meta::default() },
        header_count: headers.len(),
        ..RequestHead::default()
    };
    let mut request = Vec::new();
    write_request(&mut request, &head, slices(&headers), BodySlot::Known(1));
    request.push(0xe9);
    let meta = Meta { version: Some(2), call: Some(1 << 40), ..head.meta };
    let head = RequestHead { meta, header_count: 0, ..head };
    let mut called = Vec::new();
    write_request(&mut called, &head, slices(&Vec::new()), BodySlot::Known(0));
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (trace_id, client_ip) = (Some(trace_id), Some("::1"));
    let meta = Meta { trace_id, client_ip, deadline_ms: Some(300), ..Meta::default() };
    let (scheme, authority) = (Some("http"), Some("a"));
    let head = RequestHead { scheme, authority, meta, ..head };
    let mut traced = Vec::new();
    write_request(&mut traced, &head, slices(&Vec::new()), BodySlot::Known(0));
    for octets in [response, request, called, traced] {
        for cut in 0..octets.len() {
            check_both(&octets[..cut]);
            for octet in 0..=255 {
                let mut changed = octets.clone();
                changed[cut] = octet;
                check(&changed, &WireLimits::default());
            }
        }
    }
}
