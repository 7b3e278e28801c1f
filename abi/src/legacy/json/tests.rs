//! Every text becomes an envelope that says the same, or an error.

use fezz_wire::{BodySlot, Meta, RequestHead, ResponseView, WireLimits, write_request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::version::Stage;

fn envelope(path: &str, headers: &[(&[u8], &[u8])], body: &[u8]) -> Vec<u8> {
    let head = RequestHead {
        method: "POST",
        scheme: Some("http"),
        authority: Some("example.org"),
        path,
        query: Some("id=7"),
        meta: Meta::default(),
        header_count: headers.len(),
    };
    let mut buf = Vec::new();
    let slot = BodySlot::Known(body.len() as u64);
    write_request(&mut buf, &head, headers.iter().copied(), slot);
    buf.extend_from_slice(body);
    buf
}

fn asked(envelope: &[u8]) -> String {
    match question(envelope).unwrap() {
        Question::Ask(text) => text.into_string().unwrap(),
        Question::Answered(answer) => unreachable!("{answer:02x?}"),
    }
}

fn refused(text: &str) -> CallError {
    answer(text.as_bytes()).unwrap_err()
}

#[test]
fn a_request_is_written_as_ever() {
    let headers: [(&[u8], &[u8]); 2] = [(b"X-Tag", b"one"), (b"x-tag", "dé\"".as_bytes())];
    let text = asked(&envelope("/orders", &headers, b"a\0\n\x7f"));
    let expected = "{\"method\":\"POST\",\"path\":\"/orders?id=7\",\"headers\":\
        [[\"X-Tag\",\"one\"],[\"x-tag\",\"dé\\\"\"]],\"body\":\"a\\u0000\\n\x7f\"}";
    assert_eq!(text, expected);
    let text = asked(&envelope("/", &[], b""));
    let expected = r#"{"method":"POST","path":"/?id=7","headers":[],"body":null}"#;
    assert_eq!(text, expected);
}

#[test]
fn what_is_not_utf8_is_answered_for_the_function() {
    let header: [(&[u8], &[u8]); 1] = [(b"x", b"caf\xE9")];
    for request in [envelope("/", &header, b"x"), envelope("/", &[], b"\xFF\xFE")] {
        let Question::Answered(answer) = question(&request).unwrap() else {
            unreachable!("asked");
        };
        let view = ResponseView::decode(&answer, &WireLimits::default()).unwrap();
        assert_eq!((view.status(), view.header_count()), (415, 1));
    }
}

#[test]
fn a_request_in_segments_is_joined() {
    let mut request = envelope("/", &[], b"");
    assert_eq!(request.pop(), Some(0x40));
    request.extend_from_slice(b"\x5F\x42ab\x41c\xFF");
    assert_eq!(serde_json::from_str::<Value>(&asked(&request)).unwrap()["body"], "abc");
    assert_eq!(question(b"").unwrap_err(), CallError::RequestUnreadable);
    assert_eq!(CallError::RequestUnreadable.stage(), Stage::SerializeRequest);
}

#[test]
fn members_may_be_null_absent_unknown_or_in_another_order() {
    let empty = encode_response(204, std::iter::empty(), false, b"");
    for text in [
        r#"{"status":204}"#,
        r#" {"body":null,"headers":null,"status":204} "#,
        r#"{"status":204,"headers":[],"body":"","more":[[[{"a":[1.5e300]}]]]}"#,
    ] {
        assert_eq!(answer(text.as_bytes()).as_ref(), Ok(&empty), "{text}");
    }
}

#[test]
fn what_is_no_json_and_what_is_no_response_are_told_apart() {
    for text in ["", "{", "{\"status\":}", "{\"status\":200}x", "{\"status\":200,}", "nul"] {
        let error = refused(text);
        assert!(matches!(error, CallError::NotJson { line: 1, .. }), "{text}: {error}");
        assert_eq!(error.stage(), Stage::DeserializeResponse);
    }
    for text in [
        "null",
        "200",
        "[200,[],null]",
        "{}",
        r#"{"status":"200"}"#,
        r#"{"status":-1}"#,
        r#"{"status":65536}"#,
        r#"{"status":200.5}"#,
        r#"{"status":200,"status":200}"#,
        r#"{"status":200,"headers":{"a":"b"}}"#,
        r#"{"status":200,"headers":[["a"]]}"#,
        r#"{"status":200,"headers":[["a","b","c"]]}"#,
        r#"{"status":200,"headers":[["a",1]]}"#,
        r#"{"status":200,"body":{"a":1}}"#,
    ] {
        let error = refused(text);
        assert!(matches!(error, CallError::NotAResponse { line: 1, .. }), "{text}: {error}");
        assert_eq!(error.stage(), Stage::ResponseEnvelope);
    }
    let error = refused("{\n\"status\": 200,\n\"body\": 1\n}");
    assert_eq!(error, CallError::NotAResponse { line: 3, column: 9 });
    let error = answer(b"{\"status\":200,\"x\":\"\xE9\"}").unwrap_err();
    assert_eq!(error, CallError::NotUtf8 { at: 19 });
    let lone = refused(r#"{"status":200,"body":"\ud800"}"#);
    assert!(matches!(lone, CallError::NotJson { .. } | CallError::NotAResponse { .. }));
}

#[test]
fn depth_costs_no_stack() {
    for open in ["[", "{\"a\":"] {
        let text = format!("{{\"status\":200,\"x\":{}", open.repeat(200_000));
        assert!(matches!(refused(&text), CallError::NotJson { .. }));
    }
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!("{{\"status\":200,\"x\":{nested}}}");
    assert!(answer(text.as_bytes()).is_ok());
    assert!(matches!(refused(&nested), CallError::NotAResponse { .. }));
}

/// What an envelope says, or the stage at which its content is refused.
fn said(envelope: &[u8]) -> Result<Value, Stage> {
    let view = ResponseView::decode(envelope, &WireLimits::default())
        .map_err(|error| Stage::from(error.stage()))?;
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let headers: Vec<_> =
        view.headers().map(|(name, value)| [text(name.to_vec()), text(value.to_vec())]).collect();
    let body = text(view.body().to_vec());
    Ok(json!({"status": view.status(), "headers": headers, "body": body}))
}

/// JSON of any shape, now and then close to a response.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..700_u32).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = prop_oneof![
            Just("status".to_owned()),
            Just("headers".to_owned()),
            Just("body".to_owned()),
            any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Header names and values as RFC 9110 §5.1 and §5.5 have them.
const NAME: &str = "[!#-'*+.^_`|~0-9A-Za-z-]{1,20}";
const VALUE: &str = "[^\\x00-\\x08\\x0a-\\x1f\\x7f]{0,30}";

/// An envelope that can be read, or one whose content breaks a rule; never one that is broken.
fn sound(text: &[u8]) {
    if let Ok(envelope) = answer(text) {
        match said(&envelope) {
            Ok(said) => {
                let meant: Value = serde_json::from_slice(text).unwrap();
                assert_eq!(meant["status"], said["status"]);
                assert_eq!(meant["body"].as_str().unwrap_or_default(), said["body"]);
                let headers = meant["headers"].as_array().cloned().unwrap_or_default();
                assert_eq!(Value::from(headers), said["headers"]);
            }
            Err(stage) => assert_eq!(stage, Stage::ResponseDecode),
        }
    }
}

proptest! {
    #[test]
    fn any_json_is_an_envelope_or_an_error(value in any_json()) {
        sound(value.to_string().as_bytes());
    }

    #[test]
    fn any_response_is_an_envelope_that_says_the_same(
        status in 200..600_u16,
        headers in prop::collection::vec((NAME, VALUE), 0..20),
        body in any::<String>(),
    ) {
        let meant = json!({"status": status, "headers": headers, "body": body});
        let envelope = answer(meant.to_string().as_bytes()).unwrap();
        prop_assert_eq!(said(&envelope), Ok(meant));
    }

    #[test]
    fn damaged_texts_are_an_envelope_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text =
            br#"{"status":200,"headers":[["a","\u00e9"],["b","c"]],"body":"x\ny"}"#.to_vec();
        for (at, octet) in changes {
            let at = at.index(text.len());
            text[at] = octet;
        }
        sound(&text);
        text.truncate(cut.index(text.len()));
        sound(&text);
    }

    #[test]
    fn any_request_is_asked_or_answered(
        path in "/[!-~]{0,40}",
        headers in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..6),
        body in any::<Vec<u8>>(),
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).ok();
        let texts: Option<Vec<_>> =
            headers.iter().map(|(name, value)| Some((text(name)?, text(value)?))).collect();
        match (question(&envelope(&path, &headers, &body)).unwrap(), texts, text(&body)) {
            (Question::Ask(asked), Some(texts), Some(body)) => {
                let asked: Value = serde_json::from_slice(asked.as_bytes()).unwrap();
                let body = (!body.is_empty()).then_some(body);
                let path = format!("{path}?id=7");
                let meant =
                    json!({"method": "POST", "path": path, "headers": texts, "body": body});
                prop_assert_eq!(asked, meant);
            }
            (Question::Answered(_), headers, body) => {
                prop_assert!(headers.is_none() || body.is_none());
            }
            (Question::Ask(asked), ..) => prop_assert!(false, "asked {asked:?}"),
        }
    }
}
