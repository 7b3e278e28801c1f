//! Headers right and wrong: whole, octet by octet, at every cut, with octets behind them, and
//! beside another parser.

use std::net::SocketAddr;

use super::*;

/// What a header comes to.
type Verdict = Result<Source, ProxyFault>;

struct Case {
    name: &'static str,
    octets: Vec<u8>,
    verdict: Verdict,
    /// What another parser says is not asked: it takes less care, or another liberty.
    ours_alone: bool,
}

fn case(name: &'static str, octets: impl AsRef<[u8]>, verdict: Verdict) -> Case {
    Case { name, octets: octets.as_ref().to_vec(), verdict, ours_alone: false }
}

fn ours(name: &'static str, octets: impl AsRef<[u8]>, verdict: Verdict) -> Case {
    Case { ours_alone: true, ..case(name, octets, verdict) }
}

fn at(text: &str) -> Verdict {
    let address: SocketAddr = text.parse().unwrap();
    Ok(Source::Address(address.ip(), address.port()))
}

/// A header of version 2.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [v2::SIGNATURE, &[command, family], &length, rest].concat()
}

const INET: &[u8] = &[203, 0, 113, 7, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];

fn inet6() -> Vec<u8> {
    let source: std::net::Ipv6Addr = "2001:db8::7".parse().unwrap();
    [&source.octets()[..], &[0; 15], &[1], &[0x30, 0x39, 0x01, 0xbb]].concat()
}

/// A header with an IPv4 address, one extension, and the right checksum, then bent.
fn summed(bend: u8) -> Vec<u8> {
    let extensions = [&[1, 0, 2][..], b"h1", &[3, 0, 4], &[0; 4]].concat();
    let mut header = v2(0x21, 0x11, &[INET, &extensions].concat());
    // By another way than the code: the polynomial, not reflected, over reflected octets.
    let mut sum = u32::MAX;
    for octet in &header {
        sum ^= u32::from(octet.reverse_bits()) << 24;
        for _ in 0..8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x1edc_6f41 } else { sum << 1 };
        }
    }
    let sum = (!sum).reverse_bits();
    let end = header.len();
    header[end - 4..].copy_from_slice(&sum.to_be_bytes());
    header[end - 8] ^= bend;
    header
}

fn lines() -> Vec<Case> {
    let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
        ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    let padded = |octets: usize| format!("PROXY UNKNOWN {}\r\n", "a".repeat(octets - 16));
    vec![
        case("v1", "PROXY TCP4 203.0.113.7 10.0.0.1 12345 443\r\n", at("203.0.113.7:12345")),
        case("v1 least", "PROXY TCP4 1.1.1.1 2.2.2.2 0 0\r\n", at("1.1.1.1:0")),
        case(
            "v1 most",
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            at("255.255.255.255:65535"),
        ),
        case("v1 six", "PROXY TCP6 2001:DB8::7 ::1 1 2\r\n", at("[2001:db8::7]:1")),
        case("v1 mapped", "PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n", at("[::ffff:1.2.3.4]:1")),
        case("v1 unknown", "PROXY UNKNOWN\r\n", Ok(Source::Unknown)),
        case("v1 unknown and more", longest, Ok(Source::Unknown)),
        case("v1 longest", padded(V1_BYTES_MAX), Ok(Source::Unknown)),
        case("v1 too long", padded(V1_BYTES_MAX + 1), Err(ProxyFault::LineTooLong)),
        case(
            "v1 endless",
            "PROXY TCP4 ".to_owned() + &"1".repeat(200),
            Err(ProxyFault::LineTooLong),
        ),
        case("v1 lf", "PROXY TCP4 1.1.1.1 2.2.2.2 1 1\n", Err(ProxyFault::LineEnd)),
        case("v1 cr", "PROXY UNKNOWN a\rb\r\n", Err(ProxyFault::LineEnd)),
        case("v1 empty", "PROXY \r\n", Err(ProxyFault::Protocol)),
        case("v1 udp", "PROXY UDP4 1.1.1.1 2.2.2.2 1 1\r\n", Err(ProxyFault::Protocol)),
        case("v1 small", "PROXY tcp4 1.1.1.1 2.2.2.2 1 1\r\n", Err(ProxyFault::Protocol)),
        case("v1 unknowns", "PROXY UNKNOWNS\r\n", Err(ProxyFault::Protocol)),
        case("v1 two spaces", "PROXY  TCP4 1.1.1.1 2.2.2.2 1 1\r\n", Err(ProxyFault::Protocol)),
        case("v1 short", "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", Err(ProxyFault::Parts)),
        case("v1 bare", "PROXY TCP4\r\n", Err(ProxyFault::Parts)),
        case("v1 more", "PROXY TCP4 1.1.1.1 2.2.2.2 1 1 1\r\n", Err(ProxyFault::Parts)),
        case("v1 space behind", "PROXY TCP4 1.1.1.1 2.2.2.2 1 1 \r\n", Err(ProxyFault::Parts)),
        case("v1 tab", "PROXY TCP4 1.1.1.1\t2.2.2.2 1 1\r\n", Err(ProxyFault::Parts)),
        case("v1 octal", "PROXY TCP4 01.1.1.1 2.2.2.2 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 256", "PROXY TCP4 1.1.1.256 2.2.2.2 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 destination", "PROXY TCP4 1.1.1.1 2.2.2 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 four is six", "PROXY TCP4 ::1 ::1 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 six is four", "PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 zone", "PROXY TCP6 fe80::1%lo ::1 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 name", "PROXY TCP4 localhost 1.1.1.1 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 hole", "PROXY TCP4  1.1.1.1 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 latin", b"PROXY TCP4 1.1.1.\xb9 1.1.1.1 1 1\r\n", Err(ProxyFault::Address)),
        case("v1 port", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 1\r\n", Err(ProxyFault::Port)),
        ours("v1 plus", "PROXY TCP4 1.1.1.1 2.2.2.2 +1 1\r\n", Err(ProxyFault::Port)),
        case("v1 minus", "PROXY TCP4 1.1.1.1 2.2.2.2 1 -1\r\n", Err(ProxyFault::Port)),
        case("v1 zeros", "PROXY TCP4 1.1.1.1 2.2.2.2 0080 1\r\n", Err(ProxyFault::Port)),
        case("v1 no port", "PROXY TCP4 1.1.1.1 2.2.2.2  1\r\n", Err(ProxyFault::Port)),
        case("http", "GET / HTTP/1.1\r\n\r\n", Err(ProxyFault::NoHeader)),
        case("almost", "PROXIMITY\r\n", Err(ProxyFault::NoHeader)),
        case("small", "proxy TCP4 1.1.1.1 2.2.2.2 1 1\r\n", Err(ProxyFault::NoHeader)),
        case("hello", b"\x16\x03\x01\x02\x00\x01", Err(ProxyFault::NoHeader)),
        case("line first", "\r\nPROXY UNKNOWN\r\n", Err(ProxyFault::NoHeader)),
        case("zero", [0], Err(ProxyFault::NoHeader)),
    ]
}

fn binaries() -> Vec<Case> {
    let extended = |extensions: &[u8]| v2(0x21, 0x11, &[INET, extensions].concat());
    let filled = |bytes: u16| {
        let value = bytes - 16 - 12 - 3;
        extended(&[&[0xee][..], &value.to_be_bytes(), &vec![7; value.into()]].concat())
    };
    vec![
        case("v2", v2(0x21, 0x11, INET), at("203.0.113.7:12345")),
        case("v2 six", v2(0x21, 0x21, &inet6()), at("[2001:db8::7]:12345")),
        case("v2 datagrams", v2(0x21, 0x12, INET), at("203.0.113.7:12345")),
        case("v2 six datagrams", v2(0x21, 0x22, &inet6()), at("[2001:db8::7]:12345")),
        case("v2 unix", v2(0x21, 0x31, &[b'/'; 216]), Ok(Source::Unknown)),
        case("v2 unspecified", v2(0x21, 0x00, &[]), Ok(Source::Unknown)),
        case("v2 local", v2(0x20, 0x00, &[]), Ok(Source::Itself)),
        case("v2 local with address", v2(0x20, 0x11, INET), Ok(Source::Itself)),
        ours("v2 local with anything", v2(0x20, 0xff, &[9; 5]), Ok(Source::Itself)),
        case("v2 extension", extended(&[0xea, 0, 3, 1, 2, 3]), at("203.0.113.7:12345")),
        case("v2 empty extension", extended(&[4, 0, 0]), at("203.0.113.7:12345")),
        case("v2 extensions", extended(&[4, 0, 1, 0, 2, 0, 1, 65]), at("203.0.113.7:12345")),
        case("v2 largest", filled(4096), at("203.0.113.7:12345")),
        case("v2 checksum", summed(0), at("203.0.113.7:12345")),
        ours("v2 too large", filled(4097), Err(ProxyFault::TooLong)),
        case(
            "v2 endless",
            [v2::SIGNATURE, &[0x21, 0x11, 255, 255]].concat(),
            Err(ProxyFault::TooLong),
        ),
        case("v2 version", v2(0x11, 0x11, INET), Err(ProxyFault::Version)),
        case("v2 version 3", v2(0x31, 0x11, INET), Err(ProxyFault::Version)),
        case("v2 command", v2(0x22, 0x11, INET), Err(ProxyFault::Command)),
        case("v2 family", v2(0x21, 0x41, INET), Err(ProxyFault::Family)),
        case("v2 transport", v2(0x21, 0x13, INET), Err(ProxyFault::Family)),
        ours("v2 no transport", v2(0x21, 0x10, INET), Err(ProxyFault::Family)),
        ours("v2 no family", v2(0x21, 0x01, INET), Err(ProxyFault::Family)),
        case("v2 cut", v2(0x21, 0x11, &INET[1..]), Err(ProxyFault::AddressesCut)),
        case("v2 six is four", v2(0x21, 0x21, INET), Err(ProxyFault::AddressesCut)),
        case("v2 unix cut", v2(0x21, 0x31, &[b'/'; 215]), Err(ProxyFault::AddressesCut)),
        ours("v2 half extension", extended(&[4, 0]), Err(ProxyFault::Extension)),
        ours("v2 long extension", extended(&[4, 0, 9, 1]), Err(ProxyFault::Extension)),
        ours("v2 short checksum", extended(&[3, 0, 3, 1, 2, 3]), Err(ProxyFault::Extension)),
        ours("v2 wrong checksum", summed(1), Err(ProxyFault::Checksum)),
        ours(
            "v2 two checksums",
            extended(&[3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0]),
            Err(ProxyFault::Extension),
        ),
        case("v2 bent", b"\r\n\r\n\0\r\nQUIZ\n\x21\x11\0\0", Err(ProxyFault::NoHeader)),
    ]
}

fn corpus() -> Vec<Case> {
    lines().into_iter().chain(binaries()).collect()
}

/// The verdict, and where it was first known.
fn judge(octets: &[u8]) -> Option<(Verdict, usize)> {
    (0..=octets.len()).find_map(|end| match look(&octets[..end]) {
        Ok(None) => None,
        Ok(Some(announced)) => {
            assert_eq!(announced.bytes, end, "neither too early nor too late");
            Some((Ok(announced.source), end))
        }
        Err(fault) => Some((Err(fault), end)),
    })
}

#[test]
fn every_case_has_its_verdict_at_every_cut_and_whatever_follows() {
    for Case { name, octets, verdict, .. } in corpus() {
        let (found, known) = judge(&octets).unwrap_or_else(|| panic!("{name}: no verdict"));
        assert_eq!(found, verdict, "{name}");
        for behind in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &[0; 9], b"\r\n\r\n", &[b'1'; 5_000]] {
            let all = [&octets[..], behind].concat();
            for end in known..=all.len().min(octets.len() + 40) {
                let again = look(&all[..end]).map(|it| it.expect("it was known before"));
                assert_eq!(again.map(|it| it.source), verdict, "{name} with {end} octets");
                assert!(again.is_err() || again.unwrap().bytes == known, "{name}");
            }
            assert_eq!(look(&all).map(|it| it.unwrap().source), verdict, "{name}");
        }
    }
}

#[test]
fn every_fault_of_octets_has_a_case() {
    let faults: Vec<ProxyFault> = corpus().iter().filter_map(|case| case.verdict.err()).collect();
    for fault in ProxyFault::ALL {
        let of_time = matches!(fault, ProxyFault::Cut | ProxyFault::TooSlow);
        assert!(of_time || faults.contains(&fault), "{fault}");
    }
    for (place, fault) in ProxyFault::ALL.into_iter().enumerate() {
        assert_eq!(fault as usize, place);
    }
}

#[test]
fn something_is_known_before_the_buffer_is_full() {
    for Case { octets, .. } in corpus() {
        for octet in [0, b' ', b'1', 255] {
            let mut all = octets.clone();
            all.resize(HEADER_BYTES_MAX.max(all.len()), octet);
            assert!(!matches!(look(&all), Ok(None)));
        }
    }
}

/// Every octet of every case, replaced by others: no panic, and what is taken is whole.
#[test]
fn bent_headers_are_judged_alike_whole_and_in_pieces() {
    for Case { name, octets, .. } in corpus() {
        if octets.len() > 300 {
            continue;
        }
        for place in 0..octets.len() {
            for octet in [0, b' ', b'\r', b'\n', b'0', b'9', b':', 0x11, 0x21, 255] {
                let mut bent = octets.clone();
                bent[place] = octet;
                let whole = look(&bent);
                match judge(&bent) {
                    None => assert_eq!(whole, Ok(None), "{name} at {place}"),
                    Some((verdict, _)) => {
                        let whole = whole.map(|it| it.expect("a verdict").source);
                        assert_eq!(whole, verdict, "{name} at {place}");
                    }
                }
            }
        }
    }
}

/// What the crate `ppp` says about the same octets.
fn theirs(octets: &[u8]) -> Result<Source, String> {
    use ppp::{HeaderResult, PartialResult, v1, v2};
    match HeaderResult::parse(octets) {
        result if result.is_incomplete() => Err("incomplete".to_owned()),
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(it) => Source::Address(it.source_address.into(), it.source_port),
            v1::Addresses::Tcp6(it) => Source::Address(it.source_address.into(), it.source_port),
            v1::Addresses::Unknown => Source::Unknown,
        }),
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => Ok(Source::Itself),
        HeaderResult::V2(Ok(header)) => Ok(match header.addresses {
            v2::Addresses::IPv4(it) => Source::Address(it.source_address.into(), it.source_port),
            v2::Addresses::IPv6(it) => Source::Address(it.source_address.into(), it.source_port),
            v2::Addresses::Unix(_) | v2::Addresses::Unspecified => Source::Unknown,
        }),
        HeaderResult::V1(Err(error)) => Err(error.to_string()),
        HeaderResult::V2(Err(error)) => Err(error.to_string()),
    }
}

#[test]
fn another_parser_agrees() {
    let mut wrong = Vec::new();
    for Case { name, octets, verdict, ours_alone } in corpus() {
        let theirs = theirs(&octets);
        // A case in which both agree is no exception: as one it would hide what it is there for.
        if (theirs.clone().ok() != verdict.ok()) != ours_alone {
            wrong.push((name, verdict, theirs));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
