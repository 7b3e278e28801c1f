//! Envelopes in every spelling: keys in any order, by name or by place, strings of either kind,
//! whole or in segments, heads wider than needed, and items that have no place there.
#![expect(clippy::cast_possible_truncation, reason = "heads are spelled in the width asked for")]

use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec as vec_of;
use proptest::prelude::*;
use proptest::sample::Index;

/// CBOR of any form: a tree together with the way it is spelled.
#[derive(Debug, Clone)]
pub(super) enum Spelled {
    Head { major: u8, argument: u64, width: u8 },
    String { text: bool, segments: Vec<Vec<u8>>, indefinite: bool, width: u8 },
    Array { items: Vec<Spelled>, indefinite: bool },
    Map { pairs: Vec<(Spelled, Spelled)>, indefinite: bool },
    Tagged(u64, alloc::boxed::Box<Spelled>),
    Raw(Vec<u8>),
}

impl Spelled {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Spelled::Head { major, argument, width } => put_head(out, *major, *argument, *width),
            Spelled::String { text, segments, indefinite, width } => {
                let major = 2 + u8::from(*text);
                if *indefinite {
                    out.push(major << 5 | 31);
                    for segment in segments {
                        put_head(out, major, segment.len() as u64, *width);
                        out.extend(segment);
                    }
                    out.push(0xff);
                } else {
                    let octets = segments.concat();
                    put_head(out, major, octets.len() as u64, *width);
                    out.extend(octets);
                }
            }
            Spelled::Array { items, indefinite } => {
                open(out, 4, items.len(), *indefinite);
                items.iter().for_each(|item| item.put(out));
                close(out, *indefinite);
            }
            Spelled::Map { pairs, indefinite } => {
                open(out, 5, pairs.len(), *indefinite);
                for (key, value) in pairs {
                    key.put(out);
                    value.put(out);
                }
                close(out, *indefinite);
            }
            Spelled::Tagged(tag, item) => {
                put_head(out, 6, *tag, 0);
                item.put(out);
            }
            Spelled::Raw(octets) => out.extend(octets),
        }
    }
}

fn open(out: &mut Vec<u8>, major: u8, len: usize, indefinite: bool) {
    if indefinite { out.push(major << 5 | 31) } else { put_head(out, major, len as u64, 0) }
}

fn close(out: &mut Vec<u8>, indefinite: bool) {
    if indefinite {
        out.push(0xff);
    }
}

/// A head at least `width` steps wider than needed, as far as there are steps.
fn put_head(out: &mut Vec<u8>, major: u8, argument: u64, width: u8) {
    let shortest = match argument {
        0..=0x17 => 0,
        0x18..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 3,
        _ => 4,
    };
    let lead = major << 5;
    match (shortest + width).min(4) {
        0 => out.push(lead | argument as u8),
        1 => out.extend([lead | 24, argument as u8]),
        2 => {
            out.push(lead | 25);
            out.extend((argument as u16).to_be_bytes());
        }
        3 => {
            out.push(lead | 26);
            out.extend((argument as u32).to_be_bytes());
        }
        _ => {
            out.push(lead | 27);
            out.extend(argument.to_be_bytes());
        }
    }
}

fn width() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0), 1 => 1..4u8]
}

fn string_of(content: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Spelled> {
    let indefinite = prop::bool::weighted(0.2);
    (any::<bool>(), content, vec_of(any::<Index>(), 0..3), indefinite, width()).prop_map(
        |(text, octets, cuts, indefinite, width)| {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let segments = cuts.windows(2).map(|pair| octets[pair[0]..pair[1]].to_vec()).collect();
            Spelled::String { text, segments, indefinite, width }
        },
    )
}

fn text_of(content: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Spelled> {
    string_of(content.prop_map(|text| text.as_bytes().to_vec())).prop_map(|mut spelled| {
        if let Spelled::String { text, .. } = &mut spelled {
            *text = true;
        }
        spelled
    })
}

fn unsigned_of(argument: impl Strategy<Value = u64>) -> impl Strategy<Value = Spelled> {
    (argument, width()).prop_map(|(argument, width)| Spelled::Head { major: 0, argument, width })
}

fn null() -> impl Strategy<Value = Spelled> {
    Just(Spelled::Raw(vec![0xf6]))
}

pub(super) fn any_item() -> impl Strategy<Value = Spelled> {
    let leaf = prop_oneof![
        (0..8u8, any::<u64>(), width()).prop_filter_map(
            "strings and containers have content",
            |(major, argument, width)| {
                matches!(major, 0 | 1).then_some(Spelled::Head { major, argument, width })
            }
        ),
        string_of(vec_of(any::<u8>(), 0..6)),
        text_of(prop::sample::select(vec!["", "x", "caf\u{e9}", "\u{2615}", "status"])),
        prop::sample::select(vec![
            vec![0xf4],
            vec![0xf5],
            vec![0xf6],
            vec![0xf7],
            vec![0xe0],
            vec![0xf8, 31],
            vec![0xf8, 32],
            vec![0xf9, 0, 0],
            vec![0xfa, 0, 0, 0, 0],
            vec![0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
            vec![0xff],
            vec![0x1c],
            vec![0x3e],
            vec![0x5d],
            vec![0xfc],
            vec![0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
            vec![0xbb, 255, 255, 255, 255, 255, 255, 255, 255],
            vec![0x5b, 255, 255, 255, 255, 255, 255, 255, 255],
        ])
        .prop_map(Spelled::Raw),
    ];
    leaf.prop_recursive(9, 24, 3, |inner| {
        prop_oneof![
            (vec_of(inner.clone(), 0..3), any::<bool>())
                .prop_map(|(items, indefinite)| Spelled::Array { items, indefinite }),
            (vec_of((inner.clone(), inner.clone()), 0..3), any::<bool>())
                .prop_map(|(pairs, indefinite)| Spelled::Map { pairs, indefinite }),
            (any::<u64>(), inner).prop_map(|(tag, item)| Spelled::Tagged(tag, item.into())),
        ]
    })
}

/// A key by name or by place.
fn key_of(name: &'static str, place: u64) -> impl Strategy<Value = Spelled> {
    prop_oneof![4 => text_of(Just(name)), 1 => unsigned_of(Just(place))]
}

fn octets_of(texts: &'static [&'static str]) -> impl Strategy<Value = Spelled> {
    string_of(prop::sample::select(texts).prop_map(|text| text.as_bytes().to_vec()))
}

const NAMES: &[&str] =
    &["a", "host", "Content-Type", "x_y.z!", "", "bad name", "x-much-longer-than-a-word"];
const VALUES: &[&str] =
    &["", "1", "text/plain; charset=utf-8", "tab\there", "nul\0", "del\x7f", "caf\u{e9}"];

fn map_of(pairs: impl Strategy<Value = Vec<(Spelled, Spelled)>>) -> impl Strategy<Value = Spelled> {
    let extra = vec_of((any_item(), any_item(), any::<Index>()), 0..2);
    let dropped = prop::option::weighted(0.1, any::<Index>());
    (pairs.prop_shuffle(), extra, dropped, prop::bool::weighted(0.3)).prop_map(
        |(mut pairs, extra, dropped, indefinite)| {
            if let Some(dropped) = dropped
                && !pairs.is_empty()
            {
                pairs.remove(dropped.index(pairs.len()));
            }
            for (key, value, place) in extra {
                pairs.insert(place.index(pairs.len() + 1), (key, value));
            }
            Spelled::Map { pairs, indefinite }
        },
    )
}

fn header_entry() -> impl Strategy<Value = Spelled> {
    let name = || octets_of(NAMES);
    let value = || octets_of(VALUES);
    prop_oneof![
        3 => map_of((key_of("name", 0), name(), key_of("value", 1), value())
            .prop_map(|(a, b, c, d)| vec![(a, b), (c, d)])),
        2 => (name(), value(), any::<bool>())
            .prop_map(|(a, b, indefinite)| Spelled::Array { items: vec![a, b], indefinite }),
        1 => (vec_of(name(), 0..4), any::<bool>())
            .prop_map(|(items, indefinite)| Spelled::Array { items, indefinite }),
    ]
}

fn header_entries() -> impl Strategy<Value = Spelled> {
    prop_oneof![
        1 => null(),
        6 => (vec_of(header_entry(), 0..4), any::<bool>())
            .prop_map(|(items, indefinite)| Spelled::Array { items, indefinite }),
    ]
}

fn body() -> impl Strategy<Value = Spelled> {
    prop_oneof![1 => null(), 6 => string_of(vec_of(any::<u8>(), 0..24))]
}

pub(super) fn response_spelled() -> impl Strategy<Value = Spelled> {
    let status = prop_oneof![8 => 200..600u64, 1 => any::<u64>()];
    let flag = prop::sample::select(vec![vec![0xf4], vec![0xf5], vec![0xf6], vec![0x00]]);
    let meta = prop_oneof![
        1 => null(),
        3 => map_of((
            text_of(Just("panic")), flag, text_of(Just("version")), unsigned_of(any::<u64>()),
        )
            .prop_map(|(a, b, c, d)| vec![(a, Spelled::Raw(b)), (c, d)])),
    ];
    let with_meta = (
        key_of("status", 0),
        unsigned_of(status.clone()),
        key_of("headers", 1),
        header_entries(),
        key_of("meta", 2),
        meta,
        key_of("body", 3),
        body(),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| vec![(a, b), (c, d), (e, f), (g, h)]);
    let without_meta = (
        key_of("status", 0),
        unsigned_of(status),
        key_of("headers", 1),
        header_entries(),
        key_of("body", 2),
        body(),
    )
        .prop_map(|(a, b, c, d, e, f)| vec![(a, b), (c, d), (e, f)]);
    prop_oneof![map_of(with_meta), map_of(without_meta)]
}

fn text_or_null() -> impl Strategy<Value = Spelled> {
    const TEXTS: [&str; 5] = ["", "http", "localhost:8080", "/caf\u{e9}?q=1", "GET"];
    prop_oneof![1 => null(), 3 => text_of(prop::sample::select(TEXTS.to_vec()))]
}

pub(super) fn request_spelled() -> impl Strategy<Value = Spelled> {
    let deadline = prop_oneof![null().boxed(), unsigned_of(any::<u64>()).boxed()];
    let meta = prop_oneof![
        1 => null(),
        3 => map_of((
            key_of("trace_id", 0), text_or_null(), key_of("deadline_ms", 1), deadline,
            key_of("client_ip", 2), text_or_null(),
            text_of(Just("version")), unsigned_of(any::<u64>()),
            text_of(Just("call")), unsigned_of(any::<u64>()),
        )
            .prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
                vec![(a, b), (c, d), (e, f), (g, h), (i, j)]
            })),
    ];
    let line = (
        key_of("method", 0),
        text_of(prop::sample::select(vec!["GET", "POST", "PURGE", ""])),
        key_of("scheme", 1),
        text_or_null(),
        key_of("authority", 2),
        text_or_null(),
        key_of("path_and_query", 3),
        text_of(prop::sample::select(vec!["/", "/a?b", "/caf\u{e9}"])),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| vec![(a, b), (c, d), (e, f), (g, h)]);
    let rest = (
        key_of("headers", 4),
        header_entries(),
        key_of("meta", 5),
        meta,
        key_of("body", 6),
        body(),
    )
        .prop_map(|(a, b, c, d, e, f)| vec![(a, b), (c, d), (e, f)]);
    map_of((line, rest).prop_map(|(line, rest)| [line, rest].concat()))
}
