//! Functions that do not begin: nothing is served, and one line says which step, and what of.

use std::time::Duration;

use fezz_server::assemble::Functions;

use super::{SICK, Ward, artifact, with_healthy};

/// The complaint about the function with this setting.
fn complaint(name: &str, setting: Option<(&str, &str)>) -> String {
    let mut config = with_healthy(artifact(name));
    let setting = setting.map(|(key, value)| (key.to_owned(), value.to_owned()));
    config.functions[0].options.config = setting.into_iter().collect();
    let complaints = Functions::load(&config).expect_err("it does not begin");
    assert_eq!(complaints.len(), 1, "the healthy one has nothing to do with it: {complaints:?}");
    let text = complaints[0].to_string();
    assert!(text.contains(SICK), "{text}");
    text
}

#[test]
fn what_refuses_to_begin_is_not_served() {
    for (name, setting, stage, words) in [
        ("init_fails", None, "load", " 9"),
        ("bad_handshake", Some(("how", "noise")), "handshake", ""),
        ("bad_handshake", Some(("how", "version")), "handshake", "3"),
        ("bad_handshake", Some(("how", "needs")), "handshake", "teleport"),
        ("bad_handshake", Some(("how", "nothing")), "handshake", "no response"),
        ("selfcheck_fails", None, "self_check", "no engine"),
    ] {
        let text = complaint(name, setting);
        for word in [&format!("stage={stage}"), words] {
            assert!(text.contains(word), "{name}: no '{word}' in: {text}");
        }
    }
}

/// Each takes its ten seconds, all at the same time.
#[test]
fn what_does_not_come_back_from_beginning_is_not_served() {
    let begins = ["init", "handshake", "selfcheck"].map(|place| {
        std::thread::spawn(move || complaint("begins_for_ever", Some(("where", place))))
    });
    for begin in begins {
        let text = begin.join().expect("it is given up");
        assert!(text.contains("stage=handshake") && text.contains("10 s"), "{text}");
    }
}

/// The second handshake is not what the first one was: each request that needs it is refused
/// without a call.
#[test]
fn what_goes_sour_is_not_called_any_more() {
    let ward = Ward::of(artifact("bad_handshake"), |config| {
        config.functions[0].options.config = vec![("how".to_owned(), "sours".to_owned())];
    });
    std::thread::sleep(Duration::from_millis(5));
    for round in 1..=3 {
        assert_eq!(ward.status("/"), 502);
        ward.failed(&[("handshake", round)]);
    }
}
