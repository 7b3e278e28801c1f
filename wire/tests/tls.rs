//! What is known of a connection's TLS stands in `meta`, and who does not know it reads on.

use fezz_wire::{BodySlot, Meta, RequestHead, RequestView, close_body, write_request};

/// `{"protocol": "TLSv1.3"}`.
const TLS: &[u8] = b"\xa1\x68protocol\x67TLSv1.3";

fn written(version: Option<u64>, call: Option<u64>, slot: BodySlot) -> Vec<u8> {
    let mut buf = Vec::new();
    let meta = Meta { deadline_ms: Some(7), version, call, tls: Some(TLS), ..Meta::default() };
    let head = RequestHead { method: "POST", path: "/", meta, ..RequestHead::default() };
    let mut layout = write_request(&mut buf, &head, std::iter::empty(), slot);
    buf.extend_from_slice(b"body");
    if slot == BodySlot::Open {
        close_body(&mut buf, &mut layout);
    }
    layout.envelope(&buf).to_vec()
}

#[test]
fn the_map_is_written_as_it_is_and_skipped_by_who_does_not_know_it() {
    for slot in [BodySlot::Known(4), BodySlot::Open] {
        for (version, call) in [(None, None), (Some(2), None), (None, Some(1)), (Some(2), Some(1))]
        {
            let envelope = written(version, call, slot);
            let place = [b"\x63tls".as_slice(), TLS, b"\x64body\x44body"].concat();
            assert!(envelope.ends_with(&place), "{envelope:x?}");
            let view = RequestView::decode(&envelope).expect("an envelope");
            assert_eq!(view.meta().get("tls"), Some(TLS));
            assert_eq!((view.meta().version(), view.meta().call()), (version, call.map(|_| 1)));
        }
    }
}
