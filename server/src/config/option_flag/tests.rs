//! What can be written behind `--set`, and what is said about what cannot.

use super::*;

fn read(text: &str) -> (Option<String>, Change) {
    let flag = OptionFlag::parse(text).unwrap();
    (flag.scope.map(|it| it.to_string()), flag.change)
}

fn fault(text: &str) -> OptionFault {
    OptionFlag::parse(text).unwrap_err()
}

#[test]
fn every_key_has_its_place() {
    let second = Duration::from_secs(1);
    let digest = "ab".repeat(32);
    let body = b"come: back".to_vec();
    let content_type = FALLBACK_TYPE.to_owned();
    let cases = [
        ("placement=inline", Change::Placement(Placement::Inline)),
        ("placement=auto", Change::Placement(Placement::Auto)),
        ("max-concurrency=1", Change::MaxConcurrency(1)),
        ("max_concurrency=8", Change::MaxConcurrency(8)),
        ("max_in-flight=32", Change::MaxInFlight(Some(32))),
        ("max-in-flight=off", Change::MaxInFlight(None)),
        ("abandon-max=3", Change::AbandonMax(3)),
        ("quarantine=1s", Change::Quarantine(second)),
        ("fallback=fail_request", Change::Fallback(Fallback::FailRequest)),
        ("fallback=previous", Change::Fallback(Fallback::Previous)),
        (
            "fallback=static:503:come: back",
            Change::Fallback(Fallback::Static { status: 503, content_type, body }),
        ),
        ("abi=v1", Change::Abi(Abi::V1)),
        (&format!("sha256={digest}"), Change::Sha256([0xAB; 32])),
        ("tls=facts", Change::Tls(TlsWish::Facts)),
        ("timeout=1s", Change::Timeout(second)),
        ("ttl=1s", Change::Ttl(Some(second))),
        ("ttl=off", Change::Ttl(None)),
        ("config.data_dir=/srv=x", Change::Config("data_dir".into(), "/srv=x".into())),
        ("config.a.b=", Change::Config("a.b".into(), String::new())),
    ];
    for (text, change) in &cases {
        assert_eq!(
            read(&format!("hello.{text}")),
            (Some("hello".into()), change.clone()),
            "{text}"
        );
    }
    for key in OPTION_KEYS {
        assert!(cases.iter().any(|(text, _)| shown(text).starts_with(key)), "{key}");
    }
}

#[test]
fn names_and_versions_may_have_dots() {
    let ttl = || Change::Ttl(None);
    for (text, scope) in [
        ("*.ttl=off", None),
        ("a.ttl=off", Some("a")),
        ("a.b.ttl=off", Some("a.b")),
        ("a@1.2.ttl=off", Some("a@1.2")),
        ("a.b@1.2.0-rc.1.ttl=off", Some("a.b@1.2.0-rc.1")),
    ] {
        assert_eq!(read(text), (scope.map(str::to_owned), ttl()), "{text}");
    }
    let config = Change::Config("ttl.ttl".into(), "x".into());
    assert_eq!(read("a.config.ttl.ttl=x"), (Some("a".into()), config));
}

#[test]
fn what_is_wrong_is_said() {
    let unit = |why| OptionFault::Number(why);
    let cases = [
        ("", OptionFault::Shape),
        ("timeout=1s", OptionFault::Shape),
        ("a.timeout", OptionFault::Shape),
        ("a.tiemout=1s", OptionFault::UnknownKey { nearest: Some("timeout") }),
        ("a.b.max_inflight=1", OptionFault::UnknownKey { nearest: Some("max-in-flight") }),
        ("a.confg.x=1", OptionFault::UnknownKey { nearest: Some("config.") }),
        ("a.colour=red", OptionFault::UnknownKey { nearest: None }),
        ("a.config=1", OptionFault::UnknownKey { nearest: Some("config.") }),
        ("a.config.=1", OptionFault::NoConfigKey),
        (".ttl=1s", OptionFault::Name(NameError::Name)),
        ("**.ttl=1s", OptionFault::Name(NameError::Name)),
        ("a@x.ttl=1s", OptionFault::Name(NameError::Version)),
        ("a.abandon-max=0", unit(UnitError::Zero)),
        ("a.max-concurrency=off", unit(UnitError::NotANumber)),
        ("a.max-in-flight=9999999", unit(UnitError::TooLarge { max: COUNT_MAX.into() })),
        ("a.fallback=static:99:x", OptionFault::FallbackStatus),
        ("a.fallback=static:600:x", OptionFault::FallbackStatus),
        ("a.fallback=static:+20:x", OptionFault::FallbackStatus),
        ("a.fallback=static:204:x", OptionFault::FallbackContent { status: 204 }),
        ("a.sha256=abc", OptionFault::Digest { digits: 3 }),
        (&format!("a.sha256={}", "xy".repeat(32)), OptionFault::Digest { digits: 64 }),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text), expected, "{text}");
    }
    let long = format!("a.fallback=static:200:{}", "x".repeat(FALLBACK_BYTES_MAX + 1));
    let (bytes, max) = (FALLBACK_BYTES_MAX + 1, FALLBACK_BYTES_MAX);
    assert_eq!(fault(&long), OptionFault::FallbackLength { bytes, max });
}

#[test]
fn a_wrong_word_names_the_right_ones() {
    let shown = fault("a.placement=inlien").to_string();
    assert_eq!(shown, "the value is one of worker, inline, auto; did you mean 'inline'?");
    let shown = fault("a.fallback=static").to_string();
    assert_eq!(shown, "the value is one of fail_request, previous, static:STATUS:BODY");
    let shown = fault("a.tiemout=1s").to_string();
    assert!(shown.ends_with("ttl, config.KEY; did you mean 'timeout'?"), "{shown}");
}

#[test]
fn the_narrower_scope_wins_whatever_the_order() {
    let flags: Vec<OptionFlag> = ["a@1.2.ttl=4s", "a.ttl=2s", "a@1.ttl=3s", "*.ttl=1s", "b.abi=v1"]
        .into_iter()
        .map(|text| OptionFlag::parse(text).unwrap())
        .collect();
    let ttl = |name: &str, version: Option<&str>| {
        let version = version.map(|text| Version::parse(text).unwrap());
        let options = resolve(&FunctionOptions::default(), &flags, name, version.as_ref());
        (options.ttl.unwrap().as_secs(), options.abi)
    };
    assert_eq!(ttl("a", Some("1.2.7")), (4, Abi::V2));
    assert_eq!(ttl("a", Some("1.3")), (3, Abi::V2));
    assert_eq!(ttl("a", Some("2")), (2, Abi::V2));
    assert_eq!(ttl("a", None), (2, Abi::V2));
    assert_eq!(ttl("b", None), (1, Abi::V1));
}

#[test]
fn the_same_option_twice_is_seen() {
    let repeats =
        |one, other| OptionFlag::parse(one).unwrap().repeats(&OptionFlag::parse(other).unwrap());
    assert!(repeats("a.ttl=1s", "a.ttl=off"));
    assert!(repeats("a.config.x=1", "a.config.x=2"));
    assert!(!repeats("a.config.x=1", "a.config.y=1"));
    assert!(!repeats("a.ttl=1s", "*.ttl=1s"));
    assert!(!repeats("a.ttl=1s", "a.timeout=1s"));
}
