//! Functions whose answers break the contract: 502 or 500, a counter, and the server goes on.

use super::harness::{Running, c_function, serving, statuses};

const FREE: &str = "void fezz_free_v2(FezzOwned o) { free(o.ptr); }\n";

/// A function that answers with exactly these octets.
fn answering(name: &str, octets: &[u8]) -> Running {
    let list: Vec<String> = octets.iter().map(ToString::to_string).collect();
    let body = format!(
        "static const uint8_t answer[] = {{ {} }};\n\
         FezzOwned fezz_handle_v2(FezzSlice r) {{ (void)r; FezzOwned o = {{ malloc(sizeof answer), \
         sizeof answer }}; memcpy(o.ptr, answer, sizeof answer); return o; }}\n{FREE}",
        list.join(", ")
    );
    Running::start(&serving(c_function(name, &body)))
}

fn refused_with(server: &Running, status: u16, reason: &str) {
    for round in 1..=2 {
        let text = server.talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(statuses(&text), [status], "{text}");
        server
            .wait("the refusal is counted", |counted| counted.refused.get(reason) == Some(&round));
    }
}

/// `{"status": 200, "headers": [{"name": NAME, "value": VALUE}], "body": h''}`
fn with_header(name: &[u8], value: &[u8]) -> Vec<u8> {
    let string = |octets: &[u8]| {
        let length = u8::try_from(octets.len()).expect("a short string");
        [&[0x40 + length], octets].concat()
    };
    [
        b"\xa3\x66status\x18\xc8\x67headers\x81\xa2\x64name".as_slice(),
        &string(name),
        b"\x65value",
        &string(value),
        b"\x64body\x40",
    ]
    .concat()
}

#[test]
fn answers_that_are_no_envelope() {
    for (name, octets) in [
        ("garbage", b"\xff\xff\xff".as_slice()),
        ("truncated", b"\xa3\x66status\x18"),
        ("trailing", b"\xa1\x66status\x18\xc8\x00"),
        ("status_1000", b"\xa1\x66status\x19\x03\xe8"),
        ("status_100", b"\xa1\x66status\x18\x64"),
        ("two_statuses", b"\xa2\x66status\x18\xc8\x66status\x18\xc9"),
        ("huge_claim", b"\xa2\x66status\x18\xc8\x64body\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        refused_with(&answering(name, octets), 502, "bad_handler");
    }
}

#[test]
fn answers_that_try_to_split_the_response() {
    for (name, header, value) in [
        ("split_value", b"x".as_slice(), b"a\r\nset-cookie: b".as_slice()),
        ("split_name", b"x: y\r\nz", b"a"),
        ("nul_value", b"x", b"a\0b"),
        ("empty_name", b"", b"a"),
    ] {
        refused_with(&answering(name, &with_header(header, value)), 502, "bad_handler");
    }
}

#[test]
fn framing_fields_of_a_function_are_dropped() {
    for (name, field) in [("own_length", "content-length"), ("own_coding", "transfer-encoding")] {
        let server = answering(name, &with_header(field.as_bytes(), b"98765"));
        let text = server.talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(statuses(&text), [200]);
        assert!(text.contains("\r\ncontent-length: 0\r\n"), "{text}");
        assert!(!text.contains("98765"), "{text}");
    }
}

#[test]
fn no_answer_an_empty_answer_and_the_request_itself() {
    for (name, handle) in [
        ("nothing", "FezzOwned o = { 0, 0 }; (void)r; return o;"),
        ("null_with_length", "FezzOwned o = { 0, 9 }; (void)r; return o;"),
        ("empty", "FezzOwned o = { malloc(1), 0 }; (void)r; return o;"),
        ("own_request", "FezzOwned o = { (uint8_t *)r.ptr + 1, r.len - 1 }; return o;"),
        ("endless", "FezzOwned o = { malloc(1), (size_t)-1 }; (void)r; return o;"),
    ] {
        let body = format!("FezzOwned fezz_handle_v2(FezzSlice r) {{ {handle} }}\n{FREE}");
        let server = Running::start(&serving(c_function(name, &body)));
        refused_with(&server, 502, "bad_handler");
    }
}
