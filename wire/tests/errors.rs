//! Every refusal is reached, by octets written out here, with its numbers, name and stage.

use fezz_wire::{
    Kind, Part, RequestView, ResponseView, Stage, WireError, WireLimits, encode_response, joined,
};

/// Refusals there are.
const VARIANTS: usize = 18;

/// A number for each variant: a new one does not compile until it is counted here.
fn ordinal(error: &WireError) -> usize {
    match error {
        WireError::Empty => 0,
        WireError::Truncated { .. } => 1,
        WireError::Malformed { .. } => 2,
        WireError::NotUtf8 { .. } => 3,
        WireError::TooDeep { .. } => 4,
        WireError::WrongType { .. } => 5,
        WireError::DuplicateKey { .. } => 6,
        WireError::MissingKey { .. } => 7,
        WireError::EntryLength { .. } => 8,
        WireError::Segmented { .. } => 9,
        WireError::StatusRange { .. } => 10,
        WireError::HeaderNameEmpty { .. } => 11,
        WireError::HeaderNameOctet { .. } => 12,
        WireError::HeaderValueOctet { .. } => 13,
        WireError::HeaderCount { .. } => 14,
        WireError::HeadTooLarge { .. } => 15,
        WireError::BodyTooLarge { .. } => 16,
        WireError::TrailingOctets { .. } => 17,
    }
}

const LIMITS: WireLimits =
    WireLimits { header_count_max: 2, head_bytes_max: 90, body_bytes_max: 8, nesting_max: 4 };

/// `{"status": 200, ` and one more key.
fn status_and(rest: &[u8]) -> Vec<u8> {
    [b"\xa2\x66status\x18\xc8", rest].concat()
}

/// A response whose headers are these octets.
fn headers(list: &[u8]) -> Vec<u8> {
    status_and(&[b"\x67headers", list].concat())
}

fn responses() -> Vec<(Vec<u8>, WireError, Stage)> {
    use Stage::{DeserializeResponse as Cbor, ResponseDecode as Rule, ResponseEnvelope as Shape};
    use WireError as E;
    let list = |n: u8| [&[0x80 | n][..], &b"\x82\x41a\x41b".repeat(n.into())].concat();
    let name_at = |octets: &[u8]| headers(&[b"\x81\x82", octets, b"\x40"].concat());
    vec![
        (vec![], E::Empty, Cbor),
        (b"\xa1\x66stat".to_vec(), E::Truncated { at: 1, missing: 2 }, Cbor),
        (b"\xa1".to_vec(), E::Truncated { at: 1, missing: 1 }, Cbor),
        (b"\xa1\x66status\x19\x01".to_vec(), E::Truncated { at: 8, missing: 1 }, Cbor),
        (b"\xbf\x66status\x18\xc8".to_vec(), E::Truncated { at: 10, missing: 1 }, Cbor),
        (
            // A body that claims 2^64 - 1 octets and has three.
            status_and(b"\x64body\x5b\xff\xff\xff\xff\xff\xff\xff\xffabc"),
            E::Truncated { at: 15, missing: u64::MAX - 3 },
            Cbor,
        ),
        (b"\xa1\x66status\x1c".to_vec(), E::Malformed { at: 8, octet: 0x1c }, Cbor),
        (b"\xa1\x66status\xff".to_vec(), E::Malformed { at: 8, octet: 0xff }, Cbor),
        (status_and(b"\x61x\xf8\x1f"), E::Malformed { at: 12, octet: 0xf8 }, Cbor),
        (status_and(b"\x64body\x5f\x61a\xff"), E::Malformed { at: 16, octet: 0x61 }, Cbor),
        (status_and(b"\x64body\x61\xff"), E::NotUtf8 { at: 15 }, Cbor),
        // A character may not be cut in two by segments.
        (status_and(b"\x64body\x7f\x61\xc3\x61\xa9\xff"), E::NotUtf8 { at: 16 }, Cbor),
        (status_and(b"\x61x\x81\x81\x81\x81\x00"), E::TooDeep { at: 15, max: 4 }, Rule),
        (status_and(b"\x61x\xc0\xc0\xc0\xc0\x00"), E::TooDeep { at: 15, max: 4 }, Rule),
        (
            b"\x83\x18\xc8\x80\x40".to_vec(),
            E::WrongType { at: 0, part: Part::Envelope, found: Kind::Array },
            Shape,
        ),
        (
            b"\xa1\x66status\x63200".to_vec(),
            E::WrongType { at: 8, part: Part::Status, found: Kind::Text },
            Rule,
        ),
        (
            b"\xa1\x66status\x20".to_vec(),
            E::WrongType { at: 8, part: Part::Status, found: Kind::Negative },
            Rule,
        ),
        (headers(b"\xa0"), E::WrongType { at: 18, part: Part::Headers, found: Kind::Map }, Rule),
        (
            headers(b"\x81\x40"),
            E::WrongType { at: 19, part: Part::Header, found: Kind::Bytes },
            Rule,
        ),
        (
            headers(b"\x81\x82\x41a\xf6"),
            E::WrongType { at: 22, part: Part::Value, found: Kind::Null },
            Rule,
        ),
        (
            headers(b"\x81\xa1\x64name\x81\x18\x61"),
            E::WrongType { at: 25, part: Part::Name, found: Kind::Array },
            Rule,
        ),
        (
            // What a derived encoder makes of a list of integers: see FORMAT.md.
            status_and(b"\x64body\x82\x18\x68\x18\x69"),
            E::WrongType { at: 15, part: Part::Body, found: Kind::Array },
            Rule,
        ),
        (
            status_and(b"\x64body\xc0\x60"),
            E::WrongType { at: 15, part: Part::Body, found: Kind::Tag },
            Rule,
        ),
        (
            status_and(b"\x64body\xf7"),
            E::WrongType { at: 15, part: Part::Body, found: Kind::Undefined },
            Rule,
        ),
        (
            // Only the integer key 2 may hold a body in place of `meta`.
            status_and(b"\x64meta\x62hi"),
            E::WrongType { at: 15, part: Part::Meta, found: Kind::Text },
            Rule,
        ),
        (
            status_and(b"\x64meta\xa1\x65panic\xf9\x00\x00"),
            E::WrongType { at: 22, part: Part::Panic, found: Kind::Float },
            Rule,
        ),
        (
            status_and(b"\x64meta\xa1\x67version\xf5"),
            E::WrongType { at: 24, part: Part::Version, found: Kind::Bool },
            Rule,
        ),
        (
            status_and(b"\x61\x00\xe0\x66status\xe0")[..].to_vec(),
            E::TrailingOctets { at: 13, len: 8 },
            Rule,
        ),
        (status_and(b"\x66status\x18\xc8"), E::DuplicateKey { at: 10, part: Part::Status }, Rule),
        (status_and(b"\x00\x18\xc8"), E::DuplicateKey { at: 10, part: Part::Status }, Rule),
        (
            b"\xa3\x00\x18\xc8\x64body\xf6\x64body\x40".to_vec(),
            E::DuplicateKey { at: 10, part: Part::Body },
            Rule,
        ),
        (
            b"\xa3\x00\x18\xc8\x02\x40\x03\x40".to_vec(),
            E::DuplicateKey { at: 6, part: Part::Body },
            Rule,
        ),
        (
            headers(b"\x81\xa3\x00\x41a\x01\x41b\x00\x41c"),
            E::DuplicateKey { at: 26, part: Part::Name },
            Rule,
        ),
        (b"\xa0".to_vec(), E::MissingKey { at: 0, part: Part::Status }, Rule),
        (headers(b"\x81\xa1\x64name\x41a"), E::MissingKey { at: 19, part: Part::Value }, Rule),
        (headers(b"\x81\x83\x41a\x41b\x40"), E::EntryLength { at: 19, found: 3 }, Rule),
        (headers(b"\x81\x80"), E::EntryLength { at: 19, found: 0 }, Rule),
        (headers(b"\x81\x9f\xff"), E::EntryLength { at: 19, found: 0 }, Rule),
        (headers(b"\x81\x9f\x41a\xff"), E::EntryLength { at: 19, found: 1 }, Rule),
        (headers(b"\x81\x9f\x41a\x40\x40\x40\xff"), E::EntryLength { at: 19, found: 3 }, Rule),
        (b"\xa1\x00\x18\xc7".to_vec(), E::StatusRange { found: 199 }, Rule),
        (b"\xa1\x00\x19\x02\x58".to_vec(), E::StatusRange { found: 600 }, Rule),
        (
            b"\xa1\x00\x1b\x00\x00\x00\x01\x00\x00\x00\xc8".to_vec(),
            E::StatusRange { found: 0x1_0000_00c8 },
            Rule,
        ),
        (name_at(b"\x40"), E::HeaderNameEmpty { at: 20 }, Rule),
        (name_at(b"\x43a b"), E::HeaderNameOctet { at: 20, octet: b' ' }, Rule),
        (name_at(b"\x62\xc3\xa9"), E::HeaderNameOctet { at: 20, octet: 0xc3 }, Rule),
        (headers(b"\x81\x82\x41a\x45x\r\nb:"), E::HeaderValueOctet { at: 22, octet: b'\r' }, Rule),
        (
            headers(b"\x81\x82\x41a\x5f\x41x\x42y\x00\xff"),
            E::HeaderValueOctet { at: 22, octet: 0 },
            Rule,
        ),
        (headers(&list(3)), E::HeaderCount { count: 3, max: 2 }, Rule),
        (
            headers(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
            E::HeaderCount { count: u64::MAX, max: 2 },
            Rule,
        ),
        (
            headers(&[b"\x9f", &list(3)[1..], b"\xff"].concat()),
            E::HeaderCount { count: 3, max: 2 },
            Rule,
        ),
        (
            encode_response(200, [(&b"a"[..], &[b'x'; 60][..])].into_iter(), false, b""),
            E::HeadTooLarge { len: 101, max: 90 },
            Rule,
        ),
        (
            encode_response(200, [].into_iter(), false, b"123456789"),
            E::BodyTooLarge { len: 9, max: 8 },
            Rule,
        ),
        (
            [&encode_response(200, [].into_iter(), false, b"")[..], b"\x00\x00"].concat(),
            E::TrailingOctets { at: 25, len: 2 },
            Rule,
        ),
    ]
}

fn requests() -> Vec<(Vec<u8>, WireError)> {
    use WireError as E;
    let line = b"\x66method\x63GET\x6epath_and_query\x61/";
    let with = |rest: &[u8]| [b"\xa3", &line[..], rest].concat();
    let wrong = |at, part, found| E::WrongType { at, part, found };
    vec![
        (vec![], E::Empty),
        (b"\x80".to_vec(), wrong(0, Part::Envelope, Kind::Array)),
        (b"\xa1\x66method\x43GET".to_vec(), wrong(8, Part::Method, Kind::Bytes)),
        (b"\xa1\x03\xf6".to_vec(), wrong(2, Part::PathAndQuery, Kind::Null)),
        (with(b"\x66scheme\x01"), wrong(36, Part::Scheme, Kind::Unsigned)),
        (with(b"\x02\x41a"), wrong(30, Part::Authority, Kind::Bytes)),
        (with(b"\x05\xa1\x00\x01"), wrong(32, Part::TraceId, Kind::Unsigned)),
        (with(b"\x05\xa1\x01\x61x"), wrong(32, Part::DeadlineMs, Kind::Text)),
        (with(b"\x05\xa1\x02\xe0"), wrong(32, Part::ClientIp, Kind::Simple)),
        (with(b"\x05\x80"), wrong(30, Part::Meta, Kind::Array)),
        (with(b"\x06\x00"), wrong(30, Part::Body, Kind::Unsigned)),
        (b"\xa1\x66method\x63GET".to_vec(), E::MissingKey { at: 0, part: Part::PathAndQuery }),
        (b"\xa1\x6epath_and_query\x61/".to_vec(), E::MissingKey { at: 0, part: Part::Method }),
        (with(b"\x66method\x63PUT"), E::DuplicateKey { at: 29, part: Part::Method }),
        (
            with(b"\x05\xa2\x01\x01\x6bdeadline_ms\x02"),
            E::DuplicateKey { at: 33, part: Part::DeadlineMs },
        ),
        (b"\xa1\x00\x7f\x61G\x62ET\xff".to_vec(), E::Segmented { at: 2, part: Part::Method }),
        (with(b"\x06\x5f\x41a\x41b\xff"), E::Segmented { at: 30, part: Part::Body }),
        (with(b"\x04\x81\x82\x5f\x41a\x41b\xff\x40"), E::Segmented { at: 32, part: Part::Name }),
        (with(b"\x04\x81\x82\x41a\x5f\x41a\x41b\xff"), E::Segmented { at: 34, part: Part::Value }),
        (with(b"\x04\x99\x01\x01"), E::HeaderCount { count: 257, max: 256 }),
        ([&with(b"\x06\x40")[..], b"\xa0"].concat(), E::TrailingOctets { at: 31, len: 1 }),
    ]
}

#[test]
fn every_refusal_is_reached() {
    let mut reached = [false; VARIANTS];
    for (octets, expected, stage) in responses() {
        let error = ResponseView::decode(&octets, &LIMITS).map(|_| ()).unwrap_err();
        assert_eq!(error, expected, "{octets:02x?}");
        assert_eq!(error.stage(), stage, "{error}");
        reached[ordinal(&error)] = true;
    }
    for (octets, expected) in requests() {
        let error = RequestView::decode(&octets).map(|_| ()).unwrap_err();
        assert_eq!(error, expected, "{octets:02x?}");
        reached[ordinal(&error)] = true;
    }
    assert_eq!(reached, [true; VARIANTS]);
}

#[test]
fn names_are_stable_and_messages_differ() {
    let mut names = std::collections::BTreeSet::new();
    let mut messages = std::collections::BTreeSet::new();
    let requests = requests().into_iter().map(|(_, error)| error);
    for error in responses().into_iter().map(|(_, error, _)| error).chain(requests) {
        assert!(error.name().bytes().all(|o| o.is_ascii_lowercase() || o == b'_' || o == b'8'));
        names.insert(error.name());
        messages.insert(error.to_string());
    }
    assert_eq!(names.len(), VARIANTS);
    assert!(messages.len() > VARIANTS);
    let error = WireError::WrongType { at: 15, part: Part::Body, found: Kind::Array };
    let message = "body at octet 15 is an array, not a byte or text string, or null";
    assert_eq!(error.to_string(), message);
    assert_eq!(Stage::ResponseDecode.name(), "response_decode");
}

#[test]
fn joined_reports_what_is_wrong_with_the_octets() {
    assert_eq!(joined(b""), Err(WireError::Empty));
    assert_eq!(joined(b"\x40\x40"), Err(WireError::TrailingOctets { at: 1, len: 1 }));
    assert_eq!(joined(b"\x9f\x00"), Err(WireError::Truncated { at: 2, missing: 1 }));
    let deep = [[0x81; 9].as_slice(), b"\x00"].concat();
    assert_eq!(joined(&deep), Err(WireError::TooDeep { at: 8, max: 8 }));
    let segments = b"\xbf\x7f\x61a\x61b\xff\x9f\xc1\x5f\x41x\x60\xff\xff\xff";
    assert_eq!(joined(segments), Err(WireError::Malformed { at: 12, octet: 0x60 }));
    let segments = b"\xbf\x7f\x61a\x61b\xff\x9f\xc1\x5f\x41x\x40\xff\xf4\xff\xff";
    assert_eq!(joined(segments).unwrap(), b"\xbf\x62ab\x9f\xc1\x41x\xf4\xff\xff");
}
