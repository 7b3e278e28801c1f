//! Lines against records, for words as hostile as octets can be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use fezz_proto::Refusal;
use serde_json::Value;

use super::*;
use crate::escape;
use crate::observe::{Fields, Outcome, Said, Steps};

static ALL: Shown =
    Shown { query: true, user_agent: true, referer: true, names: Vec::new(), keys: Vec::new() };
static SPARSE: Shown =
    Shown { query: false, user_agent: false, referer: false, names: Vec::new(), keys: Vec::new() };
const KEYS: [&str; 29] = [
    "ts",
    "listener",
    "conn",
    "req",
    "client_ip",
    "peer_ip",
    "method",
    "scheme",
    "host",
    "path",
    "version",
    "status",
    "route",
    "function",
    "function_version",
    "outcome",
    "reason",
    "bytes_in",
    "bytes_out",
    "head_ms",
    "body_ms",
    "queue_ms",
    "call_ms",
    "write_ms",
    "total_ms",
    "tls_version",
    "tls_cipher",
    "sni",
    "trace_id",
];

fn record<'r>(said: Option<Said<'r>>) -> Record<'r> {
    Record {
        began: SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_168_800_250_000),
        listener: "https",
        connection: 7,
        request: 2,
        client: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        peer: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        principal: Some("ci bot"),
        secured: true,
        said,
        method: Some("GET"),
        minor_version: Some(1),
        status: 200,
        route: Some("/v2/{*rest}"),
        function: Some(("orders", Some("2.1.0"))),
        outcome: Outcome::Ok,
        refusal: None,
        trace: Some(("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")),
        received_bytes: 310,
        sent_bytes: 1_234,
        took: Steps {
            head_us: 12,
            body_us: 0,
            queue_us: 1_005,
            call_us: 2_000_340,
            write_us: 7,
            total_us: 2_001_364,
        },
        tls: Some(("TLSv1.3", "TLS13_AES_256_GCM_SHA384", Some("api.example.com"))),
    }
}

const SAID: Said<'static> = Said {
    method: b"GET",
    authority: Some(b"api.example.com"),
    path: b"/v2/orders",
    query: Some(b"token=secret"),
    user_agent: Some(b"curl/8"),
    referer: None,
    fields: Fields { names: &[], text: &[], places: &[] },
};

fn line(write: impl FnOnce(&mut Page, &mut Stamp)) -> String {
    let mut page = Page::new(LINE_BYTES_MAX);
    assert!(page.line(|page| write(page, &mut Stamp::default())));
    String::from_utf8(page.lines().to_vec()).unwrap()
}

fn as_json(record: &Record<'_>, shown: &Shown) -> String {
    line(|out, stamp| line::json(out, stamp, record, shown))
}

#[test]
fn all_keys_in_their_order() {
    let expected = "{\"ts\":\"2026-11-20T10:00:00.250000Z\",\"listener\":\"https\",\"conn\":7,\
        \"req\":2,\"client_ip\":\"203.0.113.9\",\"peer_ip\":\"2001:db8::1\",\"method\":\"GET\",\
        \"scheme\":\"https\",\"host\":\"api.example.com\",\"path\":\"/v2/orders\",\"version\":\
        \"1.1\",\"status\":200,\"route\":\"/v2/{*rest}\",\"function\":\"orders\",\
        \"function_version\":\"2.1.0\",\"outcome\":\"ok\",\"reason\":null,\"bytes_in\":310,\
        \"bytes_out\":1234,\"head_ms\":0.012,\"body_ms\":0.000,\"queue_ms\":1.005,\"call_ms\":\
        2000.340,\"write_ms\":0.007,\"total_ms\":2001.364,\"tls_version\":\"TLSv1.3\",\
        \"tls_cipher\":\"TLS13_AES_256_GCM_SHA384\",\"sni\":\"api.example.com\",\"trace_id\":\
        \"4bf92f3577b34da6a3ce929d0e0e4736\",\"user_agent\":null}\n";
    assert_eq!(as_json(&record(Some(SAID)), &SPARSE), expected);
    // What never became a request has the same keys.
    let mut nothing = record(None);
    (nothing.method, nothing.minor_version, nothing.route) = (None, None, None);
    (nothing.function, nothing.trace, nothing.tls, nothing.status) = (None, None, None, 0);
    (nothing.outcome, nothing.refusal) = (Outcome::Timeout, Some(Refusal::Late));
    let order = |text: &str| {
        let places = KEYS.map(|key| text.find(&format!("\"{key}\":")).unwrap());
        assert!(places.is_sorted(), "{text}");
        let object: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(object.len(), KEYS.len() + 1, "{text}");
        object
    };
    order(expected);
    let object = order(&as_json(&nothing, &SPARSE));
    for key in ["status", "method", "path", "host", "route", "function", "sni", "user_agent"] {
        assert_eq!(object[key], Value::Null, "{key}");
    }
    assert_eq!((&object["outcome"], &object["reason"]), (&"timeout".into(), &"late".into()));
}

#[test]
fn words_are_shown_only_as_configured() {
    let record = record(Some(Said { referer: Some(b"https://a/?secret"), ..SAID }));
    for shown in [&SPARSE, &ALL] {
        let texts = [
            as_json(&record, shown),
            line(|out, stamp| line::combined(out, stamp, &record, shown)),
        ];
        for text in texts {
            assert_eq!(text.contains("secret"), shown == &ALL, "{text}");
            assert_eq!(text.contains("curl"), shown == &ALL, "{text}");
        }
    }
    let audit = line(|out, stamp| line::audit(out, stamp, &record));
    assert!(!audit.contains("secret") && !audit.contains("orders/"), "{audit}");
    assert_eq!(
        audit,
        "{\"ts\":\"2026-11-20T10:00:00.250000Z\",\"target\":\"fezz::audit\",\"principal\":\"ci \
         bot\",\"client_ip\":\"203.0.113.9\",\"function\":\"orders\",\"function_version\":\
         \"2.1.0\",\"route\":\"/v2/{*rest}\",\"outcome\":\"ok\",\"status\":200,\"duration_ms\":\
         2001.364,\"call_ms\":2000.340,\"trace_id\":\
         \"4bf92f3577b34da6a3ce929d0e0e4736\",\"conn\":7,\"req\":2}\n"
    );
}

#[test]
fn other_fields_have_keys_of_their_own_and_credentials_have_none() {
    let headers = ["x-request-id", "Status", "x-a\"b", "Cookie", "AUTHORIZATION", "x-request-id"];
    let terms =
        config::AccessLog { headers: headers.map(str::to_owned).to_vec(), ..Default::default() };
    let shown = Shown::of(&terms);
    assert_eq!(shown.names, ["x-request-id", "status", "x-a\"b"]);
    let (text, places) = (b"ab\"c", [Some((0, 2)), None, Some((2, 4))]);
    let fields = Fields { names: &shown.names, text, places: &places };
    let line = as_json(&record(Some(Said { fields, ..SAID })), &shown);
    let end =
        ",\"header_x_request_id\":\"ab\",\"header_status\":null,\"header_x_a_b\":\"\\\"c\"}\n";
    assert!(line.ends_with(end), "{line}");
    let object: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
    assert_eq!((object.len(), &object["status"]), (KEYS.len() + 4, &200.into()));
    let many = (0..99).map(|number| format!("x-{number}")).collect();
    let terms = config::AccessLog { headers: many, ..Default::default() };
    assert_eq!(Shown::of(&terms).names.len(), FIELDS_MAX);
}

#[test]
fn the_combined_format() {
    let mut one = record(Some(SAID));
    let combined =
        |record: &Record<'_>, shown| line(|out, stamp| line::combined(out, stamp, record, shown));
    assert_eq!(
        combined(&one, &ALL),
        "203.0.113.9 - ci\\x20bot [20/Nov/2026:10:00:00 +0000] \"GET \
         /v2/orders?token=secret HTTP/1.1\" 200 1234 \"-\" \"curl/8\"\n"
    );
    one.said = Some(Said { user_agent: Some(b"a\" 200 \\\r\n\x1b"), ..SAID });
    assert!(combined(&one, &ALL).ends_with("\"a\\x22 200 \\x5c\\x0d\\x0a\\x1b\"\n"));
    (one.status, one.outcome, one.said) = (0, Outcome::ClientAbort, None);
    assert!(combined(&one, &ALL).ends_with("\"-\" 499 1234 \"-\" \"-\"\n"));
    one.outcome = Outcome::Drained;
    assert!(combined(&one, &ALL).ends_with("\"-\" - 1234 \"-\" \"-\"\n"));
}

#[test]
fn a_client_that_left_is_no_failure_of_ours() {
    for status in [0, 500, 502, 503, 504, 599] {
        let record = Record { status, outcome: Outcome::ClientAbort, ..record(Some(SAID)) };
        assert!(as_json(&record, &ALL).contains("\"status\":null,"));
        let combined = line(|out, stamp| line::combined(out, stamp, &record, &ALL));
        assert!(combined.contains(" 499 "), "{combined}");
    }
    let record = Record { status: 200, outcome: Outcome::ClientAbort, ..record(Some(SAID)) };
    assert!(as_json(&record, &ALL).contains("\"status\":200,"));
}

/// xorshift64*: the same octets in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Octets of every kind: any, text, and what a forger would send.
    fn words(&mut self) -> Vec<u8> {
        const FORGED: [&[u8]; 8] = [
            b"\"}\n{\"ts\":\"",
            b"\\\"",
            b"\r\n",
            "\u{202e}\u{2066}".as_bytes(),
            "\u{2028}".as_bytes(),
            b"\x1b]0;x\x07\x1b[2K",
            b"\xed\xa0\x80\xff\xc0\xaf",
            "é😀\u{9b}".as_bytes(),
        ];
        let mut words = Vec::new();
        for _ in 0..self.roll() % 12 {
            match self.roll() % 3 {
                0 => words.extend(self.roll().to_le_bytes()),
                1 => words.extend_from_slice(b"/plain?a=b&c"),
                _ => words.extend_from_slice(FORGED[(self.roll() % 8) as usize]),
            }
        }
        if self.roll().is_multiple_of(64) {
            words.resize(words.len() + 3_000, self.roll().to_le_bytes()[0]);
        }
        words
    }
}

/// What a reader of the JSON finds for these octets.
fn read(octets: &[u8]) -> Value {
    let kept = octets.len().min(line::VALUE_BYTES_MAX);
    let (kept, _) = escape::cut(octets, kept);
    let mut text = String::new();
    for chunk in kept.utf8_chunks() {
        text += chunk.valid();
        for octet in chunk.invalid() {
            text += &format!("\\x{octet:02x}");
        }
    }
    if kept.len() < octets.len() {
        text.push('…');
    }
    Value::String(text)
}

#[test]
fn whatever_is_sent_a_line_is_one_object_that_equals_the_record() {
    let mut dice = Dice(0x5EED);
    let mut longest = 0;
    for _ in 0..4_000 {
        let words: [Vec<u8>; 6] = std::array::from_fn(|_| dice.words());
        let [method, authority, path, query, user_agent, referer] = &words;
        let said = Said {
            method,
            authority: Some(authority),
            path,
            query: Some(query),
            user_agent: Some(user_agent),
            referer: Some(referer),
            ..SAID
        };
        let mut record = record(Some(said));
        record.connection = dice.roll();
        record.took.total_us = dice.roll() >> 20;
        let text = as_json(&record, &ALL);
        longest = longest.max(text.len());
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.trim_end().contains(escape::is_hidden), "{text:?}");
        let object: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        let keys = ["method", "host", "path", "query", "user_agent", "referer"];
        for (key, octets) in keys.iter().zip(&words) {
            assert_eq!(object[*key], read(octets), "{key}");
        }
        assert_eq!(object["conn"], record.connection);
        assert_eq!(object["status"], 200);
        let total = object["total_ms"].as_f64().unwrap() * 1_000.0;
        assert!((total - record.took.total_us as f64).abs() < 1.0);
        let combined = line(|out, stamp| line::combined(out, stamp, &record, &ALL));
        assert!(
            combined
                .trim_end()
                .bytes()
                .all(|octet| (0x20..0x7F).contains(&octet) || CUT_MARK.contains(&octet))
        );
        assert_eq!(combined.matches('"').count(), 6, "{combined}");
    }
    assert!(longest < log::BUFFER_BYTES_MAX, "{longest}");
}

const CUT_MARK: &[u8] = "…".as_bytes();

#[test]
fn turns_hand_over_and_drops_are_counted() {
    let path = std::env::temp_dir().join(format!("fezz-access-{}", std::process::id()));
    drop(std::fs::remove_file(&path));
    let terms = config::AccessLog { output: LogOutput::File(path.clone()), ..Default::default() };
    let log = ExchangeLog::access(&terms, 2).unwrap();
    let mut loops = [log.observer(0), log.observer(1)];
    for number in 0..3_000 {
        for one in &mut loops {
            one.exchange(Instant::ZERO, &Record { connection: number, ..record(Some(SAID)) });
            if number % 7 == 0 {
                one.notices(Instant::ZERO, &[]);
            }
        }
    }
    drop(loops);
    assert!(log.flush(Duration::from_secs(30)));
    let mut seen = [0; 3_000];
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        seen[usize::try_from(object["conn"].as_u64().unwrap()).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| *count == 2));
    assert_eq!(log.lost(), 0);
    std::fs::remove_file(path).unwrap();

    let full = LogOutput::File(PathBuf::from("/dev/full"));
    let log = ExchangeLog::audit(&config::AuditLog { output: full }, 1).unwrap();
    let mut one = log.observer(0);
    assert!(!one.wants_words());
    let asked = 40_000;
    for _ in 0..asked {
        one.exchange(Instant::ZERO, &record(None));
        one.exchange(Instant::ZERO, &Record { function: None, ..record(None) });
        one.notices(Instant::ZERO, &[]);
    }
    assert!(log.lost() > 0 && log.lost() < asked, "{}", log.lost());
}

/// Six octets for each that was sent: the longest line there can be.
#[test]
fn the_longest_line_fits() {
    let path = std::env::temp_dir().join(format!("fezz-access-long-{}", std::process::id()));
    drop(std::fs::remove_file(&path));
    let terms = config::AccessLog {
        output: LogOutput::File(path.clone()),
        query: true,
        ..Default::default()
    };
    let log = ExchangeLog::access(&terms, 1).unwrap();
    let mut one = log.observer(0);
    let worst = [1; 1 << 16];
    let text = str::from_utf8(&worst).unwrap();
    let said = Said {
        method: &worst,
        authority: Some(&worst),
        path: &worst,
        query: Some(&worst),
        user_agent: Some(&worst),
        referer: Some(&worst),
        ..SAID
    };
    let record = Record {
        listener: text,
        route: Some(text),
        function: Some((text, Some(text))),
        tls: Some(("TLSv1.3", "TLS13_AES_256_GCM_SHA384", Some(text))),
        ..record(Some(said))
    };
    one.exchange(Instant::ZERO, &record);
    one.exchange(Instant::ZERO, &self::record(Some(SAID)));
    drop(one);
    assert!(log.flush(Duration::from_secs(30)));
    let text = std::fs::read_to_string(&path).unwrap();
    let lengths: Vec<usize> = text.lines().map(str::len).collect();
    assert!(matches!(lengths[..], [long, short] if long > 100_000 && short < 1_000), "{lengths:?}");
    assert_eq!(log.lost(), 0);
    std::fs::remove_file(path).unwrap();
}
