//! A `traceparent` behind the headers is an entry like any other.

use fezz_wire::{
    BodySlot, Meta, RequestHead, RequestView, close_body, set_call, write_request,
    write_traced_request,
};

const TRACEPARENT: &[u8; 55] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn it_is_written_as_any_other_entry() {
    let meta = Meta { trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"), ..Meta::default() };
    let metas = [
        Meta::default(),
        meta,
        Meta { deadline_ms: Some(30_000), client_ip: Some("::1"), ..meta },
        Meta { version: Some(2), call: Some(0), tls: Some(b"\xa0"), principal: Some("me"), ..meta },
        Meta { call: Some(1), ..Meta::default() },
    ];
    let long = [b'v'; 3_000];
    for (meta, count) in metas.into_iter().flat_map(|meta| (0..70).map(move |it| (meta, it))) {
        let own = (&b"traceparent"[..], &TRACEPARENT[..]);
        let entry = (&b"x-name"[..], &long[..count * 40]);
        let headers = vec![entry; count];
        for slot in [BodySlot::Known(0), BodySlot::Known(300), BodySlot::Open] {
            let head = RequestHead { path: "/", meta, header_count: count, ..Default::default() };
            let (mut one, mut two) = (b"in front".to_vec(), b"in front".to_vec());
            let traced = headers.iter().copied();
            let mut of_one = write_traced_request(&mut one, &head, traced, Some(TRACEPARENT), slot);
            let all = RequestHead { header_count: count + 1, ..head };
            let fields = headers.iter().copied().chain([own]);
            let of_two = write_request(&mut two, &all, fields, slot);
            assert_eq!((&one, of_one), (&two, of_two));
            one.extend(if slot == BodySlot::Known(300) { vec![7; 300] } else { Vec::new() });
            close_body(&mut one, &mut of_one);
            set_call(&mut one, &of_one, 1 << 40);
            let view = RequestView::decode(of_one.envelope(&one)).unwrap();
            assert_eq!(view.headers().last(), Some(own));
            assert_eq!(view.header_count(), count + 1);
            assert_eq!(view.meta().call(), meta.call.map(|_| 1 << 40));
        }
    }
}
