//! Octets to a head and a head to octets.

use std::hint::black_box;

use fezz_parser::{
    Cursor, Ending, Head, HeadLimits, Index, ReplyBody, Resume, check, imf_fixdate, parse_head,
    write_field, write_framing, write_status_line, write_tail,
};

#[path = "../../../../parser/benches/heads/mod.rs"]
mod heads;

/// Octets of the head with this name.
pub(super) fn head(name: &str) -> Vec<u8> {
    let found = heads::heads().into_iter().find(|(other, _)| *other == name);
    found.expect("a head of that name").1
}

/// One head as the server parses it, with what its fields mean.
pub(super) fn chosen(name: &str) -> Box<dyn FnMut()> {
    let (octets, mut index) = (head(name), Index::new());
    Box::new(move || {
        let octets = black_box(octets.as_slice());
        let end = parse_head(octets, &HeadLimits::DEFAULT, &mut Resume::default(), &mut index);
        black_box(Head::new(octets, &index).framing());
        assert_eq!(end, Ok(Some(octets.len())));
    })
}

/// The same by the engine for processors without AVX2.
pub(super) fn portable(name: &str) -> Box<dyn FnMut()> {
    let (octets, mut index) = (head(name), Index::new());
    Box::new(move || {
        let (octets, limits) = (black_box(octets.as_slice()), &HeadLimits::DEFAULT);
        let end = check::parse_head_portable(octets, limits, &mut Resume::default(), &mut index);
        black_box(Head::new(octets, &index).framing());
        assert_eq!(end, Ok(Some(octets.len())));
    })
}

/// A response head with three fields of a function's, its length, the date and the end.
pub(super) fn reply_head() -> Box<dyn FnMut()> {
    const FIELDS: [(&[u8], &[u8]); 3] = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-served-by", b"hello"),
    ];
    let (mut buffer, date) = ([0; 512], imf_fixdate(1_700_000_000));
    Box::new(move || {
        let mut out = Cursor::new(&mut buffer);
        write_status_line(&mut out, black_box(200));
        for (name, value) in black_box(&FIELDS) {
            assert!(write_field(&mut out, name, value).is_ok());
        }
        write_framing(&mut out, ReplyBody::Length(black_box(12_345)));
        write_tail(&mut out, &date, black_box(Ending::KeepAlive));
        assert!(black_box(out.written()).is_some());
    })
}
